//! Sums of rows of floats: the first way that is exact or, failing that, one that is as good as exact.

use std::hint::black_box;

use multiversion::{multiversion, target::match_target};

use super::{term::Term, totals::Totals};
use crate::reduce::{
    rows::Rows,
    total::{FloatTotal, fold_lanes},
};

/// Independent accumulators of a row, to which its elements go in turn: as many as there are registers for all that is
/// kept of each.
const LANES: usize = 8;

/// The same where not more than a sum is kept of each. Loops over so many are not unrolled before they are vectorised,
/// which is what makes vectors of conversions.
const MANY_LANES: usize = 32;

/// The least and the greatest magnitude of some `float32` numbers, from which it follows whether `float64` can add
/// them without rounding.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    /// Bits of the least one that is not zero, less one.
    least: u32,
    /// Bits of the greatest one.
    greatest: u32,
}

impl Extent {
    /// Of no numbers.
    pub(super) const NONE: Self = Self { least: u32::MAX, greatest: 0 };

    /// Takes one more number into account.
    #[inline(always)]
    pub(super) fn add(&mut self, element: f32) {
        let magnitude = element.to_bits() & (u32::MAX >> 1);
        self.greatest = self.greatest.max(magnitude);
        self.least = self.least.min(magnitude.wrapping_sub(1));
    }

    /// Whether sums of up to `terms` of the numbers are exact in `float64`. With exponents from `least` to `greatest`,
    /// all are multiples of 2^(least−150), and the sum is below terms × 2^(greatest−126): it has at most 53 bits if
    /// log2(terms) + greatest ≤ least + 29. Subnormal numbers are multiples of what the least normal ones are.
    #[inline(always)]
    pub(super) fn is_exact(self, terms: usize) -> bool {
        let (least, greatest) = ((self.least.wrapping_add(1) >> 23).max(1), self.greatest >> 23);
        let is_finite = greatest < 255;
        is_finite && usize::BITS - terms.saturating_sub(1).leading_zeros() + greatest <= least + 29
    }
}

/// `a + b`. Where the CPU adds and multiplies in different units, that for multiplication does the same by a fused
/// multiplication with one, so that both are busy. The compiler must not see that it is one.
#[inline(always)]
fn plus<const FUSED: bool>(a: f64, b: f64, one: f64) -> f64 {
    if FUSED { a.mul_add(one, b) } else { a + b }
}

const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;

/// Bits of a magnitude → a number so large that to add `terms` elements of at most that magnitude does not change its
/// exponent: what it grows by is exact, and what an addition rounds off is found with two more (the condition of
/// Dekker's `FastTwoSum`). None if there is no such number.
#[inline(always)]
fn anchor(magnitude: u64, terms: usize) -> Option<f64> {
    let bits_of_terms = u64::from(usize::BITS - terms.leading_zeros());
    let exponent = (magnitude >> MANTISSA_BITS) + bits_of_terms + 2;
    let half = 1 << (MANTISSA_BITS - 1);
    (exponent < 2047).then(|| f64::from_bits(exponent << MANTISSA_BITS | half))
}

/// Sums that started from an anchor, what additions to them rounded off, and what went into them.
struct Anchored {
    high: [f64; LANES],
    low: [f64; LANES],
    /// The largest magnitude. NaN is none: sums show it.
    largest: [f64; LANES],
}

impl Anchored {
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "arrays of LANES, indexed below LANES")]
    fn add<T: Term, const FUSED: bool>(&mut self, terms: [T; LANES], one: f64) {
        for i in 0..LANES {
            let term = terms[i].value();
            let sum = self.high[i] + term;
            let mut error = term - (sum - self.high[i]);
            if !T::IS_EXACT {
                error += terms[i].rest::<FUSED>(term);
            }
            self.low[i] = plus::<FUSED>(error, self.low[i], one);
            self.high[i] = sum;
            let magnitude = term.abs();
            self.largest[i] = if magnitude > self.largest[i] { magnitude } else { self.largest[i] };
        }
    }
}

/// The total of a row beside an anchor for its terms, and the largest magnitude of these.
#[inline(always)]
fn anchored_total<T: Term, const FUSED: bool>(row: &[T], anchor: f64) -> (FloatTotal, f64) {
    let one = black_box(1.0);
    let mut lanes = Anchored { high: [anchor; LANES], low: [0.0; LANES], largest: [0.0; LANES] };
    let (blocks, rest) = row.as_chunks::<LANES>();
    for &block in blocks {
        lanes.add::<T, FUSED>(block, one);
    }
    let mut last = [T::NOTHING; LANES];
    for (last, &element) in last.iter_mut().zip(rest) {
        *last = element;
    }
    lanes.add::<T, FUSED>(last, one);
    for high in &mut lanes.high {
        *high -= anchor;
    }
    let total = FloatTotal { high: fold_lanes(lanes.high, |a, b| a + b), low: fold_lanes(lanes.low, |a, b| a + b) };
    (total, fold_lanes(lanes.largest, |a, b| if a > b { a } else { b }))
}

/// Adds a row of terms to each total from the `first` on, beside an anchor: mostly the one that its first terms give.
#[multiversion(targets = "simd")]
pub(super) fn add_wide_rows<T: Term>(totals: &mut Totals, first: usize, rows: Rows<'_, T>) {
    let sums = rows.iter().map(|row| {
        let head = row.split_at(row.len().min(LANES)).0;
        let expected = head.iter().fold(0.0_f64, |all, term| all.max(term.value().abs())) * T::HEADROOM;
        let guess = anchor(expected.to_bits(), row.len());
        // Beside any other anchor, the largest magnitude comes out right all the same.
        let anchor = guess.unwrap_or(1.0);
        let (sum, largest) = match_target! {
            "x86_64+fma" => anchored_total::<T, true>(row, anchor),
            _ => anchored_total::<T, false>(row, anchor),
        };
        let is_right = guess.is_some() && largest > 0.0 && largest <= expected && sum.high.is_finite();
        if is_right { sum } else { careful_total(row, largest, largest == 0.0) }
    });
    totals.merge(first, sums);
}

