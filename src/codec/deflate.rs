//! zlib (RFC 1950) and gzip (RFC 1952) streams: two wrappers around the same DEFLATE data (RFC 1951).
//!
//! There are two decoders. libdeflate is the fast one, but does not say where a stream ended; what it finds wrong with
//! one it does not say either. zlib-rs decodes what libdeflate cannot, and has the last word on what it refuses.

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::Decompressor;
use memchr::memmem;

use super::{
    contract::{Codec, Fault},
    parts::{MAX_EMPTY, first, first_mut, for_each_byte, too_many_empty},
};
use crate::resources::{Cancellation, STEP};

/// Bytes of a stream that libdeflate, which takes no looks at whether somebody waits, decodes in less than a second whatever
/// they are (blocks of one byte come in tables of 33), and bytes that it writes in that time. Chunks as people write them
/// are no longer, and would take a fifth more time with the other decoder.
const FAST_ENCODED: usize = 8 << 20;
const FAST_DECODED: usize = 64 << 20;

/// Bytes that zlib-rs reads between two looks.
const SLICE: usize = 64 << 10;

/// First bytes of every gzip member that holds DEFLATE data.
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// The largest window that DEFLATE knows, which any stream may ask for.
const WINDOW_BITS: u8 = 15;

/// A decoder of DEFLATE data in one of its wrappers. Checksums are verified. Bytes after the end of the
/// stream are ignored, as `zlib.decompress` and HDF5 do; a gzip stream may have several members.
#[derive(Clone, Copy, Debug)]
pub enum Deflate {
    /// zlib: one stream with an Adler-32 checksum.
    Zlib,
    /// gzip: one or more members, each with a CRC-32.
    Gzip,
}

impl Codec for Deflate {
    fn name(&self) -> &'static str {
        match self {
            Self::Zlib => "zlib",
            Self::Gzip => "gzip",
        }
    }

    /// A byte in a block of its own that was flushed takes eight, in a member of its own 21.
    fn longest_encoded(&self, decoded: usize) -> usize {
        match self {
            Self::Zlib => for_each_byte(8, decoded),
            Self::Gzip => for_each_byte(24, decoded),
        }
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        cancellation.check()?;
        let is_short = encoded.len() <= FAST_ENCODED && decoded.len() <= FAST_DECODED;
        match is_short.then(|| self.decode_fast(encoded, decoded)).flatten() {
            Some(written) => Ok(written),
            None => self.decode_members(encoded, decoded, cancellation),
        }
    }
}

/// How far the decoder came in input and output.
#[derive(Clone, Copy, PartialEq)]
struct Progress {
    read: usize,
    written: usize,
}

impl Deflate {
    /// Decodes one stream; None if there may be several, or if something is wrong with it.
    fn decode_fast(self, encoded: &[u8], decoded: &mut [u8]) -> Option<usize> {
        match self {
            Self::Zlib => Decompressor::new().zlib_decompress(encoded, decoded).ok(),
            Self::Gzip if may_have_members(encoded) => None,
            Self::Gzip => Decompressor::new().gzip_decompress(encoded, decoded).ok(),
        }
    }

    fn decode_members(
        self,
        mut encoded: &[u8],
        decoded: &mut [u8],
        cancellation: &Cancellation,
    ) -> Result<usize, Fault> {
        let (mut written, mut empty) = (0, 0);
        loop {
            let room = decoded.split_at_mut(written).1;
            let member = self.decode_member(encoded, room, cancellation)?;
            written += member.written;
            empty += usize::from(member.written == 0);
            if empty > MAX_EMPTY {
                return Err(too_many_empty());
            }
            encoded = encoded.get(member.read..).unwrap_or_default();
            if !(matches!(self, Self::Gzip) && encoded.starts_with(&GZIP_MAGIC)) {
                return Ok(written);
            }
        }
    }

