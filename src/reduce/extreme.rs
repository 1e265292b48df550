//! The largest rank: what `max` and `min` have in common.
//!
//! Ranks are integers, of which the largest is the same in whatever order it is looked for.

use std::marker::PhantomData;

use multiversion::multiversion;

use crate::array::{COLUMNS, Columns, Element, Rank};

/// Which end of the order ranks are counted from.
pub(super) trait Ranking<T: Element> {
    fn rank(element: T) -> T::Rank;

    fn element(rank: T::Rank) -> T;
}

/// The largest rank of each column.
pub struct LargestRanks<T: Element, R> {
    ranks: [T::Rank; COLUMNS],
    ranking: PhantomData<R>,
}

/// The larger of each rank and those of a row of `row_len` elements.
#[multiversion(targets = "simd")]
pub(super) fn fold_rows<T: Element, R: Ranking<T>>(
    ranks: &mut [T::Rank],
    elements: &[T],
    row_len: usize,
    _: PhantomData<R>,
) {
    for (rank, row) in ranks.iter_mut().zip(elements.chunks_exact(row_len.max(1))) {
        *rank = row.iter().fold(*rank, |largest, &element| largest.max(R::rank(element)));
    }
}

/// Writes the element of each rank.
#[multiversion(targets = "simd")]
pub(super) fn write<T: Element, R: Ranking<T>>(ranks: &[T::Rank], results: &mut [T], _: PhantomData<R>) {
    for (result, &rank) in results.iter_mut().zip(ranks) {
        *result = R::element(rank).canonical();
    }
}

#[multiversion(targets = "simd")]
fn fold_columns<T: Element, R: Ranking<T>>(ranks: &mut [T::Rank], rows: &[T], width: usize, _: PhantomData<R>) {
    for row in rows.chunks_exact(width.max(1)) {
        for (largest, &element) in ranks.iter_mut().zip(row) {
            *largest = (*largest).max(R::rank(element));
        }
    }
}

impl<T: Element, R: Ranking<T>> Columns<T, T::Rank> for LargestRanks<T, R> {
    fn new() -> Self {
        Self { ranks: [T::Rank::LOWEST; COLUMNS], ranking: PhantomData }
    }

    fn clear(&mut self, width: usize) {
        self.ranks.iter_mut().take(width).for_each(|rank| *rank = T::Rank::LOWEST);
    }

    fn add_rows(&mut self, rows: &[T], width: usize) {
        fold_columns(&mut self.ranks, rows, width, self.ranking);
    }

    fn write(&mut self, states: &mut [T::Rank]) {
        states.iter_mut().zip(&self.ranks).for_each(|(state, &rank)| *state = rank);
    }
}
