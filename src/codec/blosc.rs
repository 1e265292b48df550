//! Chunks of Blosc 1 and 2: blocks, filtered and compressed each on its own.
//!
//! The formats are those of c-blosc's `README_CHUNK_FORMAT.rst` and c-blosc2's: 16 or 32 bytes of header, where each block
//! begins, and blocks, in one stream each or in one for each byte of an element, each stream with its length before it.

use std::num::NonZeroUsize;

use super::{
    bitshuffle::join_bits,
    blosclz,
    contract::{Codec, Fault},
    deflate::Deflate,
    lz4,
    parts::{early_end, for_each_byte, len, take, take_slice},
    shuffle,
    zstd::{self, Zstd},
};
use crate::resources::{Cancellation, Cancelled, STEP, step_of};

/// A chunk of Blosc 1, as numcodecs, Zarr and HDF5's filter 32001 write it; or one of Blosc 2.
#[derive(Clone, Copy, Debug)]
pub struct Blosc;

/// The version of the format that all of c-blosc 1 writes.
const FIRST: u8 = 2;

/// Those of c-blosc 2, and of what came before its first release.
const SECOND: std::ops::RangeInclusive<u8> = 3..=5;

/// No element of Blosc 1 is split into more streams than this.
const MAX_SPLITS: usize = 16;

/// No stream of Blosc 1 is of fewer bytes than this where elements are split.
const MIN_SPLIT_LEN: usize = 128;

/// Longest stream of Snappy, in bytes: its library decodes one in one go, however little somebody waits for it. Those that
/// c-blosc makes by itself are of a few MiB at most.
const LONGEST_SNAPPY: usize = 64 << 20;

/// What the header of a chunk says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    is_second: bool,
    shuffle: Shuffling,
    /// Whether elements were combined with those before them, or with those of the first block.
    is_delta: bool,
    inner: Inner,
    content: Content,
    may_split: bool,
    element_size: NonZeroUsize,
    /// Of what is shuffled, where that is not the element.
    shuffled_size: NonZeroUsize,
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

/// What follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Where each block begins, and the blocks.
    Blocks,
    /// The bytes as they are.
    Copy,
    /// Nothing but what all elements are.
    Same(Special),
}

/// Elements that need no blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    Zeros,
    NaNs,
    /// The one that follows the header.
    Repeated,
}

impl Codec for Blosc {
    fn name(&self) -> &'static str {
        "blosc"
    }

    /// A byte in a block of its own takes nine: four that say where it begins, and four how long it is.
    fn longest_encoded(&self, decoded: usize) -> usize {
        for_each_byte(9, decoded)
    }

    /// A block may be all of it.
    fn scratch_len(&self, decoded: usize) -> usize {
        decoded.saturating_add(Zstd.scratch_len(decoded))
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        decode_chunk(encoded, decoded, cancellation)
    }
}

/// What blocks are decoded with, one after the other.
pub(super) struct Work<'a> {
    /// Room for a block before its elements are put together.
    shuffled: Vec<u8>,
    /// Bytes of the chunk that no block has been made of: a format in which blocks could share theirs would take as long as it
    /// has blocks times bytes.
    unread: usize,
    cancellation: &'a Cancellation,
}

/// Decodes a chunk into the front of `decoded`: its length.
pub(super) fn decode_chunk(encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
    let (header, rest) = Header::of(encoded)?;
    let decoded = decoded.get_mut(..header.decoded_len).ok_or(Fault::Full)?;
    match header.content {
        Content::Blocks => {}
        Content::Copy => {
            decoded.copy_from_slice(rest.get(..decoded.len()).ok_or_else(early_end)?);
            return Ok(header.decoded_len);
        }
        Content::Same(special) => {
            fill(special, header.element_size, rest, decoded, cancellation)?;
            return Ok(header.decoded_len);
        }
    }
    let block_len = header.block_len.get().min(decoded.len());
    let mut work = header.work(encoded, block_len, cancellation);
    let (first, others) = decoded.split_at_mut(block_len);
    if !first.is_empty() {
        header.decode_block(encoded, 0, None, &mut work, first)?;
    }
    for (number, block) in others.chunks_mut(header.block_len.get()).enumerate() {
        header.decode_block(encoded, number + 1, Some(first), &mut work, block)?;
    }
    Ok(header.decoded_len)
}

