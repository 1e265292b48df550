//! Sums of floats, as good as in twice the precision of `float64`.
//!
//! Sums of `float32` need the trouble only where they are not exact anyway: if the exponents of a piece are close
//! enough to each other, plain `float64` additions of its elements do not round at all.

use half::f16;
use multiversion::{multiversion, target::match_target};

use super::{
    PIECE, Sum, Total,
    float_columns::{NarrowColumns, WideColumns},
};

/// The unevaluated sum `high + low`: what rounding takes from `high` is collected in `low`
/// (algorithm Sum2 of Ogita, Rump and Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26,
/// 2005), so that the result is as good as if computed in twice the precision and rounded once.
#[derive(Clone, Copy, Debug)]
pub struct FloatTotal {
    pub(super) high: f64,
    pub(super) low: f64,
}

/// `a + b` rounded, and exactly what the rounding took away (Knuth's TwoSum).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

impl FloatTotal {
    /// Starts at −0.0, which leaves even the sign of a first zero alone.
    pub(super) const ZERO: Self = Self { high: -0.0, low: 0.0 };

    #[inline(always)]
    fn plus(self, float: f64) -> Self {
        let (high, error) = two_sum(self.high, float);
        Self { high, low: self.low + error }
    }

    #[inline(always)]
    fn merged(self, other: Self) -> Self {
        let (high, error) = two_sum(self.high, other.high);
        Self { high, low: self.low + other.low + error }
    }

    /// Nearest `float64`, with ∞ and NaN as plain addition gives them. The error term is left out where it means
    /// nothing: beside ∞, and where it overflowed although the sum did not.
    #[inline(always)]
    pub(in crate::array) fn rounded(self) -> f64 {
        if self.high.is_nan() {
            f64::NAN
        } else if self.high.is_infinite() || self.low == 0.0 || !self.low.is_finite() {
            self.high
        } else {
            self.high + self.low
        }
    }

    /// The `float64` from which a second rounding, to a narrower type, gives the nearest of that type:
    /// inexact sums get an odd last bit, so that they never look like a tie (Boldo and Melquiond,
    /// "When double rounding is odd", 2005).
    #[inline(always)]
    pub(in crate::array) fn rounded_to_odd(self) -> f64 {
        let rounded = self.rounded();
        let (sum, error) = two_sum(self.high, self.low);
        let bits = sum.to_bits();
        // Away from zero or towards it, to the neighbour on the side of the error.
        let odd = bits | 1;
        let towards_zero = odd.wrapping_sub(2);
        let is_further = (error > 0.0) == (sum > 0.0);
        let odd = if is_further || bits & 1 == 1 { odd } else { towards_zero };
        let is_exact = error == 0.0 || self.low == 0.0 || !rounded.is_finite() || !self.low.is_finite();
        if is_exact { rounded } else { f64::from_bits(odd) }
    }
}

/// Adds one row to `high + low`, element by element.
#[inline(always)]
pub(super) fn add_each<T: Copy + Into<f64>>(high: &mut [f64], low: &mut [f64], row: &[T]) {
    for ((high, low), &element) in high.iter_mut().zip(low).zip(row) {
        let error;
        (*high, error) = two_sum(*high, element.into());
        *low += error;
    }
}

/// Independent accumulators of a row, to which its elements go in turn.
const LANES: usize = 32;

/// `a + b`. Where the CPU adds and multiplies in different units, that for multiplication does the same by a fused
/// multiplication with one, so that both are busy. The compiler must not see that it is one.
#[inline(always)]
fn plus<const FUSED: bool>(a: f64, b: f64, one: f64) -> f64 {
    if FUSED { a.mul_add(one, b) } else { a + b }
}

