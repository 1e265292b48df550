//! Codec chains of Zarr v3, in the JSON form of `zarr.json`.

use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

use super::{data::RequestData, fields::UpTo, rules::MAX_FILTERS};
use crate::{
    array::{ByteOrder, DType, Kind, Number, Order},
    codec::{
        self, Applied, AsType, CastValue, CodecSpec, LinearScale, NumpyType, OutOfRange, Rounding, Stage, Transpose,
        Value as Scalar,
    },
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

/// Names before those that zarr-python borrows from numcodecs; some write them without.
const OF_NUMCODECS: &str = "numcodecs.";

/// Those that are applied to arrays; all others are applied to bytes.
const OF_ARRAYS: [&str; 8] =
    ["astype", "bitround", "cast_value", "delta", "fixedscaleoffset", "packbits", "quantize", "scale_offset"];

/// Those that have places of their own in a chain.
const OUTER: [&str; 4] = ["transpose", "bytes", "endian", "sharding_indexed"];

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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScaleOffsetConfiguration {
    #[serde(default = "zero")]
    offset: Number,
    #[serde(default = "one")]
    scale: Number,
}

const fn zero() -> Number {
    Number::Integer(0)
}

const fn one() -> Number {
    Number::Integer(1)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CastValueConfiguration {
    data_type: DType,
    #[serde(default)]
    rounding: Rounding,
    #[serde(default)]
    out_of_range: Option<OutOfRange>,
    #[serde(default)]
    scalar_map: Option<ScalarMap>,
}

/// Most pairs: each element is compared with all of them. Writers have a handful, for NaN and the like.
const MAX_PAIRS: usize = 64;

/// Pairs of what values are and what they become.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScalarMap {
    /// Nobody encodes here.
    #[serde(default, rename = "encode")]
    _encode: IgnoredAny,
    #[serde(default)]
    decode: Option<UpTo<MAX_PAIRS, (Number, Number)>>,
}

/// What an array went through before it became bytes.
enum Change {
    /// Its axes were put in another order.
    Transpose { shape: Vec<usize>, order: Vec<usize> },
    /// What a codec of numcodecs makes of the bytes of its elements, whose dtypes it says itself.
    Bytes { stages: Vec<Stage>, dtypes: AsType },
    /// Its elements were scaled, in their own dtype.
    Scaled(ScaleOffsetConfiguration),
    /// Its elements were cast from this dtype.
    Cast { configuration: CastValueConfiguration, decoded: NumpyType },
}

impl Chain {
    /// The stages of a chunk of this request. Where only one result is made, axes in reverse order need no turning.
    ///
    /// # Errors
    /// If a codec is unknown, out of place, or does not fit the request.
    pub(super) fn of(codecs: &[ZarrCodec], data: &RequestData, is_one_result: bool) -> Result<Self, String> {
        // Whatever is wrong with the dtype is told elsewhere.
        let dtype = data.stored_dtype.unwrap_or(DType::UInt8);
        let mut array = Array::of(data, dtype)?;
        let (endian, of_bytes) = array.take(codecs, data)?;
        let mut chain = array.decoded(endian, dtype, is_one_result)?;
        for codec in &of_bytes {
            let applied = Applied { dtype, is_first: chain.stages.is_empty() };
            chain.stages.extend(codec::stages(&codec.of_bytes(&array)?, applied)?);
        }
        let has_order = dtype.size() > 1 && array.dtype.size() > 1 && data.size != Some(0);
        match (data.byte_order, endian) {
            (Some(other), Some(endian)) if other != endian && has_order => {
                Err(format!("byte_order is not the endian of bytes, {endian:?}"))
            }
            _ => Ok(chain),
        }
    }
}

/// An array on its way to bytes.
struct Array {
    shape: Option<Vec<usize>>,
    /// Of its elements, as a codec finds them that comes next.
    dtype: NumpyType,
    changes: Vec<Change>,
    /// Changes before which the order of the axes matters no more: those up to the last one for which it does.
    settled: usize,
    /// Codecs seen so far.
    codecs: usize,
}

impl Array {
    fn of(data: &RequestData, dtype: DType) -> Result<Self, String> {
        let shape = data.shape.as_ref().map(|shape| shape.iter().map(|&len| usize::try_from(len)).collect());
        let shape = shape.transpose().map_err(|_| "shape is too large".to_owned())?;
        let dtype = NumpyType::new(dtype, ByteOrder::NATIVE);
        Ok(Self { shape, dtype, changes: Vec::new(), settled: 0, codecs: 0 })
    }

    /// Takes the codecs up to the one that makes bytes: their order, where they have one, and the codecs of bytes behind it.
    fn take(
        &mut self,
        codecs: &[ZarrCodec],
        data: &RequestData,
    ) -> Result<(Option<ByteOrder>, Vec<ZarrCodec>), String> {
        let mut codecs = codecs.to_vec();
        for _ in 0..=MAX_DEPTH {
            self.codecs = self.codecs.saturating_add(codecs.len());
            if self.codecs > MAX_FILTERS {
                return Err(format!("{} codecs are more than the {MAX_FILTERS} that are possible", self.codecs));
            }
            let mut rest = codecs.into_iter();
            let shard = loop {
                let codec = rest.next().ok_or("bytes is missing: how the array became bytes")?;
                match codec.name.as_str() {
                    "bytes" | "endian" => return Ok((codec.endian(self.dtype)?, rest.collect())),
                    "sharding_indexed" => break codec,
                    _ => self.change(&codec)?,
                }
            };
            if rest.next().is_some() {
                return Err("sharding_indexed is out of place: codecs behind it hide where its chunks are".to_owned());
            }
            codecs = self.inner_codecs(&shard, data)?;
        }
        Err("shards in shards in shards go deeper than anybody needs".to_owned())
    }

    /// The codecs of the inner chunks of a shard, of which the request names one.
    fn inner_codecs(&self, shard: &ZarrCodec, data: &RequestData) -> Result<Vec<ZarrCodec>, String> {
        let ShardingConfiguration { chunk_shape, codecs } = shard.configured()?;
        if self.settled > 0 {
            return Err("delta and packbits before a shard are undone for all of it, not for a chunk inside".to_owned());
        }
        let is_outer = codecs.iter().any(|inner| inner.name == "sharding_indexed");
        let is_shape = |shape: &Vec<usize>| shape.iter().map(|&len| len as u64).eq(chunk_shape.iter().copied());
        if !is_outer && !self.shape.as_ref().is_some_and(is_shape) {
            return Err(format!(
                "shape must be that of an inner chunk of the shard, {chunk_shape:?} as it was written"
            ));
        }
        if data.size.is_none() || data.offset.is_none() && data.size != Some(0) {
            return Err("an inner chunk of a shard needs offset and size, which the shard's index has".to_owned());
        }
        Ok(codecs)
    }

    /// What a codec of arrays makes of it.
    fn change(&mut self, codec: &ZarrCodec) -> Result<(), String> {
        match codec.id() {
            "transpose" => self.transpose(codec.configured::<TransposeConfiguration>()?.order),
            "scale_offset" => {
                self.changes.push(Change::Scaled(codec.configured()?));
                Ok(())
            }
            "cast_value" => {
                let configuration: CastValueConfiguration = codec.configured()?;
                let encoded = NumpyType::new(configuration.data_type, ByteOrder::NATIVE);
                self.changes.push(Change::Cast { configuration, decoded: std::mem::replace(&mut self.dtype, encoded) });
                Ok(())
            }
            _ => self.change_bytes(codec),
        }
    }

    /// What a codec of numcodecs makes of it, which sees the bytes of elements in dtypes of its own.
    fn change_bytes(&mut self, codec: &ZarrCodec) -> Result<(), String> {
        let spec = codec.of_array(self)?;
        let stages = codec::stages(&spec, Applied { dtype: self.dtype.dtype(), is_first: self.changes.is_empty() })?;
        let Some(dtypes) = codec::element_types(&spec) else { return Ok(()) };
        match codec.id() {
            "packbits" => {
                let len = self.shape.as_ref().map(|shape| shape.iter().copied().fold(1, usize::saturating_mul));
                self.shape = len.map(|len| vec![len.div_ceil(8).saturating_add(1)]);
                self.dtype = dtypes.encoded;
            }
            _ if spec.astype.is_some() => self.dtype = dtypes.encoded,
            _ => {}
        }
        self.changes.push(Change::Bytes { stages, dtypes });
        if ["delta", "packbits"].contains(&codec.id()) {
            self.settled = self.changes.len();
        }
        Ok(())
    }

    /// Turns the axes. All that is done to elements one by one can be done after that: so that turns come together, and
    /// what undoes itself is gone.
    fn transpose(&mut self, order: Vec<usize>) -> Result<(), String> {
        let shape = self.shape.as_ref().ok_or("transpose needs shape")?;
        let mut axes = order.clone();
        axes.sort_unstable();
        if !axes.iter().copied().eq(0..shape.len()) {
            return Err(format!("transpose to {order:?} is no order of {} axes", shape.len()));
        }
        let written = order.iter().filter_map(|&axis| shape.get(axis).copied()).collect();
        let shape = self.shape.replace(written).unwrap_or_default();
        match self.changes.get_mut(self.settled) {
            Some(Change::Transpose { order: before, .. }) => {
                *before = order.iter().filter_map(|&axis| before.get(axis).copied()).collect();
            }
            _ => self.changes.insert(self.settled, Change::Transpose { shape, order }),
        }
        Ok(())
    }

    /// The stages of the changes, and what they decode to.
    fn decoded(&mut self, endian: Option<ByteOrder>, dtype: DType, is_one_result: bool) -> Result<Chain, String> {
        let order = self.order_of_view(is_one_result);
        let mut stages = Vec::new();
        let endian = endian.filter(|_| self.dtype.size() > 1).unwrap_or(self.dtype.byte_order());
        let mut read = NumpyType::new(self.dtype.dtype(), endian);
        let sees_bytes = self.changes.iter().any(|change| matches!(change, Change::Bytes { .. }));
        if sees_bytes && endian != self.dtype.byte_order() {
            // Whoever sees bytes sees them in the order that the dtype of the array has.
            stages.push(AsType { encoded: read, decoded: self.dtype }.into());
            read = self.dtype;
        }
        for change in std::mem::take(&mut self.changes).into_iter().rev() {
            read = change.decoded(read, &mut stages)?;
        }
        if read.size() != dtype.size() || (read.dtype().kind() == Kind::Float) != (dtype.kind() == Kind::Float) {
            return Err(format!("the codecs decode to {}, but dtype is {}", read.dtype().name(), dtype.name()));
        }
        stages.reverse();
        Ok(Chain { stages, byte_order: read.byte_order(), order })
    }

    /// Leaves out a turn that the view of the chunk can have as well.
    fn order_of_view(&mut self, is_one_result: bool) -> Order {
        match self.changes.first() {
            Some(Change::Transpose { order, .. })
                if is_one_result && order.iter().copied().eq((0..order.len()).rev()) =>
            {
                self.changes.remove(0);
                Order::F
            }
            _ => Order::C,
        }
    }
}

impl Change {
    /// Puts what undoes it behind `stages`, which are in the order of decoding: what elements of `read` become.
    fn decoded(self, read: NumpyType, stages: &mut Vec<Stage>) -> Result<NumpyType, String> {
        match self {
            Self::Transpose { shape, order } => {
                if !order.iter().copied().eq(0..shape.len()) {
                    stages.push(Transpose { shape, order, element_size: read.size() }.into());
                }
                Ok(read)
            }
            Self::Bytes { stages: of_codec, dtypes } => {
                stages.extend(of_codec.into_iter().rev());
                Ok(dtypes.decoded)
            }
            Self::Scaled(ScaleOffsetConfiguration { offset, scale }) => {
                stages.push(LinearScale::new(read, scale, offset)?.into());
                Ok(read)
            }
            Self::Cast { configuration, decoded } => {
                stages.push(configuration.codec(AsType { encoded: read, decoded })?.into());
                Ok(decoded)
            }
        }
    }
}

impl CastValueConfiguration {
    fn codec(self, dtypes: AsType) -> Result<CastValue, String> {
        let (from, to) = (self.data_type, dtypes.decoded.dtype());
        if dtypes.encoded.dtype() != from {
            return Err(format!(
                "cast_value finds {}, not the {} that it says",
                dtypes.encoded.dtype().name(),
                from.name()
            ));
        }
        let out_of_range = self.out_of_range.unwrap_or_default();
        if out_of_range == OutOfRange::Wrap && from.kind() == Kind::Float {
            return Err("cast_value wraps integers only".to_owned());
        }
        let pairs = self.scalar_map.and_then(|map| map.decode).map_or_else(Vec::new, |UpTo(pairs)| pairs).into_iter();
        let value = |number, dtype: DType| {
            Scalar::of(number, dtype).ok_or_else(|| format!("scalar_map has a value that is no {}", dtype.name()))
        };
        let map = pairs.map(|(key, mapped)| Ok((value(key, from)?, value(mapped, to)?)));
        let map = map.collect::<Result<Vec<_>, String>>()?;
        Ok(CastValue { dtypes, rounding: self.rounding, out_of_range, map })
    }
}

impl ZarrCodec {
    fn configured<T: DeserializeOwned>(&self) -> Result<T, String> {
        T::deserialize(&self.configuration).map_err(|error| format!("{}: {error}", self.name))
    }

    /// Its name among those of numcodecs, or of Zarr.
    fn id(&self) -> &str {
        self.name.strip_prefix(OF_NUMCODECS).unwrap_or(&self.name)
    }

    /// The order that elements have as bytes; None for those of one byte, which have none.
    fn endian(&self, numbers: NumpyType) -> Result<Option<ByteOrder>, String> {
        match self.configured::<BytesConfiguration>()?.endian {
            None if numbers.size() > 1 => {
                Err(format!("{} needs endian for elements of {}", self.name, numbers.dtype().name()))
            }
            endian => Ok(endian),
        }
    }

    /// What this codec is among those of the other forms, where it is applied to an array: where it does not say the dtype of
    /// that, it has it.
    fn of_array(&self, array: &Array) -> Result<CodecSpec, String> {
        let mut spec = self.spec(true)?;
        if spec.dtype.is_none() && ["astype", "fixedscaleoffset", "quantize"].contains(&self.id()) {
            spec.dtype = Some(array.dtype.to_string());
        }
        Ok(spec)
    }

    /// The same where it is applied to bytes.
    fn of_bytes(&self, array: &Array) -> Result<CodecSpec, String> {
        let mut spec = self.spec(false)?;
        spec.element_size = spec.element_size.or(Some(array.dtype.size() as u64));
        Ok(spec)
    }

    fn spec(&self, is_of_array: bool) -> Result<CodecSpec, String> {
        let id = self.id();
        let is_known = codec::codec_ids().any(|known| known == id) || OUTER.contains(&id) || OF_ARRAYS.contains(&id);
        if !is_known {
            return Err(format!(
                "unsupported codec {:?}; supported: bytes, transpose, sharding_indexed, scale_offset, cast_value, and those \
                 of numcodecs, with numcodecs. before their names or without: {}",
                self.name,
                codec::codec_ids().collect::<Vec<_>>().join(", ")
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
            assert!(chain.stages.is_empty(), "what undoes itself is gone");
            assert_eq!(chain.order, Order::C);
        }
        let cycle = chain(json!([transpose(&[2, 0, 1]), bytes()]), DType::UInt8, &[1, 2, 3], true).unwrap();
        assert_eq!(decoded(&cycle, &[1, 2, 3, 4, 5, 6]), [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn an_array_may_be_turned_before_it_is_cut_into_shards() {
        let shards = |chunk_shape: &[usize], inner: Value| {
            let shard =
                json!({"name": "sharding_indexed", "configuration": {"chunk_shape": chunk_shape, "codecs": inner}});
            json!([transpose(&[2, 0, 1]), shard])
        };
        // Written as chunks of [4, 2, 3], of which the turned axes make [2, 3, 4].
        let turned = chain(shards(&[4, 2, 3], json!([bytes()])), DType::UInt8, &[2, 3, 4], true).unwrap();
        let written: Vec<u8> = (0..24).collect();
        let read: Vec<u8> = (0..6).flat_map(|i| (0..4).map(move |k| 6 * k + i)).collect();
        assert_eq!(decoded(&turned, &written), read);
        let back = shards(&[4, 2, 3], json!([transpose(&[1, 2, 0]), bytes()]));
        assert!(chain(back, DType::UInt8, &[2, 3, 4], false).unwrap().stages.is_empty(), "turned there and back");
        let wrong = chain(shards(&[2, 3, 4], json!([bytes()])), DType::UInt8, &[2, 3, 4], true).unwrap_err();
        assert!(wrong.contains("inner chunk"), "{wrong}");
        let nested = shards(
            &[8, 4, 3],
            json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [4, 2, 3], "codecs": [bytes()]}}]),
        );
        assert_eq!(decoded(&chain(nested, DType::UInt8, &[2, 3, 4], true).unwrap(), &written), read);
    }

    #[test]
    fn turns_come_together_over_all_that_is_done_element_by_element() {
        let as_type = |from: &str, to: &str| json!({"name": "astype", "configuration": {"encode_dtype": to, "decode_dtype": from}});
        let mut codecs = vec![transpose(&[1, 2, 0]); 15];
        codecs.push(as_type("<i4", "<i2"));
        codecs.extend(vec![transpose(&[1, 2, 0]); 12]);
        codecs.push(bytes());
        assert_eq!(chain(json!(codecs), DType::Int32, &[2, 3, 4], false).unwrap().stages.len(), 1);
        codecs.insert(0, transpose(&[2, 1, 0]));
        assert_eq!(chain(json!(codecs), DType::Int32, &[2, 3, 4], false).unwrap().stages.len(), 2);
        let seen = chain(json!(codecs), DType::Int32, &[2, 3, 4], true).unwrap();
        assert_eq!((seen.stages.len(), seen.order), (1, Order::F), "axes in reverse order need no turning");
    }

    #[test]
    fn the_innermost_dtype_says_whether_bytes_has_an_endian() {
        let cast = json!({"name": "cast_value", "configuration": {"data_type": "uint8"}});
        let read = chain(json!([cast, "bytes"]), DType::Float32, &[2], false).unwrap();
        assert_eq!(decoded(&read, &[1, 255]), [1.0_f32, 255.0].map(f32::to_ne_bytes).concat());
        let wide = json!({"name": "cast_value", "configuration": {"data_type": "int16"}});
        assert!(chain(json!([wide, "bytes"]), DType::UInt8, &[2], false).unwrap_err().contains("endian"));
    }

    #[test]
    fn elements_may_have_another_size_before_they_are_turned() {
        let as_type =
            json!({"name": "numcodecs.astype", "configuration": {"encode_dtype": "<u2", "decode_dtype": "|u1"}});
        let chain = chain(json!([as_type, transpose(&[1, 0]), bytes()]), DType::UInt8, &[2, 2], false).unwrap();
        assert_eq!(decoded(&chain, &[1, 0, 2, 0, 3, 0, 4, 0]), [1, 3, 2, 4]);
    }

    #[test]
    fn what_would_be_decoded_wrongly_is_refused() {
        let delta = json!({"name": "numcodecs.delta", "configuration": {"dtype": "<i4"}});
        let shard = |codecs: Value| json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 3], "codecs": codecs}}]);
        let many: Vec<Value> = [bytes()]
            .into_iter()
            .chain(vec![json!({"name": "numcodecs.shuffle", "configuration": {"elementsize": 4}}); 40])
            .collect();
        for (codecs, told) in [
            (json!([json!({"name": "zstd"}), bytes()]), "zstd is out of place"),
            (json!([bytes(), delta]), "delta is out of place"),
            (
                json!([{"name": "astype", "configuration": {"encode_dtype": "<f8", "decode_dtype": "<f4"}}, bytes()]),
                "but dtype is int32",
            ),
            (
                json!([{"name": "cast_value", "configuration": {"data_type": "int16", "base": 1}}, bytes()]),
                "unknown field",
            ),
            (
                json!([{"name": "cast_value", "configuration": {"data_type": "float32", "out_of_range": "wrap"}}, bytes()]),
                "integers only",
            ),
            (json!([{"name": "scale_offset", "configuration": {"scale": 0}}, bytes()]), "scale of 0"),
            (
                json!([{"name": "scale_offset", "configuration": {"scale": 0.5}}, bytes()]),
                "scale of scale_offset is no int32",
            ),
            (
                json!([delta, {"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 3], "codecs": [bytes()]}}]),
                "all of it",
            ),
            (
                json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 3], "codecs": [bytes()]}}, "zstd"]),
                "behind it",
            ),
            (json!([bytes(), bytes()]), "bytes is out of place"),
            (json!([]), "bytes is missing"),
            (shard(json!(many)), "42 codecs are more than the 32"),
            (json!([bytes(), "lzma"]), "unsupported codec"),
            (json!([transpose(&[0, 0]), bytes()]), "no order of 2 axes"),
        ] {
            let problem = chain(codecs.clone(), DType::Int32, &[2, 3], false).expect_err("it is refused");
            assert!(problem.contains(told), "{codecs}: {problem}");
        }
    }
}