/// Makes all elements the same.
pub(super) fn fill(
    special: Special,
    element_size: NonZeroUsize,
    value: &[u8],
    decoded: &mut [u8],
    cancellation: &Cancellation,
) -> Result<(), Fault> {
    let size = element_size.get();
    let element: &[u8] = match (special, size) {
        (Special::Zeros, _) => {
            decoded.fill(0);
            return Ok(());
        }
        (Special::NaNs, 4) => &f32::NAN.to_le_bytes(),
        (Special::NaNs, 8) => &f64::NAN.to_le_bytes(),
        (Special::NaNs, _) => return Err(Fault::Corrupt(format!("no NaN has {size} bytes"))),
        (Special::Repeated, _) => value.get(..size).ok_or_else(early_end)?,
    };
    for part in decoded.chunks_mut(step_of(size)) {
        cancellation.check()?;
        for slot in part.chunks_mut(size) {
            slot.copy_from_slice(element.get(..slot.len()).ok_or_else(early_end)?);
        }
    }
    Ok(())
}

impl Header {
    /// The header, and what follows it.
    pub(super) fn of(mut encoded: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let rest = &mut encoded;
        let [version, _, flags, element_size] = take(rest)?;
        let mut length = || len(u32::from_le_bytes(take(rest)?));
        let (decoded_len, block_len, _) = (length()?, length()?, length()?);
        let corrupt = |problem: &str| Fault::Corrupt(problem.to_owned());
        let is_second = SECOND.contains(&version);
        if version != FIRST && !is_second {
            return Err(Fault::Corrupt(format!("version {version} of the format is not known")));
        }
        let inner = match flags >> 5 {
            0 => Inner::BloscLz,
            1 => Inner::Lz4,
            2 => Inner::Snappy,
            3 => Inner::Zlib,
            4 => Inner::Zstd,
            number => return Err(Fault::Corrupt(format!("there is no compressor {number}"))),
        };
        let element_size = NonZeroUsize::new(element_size.into()).ok_or_else(|| corrupt("elements of no bytes"))?;
        let mut header = Self {
            is_second,
            shuffle: Shuffling::None,
            is_delta: false,
            inner,
            content: if flags & 2 == 0 { Content::Blocks } else { Content::Copy },
            may_split: flags & 16 == 0,
            element_size,
            shuffled_size: element_size,
            decoded_len,
            block_len: NonZeroUsize::new(block_len).or(NonZeroUsize::new(decoded_len)).unwrap_or(NonZeroUsize::MIN),
        };
        match (flags & 5, is_second) {
            (0, _) => {}
            (1, _) => header.shuffle = Shuffling::Bytes,
            (4, _) => header.shuffle = Shuffling::Bits,
            (_, true) => header.is_delta = true,
            (_, false) => return Err(corrupt("bytes and bits cannot both be shuffled")),
        }
        if is_second {
            // So far, that says that the filters stand in the second half of the header.
            let has_filters = std::mem::take(&mut header.is_delta);
            header.take_second_half(take(rest)?, has_filters)?;
        }
        Ok((header, encoded))
    }

    /// What Blosc 2 adds: six filters, a byte for each, and special chunks.
    fn take_second_half(&mut self, half: [u8; 16], has_filters: bool) -> Result<(), Fault> {
        let [filters @ .., _, _, _, _, _, _, _, _, _, flags] = half;
        let [_, _, _, _, _, _, _, _, parameters @ .., _, _] = half;
        for (filter, parameter) in filters.into_iter().zip(parameters).filter(|_| has_filters) {
            match filter {
                // The last one only drops bits.
                0 | 4 => {}
                1 => {
                    self.shuffle = Shuffling::Bytes;
                    self.shuffled_size = NonZeroUsize::new(parameter.into()).unwrap_or(self.element_size);
                }
                2 => self.shuffle = Shuffling::Bits,
                3 => self.is_delta = true,
                number => return Err(Fault::Unsuited(format!("filter {number} of Blosc 2 is not supported"))),
            }
        }
        self.content = match flags >> 4 & 7 {
            0 => self.content,
            // What was never written may be anything.
            1 | 4 => Content::Same(Special::Zeros),
            2 => Content::Same(Special::NaNs),
            3 => Content::Same(Special::Repeated),
            number => return Err(Fault::Corrupt(format!("there are no special elements {number}"))),
        };
        if flags & 1 != 0 {
            return Err(Fault::Unsuited("dictionaries of Blosc 2 are not supported".to_owned()));
        }
        Ok(())
    }

