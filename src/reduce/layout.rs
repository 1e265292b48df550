//! From positions with some axes to reduce to rows: which axis they lie along, and in which order they come.

use super::rows::COLUMNS;
use crate::array::{Positions, Stride};

/// Rows shorter than this are avoided if those along the other kind of axis are not.
const SHORT: usize = 32;

/// An axis of one index, where there is no other.
const UNIT: Stride = Stride { len: 1, step: 0 };

/// The kind of axis that rows lie along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    /// A row folds into one result.
    Reduced,
    /// Each element of a row belongs to a result of its own.
    Kept,
}

/// Rows next to each other: all elements of a two-dimensional part of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Position of the first element.
    pub(super) first: usize,
    /// From row to row.
    pub(super) rows: Stride,
    /// From element to element of a row.
    pub(super) row: Stride,
}

impl Block {
    /// Its rows in blocks of at most `len`.
    pub(super) fn by_rows(self, len: usize) -> impl Iterator<Item = Self> {
        parts(self.rows, len).map(move |(from, rows)| Self {
            first: advance(self.first, self.rows, from),
            rows,
            ..self
        })
    }

    /// The same rows in parts of at most `len` elements.
    pub(super) fn by_columns(self, len: usize) -> impl Iterator<Item = Self> {
        parts(self.row, len).map(move |(from, row)| Self { first: advance(self.first, self.row, from), row, ..self })
    }
}

/// Parts of an axis, of at most `len` indices each, and the index that each begins with.
fn parts(axis: Stride, len: usize) -> impl Iterator<Item = (usize, Stride)> {
    (0..axis.len).step_by(len.max(1)).map(move |from| (from, Stride { len: len.min(axis.len - from), ..axis }))
}

/// The position `by` indices further along an axis. Positions are those of elements in memory, and do not overflow.
fn advance(first: usize, axis: Stride, by: usize) -> usize {
    first.wrapping_add_signed(axis.step.wrapping_mul(by.cast_signed()))
}

/// Blocks of rows. Axes that are kept come before those that are reduced, so that all rows of one result (or of one row of
/// results) follow each other.
#[derive(Debug)]
pub(super) struct Layout {
    first: usize,
    /// The axes of blocks, from the outermost.
    outer: Vec<Stride>,
    rows: Stride,
    row: Stride,
    pub(super) along: Along,
    /// Consecutive rows that belong to the same results.
    pub(super) rows_per_result: usize,
}

impl Layout {
    /// Arranges positions, of which there are some. `reduced` has one entry per axis.
    pub(super) fn new(positions: &Positions, reduced: &[bool]) -> Self {
        let Positions { mut first, axes } = positions.clone();
        let longer = axes.into_iter().zip(reduced).filter(|(axis, _)| axis.len != 1);
        let (reduced, kept): (Vec<_>, Vec<_>) = longer.partition(|(_, reduced)| **reduced);
        let kept: Vec<Stride> = kept.into_iter().map(|(axis, _)| axis).collect();
        let mut reduced: Vec<Stride> = reduced.into_iter().map(|(axis, _)| axis).collect();
        for axis in &mut reduced {
            // The order of reduced elements means nothing, and forward is faster than backward.
            if axis.step < 0 {
                first = advance(first, *axis, axis.len.saturating_sub(1));
                axis.step = -axis.step;
            }
        }
        Self::with_rows(first, merged(kept), merged(reduced))
    }

    fn with_rows(first: usize, mut kept: Vec<Stride>, mut reduced: Vec<Stride>) -> Self {
        let along = choose_rows(&kept, &reduced);
        let row = match along {
            Along::Reduced => reduced.pop(),
            Along::Kept => kept.pop(),
        };
        let rows_per_result = reduced.iter().map(|axis| axis.len).product();
        // Rows that are folded together lie in one block, or rows each into a result of its own: one at a time where
        // there is no axis for that.
        let mut outer = kept;
        outer.append(&mut reduced);
        let rows = match along {
            Along::Kept if rows_per_result == 1 => None,
            _ => outer.pop(),
        };
        Self { first, outer, rows: rows.unwrap_or(UNIT), row: row.unwrap_or(UNIT), along, rows_per_result }
    }

    /// Elements of a row, at least one.
    pub(super) const fn row_len(&self) -> usize {
        self.row.len
    }

