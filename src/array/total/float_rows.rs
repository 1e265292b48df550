//! Sums of rows of floats: three ways, the first that is exact or, failing that, as good as exact.

use multiversion::{multiversion, target::match_target};

use super::{
    float::{FloatTotal, fold_lanes},
    halves,
};
use crate::array::{
    Element, Tally,
    rows::{IsValid, Rows, Validity, with_validity},
};

/// Independent accumulators of a row, to which its elements go in turn.
const LANES: usize = 16;

/// Adds rows of `float64`.
pub(super) fn add_wide_rows(
    totals: &mut [FloatTotal],
    counts: &mut [u32],
    rows: Rows<'_, f64>,
    validity: Validity<f64>,
) {
    with_validity!(validity, valid => add_wide(totals, counts, rows, valid));
}

/// Adds rows of `float32`.
pub(super) fn add_narrow_rows(
    totals: &mut [FloatTotal],
    counts: &mut [u32],
    rows: Rows<'_, f32>,
    validity: Validity<f32>,
) {
    with_validity!(validity, valid => add_narrow(totals, counts, rows, valid));
}

#[multiversion(targets = "simd")]
fn add_wide<V: IsValid<f64>>(totals: &mut [FloatTotal], counts: &mut [u32], rows: Rows<'_, f64>, valid: V) {
    match_target! {
        "x86_64+fma" => add_anchored::<f64, V, true>(totals, counts, rows, valid),
        _ => add_anchored::<f64, V, false>(totals, counts, rows, valid),
    }
}

#[multiversion(targets = "simd")]
fn add_narrow<V: IsValid<f32>>(totals: &mut [FloatTotal], counts: &mut [u32], rows: Rows<'_, f32>, valid: V) {
    for ((rows, totals), counts) in
        rows.groups(halves::GROUP).zip(totals.chunks_mut(halves::GROUP)).zip(counts.chunks_mut(halves::GROUP))
    {
        if halves::add_rows(totals, counts, rows, valid) || add_plain(totals, counts, rows, valid) {
            continue;
        }
        add_anchored::<f32, V, false>(totals, counts, rows, valid);
    }
}

// Loops, not closures: these would be compiled for the oldest CPU wherever they are not inlined.

/// The least and the greatest magnitude of some `float32` numbers, from which it follows whether `float64` can add
/// them without rounding.
#[derive(Clone, Copy)]
pub(super) struct Extent<const N: usize> {
    /// Bits of the least one in each lane that is not zero, less one.
    least: [u32; N],
    /// Bits of the greatest one.
    greatest: [u32; N],
}

impl<const N: usize> Extent<N> {
    /// Of no numbers.
    pub(super) const NONE: Self = Self { least: [u32::MAX; N], greatest: [0; N] };

    /// Takes one more number into account.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "lanes are below N")]
    pub(super) fn add(&mut self, lane: usize, element: f32) {
        let magnitude = element.to_bits() & (u32::MAX >> 1);
        self.greatest[lane] = self.greatest[lane].max(magnitude);
        self.least[lane] = self.least[lane].min(magnitude.wrapping_sub(1));
    }

    /// Whether sums of up to `terms` of the numbers are exact in `float64`. With exponents from `least` to `greatest`,
    /// all are multiples of 2^(least−150), and the sum is below terms × 2^(greatest−126): it has at most 53 bits if
    /// log2(terms) + greatest ≤ least + 29. Subnormal numbers are multiples of what the least normal ones are.
    #[inline(always)]
    pub(super) fn is_exact(self, terms: usize) -> bool {
        let (least, greatest) = (fold_lanes(self.least, u32::min), fold_lanes(self.greatest, u32::max));
        let (least, greatest) = ((least.wrapping_add(1) >> 23).max(1), greatest >> 23);
        let is_finite = greatest < 255;
        is_finite && usize::BITS - terms.saturating_sub(1).leading_zeros() + greatest <= least + 29
    }
}

