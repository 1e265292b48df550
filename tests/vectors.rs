//! Chunks written by numcodecs and h5py (`scripts/make-codec-vectors`) decode to what went in.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{path::Path, sync::Arc};

use reductionist::{
    array::{Budget, Pool},
    codec::{self, CodecSpec, DecodedLen, FilterPipeline},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    file: String,
    compression: Option<CodecSpec>,
    filters: Vec<CodecSpec>,
    decoded: String,
    decoded_len: usize,
}

fn read(file: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::read(directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn decode(pipeline: &FilterPipeline, encoded: &[u8], len: DecodedLen) -> Result<Vec<u8>, String> {
    let mut budget = Budget::unshared(1000, Arc::new(Pool::new(1, 0)));
    let mut chunk = budget.allocate(encoded.len()).expect("memory");
    chunk.bytes_mut().copy_from_slice(encoded);
    let decoded = pipeline.decode(chunk, len, &mut budget).map_err(|error| error.to_string())?;
    Ok(decoded.bytes().to_vec())
}

#[test]
fn chunks_of_other_libraries_decode_to_what_went_in() {
    let Vectors { vectors } = serde_json::from_slice(&read("vectors.json")).expect("the index");
    assert!(vectors.len() > 50);
    for vector in vectors {
        let filters = vector.filters.iter().map(|spec| codec::filter(spec).expect("a known filter")).collect();
        let compression = vector.compression.as_ref().map(|spec| codec::compression(spec).expect("a known codec"));
        let pipeline = FilterPipeline::new(filters, compression);
        let (encoded, expected) = (read(&vector.file), read(&vector.decoded));
        assert_eq!(expected.len(), vector.decoded_len);
        for len in [DecodedLen::Exactly(expected.len()), DecodedLen::AtMost(expected.len() + 100)] {
            assert_eq!(decode(&pipeline, &encoded, len).as_ref(), Ok(&expected), "{} {len:?}", vector.name);
        }
        if vector.compression.is_some() && !expected.is_empty() {
            let error = decode(&pipeline, &encoded, DecodedLen::Exactly(expected.len() - 1)).unwrap_err();
            assert!(error.contains("more than"), "{}: {error}", vector.name);
        }
    }
}
