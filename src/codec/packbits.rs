//! Booleans, eight in a byte, as numcodecs' `PackBits` writes them: the number of unused bits, then bytes, highest bit first.

use super::contract::{Codec, Fault};
use crate::resources::{Cancellation, STEP};

/// Booleans as bits.
#[derive(Clone, Copy, Debug)]
pub struct PackBits;

impl Codec for PackBits {
    fn name(&self) -> &'static str {
        "packbits"
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        Some(decoded.div_ceil(8).saturating_add(1))
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let Some((&unused, bytes)) = encoded.split_first() else {
            return Err(Fault::Corrupt("no byte says how many bits are unused".to_owned()));
        };
        let bits = bytes.len().saturating_mul(8).checked_sub(unused.into()).filter(|_| unused < 8);
        let bits = bits.ok_or_else(|| Fault::Corrupt(format!("{unused} bits of {} bytes are unused", bytes.len())))?;
        let values = decoded.get_mut(..bits).ok_or(Fault::Full)?;
        for (values, bytes) in values.chunks_mut(STEP).zip(bytes.chunks(STEP / 8)) {
            cancellation.check()?;
            for (values, byte) in values.chunks_mut(8).zip(bytes) {
                for (value, bit) in values.iter_mut().zip((0..8).rev()) {
                    *value = byte >> bit & 1;
                }
            }
        }
        Ok(bits)
    }
}
