//! Sums of floats: compensated, which is not exact, but by some twenty bits better than `float64`.
//!
//! Sums of `float32` need the trouble only where they are not exact anyway: if the exponents of a piece are close
//! enough to each other, plain additions of its elements do not round at all.

use half::f16;
use multiversion::multiversion;

use super::{
    float_columns::{PlainColumns, add_narrow_columns, add_wide_columns},
    float_rows::{add_narrow_rows, add_wide_rows},
    totals::Totals,
};
use crate::{
    array::Element,
    reduce::{
        operation::{NumOperation, State},
        pieces::Taken,
        rows::{GROUP, PIECE, Rows},
    },
};

/// The same numbers as `float32`.
pub(super) fn widen<'a>(rows: Rows<'_, f16>, room: &'a mut Vec<f32>) -> Rows<'a, f32> {
    let len = rows.len() * rows.row_len();
    if room.len() < len {
        room.resize(len, 0.0);
    }
    let room = room.split_at_mut(len).0;
    write_widened(rows, room);
    Rows::dense(room, rows.row_len())
}

#[multiversion(targets = "simd")]
fn write_widened(rows: Rows<'_, f16>, room: &mut [f32]) {
    for (row, widened) in rows.iter().zip(room.chunks_exact_mut(rows.row_len())) {
        for (wide, element) in widened.iter_mut().zip(row) {
            *wide = widened_one(*element);
        }
    }
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

/// Sums of `float64`.
pub(super) struct WideSums(Totals);

/// Sums of `float32`. As many of them as possible are added without rounding; what they come to is then one term of the sum.
pub(super) struct NarrowSums {
    totals: Totals,
    plain: PlainColumns,
}

/// Sums of `float16`, which are those of the same numbers as `float32`.
pub(super) struct HalfSums {
    sums: NarrowSums,
    /// Room for the elements of a piece, once it is needed.
    widened: Vec<f32>,
}

impl WideSums {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        Self(Totals::new(results))
    }
}

impl NarrowSums {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        Self { totals: Totals::new(results), plain: PlainColumns::new(results) }
    }
}

impl HalfSums {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        Self { sums: NarrowSums::new(results), widened: Vec::new() }
    }
}

impl NumOperation<u64> for WideSums {
    fn neutral(&self) -> u64 {
        f64::NOTHING.to_bits()
    }

    fn clear(&mut self, width: usize) {
        self.0.clear(width);
    }

    fn fold_rows(&mut self, first: usize, Taken { rows, .. }: Taken<'_, u64>) {
        add_wide_rows::<f64>(&mut self.0, first, rows.cast());
    }

    fn fold_columns(&mut self, Taken { rows, .. }: Taken<'_, u64>) {
        add_wide_columns::<f64>(&mut self.0, rows.cast());
    }

    fn settle(&mut self, width: usize) {
        self.0.settle(width);
    }

    fn state(&self, width: usize) -> State<'_> {
        self.0.state(width)
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        self.0.held_len()
    }
}

impl NumOperation<u32> for NarrowSums {
    fn neutral(&self) -> u32 {
        f32::NOTHING.to_bits()
    }

    fn clear(&mut self, width: usize) {
        self.totals.clear(width);
    }

    fn fold_rows(&mut self, first: usize, Taken { rows, .. }: Taken<'_, u32>) {
        add_narrow_rows(&mut self.totals, first, rows.cast());
    }

    fn rows_at_once(&self, _: usize) -> usize {
        GROUP
    }

    fn fold_columns(&mut self, Taken { rows, .. }: Taken<'_, u32>) {
        add_narrow_columns(&mut self.totals, &mut self.plain, rows.cast());
    }

    fn settle(&mut self, width: usize) {
        self.totals.settle(width);
    }

    fn state(&self, width: usize) -> State<'_> {
        self.totals.state(width)
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        self.totals.held_len() + self.plain.held_len()
    }
}

impl NumOperation<u16> for HalfSums {
    fn neutral(&self) -> u16 {
        f16::NOTHING.to_bits()
    }

    fn clear(&mut self, width: usize) {
        self.sums.clear(width);
    }

    fn fold_rows(&mut self, first: usize, Taken { rows, .. }: Taken<'_, u16>) {
        add_narrow_rows(&mut self.sums.totals, first, widen(rows.cast(), &mut self.widened));
    }

    fn rows_at_once(&self, _: usize) -> usize {
        GROUP
    }

    fn fold_columns(&mut self, Taken { rows, .. }: Taken<'_, u16>) {
        for rows in rows.groups(PIECE / rows.row_len().min(PIECE)) {
            let rows = widen(rows.cast(), &mut self.widened);
            add_narrow_columns(&mut self.sums.totals, &mut self.sums.plain, rows);
        }
    }

    fn settle(&mut self, width: usize) {
        self.sums.settle(width);
    }

    fn state(&self, width: usize) -> State<'_> {
        self.sums.state(width)
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        self.sums.held_len() + self.widened.len() * size_of::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float16_is_the_same_as_a_float32() {
        for first in (0..=u16::MAX).step_by(PIECE) {
            let elements: Vec<f16> = (0..=u16::MAX).skip(first.into()).take(PIECE).map(f16::from_bits).collect();
            let mut widened = Vec::new();
            let widened = widen(Rows::dense(&elements, 64), &mut widened);
            for (wide, element) in widened.iter().flatten().zip(&elements) {
                assert!(wide.to_bits() == element.to_f32().to_bits() || wide.is_nan() && element.is_nan());
            }
        }
    }
}