/// One of all lanes, by folding the second half into the first until one is left.
#[inline(always)]
fn fold_lanes<T: Copy>(mut lanes: [T; LANES], fold: impl Fn(T, T) -> T) -> T {
    for len in [16, 8, 4, 2, 1] {
        let (lanes, more) = lanes.split_at_mut(len);
        for (lane, more) in lanes.iter_mut().zip(more) {
            *lane = fold(*lane, *more);
        }
    }
    let [all, ..] = lanes;
    all
}

#[inline(always)]
fn sum_of_lanes(lanes: [f64; LANES]) -> f64 {
    fold_lanes(lanes, |a, b| a + b)
}

/// The sum of a row in plain `float64` additions.
#[inline(always)]
fn plain_sum<T: Copy + Into<f64>, const FUSED: bool>(row: &[T]) -> f64 {
    let one = std::hint::black_box(1.0);
    let mut lanes = [FloatTotal::ZERO.high; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &element) in lanes.iter_mut().zip(chunk) {
            *lane = plus::<FUSED>(element.into(), *lane, one);
        }
    }
    for (lane, &element) in lanes.iter_mut().zip(rest) {
        *lane += element.into();
    }
    sum_of_lanes(lanes)
}

/// Bits of the magnitude of a float: in the order of magnitudes.
#[inline(always)]
fn magnitude(float: f64) -> u64 {
    float.to_bits() & (u64::MAX >> 1)
}

const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;

/// A number so large that to add `terms` elements of at most `magnitude` does not change its exponent: what it grows
/// by is exact, and what an addition rounds off is found with two more (the condition of Dekker's `FastTwoSum`). None
/// if there is no such number.
#[inline(always)]
fn anchor(magnitude: u64, terms: usize) -> Option<f64> {
    let bits_of_terms = u64::from(usize::BITS - terms.leading_zeros());
    let exponent = (magnitude >> MANTISSA_BITS) + bits_of_terms + 2;
    let half = 1 << (MANTISSA_BITS - 1);
    (exponent < 2047).then(|| f64::from_bits(exponent << MANTISSA_BITS | half))
}

/// The total of a row beside an anchor, and the largest magnitude in it, which must be one that the anchor is for.
#[inline(always)]
fn anchored_total<T: Copy + Into<f64>, const FUSED: bool>(row: &[T], anchor: f64) -> (FloatTotal, u64) {
    let one = std::hint::black_box(1.0);
    let (mut high, mut low, mut largest) = ([anchor; LANES], [0.0; LANES], [0; LANES]);
    let add = |high: &mut f64, low: &mut f64, largest: &mut u64, element: f64| {
        let sum = plus::<FUSED>(*high, element, one);
        *low = plus::<FUSED>(element - (sum - *high), *low, one);
        *high = sum;
        *largest = (*largest).max(magnitude(element));
    };
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (((high, low), largest), &element) in high.iter_mut().zip(&mut low).zip(&mut largest).zip(chunk) {
            add(high, low, largest, element.into());
        }
    }
    for (((high, low), largest), &element) in high.iter_mut().zip(&mut low).zip(&mut largest).zip(rest) {
        add(high, low, largest, element.into());
    }
    for high in &mut high {
        *high -= anchor;
    }
    let total = FloatTotal { high: sum_of_lanes(high), low: sum_of_lanes(low) };
    (total, fold_lanes(largest, u64::max))
}

/// How much larger than its first elements those of a row may be before it is added once more.
const HEADROOM_BITS: u32 = 3;

