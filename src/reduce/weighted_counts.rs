//! What elements in bins weigh.

use std::marker::PhantomData;

use super::{
    bins::Bins,
    operation::{NumOperation, State},
    pieces::Taken,
    rows::COLUMNS,
    total::FloatTotal,
};
use crate::array::{Element, Rank};

/// What elements of type `T` in each bin of each result weigh.
pub(super) struct WeightedCounts<T> {
    bins: Bins,
    totals: Vec<FloatTotal>,
    /// Room for the weights of a row, once it is needed.
    weights: Vec<f64>,
    of: PhantomData<T>,
}

impl<T: Element> WeightedCounts<T> {
    /// For so many results.
    pub(super) fn new(bins: &Bins, results: usize) -> Self {
        let len = results.min(COLUMNS).saturating_mul(bins.len());
        Self { bins: bins.clone(), totals: vec![FloatTotal::ZERO; len], weights: Vec::new(), of: PhantomData }
    }

    /// Adds the weight of each element of a row to a bin of the result to which it belongs.
    fn add_row(&mut self, row: Taken<'_, T::Word>, result: impl Fn(usize) -> usize) {
        let len = row.rows.row_len();
        if self.weights.len() < len {
            self.weights.resize(len, 0.0);
        }
        let weights = self.weights.split_at_mut(len).0;
        row.weights.write_row(0, weights);
        for (at, (&word, &weight)) in row.rows.iter().flatten().zip(weights.iter()).enumerate() {
            let rank = bytemuck::cast::<T::Word, T>(word).rank().widened();
            let bin = self.bins.bin(rank).filter(|_| row.is_valid(at));
            let slot = bin.map(|bin| result(at) * self.bins.len() + bin);
            if let Some(total) = slot.and_then(|slot| self.totals.get_mut(slot)) {
                *total = total.plus(weight);
            }
        }
    }
}

impl<T: Element> NumOperation<T::Word> for WeightedCounts<T> {
    fn neutral(&self) -> T::Word {
        bytemuck::cast(T::NOTHING)
    }

    fn clear(&mut self, width: usize) {
        let len = width * self.bins.len();
        self.totals.iter_mut().take(len).for_each(|total| *total = FloatTotal::ZERO);
    }

    fn fold_rows(&mut self, first: usize, taken: Taken<'_, T::Word>) {
        for (number, row) in taken.each().enumerate() {
            self.add_row(row, |_| first + number);
        }
    }

    fn fold_columns(&mut self, taken: Taken<'_, T::Word>) {
        for row in taken.each() {
            self.add_row(row, |at| at);
        }
    }

    fn settle(&mut self, _: usize) {}

    fn state(&self, width: usize) -> State<'_> {
        State::Floats(self.totals.get(..width * self.bins.len()).unwrap_or(&self.totals))
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        size_of_val(&*self.totals) + size_of_val(&*self.weights)
    }
}