    pub(super) const fn element_size(&self) -> NonZeroUsize {
        self.element_size
    }

    pub(super) const fn decoded_len(&self) -> usize {
        self.decoded_len
    }

    pub(super) const fn block_len(&self) -> usize {
        self.block_len.get()
    }

    pub(super) const fn content(&self) -> Content {
        self.content
    }

    /// What blocks of this length need.
    pub(super) fn work<'a>(&self, encoded: &[u8], block_len: usize, cancellation: &'a Cancellation) -> Work<'a> {
        let shuffled = vec![0; if self.is_shuffled() { block_len } else { 0 }];
        Work { shuffled, unread: encoded.len(), cancellation }
    }

    fn is_shuffled(&self) -> bool {
        match self.shuffle {
            Shuffling::None => false,
            Shuffling::Bytes => self.shuffled_size.get() > 1,
            Shuffling::Bits => true,
        }
    }

    const fn len(&self) -> usize {
        if self.is_second { 32 } else { 16 }
    }

    /// Decodes one block of the chunk `encoded`, which fills `block`; `first` is the first one, once it is there.
    pub(super) fn decode_block(
        &self,
        encoded: &[u8],
        number: usize,
        first: Option<&[u8]>,
        work: &mut Work<'_>,
        block: &mut [u8],
    ) -> Result<(), Fault> {
        let Work { shuffled, unread, cancellation } = work;
        cancellation.check()?;
        let mut starts = encoded.get(self.len().saturating_add(number.saturating_mul(4))..).ok_or_else(early_end)?;
        let start = len(u32::from_le_bytes(take(&mut starts)?))?;
        let streams = encoded.get(start..).ok_or_else(early_end)?;
        if self.is_shuffled() {
            let shuffled = shuffled.get_mut(..block.len()).ok_or_else(early_end)?;
            self.decode_streams(streams, unread, shuffled, cancellation)?;
            self.unshuffle(shuffled, block, cancellation)?;
        } else {
            self.decode_streams(streams, unread, block, cancellation)?;
        }
        if self.is_delta {
            self.undo_delta(first, block, cancellation)?;
        }
        Ok(())
    }

    /// Decodes the streams of a block, which fill it. All blocks together cannot have more bytes than are `unread`.
    fn decode_streams(
        &self,
        mut streams: &[u8],
        unread: &mut usize,
        block: &mut [u8],
        cancellation: &Cancellation,
    ) -> Result<(), Fault> {
        let splits = self.splits(block.len());
        for part in block.chunks_exact_mut((block.len() / splits).max(1)) {
            let claimed = take(&mut streams)?;
            let run = i32::from_le_bytes(claimed);
            if self.is_second && run <= 0 {
                part.fill(byte_of_run(run, &mut streams)?);
                continue;
            }
            let encoded_len = len(u32::from_le_bytes(claimed))?;
            let encoded = take_slice(&mut streams, encoded_len)?;
            let left = unread.checked_sub(encoded_len);
            *unread = left.ok_or_else(|| Fault::Corrupt("blocks share their bytes".to_owned()))?;
            if encoded_len == part.len() {
                part.copy_from_slice(encoded);
            } else {
                self.decode_stream(encoded, part, cancellation)?;
            }
        }
        Ok(())
    }

    /// Streams of a block: one for each byte of an element, unless it is the last and shorter one.
    fn splits(&self, block_len: usize) -> usize {
        let size = self.element_size.get();
        let is_whole = block_len == self.block_len.get();
        let is_large = self.is_second || size <= MAX_SPLITS && block_len / size >= MIN_SPLIT_LEN;
        if self.may_split && is_whole && is_large && block_len.is_multiple_of(size) { size } else { 1 }
    }

    fn decode_stream(&self, encoded: &[u8], part: &mut [u8], cancellation: &Cancellation) -> Result<(), Fault> {
        let written = match self.inner {
            Inner::BloscLz => return blosclz::decode(encoded, part, cancellation),
            Inner::Lz4 => return lz4::decode_block(encoded, part, cancellation),
            Inner::Snappy if part.len() > LONGEST_SNAPPY => {
                return Err(Fault::Unsuited(format!("streams of Snappy end at {LONGEST_SNAPPY} bytes")));
            }
            Inner::Snappy => snap::raw::Decoder::new()
                .decompress(encoded, part)
                .map_err(|error| Fault::Corrupt(error.to_string()))?,
            Inner::Zlib => Deflate::Zlib.decode(encoded, part, cancellation)?,
            Inner::Zstd => zstd::decode(encoded, part, cancellation)?,
        };
        if written != part.len() {
            return Err(Fault::Corrupt(format!("a stream decodes to {written} bytes, not {}", part.len())));
        }
        Ok(())
    }

    /// Puts the elements of a block together; bytes that make none lie behind them, and so do bits of elements that make
    /// no eight: in Blosc 1 then all of them.
    fn unshuffle(&self, shuffled: &[u8], block: &mut [u8], cancellation: &Cancellation) -> Result<(), Cancelled> {
        let size = if self.shuffle == Shuffling::Bits { self.element_size } else { self.shuffled_size };
        let elements = shuffled.len() / size;
        let joined = match self.shuffle {
            Shuffling::Bits if self.is_second => elements - elements % 8,
            Shuffling::Bits if !elements.is_multiple_of(8) => 0,
            _ => elements,
        };
        let (whole, rest) = shuffled.split_at(joined * size.get());
        let (block, block_rest) = block.split_at_mut(whole.len());
        block_rest.copy_from_slice(rest);
        match self.shuffle {
            Shuffling::Bytes => shuffle::join(whole, size, block, cancellation),
            Shuffling::Bits => join_bits(whole, size.get(), block, cancellation),
            Shuffling::None => {
                block.copy_from_slice(whole);
                Ok(())
            }
        }
    }

    /// Elements were combined with those of the first block, whose own were with the ones before them; both by exclusive or.
    fn undo_delta(&self, first: Option<&[u8]>, block: &mut [u8], cancellation: &Cancellation) -> Result<(), Cancelled> {
        if let Some(first) = first {
            for (byte, first) in block.iter_mut().zip(first) {
                *byte ^= first;
            }
            return Ok(());
        }
        let size = match self.element_size.get() {
            size @ (1 | 2 | 4 | 8) => size,
            size if size.is_multiple_of(8) => 8,
            _ => 1,
        };
        let (elements, _) = block.split_at_mut(block.len() - block.len() % size);
        let mut before = [0; 8];
        for elements in elements.chunks_mut(STEP) {
            cancellation.check()?;
            for element in elements.chunks_mut(size) {
                for (byte, before) in element.iter_mut().zip(&mut before) {
                    *byte ^= *before;
                    *before = *byte;
                }
            }
        }
        Ok(())
    }
}