/// Adds a row to each total by plain additions. False, and nothing is added, if they would not be exact.
#[inline(always)]
fn add_plain<V: IsValid<f32>>(totals: &mut [FloatTotal], counts: &mut [u32], rows: Rows<'_, f32>, valid: V) -> bool {
    let (mut sums, mut extent) = ([(0.0, 0); halves::GROUP], Extent::<LANES>::NONE);
    for (sum, row) in sums.iter_mut().zip(rows.iter()) {
        *sum = plain_sum(row, valid, &mut extent);
    }
    if !extent.is_exact(rows.row_len()) {
        return false;
    }
    for ((total, all), (sum, count)) in totals.iter_mut().zip(counts).zip(sums) {
        *total = total.plus(sum);
        *all += count;
    }
    true
}

/// The sum of a row, without missing elements, and the number of the others.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of LANES, indexed below LANES")]
fn plain_sum<V: IsValid<f32>>(row: &[f32], valid: V, extent: &mut Extent<LANES>) -> (f64, u32) {
    let (mut sums, mut counts) = ([FloatTotal::ZERO.high; LANES], [0_u32; LANES]);
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for i in 0..LANES {
            let is_valid = valid.is_valid(block[i]);
            let element = if is_valid { block[i] } else { f32::NOTHING };
            sums[i] += f64::from(element);
            counts[i] += u32::from(is_valid);
            extent.add(i, element);
        }
    }
    for (i, &element) in rest.iter().enumerate() {
        let is_valid = valid.is_valid(element);
        let element = if is_valid { element } else { f32::NOTHING };
        sums[i] += f64::from(element);
        counts[i] += u32::from(is_valid);
        extent.add(i, element);
    }
    (fold_lanes(sums, |a, b| a + b), fold_lanes(counts, |a, b| a + b))
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

/// Lanes of a sum that started from an anchor.
struct Anchored<T: Element> {
    high: [f64; LANES],
    low: [f64; LANES],
    /// The largest magnitude in each lane. NaN is not looked at: the sum shows it.
    largest: [f64; LANES],
    counts: [T::Tally; LANES],
}

impl<T: Element + Into<f64>> Anchored<T> {
    #[inline(always)]
    fn at(anchor: f64) -> Self {
        Self { high: [anchor; LANES], low: [0.0; LANES], largest: [0.0; LANES], counts: [T::Tally::ZERO; LANES] }
    }

    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "lanes are below LANES")]
    fn add<V: IsValid<T>, const FUSED: bool>(&mut self, lane: usize, element: T, valid: V, one: f64) {
        let is_valid = valid.is_valid(element);
        let element: f64 = if is_valid { element } else { T::NOTHING }.into();
        let sum = plus::<FUSED>(self.high[lane], element, one);
        self.low[lane] = plus::<FUSED>(element - (sum - self.high[lane]), self.low[lane], one);
        self.high[lane] = sum;
        let magnitude = element.abs();
        self.largest[lane] = if magnitude > self.largest[lane] { magnitude } else { self.largest[lane] };
        self.counts[lane] = self.counts[lane].plus(is_valid);
    }
}

/// The total of a row beside an anchor, the largest magnitude in it, which must be one that the anchor is for, and
/// the number of elements.
#[inline(always)]
fn anchored_total<T: Element + Into<f64>, V: IsValid<T>, const FUSED: bool>(
    row: &[T],
    valid: V,
    anchor: f64,
) -> (FloatTotal, f64, u32) {
    let one = std::hint::black_box(1.0);
    let mut lanes = Anchored::at(anchor);
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for (lane, &element) in block.iter().enumerate() {
            lanes.add::<V, FUSED>(lane, element, valid, one);
        }
    }
    for (lane, &element) in rest.iter().enumerate() {
        lanes.add::<V, FUSED>(lane, element, valid, one);
    }
    let Anchored { mut high, low, largest, counts } = lanes;
    for high in &mut high {
        *high -= anchor;
    }
    let total = FloatTotal { high: fold_lanes(high, |a, b| a + b), low: fold_lanes(low, |a, b| a + b) };
    let count = fold_lanes(counts.map(Tally::count), |a, b| a + b);
    (total, fold_lanes(largest, |a, b| if a > b { a } else { b }), count)
}

