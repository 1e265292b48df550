//! Sums of floats, side by side.

use half::f16;
use multiversion::multiversion;

use super::{
    COLUMNS, Columns, PIECE,
    float::{FloatTotal, two_sum, widen},
    float_rows::{Extent, or_nothing},
    halves::{GROUP, HalvesColumns},
};
use crate::array::{
    Element, Tally,
    rows::{Block, IsValid, ROWS_AT_A_TIME, Rows, Validity, by_blocks, with_validity},
};

/// Sums of columns of `float64`.
pub struct WideColumns {
    high: [f64; COLUMNS],
    low: [f64; COLUMNS],
}

impl WideColumns {
    /// Adds a number to each column of a block.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
    pub(super) fn add_block<const N: usize>(&mut self, block: Block<N>, terms: [f64; N]) {
        let (Some(high), Some(low)) = (block.of(&mut self.high), block.of(&mut self.low)) else { return };
        let (mut highs, mut lows) = (*high, *low);
        for i in 0..N {
            let error;
            (highs[i], error) = two_sum(highs[i], terms[i]);
            lows[i] += error;
        }
        (*high, *low) = (highs, lows);
    }
}

/// Adds rows element by element.
#[multiversion(targets = "simd")]
fn add_each<T: Element + Into<f64>, V: IsValid<T>>(
    columns: &mut WideColumns,
    counts: &mut [u32],
    rows: Rows<'_, T>,
    valid: V,
) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(rows.row_len(), add_each_to_block(columns, counts, rows, valid));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_each_to_block<T: Element + Into<f64>, V: IsValid<T>, const N: usize>(
    block: Block<N>,
    columns: &mut WideColumns,
    counts: &mut [u32],
    rows: Rows<'_, T>,
    valid: V,
) {
    let (Some(high), Some(low)) = (block.of(&mut columns.high), block.of(&mut columns.low)) else { return };
    let Some(counts) = block.of(counts) else { return };
    count_block(rows.blocks(block.first), valid, counts);
    let (mut highs, mut lows) = (*high, *low);
    for row in rows.blocks::<N>(block.first) {
        for i in 0..N {
            let error;
            (highs[i], error) = two_sum(highs[i], or_nothing(row[i], valid).into());
            lows[i] += error;
        }
    }
    (*high, *low) = (highs, lows);
}

/// Counts the elements of each column that are not missing. A loop of its own, since those over numbers of several
/// widths do not vectorise well.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn count_block<T: Element, V: IsValid<T>, const N: usize>(
    rows: impl Iterator<Item = [T; N]>,
    valid: V,
    counts: &mut [u32; N],
) {
    let mut tallies = [T::Tally::ZERO; N];
    for row in rows {
        for i in 0..N {
            tallies[i] = tallies[i].plus(valid.is_valid(row[i]));
        }
    }
    let mut sums = *counts;
    for i in 0..N {
        sums[i] += tallies[i].count();
    }
    *counts = sums;
}

impl Columns<f64, FloatTotal> for WideColumns {
    fn new() -> Self {
        Self { high: [FloatTotal::ZERO.high; COLUMNS], low: [FloatTotal::ZERO.low; COLUMNS] }
    }

    fn clear(&mut self, width: usize) {
        self.high.iter_mut().take(width).for_each(|high| *high = FloatTotal::ZERO.high);
        self.low.iter_mut().take(width).for_each(|low| *low = FloatTotal::ZERO.low);
    }

    fn add_rows(&mut self, counts: &mut [u32], rows: Rows<'_, f64>, validity: Validity<f64>) {
        with_validity!(validity, valid => add_each(self, counts, rows, valid));
    }

    fn write(&mut self, states: &mut [FloatTotal]) {
        for ((state, &high), &low) in states.iter_mut().zip(&self.high).zip(&self.low) {
            *state = FloatTotal { high, low };
        }
    }
}

/// Sums of columns of `float32`. As many rows as possible are added without rounding; what they come to is then one
/// term of the sums.
pub struct NarrowColumns {
    sums: WideColumns,
    halves: HalvesColumns,
    plain: PlainColumns,
}

