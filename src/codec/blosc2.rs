//! Frames of Blosc 2, as HDF5's filter 32026 writes them: one chunk, and behind it where it is.
//!
//! The format is that of c-blosc2's `README_CFRAME_FORMAT.rst` and `README_B2ND_METALAYER.rst`: a header in msgpack with fields
//! at fixed places, chunks, an index of them that is a chunk itself, and a trailer. Arrays of several dimensions lie in blocks
//! of as many, padded at their ends.

use std::num::NonZeroUsize;

use ndarray::{ArrayView, ArrayViewD, ArrayViewMut, ArrayViewMutD, Axis, IxDyn, Slice};

use super::{
    blosc::{Blosc, Content, Header, Special, decode_chunk, fill},
    contract::{Codec, Fault},
    parts::{early_end, for_each_byte, take, take_slice},
};
use crate::array::write_each;
use crate::resources::Cancellation;

/// A frame of Blosc 2 with one chunk; or that chunk alone.
#[derive(Clone, Copy, Debug)]
pub struct Blosc2;

/// First bytes of every frame: the head of an array of 14 entries, and the first of them.
const MAGIC: &[u8] = b"\x9e\xa8b2frame\0";

/// Where the fields of the header are.
const HEADER_LEN: usize = 0x0b;
const DECODED_LEN: usize = 0x1e;
const CHUNKS_LEN: usize = 0x27;
const ELEMENT_SIZE: usize = 0x30;
const CHUNK_LEN: usize = 0x3a;
const LAYERS: usize = 0x57;

/// The layer that says that there are several dimensions.
const DIMENSIONS: &[u8] = b"b2nd";

/// As many as c-blosc2 knows.
const MAX_DIMENSIONS: usize = 16;

impl Codec for Blosc2 {
    fn name(&self) -> &'static str {
        "blosc2"
    }

    /// As in Blosc 1; and blocks of several dimensions are padded at their ends.
    fn longest_encoded(&self, decoded: usize) -> usize {
        for_each_byte(36, decoded)
    }

    /// Of three blocks: one as it is decoded, one as it was shuffled, and the first one, which others rest on.
    fn scratch_len(&self, decoded: usize) -> usize {
        decoded.saturating_mul(2).saturating_add(Blosc.scratch_len(decoded))
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        if encoded.starts_with(MAGIC) {
            decode_frame(encoded, decoded, cancellation)
        } else {
            decode_chunk(encoded, decoded, cancellation)
        }
    }
}

fn decode_frame(frame: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
    let header_len = number::<4>(frame, HEADER_LEN)?;
    let (decoded_len, chunk_len) = (number::<8>(frame, DECODED_LEN)?, number::<4>(frame, CHUNK_LEN)?);
    if decoded_len > chunk_len {
        return Err(Fault::Unsuited("frames of several chunks are not supported".to_owned()));
    }
    let chunks = frame.get(header_len..).ok_or_else(early_end)?;
    let index = chunks.get(number::<8>(frame, CHUNKS_LEN)?..).ok_or_else(early_end)?;
    let mut offset = [0; 8];
    if decoded_len > 0 && decode_chunk(index, &mut offset, cancellation)? != offset.len() {
        return Err(Fault::Corrupt("the index of chunks is not of one".to_owned()));
    }
    let blocks = Blocks::of(frame)?;
    let offset = i64::from_le_bytes(offset);
    if let Ok(offset) = usize::try_from(offset) {
        let chunk = chunks.get(offset..).ok_or_else(early_end)?;
        return match blocks {
            Some(blocks) => blocks.decode(chunk, decoded, cancellation),
            None => decode_chunk(chunk, decoded, cancellation),
        };
    }
    // Chunks whose elements are all the same are none: what they are stands in the index.
    let size = NonZeroUsize::new(number::<4>(frame, ELEMENT_SIZE)?).ok_or_else(early_end)?;
    let len = blocks.map_or(Some(decoded_len), |blocks| blocks.decoded_len(size.get())).ok_or(Fault::Full)?;
    let special = match offset >> 56 & 7 {
        1 | 4 => Special::Zeros,
        2 => Special::NaNs,
        number => return Err(Fault::Corrupt(format!("there are no special elements {number}"))),
    };
    fill(special, size, &[], decoded.get_mut(..len).ok_or(Fault::Full)?, cancellation)?;
    Ok(len)
}

/// A number of `N` bytes, big-endian as all of msgpack is.
fn number<const N: usize>(frame: &[u8], at: usize) -> Result<usize, Fault> {
    let bytes: [u8; N] = take(&mut frame.get(at..).ok_or_else(early_end)?)?;
    let number = bytes
        .into_iter()
        .try_fold(0_u64, |number, byte| number.checked_mul(256).and_then(|number| number.checked_add(byte.into())));
    number
        .and_then(|number| usize::try_from(number).ok())
        .filter(|&number| number <= isize::MAX.unsigned_abs())
        .ok_or(Fault::Full)
}

/// How an array lies in blocks.
#[derive(Debug)]
struct Blocks {
    shape: Vec<usize>,
    block_shape: Vec<usize>,
}

