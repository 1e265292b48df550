//! Sums of elements, or of their squares, each as often as it weighs.

use std::marker::PhantomData;

use super::{
    summed::Summed,
    term::Term,
    totals::Totals,
    weighted::{add_weighted_columns, add_weighted_rows},
};
use crate::reduce::{
    operation::{NumOperation, State, Sums},
    pieces::Taken,
    rows::{PIECE, Rows},
    total::FloatTotal,
    weighing::Weights,
};

/// Rows that are added at one time before what they come to is weighed.
pub(in crate::reduce) const ROWS: usize = 64;

/// Sums of terms `X` that are made of elements of type `T`: these, or their squares.
pub(in crate::reduce) struct WeightedSums<T: Summed, X> {
    totals: Totals,
    /// Adds up rows of elements that all weigh the same.
    plain: Box<dyn NumOperation<T::Word>>,
    /// Room for the elements of a piece, once it is needed.
    widened: Vec<f32>,
    of: PhantomData<X>,
}

impl<T: Summed, X: Term> WeightedSums<T, X> {
    /// For so many results. `plain` adds up [`ROWS`] rows of the same terms.
    pub(in crate::reduce) fn new(plain: Box<dyn NumOperation<T::Word>>, results: usize) -> Self {
        Self { totals: Totals::new(results), plain, widened: Vec::new(), of: PhantomData }
    }

    fn terms(&mut self, rows: Rows<'_, T::Word>, add: impl FnOnce(&mut Totals, Rows<'_, X>)) {
        add(&mut self.totals, T::terms(rows, &mut self.widened).cast());
    }

    /// Adds rows to the totals that `result` names.
    fn add_rows(&mut self, taken: Taken<'_, T::Word>, result: impl Fn(usize) -> usize) {
        for (number, some) in taken.groups(ROWS).enumerate() {
            let result = |row| result(number * ROWS + row);
            match some.weights {
                Weights::Equal => self.add_even_rows(some, |_| 1.0, result),
                Weights::OfRows(weights) => {
                    self.add_even_rows(some, |row| weights.get(row).copied().unwrap_or(f64::NAN), result);
                }
                weights => self.terms(some.rows, |totals, rows| add_weighted_rows(totals, rows, weights, result)),
            }
        }
    }

    /// Adds rows, each of which has one weight: what a row comes to is weighed, unless that is beyond `float64` and its parts are not.
    fn add_even_rows(
        &mut self,
        taken: Taken<'_, T::Word>,
        weight: impl Fn(usize) -> f64,
        result: impl Fn(usize) -> usize,
    ) {
        let len = taken.rows.len();
        self.plain.clear(len);
        self.plain.fold_rows(0, taken);
        self.plain.settle(len);
        for number in 0..len {
            let total = row_total(self.plain.state(len), number);
            if total.high.is_finite() {
                self.totals.merge(result(number), std::iter::once(total.scaled(weight(number))));
            } else if let Some(row) = taken.each().nth(number) {
                let result = |_| result(number);
                self.terms(row.rows, |totals, rows| add_weighted_rows(totals, rows, row.weights, result));
            }
        }
    }
}

/// What a row comes to.
fn row_total(state: State<'_>, number: usize) -> FloatTotal {
    match state {
        State::Floats(sums) => sums.get(number).copied(),
        State::Integers(sums) => Sums::Integers(sums).total(number),
        _ => None,
    }
    .unwrap_or(FloatTotal::ZERO)
}

impl<T: Summed, X: Term> NumOperation<T::Word> for WeightedSums<T, X> {
    fn neutral(&self) -> T::Word {
        bytemuck::cast(T::NOTHING)
    }

    fn clear(&mut self, width: usize) {
        self.totals.clear(width);
    }

    fn fold_rows(&mut self, first: usize, taken: Taken<'_, T::Word>) {
        self.add_rows(taken, |row| first + row);
    }

    fn fold_all(&mut self, taken: Taken<'_, T::Word>) {
        self.add_rows(taken, |_| 0);
    }

    fn fold_columns(&mut self, taken: Taken<'_, T::Word>) {
        for Taken { rows, weights, .. } in taken.groups(PIECE / taken.rows.row_len().min(PIECE)) {
            self.terms(rows, |totals, rows| add_weighted_columns(totals, rows, weights));
        }
    }

    fn settle(&mut self, width: usize) {
        self.totals.settle(width);
    }

    fn state(&self, width: usize) -> State<'_> {
        self.totals.state(width)
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        self.totals.held_len() + self.plain.held_len() + self.widened.len() * size_of::<f32>()
    }
}