    /// All blocks.
    pub(super) fn blocks(&self) -> Blocks<'_> {
        Blocks {
            outer: &self.outer,
            block: Some(Block { first: self.first, rows: self.rows, row: self.row }),
            index: vec![0; self.outer.len()],
        }
    }

    /// The same layout for rows of at most [`COLUMNS`] elements, one part of the rows after the other.
    pub(super) fn tiles(&self) -> impl Iterator<Item = Self> {
        parts(self.row, COLUMNS).map(|(from, row)| Self {
            first: advance(self.first, self.row, from),
            outer: self.outer.clone(),
            row,
            ..*self
        })
    }
}

/// Blocks one after the other, the last of their axes first.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    outer: &'a [Stride],
    block: Option<Block>,
    index: Vec<usize>,
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let block = self.block?;
        self.block = None;
        let mut first = block.first;
        for (axis, index) in self.outer.iter().zip(&mut self.index).rev() {
            *index += 1;
            if *index < axis.len {
                self.block = Some(Block { first: advance(first, *axis, 1), ..block });
                break;
            }
            first = advance(first, Stride { step: axis.step.wrapping_neg(), ..*axis }, axis.len.saturating_sub(1));
            *index = 0;
        }
        Some(block)
    }
}

/// Makes one axis of neighbours that lie in memory as one.
fn merged(axes: Vec<Stride>) -> Vec<Stride> {
    let mut merged: Vec<Stride> = Vec::with_capacity(axes.len());
    for axis in axes.into_iter().rev() {
        match merged.last_mut() {
            Some(inner) if axis.step == inner.step.wrapping_mul(inner.len.cast_signed()) => inner.len *= axis.len,
            _ => merged.push(axis),
        }
    }
    merged.reverse();
    merged
}

fn choose_rows(kept: &[Stride], reduced: &[Stride]) -> Along {
    let (Some(last_kept), Some(last_reduced)) = (kept.last(), reduced.last()) else {
        return if kept.is_empty() { Along::Reduced } else { Along::Kept };
    };
    let is_short = |axis: &Stride| axis.len < SHORT;
    match (is_short(last_kept), is_short(last_reduced)) {
        (true, false) => Along::Reduced,
        (false, true) => Along::Kept,
        _ if last_kept.step.unsigned_abs() < last_reduced.step.unsigned_abs() => Along::Kept,
        _ => Along::Reduced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Order;

    fn layout(shape: &[usize], reduced: &[bool]) -> (Along, Vec<usize>, usize) {
        let Layout { along, outer, rows, row, rows_per_result, .. } =
            Layout::new(&Positions::new(shape, Order::C).unwrap(), reduced);
        (along, outer.iter().chain([&rows, &row]).map(|axis| axis.len).collect(), rows_per_result)
    }

    #[test]
    fn a_whole_array_is_one_row() {
        assert_eq!(layout(&[4, 5, 6], &[true, true, true]), (Along::Reduced, vec![1, 120], 1));
        assert_eq!(layout(&[4, 5, 6], &[false, false, false]), (Along::Kept, vec![1, 120], 1));
        assert_eq!(layout(&[1, 1], &[true, false]), (Along::Reduced, vec![1, 1], 1));
        assert_eq!(layout(&[], &[]), (Along::Reduced, vec![1, 1], 1));
    }

    #[test]
    fn rows_lie_along_the_nearest_axis_unless_it_is_short() {
        assert_eq!(layout(&[40, 50, 60], &[true, false, false]), (Along::Kept, vec![40, 3000], 40));
        assert_eq!(layout(&[40, 50, 60], &[false, true, false]), (Along::Kept, vec![40, 50, 60], 50));
        assert_eq!(layout(&[40, 50, 60], &[false, false, true]), (Along::Reduced, vec![2000, 60], 1));
        assert_eq!(layout(&[40, 50, 60], &[true, false, true]), (Along::Reduced, vec![50, 40, 60], 40));
        assert_eq!(layout(&[1000, 3], &[false, true]), (Along::Kept, vec![3, 1000], 3));
        assert_eq!(layout(&[1000, 3], &[true, false]), (Along::Reduced, vec![3, 1000], 1));
    }

    #[test]
    fn blocks_come_in_the_order_of_their_results() {
        let positions = Positions::new(&[2, 3, 4, 50], Order::C).unwrap();
        let layout = Layout::new(&positions, &[false, true, false, true]);
        let firsts: Vec<usize> = layout.blocks().map(|block| block.first).collect();
        assert_eq!(firsts, [0, 50, 100, 150, 600, 650, 700, 750]);
        assert_eq!((layout.rows, layout.row.len, layout.rows_per_result), (Stride { len: 3, step: 200 }, 50, 3));
    }
}
