//! From positions with some axes to reduce to rows: which axis they lie along, and in which order they come.

use super::weights::Factor;
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

/// In which order the elements of a result are visited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visiting {
    /// In whatever order is fast.
    InAnyOrder,
    /// In the order of the positions.
    InOrder,
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
    /// Where it is among all blocks.
    pub(super) at: At,
}

/// Where a block, or a part of one, is in its layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct At {
    /// Number of the block.
    block: usize,
    /// Number of its first row.
    row: usize,
    /// Number of the first element of its rows.
    column: usize,
}

/// How the values of a [`Factor`] lie for the elements of a layout.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Position of that of the first element.
    first: usize,
    /// From index to index of the axes of blocks, from the outermost.
    outer: Vec<isize>,
    /// From row to row.
    pub(super) rows: isize,
    /// From element to element of a row.
    pub(super) row: isize,
}

impl Walk {
    /// Position of the value of the first element of what is at this place, where axes of blocks have these lengths.
    pub(super) fn first(&self, lens: &[usize], at: At) -> usize {
        let mut rest = at.block;
        let mut first = self.first;
        let mut go = |step: isize, by: usize| first = first.wrapping_add_signed(step.wrapping_mul(by.cast_signed()));
        for (&step, &len) in self.outer.iter().zip(lens).rev() {
            go(step, rest % len.max(1));
            rest /= len.max(1);
        }
        go(self.rows, at.row);
        go(self.row, at.column);
        first
    }
}

/// An axis of elements, and what is apart along it in each factor of their weights.
#[derive(Clone, Debug)]
struct Axis {
    stride: Stride,
    weights: Vec<isize>,
}

impl Block {
    /// Its rows in blocks of at most `len`.
    pub(super) fn by_rows(self, len: usize) -> impl Iterator<Item = Self> {
        parts(self.rows, len).map(move |(from, rows)| Self {
            first: advance(self.first, self.rows, from),
            rows,
            at: At { row: self.at.row + from, ..self.at },
            ..self
        })
    }

    /// The same rows in parts of at most `len` elements.
    pub(super) fn by_columns(self, len: usize) -> impl Iterator<Item = Self> {
        parts(self.row, len).map(move |(from, row)| Self {
            first: advance(self.first, self.row, from),
            row,
            at: At { column: self.at.column + from, ..self.at },
            ..self
        })
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
    /// Number of the first element of rows among those of whole ones.
    column: usize,
    pub(super) along: Along,
    /// Consecutive rows that belong to the same results.
    pub(super) rows_per_result: usize,
    /// Where the values of each factor of the weights lie; nothing for parts of the rows.
    pub(super) walks: Vec<Walk>,
}

impl Layout {
    /// Arranges positions, of which there are some, with the weights that these factors give them. `reduced` has one entry per axis.
    pub(super) fn new(positions: &Positions, factors: &[Factor<'_>], reduced: &[bool], visiting: Visiting) -> Self {
        let mut firsts = vec![0; factors.len()];
        let mut first = positions.first;
        let axes = positions.axes.iter().enumerate().map(|(number, &stride)| {
            let step = |factor: &Factor<'_>| factor.steps.get(number).map_or(0, |step| step.cast_signed());
            Axis { stride, weights: factors.iter().map(step).collect() }
        });
        let longer = axes.zip(reduced).filter(|(axis, _)| axis.stride.len != 1);
        let (reduced, kept): (Vec<_>, Vec<_>) = longer.partition(|(_, reduced)| **reduced);
        let kept: Vec<Axis> = kept.into_iter().map(|(axis, _)| axis).collect();
        let mut reduced: Vec<Axis> = reduced.into_iter().map(|(axis, _)| axis).collect();
        for axis in &mut reduced {
            // Forward is faster than backward.
            if axis.stride.step < 0 && visiting == Visiting::InAnyOrder {
                axis.turn(&mut first, &mut firsts);
            }
        }
        Self::with_rows(first, &firsts, merged(kept), merged(reduced))
    }

    fn with_rows(first: usize, firsts: &[usize], mut kept: Vec<Axis>, mut reduced: Vec<Axis>) -> Self {
        let along = choose_rows(&kept, &reduced);
        let row = match along {
            Along::Reduced => reduced.pop(),
            Along::Kept => kept.pop(),
        };
        let rows_per_result = reduced.iter().map(|axis| axis.stride.len).product();
        // Rows that are folded together lie in one block, or rows each into a result of its own: one at a time where
        // there is no axis for that.
        let mut outer = kept;
        outer.append(&mut reduced);
        let rows = match along {
            Along::Kept if rows_per_result == 1 => None,
            _ => outer.pop(),
        };
        let step = |axis: &Axis, factor: usize| axis.weights.get(factor).copied().unwrap_or(0);
        let walks = firsts.iter().enumerate().map(|(factor, &first)| Walk {
            first,
            outer: outer.iter().map(|axis| step(axis, factor)).collect(),
            rows: rows.as_ref().map_or(0, |axis| step(axis, factor)),
            row: row.as_ref().map_or(0, |axis| step(axis, factor)),
        });
        let walks = walks.collect();
        let outer = outer.into_iter().map(|axis| axis.stride).collect();
        let [rows, row] = [rows, row].map(|axis| axis.map_or(UNIT, |axis| axis.stride));
        Self { first, outer, rows, row, column: 0, along, rows_per_result, walks }
    }

    /// Elements of a row, at least one.
    pub(super) const fn row_len(&self) -> usize {
        self.row.len
    }

    /// All blocks.
    pub(super) fn blocks(&self) -> Blocks<'_> {
        Blocks {
            outer: &self.outer,
            block: Some(Block {
                first: self.first,
                rows: self.rows,
                row: self.row,
                at: At { column: self.column, ..At::default() },
            }),
            index: vec![0; self.outer.len()],
        }
    }

