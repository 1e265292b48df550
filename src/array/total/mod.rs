//! Accumulators that sum a chunk exactly (integers) or in twice the precision of `float64` (floats).
//!
//! A chunk has fewer than 2³² elements ([`MAX_ELEMENTS`](super::MAX_ELEMENTS)): 64 bits hold any sum of
//! integers of up to 32 bits, 128 bits any other, whatever the order of the additions.

mod float;
mod float_columns;
mod float_rows;
mod halves;
mod integer;

use super::rows::{Rows, Validity};

pub use float::FloatTotal;
pub use integer::WideTotal;

/// Results that are side by side in memory: as many as fit the first-level cache with their states.
pub const COLUMNS: usize = 512;

/// Most elements of rows that kernels take at a time: they fit the first-level cache, and sums of them their integers.
pub const PIECE: usize = 2048;

/// A finished sum, not yet rounded or narrowed to the dtype of the result.
#[derive(Clone, Copy, Debug)]
pub enum Sum {
    /// Of integers: exact.
    Integer(i128),
    /// Of floats.
    Float(FloatTotal),
}

/// A running sum of elements of type `T`.
pub trait Total<T>: Copy + Send + Sync {
    /// Sums of columns.
    type Columns: Columns<T, Self>;

    /// The sum of nothing.
    const ZERO: Self;

    /// Adds to each total the elements of a row that are not missing, and their number to its count. All rows together
    /// have at most [`PIECE`] elements.
    fn add_rows(totals: &mut [Self], counts: &mut [u32], rows: Rows<'_, T>, validity: Validity<T>);

    /// The sum, its type erased.
    fn sum(self) -> Sum;

    /// Whether [`exact_sum`](Self::exact_sum) is the sum.
    fn is_exact(self) -> bool;

    /// The sum, its type erased, where nothing was rounded off.
    fn exact_sum(self) -> Sum;
}

/// States of up to [`COLUMNS`] results to which rows are added: one element of a row for each.
pub trait Columns<T, S> {
    /// The states before any element.
    fn new() -> Self;

    /// Forgets all elements of the first `width` columns.
    fn clear(&mut self, width: usize);

    /// Adds rows of at most [`COLUMNS`] elements: each that is not missing to its column, and 1 to the count of that.
    fn add_rows(&mut self, counts: &mut [u32], rows: Rows<'_, T>, validity: Validity<T>);

    /// The state of each of the first columns.
    fn write(&mut self, states: &mut [S]);
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::array::{All, Element};

    fn sum<T: Element>(elements: &[T]) -> T {
        let (mut total, mut count) = ([<T::Total as Total<T>>::ZERO], [0]);
        T::Total::add_rows(&mut total, &mut count, Rows::dense(elements, elements.len()), Validity::All(All));
        let by_row = T::from_sum(total[0].sum()).expect("no overflow");
        let mut columns = <T::Total as Total<T>>::Columns::new();
        columns.add_rows(&mut count, Rows::dense(elements, 1), Validity::All(All));
        columns.write(&mut total);
        let by_column = T::from_sum(total[0].sum()).expect("no overflow");
        assert_eq!(count, [2 * u32::try_from(elements.len()).unwrap()]);
        assert_eq!(by_row.canonical().rank(), by_column.canonical().rank());
        by_row
    }

    #[test]
    fn what_cancels_leaves_the_small_terms() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[1e30_f32, 1.0, -1e30]), 1.0);
    }

    #[test]
    fn infinities_and_nan_are_as_in_plain_addition() {
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(sum(&[1.0, f32::NEG_INFINITY, 2.0]), f32::NEG_INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(sum(&[f64::NAN, 1.0]).is_nan());
    }

    #[test]
    fn a_float16_sum_is_rounded_once() {
        // Half an ulp of 1 is a tie; float32 cannot hold what makes the difference.
        let (half_ulp, tiny) = (f16::from_f32_const(1.0 / 2048.0), f16::from_bits(1));
        assert_eq!(sum(&[f16::ONE, half_ulp]).to_bits(), 0x3c00);
        assert_eq!(sum(&[f16::ONE, half_ulp, tiny]).to_bits(), 0x3c01);
        assert_eq!(sum(&[f16::ONE, half_ulp, -tiny]).to_bits(), 0x3c00);
        assert_eq!(sum(&[-f16::ONE, -half_ulp, -tiny]).to_bits(), 0xbc01);
    }

    #[test]
    fn a_sum_beside_the_largest_float_is_finite_in_any_order() {
        let (large, largest) = (-1.5 * 2f64.powi(971), f64::MAX);
        assert_eq!(sum(&[large, largest]), large + largest);
        assert_eq!(sum(&[largest, large]), large + largest);
    }

    #[test]
    fn negative_zero_alone_stays_negative() {
        assert!(sum(&[-0.0_f64, -0.0]).is_sign_negative());
        assert!(sum(&[-0.0_f32, 0.0]).is_sign_positive());
    }

    #[test]
    fn a_float32_sum_is_rounded_once() {
        // Just above the middle of two float32 neighbours, by less than float64 can show.
        let ulp = f32::EPSILON;
        assert_eq!(sum(&[1.0_f32, ulp / 2.0, 1e-30]), 1.0 + ulp);
        assert_eq!(sum(&[1.0_f32, ulp / 2.0, -1e-30]), 1.0);
        assert_eq!(sum(&[-1.0_f32, -ulp / 2.0, -1e-30]), -1.0 - ulp);
    }
}