/// The total of a row, mostly in one pass: the first elements give the anchor for all.
#[inline(always)]
fn total_of<T: Copy + Into<f64>, const FUSED: bool>(row: &[T]) -> FloatTotal {
    let head = row.split_at(row.len().min(LANES)).0;
    let largest = |row: &[T]| row.iter().fold(0, |largest, &element| magnitude(element.into()).max(largest));
    let first = largest(head);
    let expected = first.saturating_add(u64::from(HEADROOM_BITS) << MANTISSA_BITS);
    if let (1.., Some(anchor)) = (first, anchor(expected, row.len())) {
        let (total, largest) = anchored_total::<T, FUSED>(row, anchor);
        if (1..=expected).contains(&largest) {
            return total;
        }
    }
    match largest(row) {
        // Zeros, whose sign plain addition keeps, or something beside which errors mean nothing.
        0 | NOT_FINITE.. => FloatTotal { high: plain_sum::<T, false>(row), low: 0.0 },
        largest => match anchor(largest, row.len()) {
            Some(anchor) => anchored_total::<T, FUSED>(row, anchor).0,
            None => row.iter().fold(FloatTotal::ZERO, |total, &element| total.plus(element.into())),
        },
    }
}

/// The magnitude of ∞, below those of NaN.
const NOT_FINITE: u64 = f64::INFINITY.to_bits();

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

    #[inline(always)]
    pub(super) fn of(elements: &[f32]) -> Self {
        let (mut least, mut greatest) = ([Self::NONE.least; LANES], [Self::NONE.greatest; LANES]);
        let (chunks, rest) = elements.as_chunks::<LANES>();
        let magnitude = |element: &f32| element.to_bits() & (u32::MAX >> 1);
        for chunk in chunks {
            for ((least, greatest), element) in least.iter_mut().zip(&mut greatest).zip(chunk) {
                *greatest = (*greatest).max(magnitude(element));
                *least = (*least).min(magnitude(element).wrapping_sub(1));
            }
        }
        for element in rest {
            least[0] = least[0].min(magnitude(element).wrapping_sub(1));
            greatest[0] = greatest[0].max(magnitude(element));
        }
        Self { least: fold_lanes(least, u32::min), greatest: fold_lanes(greatest, u32::max) }
    }

    /// Of the numbers of both.
    #[inline(always)]
    pub(super) fn and(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
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

#[multiversion(targets = "simd")]
fn add_wide_rows(totals: &mut [FloatTotal], elements: &[f64], row_len: usize) {
    match_target! {
        "x86_64+fma" => add_wide::<true>(totals, elements, row_len),
        _ => add_wide::<false>(totals, elements, row_len),
    }
}

#[multiversion(targets = "simd")]
fn add_narrow_rows(totals: &mut [FloatTotal], elements: &[f32], row_len: usize) {
    match_target! {
        "x86_64+fma" => add_narrow::<true>(totals, elements, row_len),
        _ => add_narrow::<false>(totals, elements, row_len),
    }
}

// Loops, not closures: these would be compiled for the oldest CPU wherever they are not inlined.
#[inline(always)]
fn add_wide<const FUSED: bool>(totals: &mut [FloatTotal], elements: &[f64], row_len: usize) {
    for (total, row) in totals.iter_mut().zip(elements.chunks_exact(row_len.max(1))) {
        *total = total.merged(total_of::<f64, FUSED>(row));
    }
}

#[inline(always)]
fn add_narrow<const FUSED: bool>(totals: &mut [FloatTotal], elements: &[f32], row_len: usize) {
    if let [total] = &mut *totals
        && let Some(sum) = exact_sum_of_positive::<FUSED>(elements)
    {
        *total = total.plus(sum);
        return;
    }
    let is_exact = Extent::of(elements).is_exact(row_len);
    for (total, row) in totals.iter_mut().zip(elements.chunks_exact(row_len.max(1))) {
        *total =
            if is_exact { total.plus(plain_sum::<f32, FUSED>(row)) } else { total.merged(total_of::<f32, FUSED>(row)) };
    }
}

/// The sum of a row in one pass, if no element is negative or +0.0, and plain additions are exact: bits of positive
/// numbers are in the order of the numbers, and looking for the least and the greatest costs little beside the
/// conversions. −0.0, which stands in for missing elements, is no trouble.
#[inline(always)]
fn exact_sum_of_positive<const FUSED: bool>(row: &[f32]) -> Option<f64> {
    let first = row.as_chunks::<LANES>().0.first()?;
    let is_positive = |element: &f32| element.to_bits().cast_signed() > 0;
    let is_expected = |element: &f32| is_positive(element) || element.to_bits() == f32::to_bits(-0.0);
    match (first.iter().all(is_positive), first.iter().all(is_expected)) {
        (true, _) => exact_sum_of::<FUSED, false>(row),
        (false, true) => exact_sum_of::<FUSED, true>(row),
        (false, false) => None,
    }
}

/// The same; −0.0 is expected if `ZEROS`, otherwise there is no sum if there is one.
#[inline(always)]
fn exact_sum_of<const FUSED: bool, const ZEROS: bool>(row: &[f32]) -> Option<f64> {
    let one = std::hint::black_box(1.0);
    let (mut sums, mut least, mut greatest) = ([FloatTotal::ZERO.high; LANES], [u32::MAX; LANES], [0; LANES]);
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (((sum, least), greatest), element) in sums.iter_mut().zip(&mut least).zip(&mut greatest).zip(chunk) {
            *sum = plus::<FUSED>(f64::from(*element), *sum, one);
            (*least, *greatest) = widened_extent::<ZEROS>(*least, *greatest, element.to_bits());
        }
    }
    for (((sum, least), greatest), element) in sums.iter_mut().zip(&mut least).zip(&mut greatest).zip(rest) {
        *sum += f64::from(*element);
        (*least, *greatest) = widened_extent::<ZEROS>(*least, *greatest, element.to_bits());
    }
    let offset = if ZEROS { ZERO_LAST } else { 0 };
    let (least, greatest) = (fold_lanes(least, u32::min), fold_lanes(greatest, u32::max));
    let extent = Extent { least: least.wrapping_sub(offset).wrapping_sub(1), greatest };
    (least > offset && extent.is_exact(row.len())).then(|| sum_of_lanes(sums))
}

