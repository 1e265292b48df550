//! Codec chains of Zarr v3, in the JSON form of `zarr.json`.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{data::RequestData, rules::MAX_FILTERS};
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

/// Those that have places of their own in a chain.
const OUTER: [&str; 4] = ["transpose", "bytes", "endian", "sharding_indexed"];

/// Those of numcodecs that are applied to arrays; all others are applied to bytes.
const OF_ARRAYS: [&str; 6] = ["astype", "bitround", "delta", "fixedscaleoffset", "packbits", "quantize"];

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
        if codecs.len() > MAX_FILTERS {
            return Err(format!("{} codecs are more than the {MAX_FILTERS} that are possible", codecs.len()));
        }
        // Whatever is wrong with the dtype is told elsewhere.
        let dtype = data.stored_dtype.unwrap_or(DType::UInt8);
        let mut chain = Self { stages: Vec::new(), byte_order: ByteOrder::NATIVE, order: Order::C };
        let mut array = Array::of(data, dtype)?;
        let mut codecs = codecs.iter();
        loop {
            let codec = codecs.next().ok_or("bytes is missing: how the array became bytes")?;
            match codec.name.as_str() {
                "transpose" => {
                    let is_view = is_one_result && chain.stages.is_empty();
                    chain.transpose(&codec.configured::<TransposeConfiguration>()?.order, &mut array, is_view)?;
                }
                "bytes" | "endian" => {
                    chain.byte_order = codec.byte_order(dtype)?;
                    break;
                }
                _ => chain.stages.extend(array.change(codec.stages(true, dtype, chain.stages.is_empty())?)),
            }
        }
        if array.has_other_numbers && chain.byte_order == ByteOrder::Big {
            return Err("the codecs before bytes are decoded for endian \"little\" only".to_owned());
        }
        for codec in codecs {
            chain.stages.extend(codec.stages(false, dtype, chain.stages.is_empty())?);
        }
        match data.byte_order {
            Some(other) if other != chain.byte_order && dtype.size() > 1 && data.size != Some(0) => {
                Err(format!("byte_order is not the endian of bytes, {:?}", chain.byte_order))
            }
            _ => Ok(chain),
        }
    }

    fn transpose(&mut self, order: &[usize], array: &mut Array, is_view: bool) -> Result<(), String> {
        let shape = array.shape.as_ref().ok_or("transpose needs shape")?;
        let mut axes = order.to_vec();
        axes.sort_unstable();
        if !axes.iter().copied().eq(0..shape.len()) {
            return Err(format!("transpose to {order:?} is no order of {} axes", shape.len()));
        }
        let written = order.iter().filter_map(|&axis| shape.get(axis).copied()).collect();
        if is_view && self.order == Order::C && order.iter().copied().eq((0..shape.len()).rev()) {
            self.order = Order::F;
        } else if !order.iter().copied().eq(0..shape.len()) {
            let transpose = Transpose { shape: shape.clone(), order: order.to_vec(), element_size: array.element_size };
            self.stages.push(transpose.into());
        }
        array.shape = Some(written);
        Ok(())
    }
}

/// What a chunk is on its way to bytes.
struct Array {
    shape: Option<Vec<usize>>,
    element_size: usize,
    /// Whether its elements are not those of the chunk any more, or their differences.
    has_other_numbers: bool,
}

impl Array {
    fn of(data: &RequestData, dtype: DType) -> Result<Self, String> {
        let shape = data.shape.as_ref().map(|shape| shape.iter().map(|&len| usize::try_from(len)).collect());
        let shape = shape.transpose().map_err(|_| "shape is too large".to_owned())?;
        Ok(Self { shape, element_size: dtype.size(), has_other_numbers: false })
    }

