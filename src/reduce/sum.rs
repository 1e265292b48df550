//! Sums, exact for integers and in twice the precision of `float64` for floats.

use bytemuck::cast_slice_mut;
use multiversion::multiversion;

use crate::array::{DType, Element, Kind, Packing, Rows, Total, Validity, dtype::with_dtype};

use super::{Overflow, Reduction};

/// The sum of the elements; 0 if there are none. NaN and ∞ are added as IEEE 754 says.
#[derive(Clone, Copy, Debug)]
pub struct Sum;

impl Reduction for Sum {
    const NAME: &'static str = "sum";
    const KEEPS_ELEMENTS: bool = true;
    const SUMMARY: &'static str = "Sum of the elements";
    const TAKES_RESULT_DTYPE: bool = true;
    type Mirrored = Self;
    type State<T: Element> = T::Total;
    type Columns<T: Element> = <T::Total as Total<T>>::Columns;

    fn identity<T: Element>() -> T::Total {
        T::Total::ZERO
    }

    fn fold_rows<T: Element>(totals: &mut [T::Total], counts: &mut [u32], rows: Rows<'_, T>, validity: Validity<T>) {
        T::Total::add_rows(totals, counts, rows, validity);
    }

    /// The same for 32 and 64 bits, for narrower ones the widest integer of the kind, or `float32`.
    fn default_dtype(dtype: DType) -> DType {
        match (dtype.kind(), dtype.size()) {
            (_, 4..) => dtype,
            (Kind::Signed, _) => DType::Int64,
            (Kind::Unsigned, _) => DType::UInt64,
            (Kind::Float, _) => DType::Float32,
        }
    }

    fn finish<T: Element>(
        totals: &[T::Total],
        counts: &[u32],
        dtype: DType,
        results: &mut [u8],
    ) -> Result<(), Overflow> {
        let fits = with_dtype!(dtype, U => write::<T, U>(totals, counts, cast_slice_mut(results)));
        if fits { Ok(()) } else { Err(Overflow) }
    }

    /// Sums of integers are exact before they are rounded to this one, and none overflows it.
    fn packed_dtype(_: DType) -> DType {
        DType::Float64
    }

    #[inline(always)]
    fn unpack(packing: Packing, packed: f64, count: u32) -> f64 {
        packing.unpack_sum(packed, count)
    }
}

/// Totals that are written at one time.
const AT_A_TIME: usize = 32;

/// Writes each total as a `U`; false if one does not fit.
#[multiversion(targets = "simd")]
fn write<T: Element, U: Element>(totals: &[T::Total], counts: &[u32], results: &mut [U]) -> bool {
    let mut fit = true;
    let blocks = totals.chunks(AT_A_TIME).zip(counts.chunks(AT_A_TIME)).zip(results.chunks_mut(AT_A_TIME));
    for ((totals, counts), results) in blocks {
        // Most are exact, and done with sooner.
        fit &= if totals.iter().fold(true, |all, total| all & total.is_exact()) {
            write_each(totals, counts, results, |total| U::from_sum(total.exact_sum()))
        } else {
            write_each(totals, counts, results, |total| U::from_sum(total.sum()))
        };
    }
    fit
}

#[inline(always)]
fn write_each<S: Copy, U: Element>(
    totals: &[S],
    counts: &[u32],
    results: &mut [U],
    sum: impl Fn(S) -> Option<U>,
) -> bool {
    let mut fit = true;
    for ((result, &total), &count) in results.iter_mut().zip(totals).zip(counts) {
        let sum = sum(total);
        fit &= sum.is_some();
        // The sum of nothing is plain 0, not the −0.0 that sums start from.
        *result = if count == 0 { U::zeroed() } else { sum.unwrap_or(U::NOTHING) };
    }
    fit
}
