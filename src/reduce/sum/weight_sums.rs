//! Sums of weights, or of their squares.

use std::marker::PhantomData;

use multiversion::multiversion;

use super::{
    float_columns::add_wide_columns, float_rows::add_wide_rows, term::WeightTerm, totals::Totals, weighted_sums::ROWS,
};
use crate::{
    array::{Element, Word},
    reduce::{
        operation::{NumOperation, State},
        pieces::{Taken, count_rows},
        rows::{PIECE, Rows},
        total::FloatTotal,
        weighing::Weights,
    },
};

/// Sums of terms `X` that are made of the weights of elements of a word `W` that are not missing: these, or their squares.
pub(in crate::reduce) struct WeightSums<W, X> {
    totals: Totals,
    /// What is in all columns beside that.
    of_all: FloatTotal,
    /// Room for the weights of elements, 0 for missing ones.
    weights: Vec<f64>,
    neutral: W,
    of: PhantomData<X>,
}

impl<W: Word, X: WeightTerm> WeightSums<W, X> {
    /// For so many results. `neutral` may stand for missing elements.
    pub(in crate::reduce) fn new(neutral: W, results: usize) -> Self {
        Self { totals: Totals::new(results), of_all: FloatTotal::ZERO, weights: Vec::new(), neutral, of: PhantomData }
    }

    /// Weights of all elements, row by row: 0 for those that are missing.
    fn each(&mut self, taken: Taken<'_, W>) -> (&mut Totals, Rows<'_, X>) {
        let row_len = taken.rows.row_len();
        let len = taken.rows.len() * row_len;
        if self.weights.len() < len {
            self.weights.resize(len, 0.0);
        }
        let room = self.weights.split_at_mut(len).0;
        for (number, row) in room.chunks_exact_mut(row_len).enumerate() {
            taken.weights.write_row(number, row);
        }
        if let Some(masks) = taken.masks {
            clear_missing(room, masks);
        }
        (&mut self.totals, Rows::dense(&*room, row_len).cast())
    }

    /// Adds rows to the totals that `result` names.
    fn add_rows(&mut self, taken: Taken<'_, W>, result: impl Fn(usize) -> usize) {
        for (number, some) in taken.groups(ROWS).enumerate() {
            let result = |row| result(number * ROWS + row);
            match some.weights {
                Weights::Equal => self.add_even_rows(some, |_| 1.0, result),
                Weights::OfRows(weights) => {
                    self.add_even_rows(some, |row| weights.get(row).copied().unwrap_or(f64::NAN), result);
                }
                _ => some.each().enumerate().for_each(|(row, one)| self.add_row(one, result(row))),
            }
        }
    }

    /// Adds the weight of each row as often as it has elements that are not missing.
    fn add_even_rows(&mut self, taken: Taken<'_, W>, weight: impl Fn(usize) -> f64, result: impl Fn(usize) -> usize) {
        let (len, row_len) = (taken.rows.len(), taken.rows.row_len());
        let mut counts = [row_len as u64; ROWS];
        if let Some(masks) = taken.masks {
            let masks = masks.get(..len * row_len).unwrap_or(masks);
            counts.fill(0);
            count_rows(Rows::dense(masks, row_len), &mut counts);
        }
        // What is missing weighs nothing, however large a square is.
        for (row, &count) in counts.iter().enumerate().take(len).filter(|(_, count)| **count > 0) {
            let total = total::<X>(weight(row)).scaled(count as f64);
            self.totals.merge(result(row), std::iter::once(total));
        }
    }

    /// Adds a row of weights that differ.
    fn add_row(&mut self, row: Taken<'_, W>, result: usize) {
        if let (Weights::OfColumns(weights) | Weights::OfElements(weights), None) = (row.weights, row.masks) {
            add_wide_rows(&mut self.totals, result, Rows::dense(weights, weights.len()).cast::<X>());
        } else {
            let (totals, weights) = self.each(row);
            add_wide_rows(totals, result, weights);
        }
    }

    /// Adds rows of which no element is missing, and each has one weight, to their columns.
    fn add_to_all_columns(&mut self, weights: impl Iterator<Item = f64>) {
        self.of_all = weights.map(total::<X>).fold(self.of_all, FloatTotal::merged);
    }
}

/// A weight, or its square.
#[inline(always)]
fn total<X: WeightTerm>(weight: f64) -> FloatTotal {
    let term = X::of_weight(weight);
    let high = term.value();
    FloatTotal { high, low: term.rest::<false>(high) }
}

/// Writes 0 in the place of weights of missing elements.
#[multiversion(targets = "simd")]
fn clear_missing<W: Word>(weights: &mut [f64], masks: &[W]) {
    for (weight, &mask) in weights.iter_mut().zip(masks) {
        *weight = if mask == W::NONE { f64::NOTHING } else { *weight };
    }
}

impl<W: Word, X: WeightTerm> NumOperation<W> for WeightSums<W, X> {
    fn neutral(&self) -> W {
        self.neutral
    }

    fn clear(&mut self, width: usize) {
        self.totals.clear(width);
        self.of_all = FloatTotal::ZERO;
    }

    fn fold_rows(&mut self, first: usize, taken: Taken<'_, W>) {
        self.add_rows(taken, |row| first + row);
    }

    fn fold_all(&mut self, taken: Taken<'_, W>) {
        self.add_rows(taken, |_| 0);
    }

    fn fold_columns(&mut self, taken: Taken<'_, W>) {
        let (len, width) = (taken.rows.len(), taken.rows.row_len());
        match (taken.weights, taken.masks) {
            (Weights::Equal, None) => self.add_to_all_columns(std::iter::repeat_n(1.0, len)),
            (Weights::OfRows(weights), None) => self.add_to_all_columns(weights.iter().copied()),
            (Weights::OfElements(weights), None) => {
                add_wide_columns(&mut self.totals, Rows::dense(weights, width).cast::<X>());
            }
            _ => {
                for some in taken.groups(PIECE / width.min(PIECE)) {
                    let (totals, weights) = self.each(some);
                    add_wide_columns(totals, weights);
                }
            }
        }
    }

    fn settle(&mut self, width: usize) {
        let of_all = std::mem::replace(&mut self.of_all, FloatTotal::ZERO);
        self.totals.merge(0, std::iter::repeat_n(of_all, width));
        self.totals.settle(width);
    }

    fn state(&self, width: usize) -> State<'_> {
        self.totals.state(width)
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        self.totals.held_len() + self.weights.len() * size_of::<f64>()
    }
}
