//! DEFLATE and the byte shuffle: whatever chunks hold, a codec keeps to its room, and what it decodes is what
//! flate2 decodes.
//!
//! An input is a byte for what to do, two for the room, and then the data.
#![no_main]

use std::{
    io::{Read, Write},
    num::NonZeroUsize,
};

use flate2::{
    Compression, Crc, Decompress, FlushDecompress, Status,
    bufread::GzDecoder,
    write::{GzEncoder, ZlibEncoder},
};
use libfuzzer_sys::{Corpus, fuzz_target};
use reductionist::{
    codec::{Codec, Deflate, Fault, Shuffle},
    resources::Cancellation,
};

/// What stands behind the room, where nobody may write.
const GUARD: [u8; 64] = [0xa5; 64];

/// What stands in the room before. What a codec says it has written must not depend on it.
const OLD: [u8; 2] = [0x00, 0xff];

/// First bytes of a further gzip member.
const MEMBER: [u8; 3] = [0x1f, 0x8b, 8];

/// Most bytes that a stream is followed for by the decoders that ours is compared with.
const MOST: usize = 1 << 17;

fuzz_target!(|input: &[u8]| -> Corpus {
    let [what, low, high, data @ ..] = input else { return Corpus::Reject };
    let room = usize::from(u16::from_le_bytes([*low, *high]));
    let parameter = what >> 3;
    match what & 7 {
        0 | 1 => check_stream(Deflate::Zlib, data, room),
        2 | 3 => check_stream(Deflate::Gzip, data, room),
        4 => check_written(data, parameter, room),
        5 => check_shuffle(data, parameter, room),
        _ => check_wrapped(data, parameter, room),
    }
    Corpus::Keep
});

/// Decodes into two rooms that held different things, and looks behind them.
fn decode(codec: &dyn Codec, encoded: &[u8], room: usize) -> Result<Vec<u8>, Fault> {
    let [first, second] = OLD.map(|old| decode_over(old, codec, encoded, room));
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert!(first == second, "{} says that it has written what it has not", codec.name());
            Ok(first)
        }
        (Err(fault), Err(_)) => Err(fault),
        (first, second) => panic!("{} looks at what was in the room: {first:?}, {second:?}", codec.name()),
    }
}

fn decode_over(old: u8, codec: &dyn Codec, encoded: &[u8], room: usize) -> Result<Vec<u8>, Fault> {
    let mut decoded = vec![old; room];
    decoded.extend(GUARD);
    let outcome = codec.decode(encoded, &mut decoded[..room], &Cancellation::never());
    assert_eq!(decoded[room..], GUARD, "{} writes behind its room", codec.name());
    let len = outcome?;
    assert!(len <= room, "{} says that it has written {len} bytes into {room}", codec.name());
    decoded.truncate(len);
    Ok(decoded)
}

/// Any bytes as a stream. zlib-rs, which flate2 drives, has the last word on what is right. libdeflate, which is
/// asked first, takes some streams that zlib-rs refuses; then their checksum has to be right all the same.
fn check_stream(codec: Deflate, encoded: &[u8], room: usize) {
    let expected = match codec {
        Deflate::Zlib => unzlibbed(encoded),
        Deflate::Gzip => ungzipped(encoded),
    };
    match (decode(&codec, encoded, room), expected) {
        (Ok(decoded), Some(expected)) => assert!(decoded == expected, "{codec:?} decodes something else than flate2"),
        (Ok(decoded), None) => assert!(has_checksum(codec, encoded, &decoded), "{codec:?} decodes what is corrupt"),
        (Err(fault), Some(expected)) => {
            assert!(expected.len() > room, "{codec:?} refuses a stream of {} bytes: {fault:?}", expected.len());
            assert!(matches!(fault, Fault::Full), "{codec:?} calls a stream corrupt that is too long: {fault:?}");
        }
        (Err(Fault::Unsuited(problem)), None) => panic!("{codec:?} has no parameters, and yet: {problem}"),
        (Err(_), None) => {}
    }
}

/// What flate2 makes of a zlib stream. Bytes behind it are ignored. Its reader would take a stream that ends early.
fn unzlibbed(encoded: &[u8]) -> Option<Vec<u8>> {
    inflated(Decompress::new(true), encoded).map(|(_, data)| data)
}

/// What flate2 makes of gzip members, of which there are more where it looks so.
fn ungzipped(mut encoded: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    loop {
        let mut member = GzDecoder::new(encoded);
        decoded.extend(bounded(&mut member)?);
        encoded = member.into_inner();
        if decoded.len() > MOST || !encoded.starts_with(&MEMBER) {
            return (decoded.len() <= MOST).then_some(decoded);
        }
    }
}

