//! Sums of floats, side by side.

use half::f16;
use multiversion::multiversion;

use super::{
    COLUMNS, Columns, PIECE,
    float::{FloatTotal, two_sum, widen},
    float_rows::Extent,
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
    pub(super) fn add_block<const N: usize>(&mut self, block: Block<N>, terms: &[f64; N]) {
        let (Some(high), Some(low)) = (block.of(&mut self.high), block.of(&mut self.low)) else { return };
        for i in 0..N {
            let error;
            (high[i], error) = two_sum(high[i], terms[i]);
            low[i] += error;
        }
    }
}

#[multiversion(targets = "simd")]
fn add_wide_rows<V: IsValid<f64>>(columns: &mut WideColumns, counts: &mut [u32], rows: Rows<'_, f64>, valid: V) {
    add_each(columns, counts, rows, valid);
}

/// Adds rows element by element.
#[inline(always)]
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
    let (mut highs, mut lows, mut tallies) = (*high, *low, [T::Tally::ZERO; N]);
    for row in rows.blocks::<N>(block.first) {
        for i in 0..N {
            let is_valid = valid.is_valid(row[i]);
            let element = if is_valid { row[i] } else { T::NOTHING };
            let error;
            (highs[i], error) = two_sum(highs[i], element.into());
            lows[i] += error;
            tallies[i] = tallies[i].plus(is_valid);
        }
    }
    (*high, *low) = (highs, lows);
    for i in 0..N {
        counts[i] += tallies[i].count();
    }
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
        with_validity!(validity, valid => add_wide_rows(self, counts, rows, valid));
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

#[multiversion(targets = "simd")]
fn add_narrow_rows<V: IsValid<f32>>(columns: &mut NarrowColumns, counts: &mut [u32], rows: Rows<'_, f32>, valid: V) {
    let NarrowColumns { sums, halves, plain } = columns;
    for rows in rows.groups(GROUP) {
        if halves.add_rows(sums, counts, rows, valid) || plain.add_rows(sums, counts, rows, valid) {
            continue;
        }
        add_each(sums, counts, rows, valid);
    }
}

/// Plain sums of each column.
struct PlainColumns {
    sums: [f64; COLUMNS],
    valid: [u32; COLUMNS],
}

impl PlainColumns {
    const fn new() -> Self {
        Self { sums: [0.0; COLUMNS], valid: [0; COLUMNS] }
    }

    /// Adds rows to sums of columns. False, and nothing is added, if that would not be exact.
    #[inline(always)]
    fn add_rows<V: IsValid<f32>>(
        &mut self,
        sums: &mut WideColumns,
        counts: &mut [u32],
        rows: Rows<'_, f32>,
        valid: V,
    ) -> bool {
        let (width, mut extent) = (rows.row_len(), Extent::<16>::NONE);
        for (number, rows) in rows.groups(ROWS_AT_A_TIME).enumerate() {
            by_blocks!(width, add_plain_to_block(self, number == 0, rows, valid, &mut extent));
        }
        if extent.is_exact(rows.len()) {
            by_blocks!(width, settle_plain_block(self, sums, counts));
            return true;
        }
        false
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, at most the lanes of an extent, indexed below N")]
fn add_plain_to_block<V: IsValid<f32>, const N: usize>(
    block: Block<N>,
    columns: &mut PlainColumns,
    is_first: bool,
    rows: Rows<'_, f32>,
    valid: V,
    extent: &mut Extent<16>,
) {
    let (Some(sums), Some(counts)) = (block.of(&mut columns.sums), block.of(&mut columns.valid)) else { return };
    let nothing = ([FloatTotal::ZERO.high; N], [0; N]);
    let (mut new_sums, mut new_counts) = if is_first { nothing } else { (*sums, *counts) };
    for row in rows.blocks::<N>(block.first) {
        for i in 0..N {
            let is_valid = valid.is_valid(row[i]);
            let element = if is_valid { row[i] } else { f32::NOTHING };
            new_sums[i] += f64::from(element);
            new_counts[i] += u32::from(is_valid);
            extent.add(i, element);
        }
    }
    (*sums, *counts) = (new_sums, new_counts);
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn settle_plain_block<const N: usize>(
    block: Block<N>,
    columns: &mut PlainColumns,
    sums: &mut WideColumns,
    counts: &mut [u32],
) {
    let (Some(plain), Some(valid)) = (block.of(&mut columns.sums), block.of(&mut columns.valid)) else { return };
    let Some(counts) = block.of(counts) else { return };
    sums.add_block(block, plain);
    for i in 0..N {
        counts[i] += valid[i];
    }
}

impl Columns<f32, FloatTotal> for NarrowColumns {
    fn new() -> Self {
        Self { sums: WideColumns::new(), halves: HalvesColumns::new(), plain: PlainColumns::new() }
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