/// The least and the greatest bits of floats, and of one more. Without `ZEROS`, those of all negative ones are greater
/// than those of any number; with them, negative ones and +0.0 are the least, and −0.0 is above all.
#[inline(always)]
fn widened_extent<const ZEROS: bool>(least: u32, greatest: u32, bits: u32) -> (u32, u32) {
    if ZEROS {
        let greatest = greatest.cast_signed().max(bits.cast_signed()).cast_unsigned();
        (least.min(bits.wrapping_add(ZERO_LAST)), greatest)
    } else {
        (least.min(bits), greatest.max(bits))
    }
}

/// Added to the bits of a float, puts −0.0 last and +0.0 before all positive numbers.
const ZERO_LAST: u32 = u32::MAX >> 1;

/// Room for a piece of `float16`, widened.
pub(super) type Widened = [f32; PIECE];

/// The same numbers as `float32`.
#[multiversion(targets = "simd")]
pub(super) fn widen<'a>(elements: &[f16], widened: &'a mut Widened) -> &'a [f32] {
    let widened = widened.split_at_mut(elements.len().min(PIECE)).0;
    for (wide, element) in widened.iter_mut().zip(elements) {
        *wide = widened_one(*element);
    }
    widened
}

/// By integer operations and one multiplication that is exact, so that the loop vectorises everywhere: the exponent
/// moves from a bias of 15 to one of 127.
#[inline(always)]
fn widened_one(element: f16) -> f32 {
    const REBIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let bits = u32::from(element.to_bits());
    let magnitude = (bits & 0x7fff) << 13;
    let is_finite = bits & 0x7c00 != 0x7c00;
    let finite = f32::from_bits(magnitude) * REBIAS;
    let wide = if is_finite { finite.to_bits() } else { magnitude | f32::INFINITY.to_bits() };
    f32::from_bits(wide | (bits & 0x8000) << 16)
}

impl Total<f64> for FloatTotal {
    type Columns = WideColumns;
    const ZERO: Self = Self::ZERO;

