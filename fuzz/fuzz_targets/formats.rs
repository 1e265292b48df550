//! Any bytes as any codec's: whatever they hold, it keeps to its room and to the memory that is planned for it.
//!
//! An input is a byte for the codec, two for the room, and then the data.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::{Corpus, fuzz_target};
use reductionist::{
    array::DType,
    codec::{self, Applied, Codec, CodecError, CodecSpec, DecodedLen, Fault, FilterPipeline, Stage},
    resources::{Budget, Cancellation, Pool},
};

/// What clients may send. New ones go to the end: inputs have their numbers.
const SPECS: &[&str] = &[
    r#"{"id": "blosc"}"#,
    r#"{"id": "zstd"}"#,
    r#"{"id": "lz4"}"#,
    r#"{"id": 32004}"#,
    r#"{"id": "lzf"}"#,
    r#"{"id": "bz2"}"#,
    r#"{"id": 32008, "cd_values": [0, 5, 4, 0, 0]}"#,
    r#"{"id": 32008, "cd_values": [0, 5, 4, 0, 2]}"#,
    r#"{"id": 32008, "cd_values": [0, 5, 2, 0, 3]}"#,
    r#"{"id": "bitshuffle", "element_size": 3, "block_size": 8}"#,
    r#"{"id": 4, "cd_values": [141, 8, 32, 256]}"#,
    r#"{"id": 4, "cd_values": [169, 16, 16, 100]}"#,
    r#"{"id": 5, "cd_values": [8, 0, 64, 1, 4, 0, 13, 3]}"#,
    r#"{"id": 5, "cd_values": [8, 0, 100, 1, 2, 1, 9, 0]}"#,
    r#"{"id": 6, "cd_values": [2, 0, 64, 0, 4, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}"#,
    r#"{"id": 6, "cd_values": [0, 2, 64, 1, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]}"#,
    r#"{"id": "fletcher32"}"#,
    r#"{"id": "crc32"}"#,
    r#"{"id": "crc32c"}"#,
    r#"{"id": "delta", "dtype": "<i4", "astype": "|i1"}"#,
    r#"{"id": "fixedscaleoffset", "scale": 10, "offset": 1000, "dtype": "<f4", "astype": "|u1"}"#,
    r#"{"id": "packbits"}"#,
    r#"{"id": "astype", "encode_dtype": "<f8", "decode_dtype": ">f2"}"#,
];

/// What the operator allows between two stages.
const LIMIT: usize = 1 << 20;

/// What stands behind the room, where nobody may write.
const GUARD: [u8; 64] = [0xa5; 64];

fuzz_target!(|input: &[u8]| -> Corpus {
    let [what, low, high, data @ ..] = input else { return Corpus::Reject };
    let Some(spec) = SPECS.get(usize::from(*what)) else { return Corpus::Reject };
    let spec: CodecSpec = serde_json::from_str(spec).expect("a codec");
    let room = usize::from(u16::from_le_bytes([*low, *high]));
    let stages = || codec::stages(&spec, Applied { dtype: DType::Int32, is_first: true }).expect("it is complete");
    for stage in stages() {
        if let Stage::Codec(codec) = stage {
            check_room(codec.as_ref(), data, room);
        }
    }
    for len in [DecodedLen::Exactly(room), DecodedLen::AtMost(room)] {
        check_memory(&FilterPipeline::new(stages()), data, len);
    }
    Corpus::Keep
});

/// Decodes into two rooms that held different things, and looks behind them.
fn check_room(codec: &dyn Codec, encoded: &[u8], room: usize) {
    let [first, second] = [0, 0xff].map(|old| {
        let mut decoded = vec![old; room];
        decoded.extend(GUARD);
        let written: Result<usize, Fault> = codec.decode(encoded, &mut decoded[..room], &Cancellation::never());
        assert_eq!(decoded[room..], GUARD, "{} writes behind its room", codec.name());
        written.ok().map(|written| decoded[..written].to_vec())
    });
    assert!(first == second, "{} looks at what was in the room, or says that it has written it", codec.name());
}

/// Decodes in exactly what is planned.
fn check_memory(pipeline: &FilterPipeline, encoded: &[u8], len: DecodedLen) {
    let units = pipeline.peak_units(encoded.len(), len, LIMIT);
    let mut budget = Budget::unshared(units, Arc::new(Pool::new(1, 0)));
    let mut buffer = budget.allocate(encoded.len()).expect("it was planned");
    buffer.bytes_mut().copy_from_slice(encoded);
    match pipeline.decode(buffer, len, LIMIT, &mut budget) {
        Ok(chunk) => assert!(chunk.bytes().len() <= len.max()),
        Err(CodecError::Buffer(error)) => panic!("{error}"),
        Err(_) => {}
    }
}
