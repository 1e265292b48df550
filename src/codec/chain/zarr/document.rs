//! One codec of a chain, as JSON has it.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    array::ByteOrder,
    codec::{
        elements::NumpyType,
        spec::{CodecSpec, codec_ids},
    },
};

/// One codec: `{"name": …, "configuration": {…}}`, or the name alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Written")]
pub struct ZarrCodec {
    pub(super) name: String,
    configuration: Value,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a codec's name, or an object with its name and configuration")]
enum Written {
    Name(String),
    Object {
        name: String,
        #[serde(default)]
        configuration: Option<Value>,
    },
}

impl From<Written> for ZarrCodec {
    fn from(written: Written) -> Self {
        let (name, configuration) = match written {
            Written::Name(name) => (name, None),
            Written::Object { name, configuration } => (name, configuration),
        };
        Self { name, configuration: configuration.unwrap_or_else(|| Value::Object(serde_json::Map::new())) }
    }
}

/// What zarr-python puts before the names that it borrows from numcodecs; others leave it out.
const OF_NUMCODECS: &str = "numcodecs.";

/// Codecs that are applied to arrays; all others are applied to bytes.
const OF_ARRAYS: [&str; 8] =
    ["astype", "bitround", "cast_value", "delta", "fixedscaleoffset", "packbits", "quantize", "scale_offset"];

/// Codecs that a chain has a place of their own for.
const OUTER: [&str; 4] = ["transpose", "bytes", "endian", "sharding_indexed"];

#[derive(Deserialize)]
struct BytesConfiguration {
    endian: Option<ByteOrder>,
}

impl ZarrCodec {
    /// Its name among those of numcodecs, or of Zarr.
    pub(super) fn id(&self) -> &str {
        self.name.strip_prefix(OF_NUMCODECS).unwrap_or(&self.name)
    }

    pub(super) fn configured<T: DeserializeOwned>(&self) -> Result<T, String> {
        T::deserialize(&self.configuration).map_err(|error| format!("{}: {error}", self.name))
    }

    /// The byte order that `bytes` writes these numbers in. Numbers of one byte have none.
    pub(super) fn endian(&self, numbers: NumpyType) -> Result<Option<ByteOrder>, String> {
        match self.configured::<BytesConfiguration>()?.endian {
            None if numbers.size() > 1 => {
                Err(format!("{} needs endian for elements of {}", self.name, numbers.dtype().name()))
            }
            endian => Ok(endian),
        }
    }

    /// This codec as numcodecs would describe it, applied to an array of these numbers: their dtype is the codec's own where
    /// it names none.
    pub(super) fn of_array(&self, numbers: NumpyType) -> Result<CodecSpec, String> {
        let mut spec = self.spec(true)?;
        if spec.dtype.is_none() && ["astype", "fixedscaleoffset", "quantize"].contains(&self.id()) {
            spec.dtype = Some(numbers.to_string());
        }
        Ok(spec)
    }

    /// This codec as numcodecs would describe it, applied to the bytes of these numbers.
    pub(super) fn of_bytes(&self, numbers: NumpyType) -> Result<CodecSpec, String> {
        let mut spec = self.spec(false)?;
        spec.element_size = spec.element_size.or(Some(numbers.size() as u64));
        Ok(spec)
    }

    fn spec(&self, is_of_array: bool) -> Result<CodecSpec, String> {
        let id = self.id();
        let is_known = codec_ids().any(|known| known == id) || OUTER.contains(&id) || OF_ARRAYS.contains(&id);
        if !is_known {
            return Err(format!(
                "unsupported codec {:?}; supported: bytes, transpose, sharding_indexed, scale_offset, cast_value, and those \
                 of numcodecs, with numcodecs. before their names or without: {}",
                self.name,
                codec_ids().collect::<Vec<_>>().join(", ")
            ));
        }
        if OUTER.contains(&id) || is_of_array != OF_ARRAYS.contains(&id) {
            return Err(format!("{id} is out of place"));
        }
        let mut configuration = self.configuration.clone();
        let fields = configuration.as_object_mut().ok_or_else(|| format!("{id}: its configuration is no object"))?;
        fields.insert("id".to_owned(), id.into());
        CodecSpec::deserialize(configuration).map_err(|error| format!("{id}: {error}"))
    }
}
