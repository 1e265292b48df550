//! Exact sums of integers, and of their squares.
//!
//! A chunk has fewer than 2³² elements ([`MAX_ELEMENTS`](crate::array::MAX_ELEMENTS)): 64 bits hold any sum of its integers
//! of up to 32 bits, or of squares of up to 32 bits, whatever the order of the additions, and 128 bits any other, of as many
//! chunks as there can be, but for squares of 64-bit integers. Sums of these are exact within a chunk, and pairs beyond.

use multiversion::multiversion;

use super::addend::{Addend, Told};
use crate::reduce::{
    operation::{NumOperation, State},
    pieces::Taken,
    rows::{COLUMNS, Columns, ROWS_AT_A_TIME, Rows, by_blocks},
};

/// Sums of integers: exact, for as many as a chunk can have.
pub(super) struct IntegerSums<A: Addend> {
    totals: Vec<A::Sum>,
    /// Room for the same as they are told.
    told: Vec<A::Told>,
}

impl<A: Addend> IntegerSums<A> {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        let results = results.min(COLUMNS);
        Self { totals: vec![A::NO_SUM; results], told: vec![A::Told::NOTHING; results] }
    }
}

impl<A: Addend> NumOperation<A::Word> for IntegerSums<A> {
    fn neutral(&self) -> A::Word {
        bytemuck::cast(A::NOTHING)
    }

    fn clear(&mut self, width: usize) {
        self.totals.iter_mut().take(width).for_each(|total| *total = A::NO_SUM);
    }

    fn fold_rows(&mut self, first: usize, Taken { rows, .. }: Taken<'_, A::Word>) {
        add_rows(self.totals.get_mut(first..).unwrap_or_default(), rows.cast::<A>());
    }

    fn fold_columns(&mut self, Taken { rows, .. }: Taken<'_, A::Word>) {
        add_to_columns(&mut self.totals, rows.cast::<A>());
    }

    fn settle(&mut self, width: usize) {
        for (told, &total) in self.told.iter_mut().zip(&self.totals).take(width) {
            *told = A::told(total);
        }
    }

    fn state(&self, width: usize) -> State<'_> {
        A::Told::state(self.told.get(..width).unwrap_or(&self.told))
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        self.totals.len() * size_of::<A::Sum>() + self.told.len() * size_of::<A::Told>()
    }
}

#[multiversion(targets = "simd")]
fn add_rows<A: Addend>(totals: &mut [A::Sum], rows: Rows<'_, A>) {
    for (total, row) in totals.iter_mut().zip(rows.iter()) {
        *total = A::add(*total, A::folded(row));
    }
}

#[multiversion(targets = "simd")]
fn add_to_columns<A: Addend>(totals: &mut [A::Sum], rows: Rows<'_, A>) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(rows.row_len(), add_to_block(totals, rows));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_to_block<A: Addend, const N: usize>(columns: Columns<N>, totals: &mut [A::Sum], rows: Rows<'_, A>) {
    let Some(totals) = columns.of(totals) else { return };
    let mut partials = [A::NO_PARTIAL; N];
    for row in rows.blocks::<N>(columns.first) {
        for i in 0..N {
            partials[i] = A::plus(partials[i], row[i]);
        }
    }
    for i in 0..N {
        totals[i] = A::add(totals[i], partials[i]);
    }
}