    /// The same layout for rows of at most `len` elements, one part of the rows after the other.
    pub(super) fn tiles(&self, len: usize) -> impl Iterator<Item = Self> {
        parts(self.row, len).map(|(from, row)| Self {
            first: advance(self.first, self.row, from),
            outer: self.outer.clone(),
            row,
            column: self.column + from,
            walks: Vec::new(),
            ..*self
        })
    }

    /// Lengths of the axes of blocks, from the outermost.
    pub(super) fn outer_lens(&self) -> Vec<usize> {
        self.outer.iter().map(|axis| axis.len).collect()
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
                let at = At { block: block.at.block + 1, ..block.at };
                self.block = Some(Block { first: advance(first, *axis, 1), at, ..block });
                break;
            }
            first = advance(first, Stride { step: axis.step.wrapping_neg(), ..*axis }, axis.len.saturating_sub(1));
            *index = 0;
        }
        Some(block)
    }
}

impl Axis {
    /// Makes the last index the first one, at whose element and weights one begins then.
    fn turn(&mut self, first: &mut usize, firsts: &mut [usize]) {
        let last = self.stride.len.saturating_sub(1);
        *first = advance(*first, self.stride, last);
        self.stride.step = -self.stride.step;
        for (first, step) in firsts.iter_mut().zip(&mut self.weights) {
            *first = advance(*first, Stride { step: *step, ..self.stride }, last);
            *step = step.wrapping_neg();
        }
    }

    /// Whether an axis and this one inside of it lie in memory as one, and so do the weights.
    fn continues(&self, inner: &Self) -> bool {
        let is_one = |outer: isize, step: isize| outer == step.wrapping_mul(inner.stride.len.cast_signed());
        let mut weights = self.weights.iter().zip(&inner.weights);
        is_one(self.stride.step, inner.stride.step) && weights.all(|(&outer, &step)| is_one(outer, step))
    }
}

/// Makes one axis of neighbours that lie in memory as one.
fn merged(axes: Vec<Axis>) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
    for axis in axes.into_iter().rev() {
        match merged.last_mut() {
            Some(inner) if axis.continues(inner) => inner.stride.len *= axis.stride.len,
            _ => merged.push(axis),
        }
    }
    merged.reverse();
    merged
}

fn choose_rows(kept: &[Axis], reduced: &[Axis]) -> Along {
    let last = |axes: &[Axis]| axes.last().map(|axis| axis.stride);
    let (Some(last_kept), Some(last_reduced)) = (last(kept), last(reduced)) else {
        return if kept.is_empty() { Along::Reduced } else { Along::Kept };
    };
    let is_short = |axis: &Stride| axis.len < SHORT;
    match (is_short(&last_kept), is_short(&last_reduced)) {
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
            Layout::new(&Positions::new(shape, Order::C).unwrap(), &[], reduced, Visiting::InOrder);
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
        let layout = Layout::new(&positions, &[], &[false, true, false, true], Visiting::InAnyOrder);
        let firsts: Vec<usize> = layout.blocks().map(|block| block.first).collect();
        assert_eq!(firsts, [0, 50, 100, 150, 600, 650, 700, 750]);
        assert_eq!((layout.rows, layout.row.len, layout.rows_per_result), (Stride { len: 3, step: 200 }, 50, 3));
    }

    #[test]
    fn axes_merge_only_where_they_do_in_every_factor() {
        let positions = Positions::new(&[2, 3, 4, 50], Order::C).unwrap();
        let rows = |steps: &[&[usize]]| {
            let factors: Vec<_> = steps.iter().map(|steps| Factor { values: &[], steps }).collect();
            let layout = Layout::new(&positions, &factors, &[true; 4], Visiting::InAnyOrder);
            (layout.outer_lens(), layout.rows.len, layout.row.len)
        };
        assert_eq!(rows(&[]), (vec![], 1, 1200));
        assert_eq!(rows(&[&[0, 0, 0, 0], &[600, 200, 50, 1]]), (vec![], 1, 1200));
        assert_eq!(rows(&[&[0, 1, 0, 0]]), (vec![2], 3, 200));
        assert_eq!(rows(&[&[1, 0, 0, 0]]), (vec![], 2, 600));
        assert_eq!(rows(&[&[0, 0, 50, 1]]), (vec![], 6, 200));
        assert_eq!(rows(&[&[0, 0, 1, 0], &[1, 0, 0, 0]]), (vec![2, 3], 4, 50));
    }

    #[test]
    fn values_of_factors_are_found_from_where_a_block_is() {
        let slices = [None, Some(-1), None].map(|stride| crate::array::Slice { start: None, end: None, stride });
        let positions = Positions::new(&[2, 3, 40], Order::C).unwrap().select(&slices);
        let factor = Factor { values: &[], steps: &[3, 1, 0] };
        let layout = Layout::new(&positions, &[factor], &[false, true, true], Visiting::InAnyOrder);
        let walk = &layout.walks[0];
        let firsts: Vec<_> = layout.blocks().flat_map(|block| block.by_rows(1)).collect();
        let found: Vec<_> = firsts.iter().map(|row| (row.first, walk.first(&layout.outer_lens(), row.at))).collect();
        assert_eq!(found, [(0, 2), (40, 1), (80, 0), (120, 5), (160, 4), (200, 3)]);
    }
}
