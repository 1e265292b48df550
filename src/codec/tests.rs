//! What holds for every codec.

use std::{io::Write, num::NonZeroUsize};

use flate2::{Compression, write::ZlibEncoder};

use super::{
    Algorithm, AsType, Bitshuffle, Blosc, Bzip2, CastValue, Checksum, Codec, DecodedLen, Deflate, Delta, Fault,
    Hdf5Lz4, LinearScale, Lz4, Lzf, Nbit, NumpyType, OutOfRange, PackBits, Position, Rounding, Shuffle, Stage,
    Transpose, Zstd,
    bitshuffle::Inner,
    pipeline::tests::{decode, zlib},
};
use crate::array::{Kind, Number};
use crate::resources::Cancellation;

/// Each byte encoded by itself.
fn each(data: &[u8], encode: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    data.chunks(1).flat_map(encode).collect()
}

/// Blocks as HDF5's filters for LZ4 and bitshuffle frame them: as they were, or as literals of LZ4.
fn blocks(data: &[u8], len: u8, are_stored: bool) -> Vec<u8> {
    let block = |block: &[u8]| {
        let len = u8::try_from(block.len()).unwrap();
        let token = if are_stored { vec![] } else { vec![len << 4] };
        [&(u32::from(len) + u32::from(!are_stored)).to_be_bytes(), token.as_slice(), block].concat()
    };
    let head = [(data.len() as u64).to_be_bytes().as_slice(), &u32::from(len).to_be_bytes()].concat();
    head.into_iter().chain(data.chunks(len.into()).flat_map(block)).collect()
}

fn blosc_of_bytes(data: &[u8]) -> Vec<u8> {
    let count = u32::try_from(data.len()).unwrap();
    let mut chunk = vec![2, 1, 16, 1];
    chunk.extend([count, 1, 16 + 9 * count].into_iter().flat_map(u32::to_le_bytes));
    chunk.extend((0..count).flat_map(|block| (16 + 4 * count + 5 * block).to_le_bytes()));
    chunk.extend(data.iter().flat_map(|byte| [1, 0, 0, 0, *byte]));
    chunk
}

fn flushed_zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
    for byte in data {
        encoder.write_all(&[*byte]).unwrap();
        encoder.flush().unwrap();
    }
    encoder.finish().unwrap()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ::zstd::bulk::compress(data, 1).unwrap()
}

/// `encoded`, the last stage of which is made by `last`, is decoded whatever came behind it.
fn check_behind_others(last: impl Fn() -> Stage, data: &[u8], encoded: &[u8]) {
    let name = last().name();
    assert!(encoded.len() > data.len() * 5 / 4, "{name}: it is longer than its data");
    let checksum = || Stage::Checksum(Checksum { algorithm: Algorithm::Fletcher32, place: Position::End });
    let summed = [encoded, &fletcher32(encoded).to_le_bytes()].concat();
    let (zipped, both) = (zlib(encoded, 1), zlib(&summed, 1));
    for len in [DecodedLen::Exactly(data.len()), DecodedLen::AtMost(data.len())] {
        assert!(decode(vec![last(), checksum()], &summed, len).unwrap() == data, "{name}, checksum");
        assert!(decode(vec![last(), Deflate::Zlib.into()], &zipped, len).unwrap() == data, "{name}, zlib");
        let stages = vec![last(), checksum(), Deflate::Zlib.into()];
        assert!(decode(stages, &both, len).unwrap() == data, "{name}, checksum, zlib");
    }
}

#[test]
fn chunks_in_the_shortest_frames_are_decoded_behind_whatever_came_next() {
    // Zeros, of which the bits are the same however they are shuffled.
    let data = vec![0; 20_000];
    for (len, are_stored) in [(1, true), (3, true), (1, false), (3, false)] {
        check_behind_others(|| Hdf5Lz4.into(), &data, &blocks(&data, len, are_stored));
    }
    check_behind_others(|| Bitshuffle::new(1, 8, Inner::Lz4).unwrap().into(), &data, &blocks(&data, 8, false));
    check_behind_others(|| Lzf.into(), &data, &each(&data, |byte| [&[0], byte].concat()));
    check_behind_others(|| Blosc.into(), &data, &blosc_of_bytes(&data));
    check_behind_others(|| Zstd.into(), &data, &each(&data, zstd));
    let skippable = [&0x184d_2a50_u32.to_le_bytes()[..], &9000_u32.to_le_bytes(), &[7; 9000]].concat();
    check_behind_others(|| Zstd.into(), &data[..5000], &[&skippable, &zstd(&data[..5000])[..]].concat());
    check_behind_others(|| Deflate::Zlib.into(), &data, &flushed_zlib(&data));
    check_behind_others(|| Deflate::Gzip.into(), &data[..5000], &each(&data[..5000], gzip));
    // Each stream takes a millisecond.
    check_behind_others(|| Bzip2.into(), &data[..2000], &each(&data[..2000], bzip2));
}

