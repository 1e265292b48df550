//! Checksums that travel with a chunk: four bytes before or behind what they were made of.

use std::ops::Range;

use crc_fast::CrcAlgorithm;

/// What a checksum is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Fletcher's checksum over 16-bit big-endian words, as HDF5 makes it (filter 3, `H5_checksum_fletcher32`).
    Fletcher32,
    /// CRC-32 of zlib and gzip.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// Adler-32 of zlib.
    Adler32,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before the data.
    Start,
    /// Behind the data.
    End,
}

/// A checksum of four bytes, little-endian.
#[derive(Clone, Copy, Debug)]
pub struct Checksum {
    /// What it is made by.
    pub algorithm: Algorithm,
    /// Where it stands.
    pub place: Position,
}

impl Checksum {
    /// Bytes that it takes.
    pub const LEN: usize = 4;

    /// Name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Fletcher32 => "fletcher32",
            Algorithm::Crc32 => "crc32",
            Algorithm::Crc32c => "crc32c",
            Algorithm::Adler32 => "adler32",
        }
    }

    /// Where the data is, if the checksum is right.
    ///
    /// # Errors
    /// If it is not, or there is none.
    pub fn payload(&self, bytes: &[u8]) -> Result<Range<usize>, String> {
        let len = bytes.len().checked_sub(Self::LEN);
        let (split, len) = match self.place {
            Position::Start => (bytes.split_first_chunk(), len),
            Position::End => (bytes.split_last_chunk().map(|(data, sum)| (sum, data)), len),
        };
        let (Some((sum, data)), Some(len)) = (split, len) else {
            return Err(format!("{} bytes have no room for a checksum", bytes.len()));
        };
        let (stored, computed) = (u32::from_le_bytes(*sum), self.algorithm.sum(data));
        if !self.algorithm.is_same(stored, computed) {
            return Err(format!("the checksum in the chunk is {stored:08x}, that of its data {computed:08x}"));
        }
        Ok(match self.place {
            Position::Start => Self::LEN..bytes.len(),
            Position::End => 0..len,
        })
    }
}

impl Algorithm {
    fn sum(self, data: &[u8]) -> u32 {
        // These CRCs have 32 bits.
        let crc = |algorithm| u32::try_from(crc_fast::checksum(algorithm, data)).unwrap_or_default();
        match self {
            Self::Fletcher32 => fletcher32(data),
            Self::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            Self::Adler32 => simd_adler32::adler32(&data),
        }
    }

    /// HDF5 before 1.6.3 wrote the bytes of each half of a Fletcher checksum in the other order, and reads both.
    fn is_same(self, stored: u32, computed: u32) -> bool {
        let halves_swapped = (stored >> 8 & 0x00ff_00ff) | (stored & 0x00ff_00ff) << 8;
        stored == computed || self == Self::Fletcher32 && halves_swapped == computed
    }
}

/// Words after which sums are reduced: the second of them grows with the square of this.
const WORDS: u16 = 256;

/// The same in bytes.
const BLOCK: usize = 2 * WORDS as usize;

/// Both sums modulo 65535, each in 16 bits, where 65535 stands for zero unless the data is empty or all zero; a last odd
/// byte is the high one of a word.
fn fletcher32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (0_u64, 0_u64);
    let (blocks, rest) = data.as_chunks::<BLOCK>();
    for block in blocks {
        let (sum, weighted) = sums(block);
        b = fold(b + u64::from(WORDS) * a + weighted);
        a = fold(a + sum);
    }
    let (words, last) = rest.as_chunks::<2>();
    let last = last.first().map(|&byte| u64::from(byte) << 8);
    for word in words.iter().map(|&word| u64::from(u16::from_be_bytes(word))).chain(last) {
        a = fold(a + word);
        b = fold(b + a);
    }
    // Both have 16 bits.
    u32::try_from(b << 16 | a).unwrap_or_default()
}

/// The same number modulo 65535 in 16 bits; 0 for 0 alone.
const fn fold(sum: u64) -> u64 {
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    (sum & 0xffff) + (sum >> 16)
}

/// The sum of a block's words, and that of all its partial sums: each word as often as words follow it, itself included.
#[multiversion::multiversion(targets = "simd")]
fn sums(block: &[u8; BLOCK]) -> (u64, u64) {
    let (mut sum, mut weighted) = (0_u32, 0_u32);
    let mut weight = u32::from(WORDS);
    for word in block.as_chunks::<2>().0 {
        let word = u32::from(u16::from_be_bytes(*word));
        sum = sum.wrapping_add(word);
        // At most 65535 × 256 × 257 / 2, which 32 bits hold.
        weighted = weighted.wrapping_add(word.wrapping_mul(weight));
        weight = weight.wrapping_sub(1);
    }
    (sum.into(), weighted.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As HDF5's documentation tells it, word by word.
    fn plain_fletcher32(data: &[u8]) -> u32 {
        let (mut a, mut b) = (0_u32, 0_u32);
        for word in data.chunks(2) {
            a += u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or_default());
            a = (a & 0xffff) + (a >> 16);
            b += a;
            b = (b & 0xffff) + (b >> 16);
        }
        b << 16 | a
    }

    #[test]
    fn sums_by_blocks_are_those_of_words_one_by_one() {
        for len in [0, 1, 2, 3, 511, 512, 513, 1024, 5000, 100_001] {
            for data in [vec![0; len], vec![255; len], (0..len).map(|i| u8::try_from(i * i % 251).unwrap()).collect()] {
                assert_eq!(fletcher32(&data), plain_fletcher32(&data), "{len}");
            }
        }
    }

    #[test]
    fn a_checksum_is_found_on_either_side_and_a_wrong_one_is_told() {
        let data = b"123456789";
        for (algorithm, sum) in
            [(Algorithm::Crc32, 0xcbf4_3926_u32), (Algorithm::Crc32c, 0xe306_9283), (Algorithm::Adler32, 0x091e_01de)]
        {
            let sum = sum.to_le_bytes();
            let checksum = |place| Checksum { algorithm, place };
            assert_eq!(checksum(Position::Start).payload(&[&sum, &data[..]].concat()), Ok(4..13), "{algorithm:?}");
            assert_eq!(checksum(Position::End).payload(&[&data[..], &sum].concat()), Ok(0..9), "{algorithm:?}");
            assert!(checksum(Position::End).payload(&[&data[1..], &sum].concat()).unwrap_err().contains("checksum"));
            assert!(checksum(Position::End).payload(&sum[1..]).unwrap_err().contains("no room"));
        }
    }
}
