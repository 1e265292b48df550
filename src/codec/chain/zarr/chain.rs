//! A chain as a whole.

use super::{array::Array, document::ZarrCodec};
use crate::{
    array::{ByteOrder, DType},
    codec::{
        pipeline::FilterPipeline,
        spec::{Applied, stages},
    },
};

/// What is known, beside its codecs, of a chunk, or of the inner chunk of a shard.
#[derive(Clone, Copy, Debug)]
pub struct ZarrChunk<'a> {
    /// Type of its elements as they are stored.
    pub dtype: DType,
    /// Byte order of its elements, where it is stated beside the codecs as well.
    pub byte_order: Option<ByteOrder>,
    /// Length of each dimension; None if that is not known.
    pub shape: Option<&'a [usize]>,
    /// Which bytes of an object it is.
    pub extent: Extent,
}

/// Which bytes of an object a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// None: it was never written.
    Unwritten,
    /// Those from one offset to another one: it may be a part of a shard.
    Bounded,
    /// All of them, or all up to or from an offset.
    Open,
}

/// What a chain of codecs comes to.
#[derive(Debug)]
pub struct ZarrChain {
    /// The way back from the stored bytes to the elements in C order.
    pub pipeline: FilterPipeline,
    /// Byte order of the elements then.
    pub byte_order: ByteOrder,
}

impl ZarrChain {
    /// What these codecs, in the order of writing, come to for this chunk.
    ///
    /// # Errors
    /// If a codec is unknown, out of place, or does not fit the chunk.
    pub fn new(codecs: &[ZarrCodec], chunk: ZarrChunk<'_>) -> Result<Self, String> {
        let ZarrChunk { dtype, extent, .. } = chunk;
        let mut array = Array::new(dtype, chunk.shape);
        let (endian, of_bytes) = array.write(codecs, extent != Extent::Open)?;
        let numbers = array.numbers;
        let (mut pipeline, byte_order) = array.stages(endian, dtype)?;
        for codec in &of_bytes {
            let applied = Applied { dtype, is_first: pipeline.is_empty() };
            pipeline.extend(stages(&codec.of_bytes(numbers)?, applied)?);
        }
        let has_order = dtype.size() > 1 && numbers.size() > 1 && extent != Extent::Unwritten;
        match (chunk.byte_order, endian) {
            (Some(other), Some(endian)) if other != endian && has_order => {
                Err(format!("byte_order is not the endian of bytes, {endian:?}"))
            }
            _ => Ok(Self { pipeline: FilterPipeline::new(pipeline), byte_order }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{codec::stage::Stage, resources::Cancellation};

    fn chain(codecs: Value, dtype: DType, shape: &[usize]) -> Result<ZarrChain, String> {
        let codecs: Vec<ZarrCodec> = serde_json::from_value(codecs).expect("codecs");
        ZarrChain::new(&codecs, ZarrChunk { dtype, byte_order: None, shape: Some(shape), extent: Extent::Bounded })
    }

    fn decoded(chain: &ZarrChain, encoded: &[u8]) -> Vec<u8> {
        chain.pipeline.stages().iter().rev().fold(encoded.to_vec(), |encoded, stage| {
            let Stage::Codec(codec) = stage else { panic!("no checksum is here") };
            let mut decoded = vec![0; codec.decoded_len(encoded.len()).expect("it follows")];
            codec.decode(&encoded, &mut decoded, &Cancellation::never()).expect("it decodes");
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
        assert!(chain(twice, DType::UInt8, &[2, 3]).unwrap().pipeline.is_empty(), "what undoes itself is gone");
        let cycle = chain(json!([transpose(&[2, 0, 1]), bytes()]), DType::UInt8, &[1, 2, 3]).unwrap();
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
        let turned = chain(shards(&[4, 2, 3], json!([bytes()])), DType::UInt8, &[2, 3, 4]).unwrap();
        let written: Vec<u8> = (0..24).collect();
        let read: Vec<u8> = (0..6).flat_map(|i| (0..4).map(move |k| 6 * k + i)).collect();
        assert_eq!(decoded(&turned, &written), read);
        let back = shards(&[4, 2, 3], json!([transpose(&[1, 2, 0]), bytes()]));
        assert!(chain(back, DType::UInt8, &[2, 3, 4]).unwrap().pipeline.is_empty(), "turned there and back");
        let wrong = chain(shards(&[2, 3, 4], json!([bytes()])), DType::UInt8, &[2, 3, 4]).unwrap_err();
        assert!(wrong.contains("inner chunk"), "{wrong}");
        let nested = shards(
            &[8, 4, 3],
            json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [4, 2, 3], "codecs": [bytes()]}}]),
        );
        assert_eq!(decoded(&chain(nested, DType::UInt8, &[2, 3, 4]).unwrap(), &written), read);
    }

    #[test]
    fn turns_come_together_over_all_that_is_done_element_by_element() {
        let as_type = |from: &str, to: &str| json!({"name": "astype", "configuration": {"encode_dtype": to, "decode_dtype": from}});
        let mut codecs = vec![transpose(&[1, 2, 0]); 15];
        codecs.push(as_type("<i4", "<i2"));
        codecs.extend(vec![transpose(&[1, 2, 0]); 12]);
        codecs.push(bytes());
        assert_eq!(chain(json!(codecs), DType::Int32, &[2, 3, 4]).unwrap().pipeline.stages().len(), 1);
        codecs.insert(0, transpose(&[2, 1, 0]));
        let mut reversed = chain(json!(codecs), DType::Int32, &[2, 3, 4]).unwrap().pipeline;
        assert_eq!(reversed.stages().len(), 2);
        assert!(reversed.leave_reversed(), "axes in reverse order need no turning");
        assert_eq!(reversed.stages().len(), 1);
    }

    #[test]
    fn the_innermost_dtype_says_whether_bytes_has_an_endian() {
        let cast = json!({"name": "cast_value", "configuration": {"data_type": "uint8"}});
        let read = chain(json!([cast, "bytes"]), DType::Float32, &[2]).unwrap();
        assert_eq!(decoded(&read, &[1, 255]), [1.0_f32, 255.0].map(f32::to_ne_bytes).concat());
        let wide = json!({"name": "cast_value", "configuration": {"data_type": "int16"}});
        assert!(chain(json!([wide, "bytes"]), DType::UInt8, &[2]).unwrap_err().contains("endian"));
    }

    #[test]
    fn elements_may_have_another_size_before_they_are_turned() {
        let as_type =
            json!({"name": "numcodecs.astype", "configuration": {"encode_dtype": "<u2", "decode_dtype": "|u1"}});
        let chain = chain(json!([as_type, transpose(&[1, 0]), bytes()]), DType::UInt8, &[2, 2]).unwrap();
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
            let problem = chain(codecs.clone(), DType::Int32, &[2, 3]).expect_err("it is refused");
            assert!(problem.contains(told), "{codecs}: {problem}");
        }
    }
}