    fn decode_member(self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<Progress, Fault> {
        let mut inflate = match self {
            Self::Zlib => Decompress::new(true),
            Self::Gzip => Decompress::new_gzip(WINDOW_BITS),
        };
        let mut done = Progress { read: 0, written: 0 };
        loop {
            cancellation.check()?;
            let input = first(encoded.get(done.read..).unwrap_or_default(), SLICE);
            // A full output is followed by one byte of room, to tell a stream that is at its end from
            // one that goes on.
            let mut probe = [0];
            let is_full = done.written >= decoded.len();
            let output = if is_full { &mut probe[..] } else { first_mut(decoded.split_at_mut(done.written).1, STEP) };
            let status = inflate
                .decompress(input, output, FlushDecompress::None)
                .map_err(|error| Fault::Corrupt(error.message().unwrap_or("invalid stream").to_owned()))?;
            let now = progress(&inflate);
            if now.written > decoded.len() {
                return Err(Fault::Full);
            }
            match status {
                Status::StreamEnd => return Ok(now),
                Status::Ok | Status::BufError if now == done && (is_full || input.is_empty()) => {
                    return Err(Fault::Corrupt(format!("the stream ends early, after {} bytes", encoded.len())));
                }
                Status::Ok | Status::BufError if now == done => {
                    return Err(Fault::Corrupt(format!("the decoder cannot go on after {} bytes", now.read)));
                }
                Status::Ok | Status::BufError => done = now,
            }
        }
    }
}

/// Whether a second gzip member may begin somewhere. By chance, one chunk of 16 MiB has the bytes that say so.
fn may_have_members(encoded: &[u8]) -> bool {
    encoded.get(1..).is_some_and(|rest| memmem::find(rest, &GZIP_MAGIC).is_some())
}

fn progress(inflate: &Decompress) -> Progress {
    // Both count bytes of slices, whose lengths are usize.
    let bytes = |count| usize::try_from(count).unwrap_or(usize::MAX);
    Progress { read: bytes(inflate.total_in()), written: bytes(inflate.total_out()) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};

    use super::*;

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(codec: Deflate, encoded: &[u8], room: usize) -> Result<Vec<u8>, Fault> {
        let mut decoded = vec![0; room];
        let written = codec.decode(encoded, &mut decoded, &Cancellation::never())?;
        decoded.truncate(written);
        Ok(decoded)
    }

    #[test]
    fn a_stream_decodes_into_exact_and_into_more_room() {
        for len in [0, 1, 1000, 100_000] {
            let data: Vec<u8> = (0..len).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
            for room in [len, len + 1, 2 * len + 100] {
                assert_eq!(decode(Deflate::Zlib, &zlib(&data), room).unwrap(), data);
                assert_eq!(decode(Deflate::Gzip, &gzip(&data), room).unwrap(), data);
            }
        }
    }

    #[test]
    fn both_decoders_agree() {
        let data: Vec<u8> = (0..100_000_u64).map(|i| u8::try_from(i * i / 7 % 251).unwrap()).collect();
        for (codec, encoded) in [(Deflate::Zlib, zlib(&data)), (Deflate::Gzip, gzip(&data))] {
            let (mut fast, mut careful) = (vec![0; data.len()], vec![0; data.len()]);
            assert_eq!(codec.decode_fast(&encoded, &mut fast).unwrap(), data.len());
            assert_eq!(codec.decode_members(&encoded, &mut careful, &Cancellation::never()).unwrap(), data.len());
            assert!(fast == data && careful == data);
            assert!(codec.decode_fast(&encoded[..encoded.len() - 1], &mut fast).is_none());
        }
    }

    #[test]
    fn long_streams_are_decoded_with_looks_whether_somebody_waits() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()
        };
        let data: Vec<u8> = (0..5 << 18).flat_map(|_| noise()).collect();
        for (codec, encoded) in [(Deflate::Zlib, zlib(&data)), (Deflate::Gzip, gzip(&data))] {
            assert!(encoded.len() > FAST_ENCODED);
            let (mut decoded, cancellation) = (vec![0; data.len()], Cancellation::never());
            assert_eq!(codec.decode(&encoded, &mut decoded, &cancellation).unwrap(), data.len());
            assert!(decoded == data && cancellation.looks() > encoded.len() / SLICE);
            for len in [0, 1, 70_000, encoded.len() - 1] {
                let cut = codec.decode(&encoded[..len], &mut decoded, &cancellation);
                assert!(matches!(cut, Err(Fault::Corrupt(_))), "{len}");
            }
            assert!(matches!(codec.decode(&encoded, &mut decoded[1..], &cancellation), Err(Fault::Full)));
        }
    }

    #[test]
    fn a_stream_longer_than_its_room_is_refused() {
        let data = vec![7; 1_000_000];
        for room in [0, 1, 999_999] {
            assert!(matches!(decode(Deflate::Zlib, &zlib(&data), room), Err(Fault::Full)));
            assert!(matches!(decode(Deflate::Gzip, &gzip(&data), room), Err(Fault::Full)));
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let encoded = zlib(b"a chunk of data, a chunk of data");
        for len in 0..encoded.len() {
            assert!(matches!(decode(Deflate::Zlib, &encoded[..len], 32), Err(Fault::Corrupt(_))), "{len}");
        }
        let encoded = gzip(b"a chunk of data, a chunk of data");
        for len in 0..encoded.len() {
            assert!(matches!(decode(Deflate::Gzip, &encoded[..len], 100), Err(Fault::Corrupt(_))), "{len}");
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        for (codec, mut encoded) in [(Deflate::Zlib, zlib(b"data")), (Deflate::Gzip, gzip(b"data"))] {
            let check = encoded.len() - if matches!(codec, Deflate::Gzip) { 5 } else { 1 };
            encoded[check] ^= 1;
            assert!(matches!(decode(codec, &encoded, 4), Err(Fault::Corrupt(_))), "{codec:?}");
        }
    }

    #[test]
    fn gzip_members_follow_each_other_and_other_trailing_bytes_are_ignored() {
        let mut encoded = [gzip(b"one "), gzip(b""), gzip(b"two")].concat();
        assert_eq!(decode(Deflate::Gzip, &encoded, 7).unwrap(), b"one two");
        encoded.extend([0; 9]);
        assert_eq!(decode(Deflate::Gzip, &encoded, 7).unwrap(), b"one two");
        encoded.extend([0x1f, 0x8b, 7]);
        assert_eq!(decode(Deflate::Gzip, &encoded, 7).unwrap(), b"one two");
        let twice = [gzip(b"one"), gzip(b"one")].concat();
        assert!(matches!(decode(Deflate::Gzip, &twice, 3), Err(Fault::Full)));
        let zlib_then_zlib = [zlib(b"one"), zlib(b"two")].concat();
        assert_eq!(decode(Deflate::Zlib, &zlib_then_zlib, 9).unwrap(), b"one");
    }
}