/// What a stream of one repeated byte is made of: nothing at all for zeros.
fn byte_of_run(run: i32, streams: &mut &[u8]) -> Result<u8, Fault> {
    if run == 0 {
        return Ok(0);
    }
    let [token] = take(streams)?;
    match u8::try_from(run.unsigned_abs()) {
        Ok(byte) if token & 1 == 1 => Ok(byte),
        _ => Err(Fault::Corrupt(format!("a run of the byte {run}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chunk of blocks of one stored byte each, at these places.
    fn chunk(starts: &[u32], streams: &[u8]) -> Vec<u8> {
        let blocks = u32::try_from(starts.len()).unwrap();
        let mut chunk = vec![2, 1, 16, 1];
        for number in [blocks, 1, 16 + 4 * blocks + u32::try_from(streams.len()).unwrap()].iter().chain(starts) {
            chunk.extend(number.to_le_bytes());
        }
        chunk.extend(streams);
        chunk
    }

    #[test]
    fn blocks_may_come_in_any_order_but_not_share_their_bytes_for_ever() {
        let (mut decoded, never) = ([0; 100], Cancellation::never());
        let streams = [1, 0, 0, 0, 7, 1, 0, 0, 0, 8];
        assert_eq!(decode_chunk(&chunk(&[29, 24], &streams), &mut decoded, &never).unwrap(), 2);
        assert_eq!(decoded[..2], [8, 7]);
        let long = [&600_u32.to_le_bytes()[..], &[0; 600]].concat();
        let shared = chunk(&[16 + 4 * 90; 90], &long);
        let told = format!("{:?}", decode_chunk(&shared, &mut decoded, &never).unwrap_err());
        assert!(told.contains("share"), "{told}");
    }
}
