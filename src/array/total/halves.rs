//! Exact sums of positive `float32` numbers that are not too different from each other: temperatures, pressures,
//! heights.
//!
//! A number is cut into the upper and the lower half of its mantissa, of 12 bits each. A sum of halves has 24 bits, as
//! many as a `float32` has, and so `float32` vectors add without rounding, without conversions. Whether the halves of
//! all numbers did fit follows from the least number and the largest sum, which are looked at in the end.
//!
//! Let 2ᵉ be the exponent of the least number. All upper halves are multiples of 2ᵉ⁻¹¹, all lower ones of 2ᵉ⁻²³ and
//! less than 2⁻¹¹ of the upper one. Nothing is negative: sums only grow, rounded or not. If at last no sum of upper
//! halves is above 2ᵉ⁺¹², none ever needed more than 24 bits. The lower ones then come to less than 2ᵉ⁺¹, 24 bits again.

use multiversion::multiversion;

use super::{
    COLUMNS,
    float::{FloatTotal, fold_lanes},
    float_columns::WideColumns,
};
use crate::array::rows::{Block, IsValid, ROWS_AT_A_TIME, Rows, by_blocks};

/// Independent sums of the elements of a row.
const LANES: usize = 16;

/// Rows, at most, that are added before it is looked whether their sums are exact.
pub(super) const GROUP: usize = 64;

/// The bits of a mantissa's lower half.
const LOWER_HALF: u32 = (1 << 12) - 1;

/// The mantissa bits of a `float32`.
const MANTISSA_BITS: u32 = f32::MANTISSA_DIGITS - 1;

/// Bits of the least positive number whose mantissa has all its bits.
const LEAST_NORMAL: i32 = f32::MIN_POSITIVE.to_bits().cast_signed();

/// What to expect of elements, by the first of them.
enum Outlook {
    /// None is there.
    Nothing,
    /// They are positive. This is one of them.
    Positive(f32),
    /// They are not.
    Other,
}

/// Looks at the first elements that are not missing.
#[inline(always)]
fn outlook<V: IsValid<f32>>(rows: Rows<'_, f32>, valid: V) -> Outlook {
    for row in rows.iter() {
        for elements in row.chunks(LANES) {
            let (mut least, mut any) = (i32::MAX, false);
            for &element in elements {
                let is_valid = valid.is_valid(element);
                least = least.min(if is_valid { element.to_bits().cast_signed() } else { i32::MAX });
                any |= is_valid;
            }
            match (any, least) {
                (true, LEAST_NORMAL..) => return Outlook::Positive(f32::from_bits(least.cast_unsigned())),
                (true, _) => return Outlook::Other,
                (false, _) => {}
            }
        }
    }
    Outlook::Nothing
}

/// What shows whether sums were exact: bits of the least element of each lane, as an integer that is negative for
/// negative ones, and of its largest sum of upper halves, as one that is larger for ∞ and NaN than for any number.
#[derive(Clone, Copy)]
struct Evidence<const N: usize> {
    least: [i32; N],
    largest: [u32; N],
}

impl Evidence<LANES> {
    const NONE: Self = Self { least: [i32::MAX; LANES], largest: [0; LANES] };

    #[inline(always)]
    fn is_exact(self) -> bool {
        let (least, largest) = (fold_lanes(self.least, i32::min), fold_lanes(self.largest, u32::max));
        let exponent = least.cast_unsigned() >> MANTISSA_BITS;
        // What is finite is below 2ᵉ⁺¹² if that is not.
        let limit = ((exponent + 12) << MANTISSA_BITS).min(f32::MAX.to_bits());
        least >= LEAST_NORMAL && largest <= limit
    }
}

/// Sums of halves in `N` lanes, and the number of elements in them that were not missing where any may be.
#[derive(Clone, Copy)]
struct Halves<const N: usize> {
    upper: [f32; N],
    lower: [f32; N],
    valid: [u32; N],
}

impl<const N: usize> Halves<N> {
    const ZERO: Self = Self { upper: [0.0; N], lower: [0.0; N], valid: [0; N] };