fn fletcher32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (0, 0);
    for word in data.chunks(2) {
        a = (a + (u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or_default()))) % 65_535;
        b = (a + b) % 65_535;
    }
    b << 16 | a
}

/// Something long for each codec, and what it decodes to in bytes.
fn long_work() -> Vec<(Box<dyn Codec>, Vec<u8>, usize)> {
    const LEN: usize = 4 << 20;
    let zeros = || vec![0; LEN];
    let size = |size| NonZeroUsize::new(size).unwrap();
    let of = |text: &str| NumpyType::parse(text).unwrap();
    let as_type = |from, to| AsType { encoded: of(from), decoded: of(to) };
    let lz4 = |data: &[u8]| ::lz4::block::compress(data, None, true).unwrap();
    let long_lz4 = lz4(&(0..5_u64 << 19).flat_map(u64::to_le_bytes).collect::<Vec<_>>());
    let cast = CastValue {
        dtypes: as_type("<i4", "<f4"),
        rounding: Rounding::default(),
        out_of_range: OutOfRange::Clamp,
        map: vec![],
    };
    let transpose = |shape: Vec<usize>| Transpose { order: (0..shape.len()).rev().collect(), shape, element_size: 1 };
    vec![
        (Box::new(Shuffle { element_size: size(4), is_whole: true }), zeros(), LEN),
        (Box::new(Shuffle { element_size: size(1000), is_whole: false }), zeros(), LEN),
        (Box::new(transpose(vec![2; 22])), zeros(), LEN),
        (Box::new(transpose(vec![LEN / 2, 2])), zeros(), LEN),
        (Box::new(as_type("<i4", ">i4")), zeros(), LEN),
        (Box::new(as_type("<i2", "<f8")), zeros(), 4 * LEN),
        (Box::new(Delta { numbers: of("<i8") }), zeros(), LEN),
        (Box::new(LinearScale::new(of("<f4"), Number::Integer(2), Number::Integer(1)).unwrap()), zeros(), LEN),
        (Box::new(cast), zeros(), LEN),
        (Box::new(PackBits), vec![0; LEN / 8 + 1], LEN),
        (Box::new(Bitshuffle::new(4, LEN / 4, Inner::None).unwrap()), zeros(), LEN),
        (Box::new(Zstd), zstd(&zeros()), LEN),
        (Box::new(Bzip2), bzip2(&vec![0; LEN]), LEN),
        (Box::new(Lz4), long_lz4, 20 << 20),
        (Box::new(Lzf), [vec![0, 0], [0xe0, 0xff, 0].repeat(LEN / 264)].concat(), LEN / 264 * 264 + 1),
        (
            Box::new(Nbit::new(&[8, 0, 1 << 20, 1, 4, 0, 13, 3], Kind::Signed).unwrap()),
            vec![0; (13 << 20) / 8 + 1],
            LEN,
        ),
    ]
}

#[test]
fn every_codec_looks_whether_somebody_waits() {
    for (codec, encoded, len) in long_work() {
        let name = codec.name();
        let (mut decoded, cancellation) = (vec![0; len], Cancellation::never());
        assert_eq!(codec.decode(&encoded, &mut decoded, &cancellation).unwrap(), len, "{name}");
        assert!(cancellation.looks() >= len >> 20, "{name}: once for each MiB");
        let (cancellation, waiting) = Cancellation::with_waiting();
        drop(waiting);
        assert!(matches!(codec.decode(&encoded, &mut decoded, &cancellation), Err(Fault::Cancelled)), "{name}");
    }
}