    /// What stages make of it, which are then returned.
    fn change(&mut self, stages: Vec<Stage>) -> Vec<Stage> {
        self.has_other_numbers |= !stages.is_empty();
        for stage in &stages {
            if let Stage::Codec(codec) = stage {
                self.element_size = codec.encoded_len(self.element_size).unwrap_or(self.element_size);
            }
        }
        stages
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
    fn byte_order(&self, dtype: DType) -> Result<ByteOrder, String> {
        match self.configured::<BytesConfiguration>()?.endian {
            Some(byte_order) => Ok(byte_order),
            None if dtype.size() == 1 => Ok(ByteOrder::NATIVE),
            None => Err(format!("{} needs endian for elements of {}", self.name, dtype.name())),
        }
    }

    /// What this codec is among those of the other forms, where it is applied to an array, or to bytes.
    fn stages(&self, is_array: bool, dtype: DType, is_first: bool) -> Result<Vec<Stage>, String> {
        let (name, is_borrowed) = match self.name.strip_prefix(OF_NUMCODECS) {
            Some(name) => (name, true),
            None => (self.name.as_str(), false),
        };
        let of_zarr = ["blosc", "crc32c", "gzip", "zstd"];
        if !is_borrowed && !of_zarr.contains(&name) && !OUTER.contains(&name) {
            return Err(format!(
                "unsupported codec {:?}; supported: bytes, transpose, sharding_indexed, {}, and those of numcodecs as \
                 numcodecs.zlib and the like",
                self.name,
                of_zarr.join(", ")
            ));
        }
        if OUTER.contains(&name) || is_array != OF_ARRAYS.contains(&name) {
            return Err(format!("{name} is out of place"));
        }
        let mut configuration = self.configuration.clone();
        let fields = configuration.as_object_mut().ok_or_else(|| format!("{name}: its configuration is no object"))?;
        fields.insert("id".to_owned(), name.into());
        let spec = CodecSpec::deserialize(configuration).map_err(|error| format!("{name}: {error}"))?;
        codec::stages(&spec, Applied { dtype, is_first })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chain(codecs: Value, dtype: DType, shape: &[u64], is_one_result: bool) -> Result<Chain, String> {
        let codecs: Vec<ZarrCodec> = serde_json::from_value(codecs).expect("codecs");
        let data = RequestData {
            dtype: Some(dtype),
            stored_dtype: Some(dtype),
            shape: Some(shape.to_vec()),
            offset: Some(0),
            size: Some(1000),
            ..RequestData::default()
        };
        Chain::of(&codecs, &data, is_one_result)
    }

    fn decoded(chain: &Chain, encoded: &[u8]) -> Vec<u8> {
        chain.stages.iter().rev().fold(encoded.to_vec(), |encoded, stage| {
            let Stage::Codec(codec) = stage else { panic!("no checksum is here") };
            let mut decoded = vec![0; codec.decoded_len(encoded.len()).expect("it follows")];
            codec.decode(&encoded, &mut decoded, &crate::array::Cancellation::never()).expect("it decodes");
            decoded
        })
    }

    fn bytes() -> Value {
        json!({"name": "bytes", "configuration": {"endian": "little"}})
    }

    fn transpose(order: &[usize]) -> Value {
        json!({"name": "transpose", "configuration": {"order": order}})
    }

    #[test]
    fn each_transpose_turns_what_the_one_before_made() {
        let twice = json!([transpose(&[1, 0]), transpose(&[1, 0]), bytes()]);
        for is_one_result in [false, true] {
            let chain = chain(twice.clone(), DType::UInt8, &[2, 3], is_one_result).unwrap();
            let expected: &[u8] = if is_one_result { &[1, 4, 2, 5, 3, 6] } else { &[1, 2, 3, 4, 5, 6] };
            assert_eq!(decoded(&chain, &[1, 2, 3, 4, 5, 6]), expected, "as if the first had been alone");
            assert_eq!(chain.order, if is_one_result { Order::F } else { Order::C });
        }
        let cycle = chain(json!([transpose(&[2, 0, 1]), bytes()]), DType::UInt8, &[1, 2, 3], true).unwrap();
        assert_eq!(decoded(&cycle, &[1, 2, 3, 4, 5, 6]), [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn elements_may_have_another_size_before_they_are_turned() {
        let as_type =
            json!({"name": "numcodecs.astype", "configuration": {"encode_dtype": "<u2", "decode_dtype": "|u1"}});
        let chain = chain(json!([as_type, transpose(&[1, 0]), bytes()]), DType::UInt8, &[2, 2], true).unwrap();
        assert_eq!(decoded(&chain, &[1, 0, 2, 0, 3, 0, 4, 0]), [1, 3, 2, 4]);
    }

    #[test]
    fn what_would_be_decoded_wrongly_is_refused() {
        let delta = json!({"name": "numcodecs.delta", "configuration": {"dtype": "<i4"}});
        let big = json!({"name": "bytes", "configuration": {"endian": "big"}});
        let shard = |codecs: Value| json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 3], "codecs": codecs}}]);
        let many: Vec<Value> = [bytes()]
            .into_iter()
            .chain(vec![json!({"name": "numcodecs.shuffle", "configuration": {"elementsize": 4}}); 40])
            .collect();
        for (codecs, told) in [
            (json!([delta, big]), "little"),
            (json!([json!({"name": "zstd"}), bytes()]), "zstd is out of place"),
            (json!([bytes(), delta]), "delta is out of place"),
            (json!([bytes(), bytes()]), "bytes is out of place"),
            (json!([]), "bytes is missing"),
            (shard(json!(many)), "41 codecs"),
            (json!([bytes(), "lzma"]), "unsupported codec"),
            (json!([transpose(&[0, 0]), bytes()]), "no order of 2 axes"),
        ] {
            let problem = chain(codecs.clone(), DType::Int32, &[2, 3], false).expect_err("it is refused");
            assert!(problem.contains(told), "{codecs}: {problem}");
        }
    }
}
