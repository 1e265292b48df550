//! Codec chains of Zarr v3, in the JSON form of `zarr.json`.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::data::RequestData;
use crate::{
    array::{ByteOrder, DType, Order},
    codec::{self, Applied, CodecSpec, Stage, Transpose},
};

/// One codec: `{"name": …, "configuration": {…}}`, or the name alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Written")]
pub struct ZarrCodec {
    name: String,
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

/// Names before those that zarr-python borrows from numcodecs.
const OF_NUMCODECS: &str = "numcodecs.";

/// Shards within shards.
const MAX_DEPTH: usize = 4;

/// What a chain comes to.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) stages: Vec<Stage>,
    pub(super) byte_order: ByteOrder,
    pub(super) order: Order,
}

#[derive(Deserialize)]
struct TransposeConfiguration {
    order: Vec<usize>,
}

#[derive(Deserialize)]
struct BytesConfiguration {
    endian: Option<ByteOrder>,
}

#[derive(Deserialize)]
struct ShardingConfiguration {
    chunk_shape: Vec<u64>,
    codecs: Vec<ZarrCodec>,
}

impl Chain {
    /// The stages of a chunk of this request. Where only one result is made, axes in reverse order need no turning.
    ///
    /// # Errors
    /// If a codec is unknown, out of place, or does not fit the request.
    pub(super) fn of(codecs: &[ZarrCodec], data: &RequestData, is_one_result: bool) -> Result<Self, String> {
        let codecs = inner_codecs(codecs, data, MAX_DEPTH)?;
        let mut chain = Self { stages: Vec::new(), byte_order: ByteOrder::NATIVE, order: Order::C };
        // Whatever is wrong with the dtype is told elsewhere.
        let dtype = data.stored_dtype.unwrap_or(DType::UInt8);
        let mut is_bytes = false;
        for (number, codec) in codecs.iter().enumerate() {
            match codec.name.as_str() {
                "transpose" | "bytes" | "endian" if is_bytes => {
                    return Err(format!("{} stands behind the codec that makes bytes of the array", codec.name));
                }
                "transpose" => {
                    let is_first = number == 0 && is_one_result;
                    let order = codec.configured::<TransposeConfiguration>()?.order;
                    chain.transpose(&order, data, dtype.size(), is_first)?;
                }
                "bytes" | "endian" => {
                    is_bytes = true;
                    chain.byte_order = codec.byte_order(data)?;
                }
                "sharding_indexed" => return Err("sharding_indexed must be the only codec".to_owned()),
                _ => chain.stages.extend(codec.stages(is_bytes, Applied { dtype, is_first: chain.stages.is_empty() })?),
            }
        }
        if !is_bytes {
            return Err("bytes is missing: how the array became bytes".to_owned());
        }
        match data.byte_order {
            Some(other) if other != chain.byte_order && dtype.size() > 1 && data.size != Some(0) => {
                Err(format!("byte_order is not the endian of bytes, {:?}", chain.byte_order))
            }
            _ => Ok(chain),
        }
    }

    fn transpose(
        &mut self,
        order: &[usize],
        data: &RequestData,
        element_size: usize,
        is_view: bool,
    ) -> Result<(), String> {
        let shape = data.shape.as_ref().ok_or("transpose needs shape")?;
        let mut axes = order.to_vec();
        axes.sort_unstable();
        if !axes.iter().copied().eq(0..shape.len()) {
            return Err(format!("transpose to {order:?} is no order of {} axes", shape.len()));
        }
        if order.iter().copied().eq(0..shape.len()) {
            return Ok(());
        }
        if is_view && order.iter().copied().eq((0..shape.len()).rev()) {
            self.order = Order::F;
            return Ok(());
        }
        let shape = shape.iter().map(|&len| usize::try_from(len)).collect::<Result<_, _>>();
        let shape = shape.map_err(|_| "shape is too large".to_owned())?;
        self.stages.push(Transpose { shape, order: order.to_vec(), element_size }.into());
        Ok(())
    }
}

/// The codecs of the chunk itself: those of the inner chunks of a shard, of which the request names one.
fn inner_codecs(codecs: &[ZarrCodec], data: &RequestData, depth: usize) -> Result<Vec<ZarrCodec>, String> {
    let [shard] = codecs else { return Ok(codecs.to_vec()) };
    if shard.name != "sharding_indexed" {
        return Ok(codecs.to_vec());
    }
    if depth == 0 {
        return Err("shards in shards in shards go deeper than anybody needs".to_owned());
    }
    let ShardingConfiguration { chunk_shape, codecs } = shard.configured()?;
    let is_inner = matches!(codecs.as_slice(), [inner] if inner.name == "sharding_indexed");
    if !is_inner && data.shape.as_ref() != Some(&chunk_shape) {
        return Err(format!("shape must be that of an inner chunk of the shard, {chunk_shape:?}"));
    }
    if data.size.is_none() || data.offset.is_none() && data.size != Some(0) {
        return Err("an inner chunk of a shard needs offset and size, which the shard's index has".to_owned());
    }
    inner_codecs(&codecs, data, depth - 1)
}

impl ZarrCodec {
    fn configured<T: DeserializeOwned>(&self) -> Result<T, String> {
        T::deserialize(&self.configuration).map_err(|error| format!("{}: {error}", self.name))
    }

    /// Bytes of one-byte elements have no order.
    fn byte_order(&self, data: &RequestData) -> Result<ByteOrder, String> {
        match (self.configured::<BytesConfiguration>()?.endian, data.dtype) {
            (Some(byte_order), _) => Ok(byte_order),
            (None, Some(dtype)) if dtype.size() > 1 => {
                Err(format!("{} needs endian for elements of {}", self.name, dtype.name()))
            }
            (None, _) => Ok(ByteOrder::NATIVE),
        }
    }

    /// What this codec is among those of the other forms.
    fn stages(&self, is_bytes: bool, applied: Applied) -> Result<Vec<Stage>, String> {
        let (name, is_borrowed) = match self.name.strip_prefix(OF_NUMCODECS) {
            Some(name) => (name, true),
            None => (self.name.as_str(), false),
        };
        let of_zarr = ["blosc", "crc32c", "gzip", "zstd"];
        if !is_borrowed && !of_zarr.contains(&name) {
            return Err(format!(
                "unsupported codec {:?}; supported: bytes, transpose, sharding_indexed, {}, and those of numcodecs as \
                 numcodecs.zlib and the like",
                self.name,
                of_zarr.join(", ")
            ));
        }
        if !is_bytes && !is_borrowed {
            return Err(format!("{name} stands before the codec that makes bytes of the array"));
        }
        let mut configuration = self.configuration.clone();
        let fields = configuration.as_object_mut().ok_or_else(|| format!("{name}: its configuration is no object"))?;
        fields.insert("id".to_owned(), name.into());
        let spec = CodecSpec::deserialize(configuration).map_err(|error| format!("{name}: {error}"))?;
        codec::stages(&spec, applied)
    }
}