impl Blocks {
    /// Those that the header tells of; None if the array has one dimension, or nobody said how many.
    fn of(frame: &[u8]) -> Result<Option<Self>, Fault> {
        let mut layers = frame.get(LAYERS..).ok_or_else(early_end)?;
        // An array of three: its size in 16 bits, a map of 16 bits of entries, and what they are about.
        let [_, _, _, _, _, high, low] = take(&mut layers)?;
        for _ in 0..u16::from_be_bytes([high, low]) {
            let [name_len] = take(&mut layers)?;
            let name = take_slice(&mut layers, usize::from(name_len & 31))?;
            let [_, offset @ ..] = take::<5>(&mut layers)?;
            if name == DIMENSIONS {
                let offset = number::<4>(&offset, 0)?;
                return Self::read(frame.get(offset..).ok_or_else(early_end)?).map(Some);
            }
        }
        Ok(None)
    }

    /// The head of a binary, of an array, and its version; then the dimensions, and lists of as many.
    fn read(mut layer: &[u8]) -> Result<Self, Fault> {
        let [_, _, _, _, _, _, _, dimensions] = take(&mut layer)?;
        let dimensions = usize::from(dimensions);
        if dimensions == 0 || dimensions > MAX_DIMENSIONS {
            return Err(Fault::Corrupt(format!("{dimensions} dimensions")));
        }
        let shape = lengths::<8>(&mut layer, dimensions)?;
        let chunk_shape = lengths::<4>(&mut layer, dimensions)?;
        let block_shape = lengths::<4>(&mut layer, dimensions)?;
        let fits = block_shape.iter().zip(&shape).all(|(block, len)| (1..=*len).contains(block));
        if shape != chunk_shape || !fits {
            return Err(Fault::Unsuited("a frame of several chunks, or of blocks larger than they".to_owned()));
        }
        Ok(Self { shape, block_shape })
    }

    fn decoded_len(&self, element_size: usize) -> Option<usize> {
        self.shape.iter().try_fold(element_size, |len, &dimension| len.checked_mul(dimension))
    }

    /// Decodes the blocks of a chunk, each into its place.
    fn decode(&self, chunk: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let (header, rest) = Header::of(chunk)?;
        let size = header.element_size();
        let decoded_len = self.decoded_len(size.get()).ok_or(Fault::Full)?;
        let decoded = decoded.get_mut(..decoded_len).ok_or(Fault::Full)?;
        let block_len = self.block_shape.iter().try_fold(size.get(), |len, &dimension| len.checked_mul(dimension));
        if header.decoded_len() > 0 && block_len != Some(header.block_len()) {
            return Err(Fault::Corrupt(format!("blocks of {} bytes are not those of their shape", header.block_len())));
        }
        if let Content::Same(special) = header.content() {
            fill(special, size, rest, decoded, cancellation)?;
            return Ok(decoded_len);
        }
        let mut block = vec![0; header.block_len()];
        let mut work = header.work(chunk, block.len(), cancellation);
        let mut first: Option<Vec<u8>> = None;
        for number in 0..self.count() {
            if header.content() == Content::Copy {
                let bytes = rest.get(number.saturating_mul(block.len())..).and_then(|rest| rest.get(..block.len()));
                let bytes = bytes.ok_or_else(early_end)?;
                block.copy_from_slice(bytes);
            } else {
                header.decode_block(chunk, number, first.as_deref(), &mut work, &mut block)?;
            }
            self.put(number, &block, size.get(), decoded, cancellation)?;
            first = first.or_else(|| Some(block.clone()));
        }
        Ok(decoded_len)
    }

    fn blocks_along(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.shape.iter().zip(&self.block_shape).map(|(len, block)| len.div_ceil(*block))
    }

    fn count(&self) -> usize {
        self.blocks_along().product()
    }

    /// Copies what a block has of the array.
    fn put(
        &self,
        number: usize,
        block: &[u8],
        size: usize,
        decoded: &mut [u8],
        cancellation: &Cancellation,
    ) -> Result<(), Fault> {
        let (target, source) = self.places(number, block, size, decoded).ok_or_else(early_end)?;
        Ok(write_each(target, &source, cancellation, &|to, from| *to = *from)?)
    }

    /// The part of the array that a block has, and where that is in the block; None if it is too short.
    fn places<'a>(
        &self,
        mut number: usize,
        block: &'a [u8],
        size: usize,
        decoded: &'a mut [u8],
    ) -> Option<(ArrayViewMutD<'a, u8>, ArrayViewD<'a, u8>)> {
        let with_bytes = |shape: &[usize]| IxDyn(&[shape, &[size]].concat());
        let mut source = ArrayView::from_shape(with_bytes(&self.block_shape), block).ok()?;
        let mut target = ArrayViewMut::from_shape(with_bytes(&self.shape), decoded).ok()?;
        let along: Vec<usize> = self.blocks_along().collect();
        for (axis, count) in along.into_iter().enumerate().rev() {
            let (len, block) = (self.shape.get(axis)?, self.block_shape.get(axis)?);
            let start = number % count * block;
            let end = (start + block).min(*len);
            number /= count;
            target.slice_axis_inplace(Axis(axis), Slice::from(start..end));
            source.slice_axis_inplace(Axis(axis), Slice::from(0..end - start));
        }
        Some((target, source))
    }
}

/// A list of so many numbers of `N` bytes, each with its head.
fn lengths<const N: usize>(layer: &mut &[u8], count: usize) -> Result<Vec<usize>, Fault> {
    let [_] = take(layer)?;
    (0..count)
        .map(|_| {
            let [_] = take(layer)?;
            number::<N>(&take::<N>(layer)?, 0)
        })
        .collect()
}