/// All that a decoder has to give; None for an error, or too much.
fn bounded(decoder: impl Read) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    decoder.take(MOST as u64 + 1).read_to_end(&mut decoded).ok()?;
    (decoded.len() <= MOST).then_some(decoded)
}

/// Whether the checksum of what was decoded stands where it may.
fn has_checksum(codec: Deflate, encoded: &[u8], decoded: &[u8]) -> bool {
    let checksum = match codec {
        Deflate::Zlib => adler32(decoded).to_be_bytes(),
        Deflate::Gzip => crc32(decoded).to_le_bytes(),
    };
    encoded.windows(4).any(|bytes| bytes == checksum)
}

/// RFC 1950, section 8.
fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1, 0), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65521;
        (a, (b + a) % 65521)
    });
    b << 16 | a
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(data);
    crc.sum()
}

/// Streams that flate2 writes are decoded, with room to spare or none, and refused where the room is too small.
fn check_written(data: &[u8], parameter: u8, room: usize) {
    let level = Compression::new(u32::from(parameter % 10));
    let mut zlib = ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(data).expect("memory");
    check_decoded(Deflate::Zlib, &zlib.finish().expect("memory"), data, room);
    let (first, second) = data.split_at(room.min(data.len()));
    let members = [first, second].map(|part| {
        let mut gzip = GzEncoder::new(Vec::new(), level);
        gzip.write_all(part).expect("memory");
        gzip.finish().expect("memory")
    });
    check_decoded(Deflate::Gzip, &members.concat(), data, room);
}

fn check_decoded(codec: Deflate, encoded: &[u8], data: &[u8], room: usize) {
    for room in [room, data.len(), data.len().saturating_sub(1), data.len() + 1] {
        match decode(&codec, encoded, room) {
            Ok(decoded) => assert!(decoded == data, "{codec:?} decodes something else than was written"),
            Err(fault) => {
                assert!(room < data.len(), "{codec:?} refuses what is right: {fault:?}");
                assert!(matches!(fault, Fault::Full), "{codec:?} calls corrupt what is too long: {fault:?}");
            }
        }
    }
}

/// Any bytes as DEFLATE data, in wrappers whose checksums are right: mutations cannot make those. What follows the
/// stream stays behind it.
fn check_wrapped(deflated: &[u8], parameter: u8, room: usize) {
    let Some((read, data)) = inflated(Decompress::new(false), deflated) else { return };
    let (stream, rest) = deflated.split_at(read);
    // Fastest to strongest, and the window that it says it needs. The last five bits make it a multiple of 31.
    let head = 0x7800 | u16::from(parameter & 3) << 6;
    let head = head + (31 - head % 31);
    check_decoded(
        Deflate::Zlib,
        &[&head.to_be_bytes(), stream, &adler32(&data).to_be_bytes(), rest].concat(),
        &data,
        room,
    );
    if rest.starts_with(&MEMBER) {
        return;
    }
    let len = u32::try_from(data.len()).expect("it is bounded").to_le_bytes();
    let head = [&MEMBER[..], &[0, 0, 0, 0, 0, 0, 255]].concat();
    let member = [&head[..], stream, &crc32(&data).to_le_bytes(), &len].concat();
    check_decoded(Deflate::Gzip, &[&member[..], rest].concat(), &data, room);
    check_decoded(Deflate::Gzip, &[&member[..], &member, rest].concat(), &[&data[..], &data].concat(), room);
}

/// Bytes read, and the data; None for an error, or too much.
fn inflated(mut inflate: Decompress, encoded: &[u8]) -> Option<(usize, Vec<u8>)> {
    let mut data = vec![0; MOST];
    let status = inflate.decompress(encoded, &mut data, FlushDecompress::Finish).ok()?;
    data.truncate(usize::try_from(inflate.total_out()).ok()?);
    (status == Status::StreamEnd).then_some((usize::try_from(inflate.total_in()).ok()?, data))
}

/// Unshuffled bytes are those that give the same bytes again when they are shuffled.
fn check_shuffle(shuffled: &[u8], parameter: u8, room: usize) {
    let size = usize::from(parameter) + 1;
    let codec = Shuffle { element_size: NonZeroUsize::new(size).expect("it is at least 1"), is_whole: true };
    match decode(&codec, shuffled, room) {
        Ok(decoded) => {
            let again = (0..size).flat_map(|offset| decoded.iter().skip(offset).step_by(size).copied());
            assert!(again.eq(shuffled.iter().copied()), "elements of {size} bytes are not what was shuffled");
        }
        Err(Fault::Unsuited(_)) => assert!(!shuffled.len().is_multiple_of(size)),
        Err(Fault::Full) => assert!(room < shuffled.len()),
        Err(Fault::Corrupt(problem)) => panic!("no bytes are wrong for a shuffle, and yet: {problem}"),
        Err(Fault::Cancelled) => panic!("somebody waits"),
    }
}