    /// Adds an element to each lane, `stand_in` for missing ones.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
    fn add<V: IsValid<f32>>(&mut self, elements: [f32; N], stand_in: f32, valid: V, least: &mut [i32; N]) {
        for i in 0..N {
            let is_valid = valid.is_valid(elements[i]);
            let element = if is_valid { elements[i] } else { stand_in };
            let upper = f32::from_bits(element.to_bits() & !LOWER_HALF);
            if !V::ALWAYS {
                self.valid[i] += u32::from(is_valid);
            }
            self.upper[i] += upper;
            self.lower[i] += element - upper;
            least[i] = least[i].min(element.to_bits().cast_signed());
        }
    }

    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
    fn widen_largest(&self, largest: &mut [u32; N]) {
        for i in 0..N {
            largest[i] = largest[i].max(self.upper[i].to_bits());
        }
    }
}

/// The first `M` lanes, where they are `N`.
#[inline(always)]
fn first<T, const M: usize, const N: usize>(lanes: &mut [T; N]) -> Option<&mut [T; M]> {
    lanes.first_chunk_mut::<M>()
}

/// The sum of a row and the number of its elements, without those that are missing.
#[inline(always)]
fn sum_of_row<V: IsValid<f32>>(row: &[f32], stand_in: f32, valid: V, evidence: &mut Evidence<LANES>) -> (f64, u32) {
    let (mut halves, mut least) = (Halves::<LANES>::ZERO, evidence.least);
    let (blocks, rest) = row.as_chunks::<LANES>();
    for &block in blocks {
        halves.add(block, stand_in, valid, &mut least);
    }
    let padding = if rest.is_empty() { 0 } else { LANES - rest.len() };
    if padding > 0 {
        halves.add(last_block(row, padding, stand_in), stand_in, valid, &mut least);
    }
    evidence.least = least;
    halves.widen_largest(&mut evidence.largest);
    let mut sums = [0.0; LANES];
    for ((sum, &upper), &lower) in sums.iter_mut().zip(&halves.upper).zip(&halves.lower) {
        *sum = f64::from(upper) + f64::from(lower);
    }
    let count =
        if V::ALWAYS { as_count(row.len()) } else { fold_lanes(halves.valid, |a, b| a + b) - as_count(padding) };
    let stand_ins = as_count(row.len() + padding) - count;
    (without_missing(fold_lanes(sums, |a, b| a + b), stand_ins, stand_in, count), count)
}

/// The last lanes of a row behind `padding` of `stand_in`.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of LANES, indexed below LANES")]
fn last_block(row: &[f32], padding: usize, stand_in: f32) -> [f32; LANES] {
    let mut block = [stand_in; LANES];
    if let Some(&last) = row.last_chunk::<LANES>() {
        // What has been added already is loaded once more: cheaper than to load less than a vector.
        for i in 0..LANES {
            block[i] = if i < padding { stand_in } else { last[i] };
        }
    } else {
        block.iter_mut().zip(row).for_each(|(lane, &element)| *lane = element);
    }
    block
}

/// A sum in which `stand_in` stands so many times for missing elements, without these. Both are multiples of the same power
/// of two, and have fewer than 53 bits: nothing is rounded. The sum of nothing leaves even the sign of a zero alone.
#[inline(always)]
fn without_missing(sum: f64, times: u32, stand_in: f32, count: u32) -> f64 {
    // From signed integers there is an instruction everywhere, and no piece has 2³¹ elements.
    let stand_ins = f64::from(times.cast_signed()) * f64::from(stand_in);
    if count == 0 { FloatTotal::ZERO.high } else { sum - stand_ins }
}

