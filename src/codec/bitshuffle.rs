//! Bitshuffle (Masui et al. 2015): all first bits of the elements of a block, then all second bits, and so on.

use super::{
    contract::{Codec, Fault},
    lz4,
    parts::{early_end, for_each_byte, len, take, take_slice},
    zstd,
};
use crate::array::join_planes;
use crate::resources::{Cancellation, Cancelled};

/// Elements that are put together at one time: what that takes stays in the nearest cache.
const STRIP: usize = 512;

/// Largest element, in bytes: those of HDF5's compound types are no numbers.
const MAX_ELEMENT_SIZE: usize = 16;

/// Blocks of that many bytes are made where nobody says otherwise, and of no fewer elements than that.
const TARGET_BLOCK_LEN: usize = 8192;
const MIN_BLOCK_ELEMENTS: usize = 128;

/// What the bits of a block were compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// Nothing.
    None,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// HDF5's filter 32008. Elements that make no eight lie behind the last block as they were.
///
/// Compressed chunks begin with the decoded length in eight bytes and that of a block in four; each block has its
/// encoded length before it in four; all big-endian.
#[derive(Clone, Copy, Debug)]
pub struct Bitshuffle {
    element_size: usize,
    /// Elements of a block; a compressed chunk says it itself.
    block_elements: usize,
    inner: Inner,
}

impl Bitshuffle {
    /// For elements of this size in bytes, in blocks of so many of them; 0 for as many as are usual.
    ///
    /// # Errors
    /// If either makes no sense.
    pub fn new(element_size: usize, block_elements: usize, inner: Inner) -> Result<Self, String> {
        if element_size == 0 || element_size > MAX_ELEMENT_SIZE {
            return Err(format!("bitshuffle is for elements of 1 to {MAX_ELEMENT_SIZE} bytes, not {element_size}"));
        }
        let usual = (TARGET_BLOCK_LEN / element_size / 8 * 8).max(MIN_BLOCK_ELEMENTS);
        let block_elements = if block_elements == 0 { usual } else { block_elements };
        if !block_elements.is_multiple_of(8) {
            return Err(format!("blocks of {block_elements} elements do not have whole bytes of bits"));
        }
        Ok(Self { element_size, block_elements, inner })
    }

    fn decode_plain(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let decoded = decoded.get_mut(..encoded.len()).ok_or(Fault::Full)?;
        let block_len = self.block_elements.saturating_mul(self.element_size);
        let (bits, rest) = encoded.split_at(self.whole_len(encoded.len())?);
        let (blocks, decoded_rest) = decoded.split_at_mut(bits.len());
        for (bits, block) in bits.chunks(block_len).zip(blocks.chunks_mut(block_len)) {
            join_bits(bits, self.element_size, block, cancellation)?;
        }
        decoded_rest.copy_from_slice(rest);
        Ok(encoded.len())
    }

    fn decode_compressed(
        &self,
        mut encoded: &[u8],
        decoded: &mut [u8],
        cancellation: &Cancellation,
    ) -> Result<usize, Fault> {
        let claimed = usize::try_from(u64::from_be_bytes(take(&mut encoded)?)).map_err(|_| Fault::Full)?;
        let block_len = len(u32::from_be_bytes(take(&mut encoded)?))?;
        let decoded = decoded.get_mut(..claimed).ok_or(Fault::Full)?;
        let whole = block_len.is_multiple_of(8 * self.element_size);
        if block_len == 0 || !whole {
            return Err(Fault::Corrupt(format!("blocks of {block_len} bytes")));
        }
        let (blocks, rest) = decoded.split_at_mut(self.whole_len(claimed)?);
        let mut bits = vec![0; block_len.min(blocks.len())];
        for block in blocks.chunks_mut(block_len) {
            let encoded_len = len(u32::from_be_bytes(take(&mut encoded)?))?;
            let encoded = take_slice(&mut encoded, encoded_len)?;
            let bits = bits.get_mut(..block.len()).ok_or_else(early_end)?;
            self.decode_block(encoded, bits, cancellation)?;
            join_bits(bits, self.element_size, block, cancellation)?;
        }
        rest.copy_from_slice(encoded.get(..rest.len()).ok_or_else(early_end)?);
        Ok(claimed)
    }

    fn decode_block(&self, encoded: &[u8], bits: &mut [u8], cancellation: &Cancellation) -> Result<(), Fault> {
        match self.inner {
            Inner::Zstd => match zstd::decode(encoded, bits, cancellation)? {
                written if written == bits.len() => Ok(()),
                written => Err(Fault::Corrupt(format!("a block decodes to {written} bytes, not {}", bits.len()))),
            },
            Inner::Lz4 | Inner::None => lz4::decode_block(encoded, bits, cancellation),
        }
    }

    /// The part of `len` bytes that is in blocks of bits.
    fn whole_len(&self, len: usize) -> Result<usize, Fault> {
        let size = self.element_size;
        if !len.is_multiple_of(size) {
            return Err(Fault::Unsuited(format!("element_size {size} does not divide the {len} bytes of the chunk")));
        }
        Ok(len - len % (8 * size))
    }
}

impl Codec for Bitshuffle {
    fn name(&self) -> &'static str {
        "bitshuffle"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        (self.inner == Inner::None).then_some(encoded)
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        (self.inner == Inner::None).then_some(decoded)
    }

    /// The shortest block has eight bytes, and four more for its length.
    fn longest_encoded(&self, decoded: usize) -> usize {
        match self.inner {
            Inner::None => decoded,
            Inner::Lz4 => for_each_byte(2, decoded),
            Inner::Zstd => for_each_byte(4, decoded),
        }
    }

    fn scratch_len(&self, decoded: usize) -> usize {
        match self.inner {
            Inner::None => 0,
            Inner::Lz4 => decoded,
            Inner::Zstd => decoded.saturating_add(zstd::Zstd.scratch_len(decoded)),
        }
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        match self.inner {
            Inner::None => self.decode_plain(encoded, decoded, cancellation),
            Inner::Lz4 | Inner::Zstd => self.decode_compressed(encoded, decoded, cancellation),
        }
    }
}

