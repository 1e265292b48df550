//! LZF (`LibLZF` by Marc Lehmann), as h5py's filter 32000 writes it: runs of literals and near matches, no header.

use super::{
    blosclz::copy_match,
    contract::{Codec, Fault},
    parts::{take, take_slice},
};
use crate::resources::{Cancellation, STEP};

/// LZF.
#[derive(Clone, Copy, Debug)]
pub struct Lzf;

impl Codec for Lzf {
    fn name(&self) -> &'static str {
        "lzf"
    }

    /// A byte in a run of its own takes two.
    fn longest_encoded(&self, decoded: usize) -> usize {
        decoded.saturating_mul(2)
    }

    fn decode(&self, mut encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let (mut written, mut next_look) = (0_usize, 0);
        while !encoded.is_empty() {
            if written >= next_look {
                cancellation.check()?;
                next_look = written + STEP;
            }
            let [control] = take(&mut encoded)?;
            let control = usize::from(control);
            let len = if control < 32 {
                let literals = take_slice(&mut encoded, control + 1)?;
                decoded.get_mut(written..written + literals.len()).ok_or(Fault::Full)?.copy_from_slice(literals);
                literals.len()
            } else {
                let more = if control >> 5 == 7 { take::<1>(&mut encoded)?[0] } else { 0 };
                let [low] = take(&mut encoded)?;
                let (len, distance) = ((control >> 5) + usize::from(more) + 2, (control & 31) << 8 | usize::from(low));
                copy_match(decoded, written, distance + 1, len)?;
                len
            };
            written += len;
        }
        Ok(written)
    }
}