/// Elements of a piece.
#[inline(always)]
fn as_count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Adds a row to each total, at most [`GROUP`] of them and a piece of elements, and the number of its elements to each
/// count. False, and nothing is added, if sums would not be exact.
#[multiversion(targets = "simd")]
pub(super) fn add_rows<V: IsValid<f32>>(
    totals: &mut [FloatTotal],
    counts: &mut [u32],
    rows: Rows<'_, f32>,
    valid: V,
) -> bool {
    let stand_in = match outlook(rows, valid) {
        Outlook::Nothing => return true,
        Outlook::Other => return false,
        Outlook::Positive(stand_in) => stand_in,
    };
    let (mut sums, mut valid_counts, mut evidence) = ([0.0; GROUP], [0; GROUP], Evidence::NONE);
    for ((sum, count), row) in sums.iter_mut().zip(&mut valid_counts).zip(rows.iter()) {
        (*sum, *count) = sum_of_row(row, stand_in, valid, &mut evidence);
    }
    if !evidence.is_exact() {
        return false;
    }
    settle_rows(totals, counts, &sums, &valid_counts);
    true
}

/// Makes exact sums of rows a term of each total, and adds the numbers of elements in them to the counts.
#[inline(always)]
fn settle_rows(totals: &mut [FloatTotal], counts: &mut [u32], sums: &[f64], valid_counts: &[u32]) {
    for ((total, all), (&sum, &count)) in totals.iter_mut().zip(counts).zip(sums.iter().zip(valid_counts)) {
        *total = total.plus(sum);
        *all += count;
    }
}

/// Sums of halves of each column. They mean something only within one call.
pub(super) struct HalvesColumns {
    upper: [f32; COLUMNS],
    lower: [f32; COLUMNS],
    valid: [u32; COLUMNS],
}

impl HalvesColumns {
    pub(super) const fn new() -> Self {
        Self { upper: [0.0; COLUMNS], lower: [0.0; COLUMNS], valid: [0; COLUMNS] }
    }

    /// Adds at most [`GROUP`] rows to sums of columns. False, and nothing is added, if that would not be exact.
    pub(super) fn add_rows<V: IsValid<f32>>(
        &mut self,
        sums: &mut WideColumns,
        counts: &mut [u32],
        rows: Rows<'_, f32>,
        valid: V,
    ) -> bool {
        let stand_in = match outlook(rows, valid) {
            Outlook::Nothing => return true,
            Outlook::Other => return false,
            Outlook::Positive(stand_in) => stand_in,
        };
        let mut evidence = Evidence::NONE;
        for (number, rows) in rows.groups(ROWS_AT_A_TIME).enumerate() {
            add_columns(self, number == 0, rows, stand_in, valid, &mut evidence);
        }
        let is_exact = evidence.is_exact();
        if is_exact {
            settle_columns(self, sums, counts, rows, stand_in, !V::ALWAYS);
        }
        is_exact
    }
}

#[multiversion(targets = "simd")]
fn add_columns<V: IsValid<f32>>(
    columns: &mut HalvesColumns,
    is_first: bool,
    rows: Rows<'_, f32>,
    stand_in: f32,
    valid: V,
    evidence: &mut Evidence<LANES>,
) {
    by_blocks!(rows.row_len(), add_to_block(columns, is_first, rows, stand_in, valid, evidence));
}

#[multiversion(targets = "simd")]
fn settle_columns(
    columns: &mut HalvesColumns,
    sums: &mut WideColumns,
    counts: &mut [u32],
    rows: Rows<'_, f32>,
    stand_in: f32,
    may_miss: bool,
) {
    let (width, rows) = (rows.row_len(), as_count(rows.len()));
    by_blocks!(width, settle_block(columns, sums, counts, rows, stand_in, may_miss));
}