/// Puts elements of a block together, of which there are a multiple of eight: for each byte of an element there are eight
/// rows, one of each bit, lowest first.
pub(super) fn join_bits(
    bits: &[u8],
    element_size: usize,
    elements: &mut [u8],
    cancellation: &Cancellation,
) -> Result<(), Cancelled> {
    let row_len = bits.len() / (8 * element_size);
    let strip_len = STRIP.min(elements.len() / element_size);
    let mut planes = vec![0; strip_len * element_size];
    for (strip, elements) in elements.chunks_mut((strip_len * element_size).max(1)).enumerate() {
        cancellation.check()?;
        let count = elements.len() / element_size;
        let first = strip * (strip_len / 8);
        for (byte, plane) in planes.chunks_exact_mut(strip_len).enumerate() {
            let rows: [&[u8]; 8] = std::array::from_fn(|bit| {
                let row = (8 * byte + bit) * row_len + first;
                bits.get(row..row + count / 8).unwrap_or_default()
            });
            let Some(plane) = plane.get_mut(..count) else { return Ok(()) };
            join_planes::<8, 32>(rows, plane);
            transpose_bits(plane);
        }
        let plane = |byte: usize| planes.get(byte * strip_len..byte * strip_len + count).unwrap_or_default();
        match element_size {
            1 => elements.copy_from_slice(plane(0)),
            2 => join_planes::<2, 64>(std::array::from_fn(plane), elements),
            4 => join_planes::<4, 64>(std::array::from_fn(plane), elements),
            8 => join_planes::<8, 32>(std::array::from_fn(plane), elements),
            size => {
                for byte in 0..size {
                    for (slot, &source) in elements.iter_mut().skip(byte).step_by(size).zip(plane(byte)) {
                        *slot = source;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Each eight bytes are eight rows of eight bits, of which they become the columns.
#[multiversion::multiversion(targets = "simd")]
fn transpose_bits(bytes: &mut [u8]) {
    for rows in bytes.as_chunks_mut::<8>().0 {
        let mut x = u64::from_le_bytes(*rows);
        // Blocks of one, two and four bits change places across the diagonal (Hacker's Delight, 7-3).
        let t = (x ^ x >> 7) & 0x00aa_00aa_00aa_00aa;
        x ^= t ^ t << 7;
        let t = (x ^ x >> 14) & 0x0000_cccc_0000_cccc;
        x ^= t ^ t << 14;
        let t = (x ^ x >> 28) & 0x0000_0000_f0f0_f0f0;
        x ^= t ^ t << 28;
        *rows = x.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffle_bits(elements: &[u8], size: usize) -> Vec<u8> {
        let count = elements.len() / size;
        let mut bits = vec![0; elements.len()];
        for i in 0..count {
            for bit in 0..8 * size {
                let value = elements[i * size + bit / 8] >> (bit % 8) & 1;
                bits[bit * (count / 8) + i / 8] |= value << (i % 8);
            }
        }
        bits
    }

    #[test]
    fn bits_come_together() {
        for size in [1, 2, 3, 4, 8, 12, 16] {
            for count in [0, 8, 64, 504, 512, 520, 2048] {
                let elements: Vec<u8> = (0..size * count).map(|i| u8::try_from(i * i * 7 % 251).unwrap()).collect();
                let mut joined = vec![0; elements.len()];
                join_bits(&shuffle_bits(&elements, size), size, &mut joined, &Cancellation::never()).unwrap();
                assert_eq!(joined, elements, "{count} of {size} bytes");
            }
        }
    }

    #[test]
    fn what_makes_no_eight_stays_as_it_was() {
        let codec = Bitshuffle::new(2, 8, Inner::None).unwrap();
        let elements: Vec<u8> = (0..2 * (8 + 8 + 3)).collect();
        let encoded = [shuffle_bits(&elements[..16], 2), shuffle_bits(&elements[16..32], 2), elements[32..].to_vec()];
        let mut decoded = vec![0; elements.len()];
        assert_eq!(codec.decode(&encoded.concat(), &mut decoded, &Cancellation::never()).unwrap(), elements.len());
        assert_eq!(decoded, elements);
        assert!(matches!(codec.decode(&[0; 7], &mut decoded, &Cancellation::never()), Err(Fault::Unsuited(_))));
        assert!(Bitshuffle::new(0, 0, Inner::None).is_err() && Bitshuffle::new(4, 12, Inner::None).is_err());
    }

    #[test]
    fn blocks_may_be_larger_than_the_chunk() {
        let codec = Bitshuffle::new(4, 0, Inner::Zstd).unwrap();
        let elements: Vec<u8> = (0..4 * 19).collect();
        let bits = zstd_of(&shuffle_bits(&elements[..64], 4));
        let mut encoded = [76_u64.to_be_bytes().as_slice(), &65_536_u32.to_be_bytes()].concat();
        encoded.extend(u32::try_from(bits.len()).unwrap().to_be_bytes());
        encoded.extend(bits);
        encoded.extend(&elements[64..]);
        let mut decoded = vec![0; 80];
        assert_eq!(codec.decode(&encoded, &mut decoded, &Cancellation::never()).unwrap(), 76);
        assert_eq!(decoded[..76], elements);
    }

    fn zstd_of(data: &[u8]) -> Vec<u8> {
        ::zstd::bulk::compress(data, 1).unwrap()
    }
}
