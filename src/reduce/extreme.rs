//! The largest rank: what `max` and `min` have in common.
//!
//! Ranks are integers, of which the largest is the same in whatever order it is looked for.

use std::marker::PhantomData;

use multiversion::multiversion;

use crate::array::{
    Block, COLUMNS, Columns, Element, IsValid, ROWS_AT_A_TIME, Rank, Rows, Tally, Validity, by_blocks, with_validity,
};

/// Which end of the order ranks are counted from.
pub(super) trait Ranking<T: Element> {
    fn rank(element: T) -> T::Rank;

    fn element(rank: T::Rank) -> T;
}

/// The rank of an element, or the lowest if it is missing.
#[inline(always)]
fn rank_if<T: Element, R: Ranking<T>>(is_valid: bool, element: T) -> T::Rank {
    if is_valid { R::rank(element) } else { T::Rank::LOWEST }
}

/// The larger of each rank and those of a row, at most a piece in all.
pub(super) fn fold_rows<T: Element, R: Ranking<T>>(
    ranks: &mut [T::Rank],
    counts: &mut [u32],
    rows: Rows<'_, T>,
    validity: Validity<T>,
    ranking: PhantomData<R>,
) {
    with_validity!(validity, valid => fold_valid_rows(ranks, counts, rows, valid, ranking));
}

#[multiversion(targets = "simd")]
fn fold_valid_rows<T: Element, R: Ranking<T>, V: IsValid<T>>(
    ranks: &mut [T::Rank],
    counts: &mut [u32],
    rows: Rows<'_, T>,
    valid: V,
    _: PhantomData<R>,
) {
    for ((rank, count), row) in ranks.iter_mut().zip(counts).zip(rows.iter()) {
        let (mut largest, mut tally) = (*rank, T::Tally::ZERO);
        for &element in row {
            let is_valid = valid.is_valid(element);
            largest = largest.max(rank_if::<T, R>(is_valid, element));
            tally = tally.plus(is_valid);
        }
        *rank = largest;
        *count += tally.count();
    }
}

/// Writes the element of each rank.
#[multiversion(targets = "simd")]
pub(super) fn write<T: Element, R: Ranking<T>>(ranks: &[T::Rank], results: &mut [T], _: PhantomData<R>) {
    for (result, &rank) in results.iter_mut().zip(ranks) {
        *result = R::element(rank).canonical();
    }
}

/// The largest rank of each column.
pub struct LargestRanks<T: Element, R> {
    ranks: [T::Rank; COLUMNS],
    ranking: PhantomData<R>,
}

#[multiversion(targets = "simd")]
fn fold_columns<T: Element, R: Ranking<T>, V: IsValid<T>>(
    ranks: &mut [T::Rank],
    counts: &mut [u32],
    rows: Rows<'_, T>,
    valid: V,
    ranking: PhantomData<R>,
) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(rows.row_len(), fold_block(ranks, counts, rows, valid, ranking));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn fold_block<T: Element, R: Ranking<T>, V: IsValid<T>, const N: usize>(
    block: Block<N>,
    ranks: &mut [T::Rank],
    counts: &mut [u32],
    rows: Rows<'_, T>,
    valid: V,
    _: PhantomData<R>,
) {
    let (Some(ranks), Some(counts)) = (block.of(ranks), block.of(counts)) else { return };
    let (mut largest, mut tallies) = (*ranks, [T::Tally::ZERO; N]);
    for row in rows.blocks::<N>(block.first) {
        for i in 0..N {
            let is_valid = valid.is_valid(row[i]);
            largest[i] = largest[i].max(rank_if::<T, R>(is_valid, row[i]));
            tallies[i] = tallies[i].plus(is_valid);
        }
    }
    *ranks = largest;
    for i in 0..N {
        counts[i] += tallies[i].count();
    }
}

impl<T: Element, R: Ranking<T>> Columns<T, T::Rank> for LargestRanks<T, R> {
    fn new() -> Self {
        Self { ranks: [T::Rank::LOWEST; COLUMNS], ranking: PhantomData }
    }

    fn clear(&mut self, width: usize) {
        self.ranks.iter_mut().take(width).for_each(|rank| *rank = T::Rank::LOWEST);
    }

    fn add_rows(&mut self, counts: &mut [u32], rows: Rows<'_, T>, validity: Validity<T>) {
        with_validity!(validity, valid => fold_columns(&mut self.ranks, counts, rows, valid, self.ranking));
    }

    fn write(&mut self, states: &mut [T::Rank]) {
        states.iter_mut().zip(&self.ranks).for_each(|(state, &rank)| *state = rank);
    }
}
