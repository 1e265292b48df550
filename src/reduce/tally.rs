//! Slots of elements → counts.

use multiversion::multiversion;

use super::finder::NO_SLOT;
use crate::array::Word;

/// Slots that are told apart by a byte; those of the bins are fewer.
const SLOTS: usize = 256;

/// Counts side by side, to each of which every eighth element adds: where neighbours fall into one bin, none waits for the one
/// before it.
pub(super) type Ways = [[u32; SLOTS]; WAYS];

const WAYS: usize = 8;

/// Nothing counted.
pub(super) const NO_WAYS: Ways = [[0; SLOTS]; WAYS];

/// Puts elements whose mask is not set into no bin.
#[multiversion(targets = "simd")]
pub(super) fn leave_out<W: Word>(masks: &[W], slots: &mut [u32]) {
    for (slot, &mask) in slots.iter_mut().zip(masks) {
        *slot = if mask == W::NONE { NO_SLOT } else { *slot };
    }
}

/// Counts the slots of elements of one result.
pub(super) fn count_row(slots: &[u32], ways: &mut Ways, counts: &mut [u64]) {
    if counts.len() < SLOTS && slots.len() >= WAYS * counts.len() {
        // Slots of no bin are cut to the last one, which is that of none.
        count_in_ways(slots, ways, |&slot| u8::try_from(slot).unwrap_or(u8::MAX));
        add(ways, counts);
        return;
    }
    for &slot in slots {
        if let Some(count) = counts.get_mut(slot as usize) {
            *count += 1;
        }
    }
}

/// Counts what bytes stand for elements.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "a byte, below the number of slots")]
fn count_in_ways<E>(elements: &[E], ways: &mut Ways, byte: impl Fn(&E) -> u8) {
    let (groups, rest) = elements.as_chunks::<WAYS>();
    for group in groups {
        for (way, element) in ways.iter_mut().zip(group) {
            let count = &mut way[usize::from(byte(element))];
            *count = count.wrapping_add(1);
        }
    }
    for (way, element) in ways.iter_mut().zip(rest) {
        let count = &mut way[usize::from(byte(element))];
        *count = count.wrapping_add(1);
    }
}

/// Elements of 8 bits that are counted one by one before their bins are found, which costs as much as some hundred elements.
pub(super) const MANY_BYTES: usize = 1024;

/// Counts elements of 8 bits, of which `slots` has those of all values.
pub(super) fn count_bytes(bytes: &[u8], slots: &[u32], ways: &mut Ways, counts: &mut [u64]) {
    count_in_ways(bytes, ways, |&byte| byte);
    let sums = summed(ways);
    for (value, &slot) in slots.iter().take(SLOTS).enumerate() {
        if let (Some(count), Some(&more)) = (counts.get_mut(slot as usize), sums.get(value)) {
            *count += u64::from(more);
        }
    }
}

/// What has been counted in all ways, which is forgotten.
#[multiversion(targets = "simd")]
fn summed(ways: &mut Ways) -> [u32; SLOTS] {
    let mut sums = [0; SLOTS];
    for way in ways {
        for (sum, more) in sums.iter_mut().zip(way) {
            *sum += std::mem::take(more);
        }
    }
    sums
}

/// Adds what has been counted in each way, and forgets it.
#[multiversion(targets = "simd")]
fn add(ways: &mut Ways, counts: &mut [u64]) {
    // What slots of no bin have counted is never looked at.
    for way in ways {
        for (count, more) in counts.iter_mut().zip(way) {
            *count += u64::from(std::mem::take(more));
        }
    }
}

/// Counts the slot of one element of each result, all of which have so many bins.
pub(super) fn count_columns(slots: &[u32], bins: usize, counts: &mut [u64]) {
    for (&slot, counts) in slots.iter().zip(counts.chunks_exact_mut(bins.max(1))) {
        if let Some(count) = counts.get_mut(slot as usize) {
            *count += 1;
        }
    }
}