#[inline(always)]
fn add_to_block<V: IsValid<f32>, const N: usize>(
    block: Block<N>,
    columns: &mut HalvesColumns,
    is_first: bool,
    rows: Rows<'_, f32>,
    stand_in: f32,
    valid: V,
    evidence: &mut Evidence<LANES>,
) {
    let HalvesColumns { upper, lower, valid: counts } = columns;
    let (Some(upper), Some(lower), Some(counts)) = (block.of(upper), block.of(lower), block.of(counts)) else { return };
    let (Some(all_least), Some(largest)) = (first(&mut evidence.least), first(&mut evidence.largest)) else { return };
    let before = Halves { upper: *upper, lower: *lower, valid: *counts };
    let (mut halves, mut least) = (if is_first { Halves::ZERO } else { before }, *all_least);
    for row in rows.blocks(block.first) {
        halves.add(row, stand_in, valid, &mut least);
    }
    halves.widen_largest(largest);
    (*upper, *lower, *counts, *all_least) = (halves.upper, halves.lower, halves.valid, least);
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn settle_block<const N: usize>(
    block: Block<N>,
    columns: &mut HalvesColumns,
    sums: &mut WideColumns,
    counts: &mut [u32],
    rows: u32,
    stand_in: f32,
    may_miss: bool,
) {
    let HalvesColumns { upper, lower, valid } = columns;
    let (Some(&mut upper), Some(&mut lower), Some(&mut valid)) = (block.of(upper), block.of(lower), block.of(valid))
    else {
        return;
    };
    let Some(counts) = block.of(counts) else { return };
    let (mut exact, mut all) = ([0.0; N], *counts);
    for i in 0..N {
        let (sum, count) = (f64::from(upper[i]) + f64::from(lower[i]), if may_miss { valid[i] } else { rows });
        exact[i] = without_missing(sum, rows - count, stand_in, count);
        all[i] += count;
    }
    *counts = all;
    sums.add_block(block, exact);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::rows::{All, Unequal};

    fn sum_of<V: IsValid<f32>>(elements: &[f32], valid: V) -> Option<(f64, u32)> {
        let (mut total, mut count) = ([FloatTotal::ZERO], [0]);
        let is_exact = add_rows(&mut total, &mut count, Rows::dense(elements, elements.len()), valid);
        is_exact.then(|| (total[0].high, count[0]))
    }

    #[test]
    fn positive_numbers_that_are_alike_are_added_exactly() {
        let elements: Vec<f32> = (0..700_u16).map(|i| 200.0 + f32::from(i % 163) / 7.0).collect();
        let exact: f64 = elements.iter().map(|&element| f64::from(element)).sum();
        assert_eq!(sum_of(&elements, All), Some((exact, 700)));
        let last_bit = f32::from_bits(1.0_f32.to_bits() + 1);
        assert_eq!(
            sum_of(&[[1.0; 16], [last_bit; 16]].concat(), All),
            Some((32.0 + 16.0 * f64::from(f32::EPSILON), 32))
        );
    }

    #[test]
    fn missing_elements_leave_no_trace() {
        let elements: Vec<f32> = (0..100_u8).map(|i| if i % 3 == 0 { 1e20 } else { 1.0 + f32::from(i) }).collect();
        let exact: f64 = elements.iter().filter(|element| **element < 1e19).map(|&element| f64::from(element)).sum();
        assert_eq!(sum_of(&elements, Unequal(1e20)), Some((exact, 66)));
        let nothing = sum_of(&[1e20; 50], Unequal(1e20)).unwrap();
        assert!(nothing == (-0.0, 0) && nothing.0.is_sign_negative());
    }

    #[test]
    fn what_halves_cannot_add_exactly_is_refused() {
        let with = |element: f32| (0..50).map(|i| if i == 45 { element } else { 1.5 }).collect::<Vec<_>>();
        assert!(sum_of(&with(1.5), All).is_some());
        for other in [0.0, -0.0, -1.5, -1e-45, 1e-45, 1e-30, 5000.0, 1e30, f32::INFINITY, f32::NAN, -f32::NAN] {
            assert_eq!(sum_of(&with(other), All), None, "{other}");
        }
        // 16 lanes, the last of which reach 2¹² times the least: that is all they can.
        assert!(sum_of(&vec![1.0; 16 << 12], All).is_some());
        assert!(sum_of(&vec![1.0; (16 << 12) + 1], All).is_none());
        assert!(sum_of(&[f32::MAX; 16], All).is_some() && sum_of(&[f32::MAX; 17], All).is_none());
    }
}
