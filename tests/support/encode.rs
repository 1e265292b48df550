//! Chunks as archives write them.

use std::io::Write;

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};

/// The level that climate archives use.
const LEVEL: Compression = Compression::new(4);

/// All first bytes of the elements, then all second bytes, and so on.
pub fn shuffle(elements: &[u8], element_size: usize) -> Vec<u8> {
    (0..element_size).flat_map(|offset| elements.iter().skip(offset).step_by(element_size).copied()).collect()
}

pub fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), LEVEL);
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), LEVEL);
    encoder.write_all(data).expect("memory");
    encoder.finish().expect("memory")
}
