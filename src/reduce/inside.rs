//! How many elements are in one bin: compared and counted, as many at a time as there are lanes.

#![expect(clippy::needless_bitwise_bool, reason = "loops without branches vectorise")]

use multiversion::multiversion;

use super::{
    bins::Bins,
    finder::narrowed,
    pieces::{Taken, tallied},
    rows::{Columns, ROWS_AT_A_TIME, Rows, by_blocks},
};
use crate::array::{Element, Rank, Word};

/// The lowest and the highest rank of a bin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside<R> {
    lowest: R,
    highest: R,
}

impl<R: Rank> Inside<R> {
    /// None if there is not one bin.
    pub(super) fn new(bins: &Bins) -> Option<Self> {
        let &[lowest, behind] = &*bins.bounds else { return None };
        if lowest >= behind {
            return Some(Self { lowest: R::narrowed(0), highest: R::narrowed(-1) });
        }
        Some(Self { lowest: narrowed(lowest)?, highest: narrowed(behind - 1)? })
    }

    #[inline(always)]
    fn mask<T: Element<Rank = R>>(self, element: T) -> T::Word {
        let rank = element.rank();
        T::Word::mask((rank >= self.lowest) & (rank <= self.highest))
    }
}

/// Adds the number of elements of each row that are inside to its count.
pub(super) fn count_rows<T: Element>(taken: Taken<'_, T::Word>, inside: Inside<T::Rank>, counts: &mut [u64]) {
    match taken.masks {
        Some(masks) => count_valid_in_rows::<T>(taken.rows.cast(), masks, inside, counts),
        None => count_in_rows::<T>(taken.rows.cast(), inside, counts),
    }
}

#[multiversion(targets = "simd")]
fn count_in_rows<T: Element>(rows: Rows<'_, T>, inside: Inside<T::Rank>, counts: &mut [u64]) {
    for (count, row) in counts.iter_mut().zip(rows.iter()) {
        for some in row.chunks(tallied::<T>()) {
            *count += some.iter().fold(T::Word::NONE, |tally, &element| tally.tallied(inside.mask(element))).count();
        }
    }
}

#[multiversion(targets = "simd")]
fn count_valid_in_rows<T: Element>(rows: Rows<'_, T>, masks: &[T::Word], inside: Inside<T::Rank>, counts: &mut [u64]) {
    for ((count, row), masks) in counts.iter_mut().zip(rows.iter()).zip(masks.chunks(rows.row_len())) {
        for (some, masks) in row.chunks(tallied::<T>()).zip(masks.chunks(tallied::<T>())) {
            let valid = some.iter().zip(masks).map(|(&element, &mask)| inside.mask(element) & mask);
            *count += valid.fold(T::Word::NONE, T::Word::tallied).count();
        }
    }
}

/// Adds the number of elements of each column that are inside to its count.
pub(super) fn count_columns<T: Element>(taken: Taken<'_, T::Word>, inside: Inside<T::Rank>, counts: &mut [u64]) {
    let (rows, row_len) = (taken.rows.cast::<T>(), taken.rows.row_len());
    for (number, rows) in rows.groups(ROWS_AT_A_TIME).enumerate() {
        let masks = taken.masks.and_then(|masks| masks.get(number * ROWS_AT_A_TIME * row_len..));
        count_some_columns(rows, masks.map(|masks| Rows::dense(masks, row_len)), inside, counts);
    }
}

#[multiversion(targets = "simd")]
fn count_some_columns<T: Element>(
    rows: Rows<'_, T>,
    masks: Option<Rows<'_, T::Word>>,
    inside: Inside<T::Rank>,
    counts: &mut [u64],
) {
    by_blocks!(rows.row_len(), count_block(rows, masks, inside, counts));
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn count_block<T: Element, const N: usize>(
    columns: Columns<N>,
    rows: Rows<'_, T>,
    masks: Option<Rows<'_, T::Word>>,
    inside: Inside<T::Rank>,
    counts: &mut [u64],
) {
    let Some(counts) = columns.of(counts) else { return };
    let mut tallies = [T::Word::NONE; N];
    let mut masks = masks.map(|masks| masks.blocks::<N>(columns.first));
    for row in rows.blocks::<N>(columns.first) {
        let masks = masks.as_mut().and_then(Iterator::next).unwrap_or([T::Word::mask(true); N]);
        for i in 0..N {
            tallies[i] = tallies[i].tallied(inside.mask(row[i]) & masks[i]);
        }
    }
    for i in 0..N {
        counts[i] += tallies[i].count();
    }
}