fn add_narrow_rows<V: IsValid<f32>>(columns: &mut NarrowColumns, counts: &mut [u32], rows: Rows<'_, f32>, valid: V) {
    let NarrowColumns { sums, halves, plain } = columns;
    for rows in rows.groups(GROUP) {
        if !halves.add_rows(sums, counts, rows, valid) && !plain.add_rows(sums, counts, rows, valid) {
            add_each(sums, counts, rows, valid);
        }
    }
}

/// Plain sums of each column.
struct PlainColumns([f64; COLUMNS]);

impl PlainColumns {
    /// Adds rows to sums of columns. False, and nothing is added, if that would not be exact.
    fn add_rows<V: IsValid<f32>>(
        &mut self,
        sums: &mut WideColumns,
        counts: &mut [u32],
        rows: Rows<'_, f32>,
        valid: V,
    ) -> bool {
        let is_exact = are_exact(rows, valid);
        if is_exact {
            add_plain(self, sums, counts, rows, valid);
        }
        is_exact
    }
}

/// Whether plain sums of columns are exact.
#[multiversion(targets = "simd")]
fn are_exact<V: IsValid<f32>>(rows: Rows<'_, f32>, valid: V) -> bool {
    let mut extent = Extent::NONE;
    for row in rows.iter() {
        for &element in row {
            extent.add(or_nothing(element, valid));
        }
    }
    extent.is_exact(rows.len())
}

#[multiversion(targets = "simd")]
fn add_plain<V: IsValid<f32>>(
    columns: &mut PlainColumns,
    sums: &mut WideColumns,
    counts: &mut [u32],
    rows: Rows<'_, f32>,
    valid: V,
) {
    let width = rows.row_len();
    columns.0.iter_mut().take(width).for_each(|sum| *sum = FloatTotal::ZERO.high);
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(width, add_plain_to_block(columns, counts, rows, valid));
    }
    by_blocks!(width, settle_block(columns, sums));
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_plain_to_block<V: IsValid<f32>, const N: usize>(
    block: Block<N>,
    columns: &mut PlainColumns,
    counts: &mut [u32],
    rows: Rows<'_, f32>,
    valid: V,
) {
    let (Some(sums), Some(counts)) = (block.of(&mut columns.0), block.of(counts)) else { return };
    count_block(rows.blocks(block.first), valid, counts);
    let mut new = *sums;
    for row in rows.blocks::<N>(block.first) {
        for i in 0..N {
            new[i] += f64::from(or_nothing(row[i], valid));
        }
    }
    *sums = new;
}

#[inline(always)]
fn settle_block<const N: usize>(block: Block<N>, columns: &mut PlainColumns, sums: &mut WideColumns) {
    if let Some(&mut plain) = block.of(&mut columns.0) {
        sums.add_block(block, plain);
    }
}

impl Columns<f32, FloatTotal> for NarrowColumns {
    fn new() -> Self {
        Self { sums: WideColumns::new(), halves: HalvesColumns::new(), plain: PlainColumns([0.0; COLUMNS]) }
    }

    fn clear(&mut self, width: usize) {
        self.sums.clear(width);
    }

    fn add_rows(&mut self, counts: &mut [u32], rows: Rows<'_, f32>, validity: Validity<f32>) {
        with_validity!(validity, valid => add_narrow_rows(self, counts, rows, valid));
    }

    fn write(&mut self, states: &mut [FloatTotal]) {
        self.sums.write(states);
    }
}

impl Columns<f16, FloatTotal> for NarrowColumns {
    fn new() -> Self {
        <Self as Columns<f32, _>>::new()
    }

    fn clear(&mut self, width: usize) {
        self.sums.clear(width);
    }

    fn add_rows(&mut self, counts: &mut [u32], rows: Rows<'_, f16>, validity: Validity<f16>) {
        let mut room = [0.0; PIECE];
        for rows in rows.groups(PIECE / rows.row_len().min(PIECE)) {
            let rows = widen(rows, &mut room);
            Columns::<f32, _>::add_rows(self, counts, rows, validity.map(f16::to_f32));
        }
    }

    fn write(&mut self, states: &mut [FloatTotal]) {
        self.sums.write(states);
    }
}