/// Adds a row of `float32` to each total from the `first` on, in two passes, of which the first shows how to do the second:
/// loops over numbers of several widths do not vectorise well.
#[multiversion(targets = "simd")]
pub(super) fn add_narrow_rows(totals: &mut Totals, first: usize, rows: Rows<'_, f32>) {
    let sums = rows.iter().map(|row| {
        let mut extent = Extent::NONE;
        for &element in row {
            extent.add(element);
        }
        careful_total(row, f32::from_bits(extent.greatest).into(), extent.is_exact(row.len()))
    });
    totals.merge(first, sums);
}

/// The total of a row whose largest magnitude is known (where it is not NaN), and whether plain additions are exact.
#[inline(always)]
fn careful_total<T: Term>(row: &[T], largest: f64, is_exact: bool) -> FloatTotal {
    // Beside ∞ and NaN, errors mean nothing.
    if is_exact || !largest.is_finite() {
        return plain_total(row);
    }
    let total = match anchor(largest.to_bits(), row.len()) {
        Some(anchor) => anchored_total::<T, false>(row, anchor).0,
        None => one_by_one(row),
    };
    if total.high.is_nan() { plain_total(row) } else { total }
}

/// The total of a row by plain additions.
#[inline(always)]
fn plain_total<T: Term>(row: &[T]) -> FloatTotal {
    let mut sums = [FloatTotal::ZERO.high; MANY_LANES];
    let (blocks, rest) = row.as_chunks::<MANY_LANES>();
    for &block in blocks {
        add_to_each(&mut sums, block);
    }
    for (sum, &term) in sums.iter_mut().zip(rest) {
        *sum += term.value();
    }
    FloatTotal { high: fold_lanes(sums, |a, b| a + b), low: 0.0 }
}

/// Adds a term to each sum.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_to_each<T: Term, const N: usize>(sums: &mut [f64; N], terms: [T; N]) {
    for i in 0..N {
        sums[i] += terms[i].value();
    }
}

/// The total of a row of numbers so large that there is no anchor.
#[inline(always)]
fn one_by_one<T: Term>(row: &[T]) -> FloatTotal {
    row.iter().fold(FloatTotal::ZERO, |total, term| {
        let value = term.value();
        let total = total.plus(value);
        if T::IS_EXACT { total } else { FloatTotal { low: total.low + term.rest::<false>(value), ..total } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide_sum(row: &[f64]) -> f64 {
        let mut totals = Totals::new(1);
        add_wide_rows(&mut totals, 0, Rows::dense(row, row.len()));
        FloatTotal { high: totals.high[0], low: totals.low[0] }.rounded()
    }

    #[test]
    fn what_numbers_round_off_that_no_anchor_is_for_is_not_lost() {
        let large = 3e307;
        let small = large * 2f64.powi(-60);
        assert_eq!(wide_sum(&[large, 0.0, 0.0, 0.0, small, 0.0, 0.0, -large]), small);
        for len in [8, 9, 17, 2047, 2048] {
            for exponent in [0, 990, 1000, 1005, 1010, 1020] {
                let mut row = vec![0.0; len];
                let large = 2f64.powi(exponent);
                (row[0], row[4], row[7]) = (large, large * 2f64.powi(-60), -large);
                assert_eq!(wide_sum(&row), row[4], "{len} {exponent}");
            }
        }
        assert_eq!(wide_sum(&[f64::MAX, f64::MAX, 0.0, 0.0, -f64::MAX, -f64::MAX, 0.0, 0.0]), f64::INFINITY);
    }

    #[test]
    fn a_row_whose_first_elements_are_unlike_the_others_is_added_once_more() {
        for first in [0.0, 1e-300, 1.0, 1e300] {
            let mut row = vec![1e10; 100];
            row[..8].fill(first);
            assert_eq!(wide_sum(&row), if first > 1e200 { 8e300 } else { 92e10 + 8.0 * first }, "{first}");
        }
    }

    #[test]
    fn a_sum_is_exact_if_all_bits_of_all_terms_fit() {
        let extent = |elements: &[f32]| {
            let mut extent = Extent::NONE;
            for &element in elements {
                extent.add(element);
            }
            extent
        };
        assert!(extent(&[]).is_exact(1 << 20));
        assert!(extent(&[0.0, -0.0]).is_exact(1 << 20));
        assert!(extent(&[1.0, -2.5]).is_exact(1 << 28) && !extent(&[1.0, -2.5]).is_exact((1 << 28) + 1));
        assert!(extent(&[1.0, 2f32.powi(29)]).is_exact(1) && !extent(&[1.0, 2f32.powi(29)]).is_exact(2));
        assert!(extent(&[1.0, 2f32.powi(20), 0.0]).is_exact(512) && !extent(&[1.0, 2f32.powi(20)]).is_exact(513));
        assert!(extent(&[f32::from_bits(1), f32::MIN_POSITIVE]).is_exact(1 << 29));
        assert!(!extent(&[f32::INFINITY]).is_exact(1) && !extent(&[1.0, f32::NAN]).is_exact(1));
    }
}