    fn add_rows(totals: &mut [Self], elements: &[f64], row_len: usize) {
        add_wide_rows(totals, elements, row_len);
    }

    #[inline(always)]
    fn sum(self) -> Sum {
        Sum::Float(self)
    }
}

impl Total<f32> for FloatTotal {
    type Columns = NarrowColumns;
    const ZERO: Self = Self::ZERO;

    fn add_rows(totals: &mut [Self], elements: &[f32], row_len: usize) {
        add_narrow_rows(totals, elements, row_len);
    }

    #[inline(always)]
    fn sum(self) -> Sum {
        Sum::Float(self)
    }
}

impl Total<f16> for FloatTotal {
    type Columns = NarrowColumns;
    const ZERO: Self = Self::ZERO;

    fn add_rows(totals: &mut [Self], elements: &[f16], row_len: usize) {
        add_narrow_rows(totals, widen(elements, &mut [0.0; PIECE]), row_len);
    }

    #[inline(always)]
    fn sum(self) -> Sum {
        Sum::Float(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float16_is_the_same_as_a_float32() {
        for first in (0..=u16::MAX).step_by(PIECE) {
            let elements: Vec<f16> = (0..=u16::MAX).skip(first.into()).take(PIECE).map(f16::from_bits).collect();
            let mut widened = [0.0; PIECE];
            for (wide, element) in widen(&elements, &mut widened).iter().zip(&elements) {
                assert!(wide.to_bits() == element.to_f32().to_bits() || wide.is_nan() && element.is_nan());
            }
        }
    }

    #[test]
    fn positive_numbers_are_added_in_one_pass_and_nothing_else() {
        let with = |element: f32| (0..70).map(|i| if i == 65 { element } else { 1.5 }).collect::<Vec<_>>();
        let sum = |row: &[f32]| exact_sum_of_positive::<false>(row);
        assert_eq!(sum(&with(1.5)), Some(105.0));
        assert_eq!(sum(&with(-0.0)), None, "none was expected");
        let with_missing =
            |element: f32| [with(element).as_slice(), &[-0.0; 32]].concat().into_iter().rev().collect::<Vec<_>>();
        assert_eq!(sum(&with_missing(-0.0)), Some(103.5));
        assert_eq!(sum(&with(f32::from_bits(0x3f80_0001))), Some(104.5 + f64::from(f32::EPSILON)));
        for other in [0.0, -1.5, -1e-45, 1e-45, 1e30, f32::INFINITY, f32::NAN, -f32::NAN, f32::NEG_INFINITY] {
            assert_eq!((sum(&with(other)), sum(&with_missing(other))), (None, None), "{other}");
        }
        let all_missing = sum(&[-0.0; 64]).unwrap();
        assert!(all_missing == 0.0 && all_missing.is_sign_negative());
    }

    #[test]
    fn a_sum_is_exact_if_all_bits_of_all_terms_fit() {
        let extent = |elements: &[f32]| Extent::of(elements);
        assert!(extent(&[]).is_exact(1 << 20));
        assert!(extent(&[0.0, -0.0]).is_exact(1 << 20));
        assert!(extent(&[1.0, -2.5]).is_exact(1 << 28) && !extent(&[1.0, -2.5]).is_exact((1 << 28) + 1));
        assert!(extent(&[1.0, 2f32.powi(29)]).is_exact(1) && !extent(&[1.0, 2f32.powi(29)]).is_exact(2));
        assert!(extent(&[1.0, 2f32.powi(20), 0.0]).is_exact(512) && !extent(&[1.0, 2f32.powi(20)]).is_exact(513));
        assert!(extent(&[f32::from_bits(1), f32::MIN_POSITIVE]).is_exact(1 << 29));
        assert!(!extent(&[f32::INFINITY]).is_exact(1) && !extent(&[1.0, f32::NAN]).is_exact(1));
    }
}