/// How much larger than its first elements those of a row may be before it is added once more.
const HEADROOM: f64 = 8.0;

#[inline(always)]
fn add_anchored<T: Element + Into<f64>, V: IsValid<T>, const FUSED: bool>(
    totals: &mut [FloatTotal],
    counts: &mut [u32],
    rows: Rows<'_, T>,
    valid: V,
) {
    for ((total, all), row) in totals.iter_mut().zip(counts).zip(rows.iter()) {
        let (sum, count) = total_of::<T, V, FUSED>(row, valid);
        *total = total.merged(sum);
        *all += count;
    }
}

/// The total of a row, mostly in one pass: the first elements give the anchor for all. And the number of its elements.
#[inline(always)]
fn total_of<T: Element + Into<f64>, V: IsValid<T>, const FUSED: bool>(row: &[T], valid: V) -> (FloatTotal, u32) {
    let head = row.split_at(row.len().min(LANES)).0;
    let first = largest(head, valid);
    let expected = first * HEADROOM;
    if first > 0.0
        && let Some(anchor) = anchor(expected.to_bits(), row.len())
    {
        let (total, largest, count) = anchored_total::<T, V, FUSED>(row, valid, anchor);
        if largest <= expected && total.high.is_finite() {
            return (total, count);
        }
    }
    careful_total(row, valid)
}

/// The largest magnitude in a row that is not missing; NaN or ∞ if there is one.
#[inline(always)]
fn largest<T: Element + Into<f64>, V: IsValid<T>>(row: &[T], valid: V) -> f64 {
    let mut largest = 0;
    for &element in row {
        let element: f64 = if valid.is_valid(element) { element } else { T::NOTHING }.into();
        // Bits of magnitudes are in the order of these, ∞ and NaN behind the others.
        largest = element.abs().to_bits().max(largest);
    }
    f64::from_bits(largest)
}

/// The same in two passes, of which the first shows what is there.
#[inline(always)]
fn careful_total<T: Element + Into<f64>, V: IsValid<T>>(row: &[T], valid: V) -> (FloatTotal, u32) {
    let largest = largest(row, valid);
    if largest == 0.0 || !largest.is_finite() {
        return rounded_total(row, valid);
    }
    match anchor(largest.to_bits(), row.len()) {
        Some(anchor) => {
            let (total, _, count) = anchored_total::<T, V, false>(row, valid, anchor);
            (total, count)
        }
        None => one_by_one(row, valid),
    }
}

/// The same by plain additions: for zeros, whose sign these keep, and for ∞ and NaN, beside which errors mean nothing.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "lanes are below LANES")]
fn rounded_total<T: Element + Into<f64>, V: IsValid<T>>(row: &[T], valid: V) -> (FloatTotal, u32) {
    let (mut sums, mut counts) = ([FloatTotal::ZERO.high; LANES], [T::Tally::ZERO; LANES]);
    for elements in row.chunks(LANES) {
        for (lane, &element) in elements.iter().enumerate() {
            let is_valid = valid.is_valid(element);
            sums[lane] += if is_valid { element } else { T::NOTHING }.into();
            counts[lane] = counts[lane].plus(is_valid);
        }
    }
    let count = fold_lanes(counts.map(Tally::count), |a, b| a + b);
    (FloatTotal { high: fold_lanes(sums, |a, b| a + b), low: 0.0 }, count)
}

/// The same for numbers so large that there is no anchor.
#[inline(always)]
fn one_by_one<T: Element + Into<f64>, V: IsValid<T>>(row: &[T], valid: V) -> (FloatTotal, u32) {
    let (mut total, mut count) = (FloatTotal::ZERO, 0);
    for &element in row {
        let is_valid = valid.is_valid(element);
        total = total.plus(if is_valid { element } else { T::NOTHING }.into());
        count += u32::from(is_valid);
    }
    (total, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_exact_if_all_bits_of_all_terms_fit() {
        let extent = |elements: &[f32]| {
            let mut extent = Extent::<LANES>::NONE;
            elements.iter().enumerate().for_each(|(i, &element)| extent.add(i % LANES, element));
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
