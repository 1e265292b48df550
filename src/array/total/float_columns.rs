//! Sums of floats, side by side.

use half::f16;
use multiversion::multiversion;

use super::{
    COLUMNS, Columns, PIECE,
    float::{Extent, FloatTotal, add_each, widen},
};

/// Sums of columns of `float64`.
pub struct WideColumns {
    high: [f64; COLUMNS],
    low: [f64; COLUMNS],
}

#[multiversion(targets = "simd")]
fn add_wide_rows(columns: &mut WideColumns, rows: &[f64], width: usize) {
    for row in rows.chunks_exact(width.max(1)) {
        add_each(&mut columns.high, &mut columns.low, row);
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

    fn add_rows(&mut self, rows: &[f64], width: usize) {
        add_wide_rows(self, rows, width);
    }

    fn write(&mut self, states: &mut [FloatTotal]) {
        for ((state, &high), &low) in states.iter_mut().zip(&self.high).zip(&self.low) {
            *state = FloatTotal { high, low };
        }
    }
}

/// Sums of columns of `float32`. Rows are added without rounding as long as that is possible; what they come to is
/// then one term of the sums.
pub struct NarrowColumns {
    sums: WideColumns,
    /// Exact sums of the last rows.
    exact: [f64; COLUMNS],
    /// Of all elements in them.
    extent: Extent,
    /// How many rows they are.
    rows: usize,
}

impl NarrowColumns {
    /// Makes terms of the exact sums.
    #[inline(always)]
    fn settle(&mut self, width: usize) {
        if self.rows > 0 {
            let exact = self.exact.split_at_mut(width.min(COLUMNS)).0;
            add_each(&mut self.sums.high, &mut self.sums.low, exact);
            exact.fill(FloatTotal::ZERO.high);
            (self.extent, self.rows) = (Extent::NONE, 0);
        }
    }
}

#[multiversion(targets = "simd")]
fn settle(columns: &mut NarrowColumns, width: usize) {
    columns.settle(width);
}

#[multiversion(targets = "simd")]
fn add_narrow_rows(columns: &mut NarrowColumns, elements: &[f32], width: usize) {
    let extent = Extent::of(elements);
    let rows = elements.chunks_exact(width.max(1));
    if !columns.extent.and(extent).is_exact(columns.rows + rows.len()) {
        columns.settle(width);
        if !extent.is_exact(rows.len()) {
            for row in rows {
                add_each(&mut columns.sums.high, &mut columns.sums.low, row);
            }
            return;
        }
    }
    columns.extent = columns.extent.and(extent);
    columns.rows += rows.len();
    for row in rows {
        for (sum, &element) in columns.exact.iter_mut().zip(row) {
            *sum += f64::from(element);
        }
    }
}

impl Columns<f32, FloatTotal> for NarrowColumns {
    fn new() -> Self {
        Self { sums: WideColumns::new(), exact: [FloatTotal::ZERO.high; COLUMNS], extent: Extent::NONE, rows: 0 }
    }

    fn clear(&mut self, width: usize) {
        self.sums.clear(width);
        self.exact.iter_mut().take(width).for_each(|sum| *sum = FloatTotal::ZERO.high);
        (self.extent, self.rows) = (Extent::NONE, 0);
    }

    fn add_rows(&mut self, rows: &[f32], width: usize) {
        add_narrow_rows(self, rows, width);
    }

    fn write(&mut self, states: &mut [FloatTotal]) {
        settle(self, states.len());
        self.sums.write(states);
    }
}

impl Columns<f16, FloatTotal> for NarrowColumns {
    fn new() -> Self {
        <Self as Columns<f32, _>>::new()
    }

    fn clear(&mut self, width: usize) {
        Columns::<f32, _>::clear(self, width);
    }

    fn add_rows(&mut self, rows: &[f16], width: usize) {
        add_narrow_rows(self, widen(rows, &mut [0.0; PIECE]), width);
    }

    fn write(&mut self, states: &mut [FloatTotal]) {
        Columns::<f32, _>::write(self, states);
    }
}
