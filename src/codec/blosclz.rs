//! `BloscLZ`, the compressor that c-blosc brings along: `FastLZ` with far matches.

use super::{
    contract::Fault,
    parts::{early_end, take, take_slice},
};
use crate::resources::{Cancellation, STEP};

/// Farthest match whose distance has thirteen bits; farther ones have it in sixteen more.
const NEAR: usize = 8191;

/// Decodes a stream that fills `decoded`.
pub(super) fn decode(mut encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<(), Fault> {
    let (mut written, mut next_look) = (0_usize, 0);
    // The first byte is of a run of literals, whatever else it says.
    let mut mask = 31;
    while written < decoded.len() {
        if written >= next_look {
            cancellation.check()?;
            next_look = written + STEP;
        }
        let [control] = take(&mut encoded)?;
        let control = usize::from(control & mask);
        mask = 255;
        if control < 32 {
            let literals = take_slice(&mut encoded, control + 1)?;
            decoded.get_mut(written..written + literals.len()).ok_or(Fault::Full)?.copy_from_slice(literals);
            written += literals.len();
        } else {
            let (distance, len) = matched(control, &mut encoded)?;
            copy_match(decoded, written, distance, len)?;
            written += len;
        }
    }
    Ok(())
}

/// Distance and length of a match.
fn matched(control: usize, encoded: &mut &[u8]) -> Result<(usize, usize), Fault> {
    let mut len = (control >> 5) + 2;
    if control >> 5 == 7 {
        loop {
            let [more] = take(encoded)?;
            len = len.checked_add(usize::from(more)).ok_or_else(early_end)?;
            if more != 255 {
                break;
            }
        }
    }
    let high = (control & 31) << 8;
    let [low] = take(encoded)?;
    if low == 255 && high == 31 << 8 {
        return Ok((usize::from(u16::from_be_bytes(take(encoded)?)) + NEAR + 1, len));
    }
    Ok((high + usize::from(low) + 1, len))
}

/// Repeats `len` bytes from `distance` before `at`; they may reach into what is written meanwhile.
pub(super) fn copy_match(decoded: &mut [u8], at: usize, distance: usize, len: usize) -> Result<(), Fault> {
    let start = at
        .checked_sub(distance)
        .filter(|start| *start < at)
        .ok_or_else(|| Fault::Corrupt("a match begins before the data, or nowhere".to_owned()))?;
    let end = at.checked_add(len).filter(|end| *end <= decoded.len()).ok_or(Fault::Full)?;
    let mut done = at;
    while done < end {
        // All that is there from the start of the match on repeats itself.
        let part = (done - start).min(end - done);
        decoded.copy_within(start..start + part, done);
        done += part;
    }
    Ok(())
}
