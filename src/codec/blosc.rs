//! Blosc 1: blocks, shuffled and compressed each on its own.
//!
//! The format is that of c-blosc's `README_CHUNK_FORMAT.rst`: 16 bytes of header, where each block begins, and blocks, in one
//! stream each or in one for each byte of an element, each stream with its length before it.

use std::num::NonZeroUsize;

use super::{
    Codec, Deflate, Fault,
    bitshuffle::join_bits,
    blosclz, lz4,
    parts::{early_end, len, take, take_slice},
    zstd::{self, Zstd},
};
use crate::array::{ByteOrder, Planes};

/// Blosc 1, whatever is inside.
#[derive(Clone, Copy, Debug)]
pub struct Blosc;

/// The version of the format that all of c-blosc 1 writes.
const VERSION: u8 = 2;

/// No element is split into more streams than this.
const MAX_SPLITS: usize = 16;

/// No stream is of fewer bytes than this where elements are split.
const MIN_SPLIT_LEN: usize = 128;

/// What the header says.
#[derive(Clone, Copy, Debug)]
struct Header {
    shuffle: Shuffling,
    inner: Inner,
    is_copy: bool,
    may_split: bool,
    element_size: NonZeroUsize,
    decoded_len: usize,
    block_len: NonZeroUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shuffling {
    None,
    Bytes,
    Bits,
}

#[derive(Clone, Copy, Debug)]
enum Inner {
    BloscLz,
    /// LZ4HC makes the same streams.
    Lz4,
    Snappy,
    Zlib,
    Zstd,
}

impl Codec for Blosc {
    fn name(&self) -> &'static str {
        "blosc"
    }

    fn decoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    fn encoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    /// A block may be all of it.
    fn scratch_len(&self, decoded: usize) -> usize {
        decoded.saturating_add(Zstd.scratch_len(decoded))
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
        let mut rest = encoded;
        let header = Header::take(&mut rest)?;
        let decoded = decoded.get_mut(..header.decoded_len).ok_or(Fault::Full)?;
        if header.is_copy {
            decoded.copy_from_slice(rest.get(..decoded.len()).ok_or_else(early_end)?);
            return Ok(header.decoded_len);
        }
        let block_len = header.block_len.get();
        let mut shuffled = vec![0; if header.is_shuffled() { block_len.min(decoded.len()) } else { 0 }];
        for block in decoded.chunks_mut(block_len) {
            let start = len(u32::from_le_bytes(take(&mut rest)?))?;
            let streams = encoded.get(start..).ok_or_else(early_end)?;
            if header.is_shuffled() {
                let shuffled = shuffled.get_mut(..block.len()).ok_or_else(early_end)?;
                header.decode_block(streams, shuffled)?;
                header.unshuffle(shuffled, block);
            } else {
                header.decode_block(streams, block)?;
            }
        }
        Ok(header.decoded_len)
    }
}

impl Header {
    fn take(rest: &mut &[u8]) -> Result<Self, Fault> {
        let [version, _, flags, element_size] = take(rest)?;
        let mut length = || len(u32::from_le_bytes(take(rest)?));
        let (decoded_len, block_len, _) = (length()?, length()?, length()?);
        let corrupt = |problem: &str| Fault::Corrupt(problem.to_owned());
        if version != VERSION {
            return Err(Fault::Corrupt(format!("version {version} of the format is not {VERSION}")));
        }
        let shuffle = match flags & 5 {
            0 => Shuffling::None,
            1 => Shuffling::Bytes,
            4 => Shuffling::Bits,
            _ => return Err(corrupt("bytes and bits cannot both be shuffled")),
        };
        let inner = match flags >> 5 {
            0 => Inner::BloscLz,
            1 => Inner::Lz4,
            2 => Inner::Snappy,
            3 => Inner::Zlib,
            4 => Inner::Zstd,
            number => return Err(Fault::Corrupt(format!("there is no compressor {number}"))),
        };
        Ok(Self {
            shuffle,
            inner,
            is_copy: flags & 2 != 0,
            may_split: flags & 16 == 0,
            element_size: NonZeroUsize::new(element_size.into()).ok_or_else(|| corrupt("elements of no bytes"))?,
            decoded_len,
            block_len: NonZeroUsize::new(block_len).or(NonZeroUsize::new(decoded_len)).unwrap_or(NonZeroUsize::MIN),
        })
    }

    fn is_shuffled(&self) -> bool {
        match self.shuffle {
            Shuffling::None => false,
            Shuffling::Bytes => self.element_size.get() > 1,
            Shuffling::Bits => true,
        }
    }

    /// Decodes the streams of a block, which fill it.
    fn decode_block(&self, mut streams: &[u8], block: &mut [u8]) -> Result<(), Fault> {
        let splits = self.splits(block.len());
        for part in block.chunks_exact_mut(block.len() / splits) {
            let encoded_len = len(u32::from_le_bytes(take(&mut streams)?))?;
            let encoded = take_slice(&mut streams, encoded_len)?;
            if encoded_len == part.len() {
                part.copy_from_slice(encoded);
            } else {
                self.decode_stream(encoded, part)?;
            }
        }
        Ok(())
    }

    /// Streams of a block: one for each byte of an element, unless it is the last and shorter one.
    fn splits(&self, block_len: usize) -> usize {
        let size = self.element_size.get();
        let is_whole = block_len == self.block_len.get();
        let splits = self.may_split && is_whole && size <= MAX_SPLITS && block_len / size >= MIN_SPLIT_LEN;
        if splits && block_len.is_multiple_of(size) { size } else { 1 }
    }

    fn decode_stream(&self, encoded: &[u8], part: &mut [u8]) -> Result<(), Fault> {
        let written = match self.inner {
            Inner::BloscLz => return blosclz::decode(encoded, part),
            Inner::Lz4 => return lz4::decode_block(encoded, part),
            Inner::Snappy => snap::raw::Decoder::new()
                .decompress(encoded, part)
                .map_err(|error| Fault::Corrupt(error.to_string()))?,
            Inner::Zlib => Deflate::Zlib.decode(encoded, part)?,
            Inner::Zstd => zstd::decode(encoded, part)?,
        };
        if written != part.len() {
            return Err(Fault::Corrupt(format!("a stream decodes to {written} bytes, not {}", part.len())));
        }
        Ok(())
    }

    /// Puts the elements of a block together; bytes that make none lie behind them, and so do bits of elements that make
    /// no eight.
    fn unshuffle(&self, shuffled: &[u8], block: &mut [u8]) {
        let size = self.element_size.get();
        let elements = shuffled.len() / size;
        let joined = match self.shuffle {
            Shuffling::Bits if !elements.is_multiple_of(8) => 0,
            _ => elements * size,
        };
        let (whole, rest) = shuffled.split_at(joined);
        let (block, block_rest) = block.split_at_mut(joined);
        block_rest.copy_from_slice(rest);
        match (self.shuffle, Planes::of(whole, self.element_size)) {
            (Shuffling::Bytes, Some(planes)) => planes.join(0, ByteOrder::NATIVE, block),
            (Shuffling::Bits, _) => join_bits(whole, size, block),
            _ => block.copy_from_slice(whole),
        }
    }
}
