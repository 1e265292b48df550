//! Sums of squares of floats, compensated as sums are: a square is a term of up to 106 bits.

use std::marker::PhantomData;

use half::f16;

use super::{
    float::widen,
    float_columns::add_wide_columns,
    float_rows::add_wide_rows,
    term::{Square, Term},
    totals::Totals,
};
use crate::{
    array::Element,
    reduce::{
        operation::{NumOperation, State},
        pieces::Taken,
        rows::{PIECE, Rows},
    },
};

/// A floating type of which squares are summed.
pub(super) trait Squared: Element {
    /// The square of an element.
    type Square: Term;

    /// The squares of elements, which may need room for the same numbers as `float32`.
    fn squares<'a>(rows: Rows<'a, Self::Word>, room: &'a mut Vec<f32>) -> Rows<'a, Self::Square>;
}

impl Squared for f16 {
    type Square = Square<f32>;

    fn squares<'a>(rows: Rows<'a, u16>, room: &'a mut Vec<f32>) -> Rows<'a, Self::Square> {
        widen(rows.cast(), room).cast()
    }
}

impl Squared for f32 {
    type Square = Square<f32>;

    fn squares<'a>(rows: Rows<'a, u32>, _: &'a mut Vec<f32>) -> Rows<'a, Self::Square> {
        rows.cast()
    }
}

impl Squared for f64 {
    type Square = Square<f64>;

    fn squares<'a>(rows: Rows<'a, u64>, _: &'a mut Vec<f32>) -> Rows<'a, Self::Square> {
        rows.cast()
    }
}

/// Sums of squares of elements of type `T`.
pub(super) struct FloatSquares<T> {
    totals: Totals,
    /// Room for the elements of a piece, once it is needed.
    widened: Vec<f32>,
    of: PhantomData<T>,
}

impl<T: Squared> FloatSquares<T> {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        Self { totals: Totals::new(results), widened: Vec::new(), of: PhantomData }
    }
}

impl<T: Squared> NumOperation<T::Word> for FloatSquares<T> {
    fn neutral(&self) -> T::Word {
        bytemuck::cast(T::NOTHING)
    }

    fn clear(&mut self, width: usize) {
        self.totals.clear(width);
    }

    fn fold_rows(&mut self, first: usize, Taken { rows, .. }: Taken<'_, T::Word>) {
        add_wide_rows(&mut self.totals, first, T::squares(rows, &mut self.widened));
    }

    fn fold_columns(&mut self, Taken { rows, .. }: Taken<'_, T::Word>) {
        for rows in rows.groups(PIECE / rows.row_len().min(PIECE)) {
            add_wide_columns(&mut self.totals, T::squares(rows, &mut self.widened));
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
        self.totals.held_len() + self.widened.len() * size_of::<f32>()
    }
}
