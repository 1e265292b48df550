//! LZ4 blocks, in the two frames that climate data has.

use lz4::block::decompress_to_buffer;

use super::{
    blosclz::copy_match,
    contract::{Codec, Fault},
    parts::{for_each_byte, len, take, take_slice},
};
use crate::resources::{Cancellation, STEP};

/// numcodecs: the decoded length in four bytes, little-endian, and one block.
#[derive(Clone, Copy, Debug)]
pub struct Lz4;

/// HDF5 (filter 32004): the decoded length in eight bytes and that of a block in four, then blocks, each with its encoded
/// length before it; all big-endian. A block that is as long as before was left as it was.
#[derive(Clone, Copy, Debug)]
pub struct Hdf5Lz4;

impl Codec for Lz4 {
    fn name(&self) -> &'static str {
        "lz4"
    }

    /// Literals alone, of which each 255 take a byte more.
    fn longest_encoded(&self, decoded: usize) -> usize {
        decoded.saturating_add(decoded / 255).saturating_add(64)
    }

    fn decode(&self, mut encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let claimed = len(u32::from_le_bytes(take(&mut encoded)?))?;
        let room = decoded.get_mut(..claimed).ok_or(Fault::Full)?;
        decode_block(encoded, room, cancellation)?;
        Ok(claimed)
    }
}

impl Codec for Hdf5Lz4 {
    fn name(&self) -> &'static str {
        "lz4"
    }

    /// A byte in a block of its own takes six: four for its length, and two if it was not left as it was.
    fn longest_encoded(&self, decoded: usize) -> usize {
        for_each_byte(6, decoded)
    }

    fn decode(&self, mut encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let claimed = usize::try_from(u64::from_be_bytes(take(&mut encoded)?)).map_err(|_| Fault::Full)?;
        let block_len = len(u32::from_be_bytes(take(&mut encoded)?))?;
        let room = decoded.get_mut(..claimed).ok_or(Fault::Full)?;
        if block_len == 0 && claimed > 0 {
            return Err(Fault::Corrupt("blocks of no bytes".to_owned()));
        }
        for block in room.chunks_mut(block_len.max(1)) {
            let encoded_len = len(u32::from_be_bytes(take(&mut encoded)?))?;
            let encoded = take_slice(&mut encoded, encoded_len)?;
            cancellation.check()?;
            if encoded_len == block.len() {
                block.copy_from_slice(encoded);
            } else {
                decode_block(encoded, block, cancellation)?;
            }
        }
        Ok(claimed)
    }
}

/// Longest block that is decoded in one go, in bytes.
const LONGEST_AT_ONCE: usize = 16 << 20;

/// Decodes a block that fills `decoded`.
pub(super) fn decode_block(encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<(), Fault> {
    cancellation.check()?;
    let expected = decoded.len();
    let written = match i32::try_from(expected) {
        Ok(room) if expected <= LONGEST_AT_ONCE => decompress_to_buffer(encoded, Some(room), decoded)
            .map_err(|_| Fault::Corrupt(format!("a block is not valid, or decodes to more than {room} bytes"))),
        Ok(_) => decode_long_block(encoded, decoded, cancellation),
        Err(_) => Err(Fault::Unsuited("blocks of LZ4 end at 2 GiB".to_owned())),
    }?;
    if written == expected {
        return Ok(());
    }
    Err(Fault::Corrupt(format!("a block decodes to {written} bytes, not {expected}")))
}

/// Shortest match.
const MIN_MATCH: usize = 4;

/// The same with looks at whether somebody waits, which the library does not take: literals and matches in turn, of which
/// a token has the lengths in four bits each.
fn decode_long_block(mut encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
    let (mut written, mut next_look) = (0, 0);
    loop {
        if written >= next_look {
            cancellation.check()?;
            next_look = written + STEP;
        }
        let [token] = take(&mut encoded)?;
        let literals = length(token >> 4, &mut encoded)?;
        let literals = take_slice(&mut encoded, literals)?;
        decoded.split_at_mut(written).1.get_mut(..literals.len()).ok_or(Fault::Full)?.copy_from_slice(literals);
        written += literals.len();
        if encoded.is_empty() {
            return Ok(written);
        }
        let distance = usize::from(u16::from_le_bytes(take(&mut encoded)?));
        let len = length(token & 15, &mut encoded)?.saturating_add(MIN_MATCH);
        copy_match(decoded, written, distance, len)?;
        written += len;
    }
}

/// A length that goes on in further bytes if four bits are too few.
fn length(bits: u8, encoded: &mut &[u8]) -> Result<usize, Fault> {
    let mut len = usize::from(bits);
    if bits == 15 {
        loop {
            let [more] = take(encoded)?;
            len = len.saturating_add(more.into());
            if more != u8::MAX {
                break;
            }
        }
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_blocks_decode_as_short_ones_do() {
        let mut data: Vec<u8> = (0..300_000_u32).flat_map(|i| ((i / 7).wrapping_mul(i) % 251).to_le_bytes()).collect();
        data.resize(data.len() + 100_000, 7);
        data.extend(b"the end");
        let encoded = ::lz4::block::compress(&data, None, false).unwrap();
        let never = Cancellation::never();
        let (mut at_once, mut in_steps) = (vec![0; data.len()], vec![0; data.len()]);
        decode_block(&encoded, &mut at_once, &never).unwrap();
        assert_eq!(decode_long_block(&encoded, &mut in_steps, &never).unwrap(), data.len());
        assert!(at_once == data && in_steps == data);
        assert!(matches!(decode_long_block(&encoded, &mut in_steps[1..], &never), Err(Fault::Full)));
        for len in (0..encoded.len()).step_by(997) {
            let is_wrong = |decoded: Result<usize, Fault>| decoded.map_or(true, |written| written < data.len());
            assert!(is_wrong(decode_long_block(&encoded[..len], &mut in_steps, &never)), "{len}");
        }
        assert!(decode_long_block(&[0x10, 1, 0, 0, 0], &mut in_steps, &never).is_err(), "a match with itself");
    }
}
