//! The grid of the chunks of an array: which chunk is which.

use std::ops::Range;

use super::error::IndexError;

/// How an array is cut into chunks. Chunks are numbered in C order, from 0 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    chunk_shape: Vec<u64>,
    counts: Vec<u64>,
    len: u64,
}

impl Grid {
    /// The grid of an array of this shape in chunks of that shape.
    ///
    /// # Errors
    /// If the shapes differ in their number of dimensions, a chunk has no elements, or the chunks cannot be numbered.
    pub fn new(shape: &[u64], chunk_shape: &[u64]) -> Result<Self, IndexError> {
        if shape.len() != chunk_shape.len() || chunk_shape.contains(&0) {
            let problem = format!("chunks of shape {chunk_shape:?} cannot make up an array of shape {shape:?}");
            return Err(IndexError::malformed("its chunks", None, problem));
        }
        let counts: Vec<_> = shape.iter().zip(chunk_shape).map(|(len, chunk)| len.div_ceil(*chunk)).collect();
        let len = counts.iter().try_fold(1_u64, |len, &count| len.checked_mul(count)).ok_or_else(|| {
            IndexError::TooLarge { what: format!("the number of chunks of a grid of {counts:?}"), limit: u64::MAX }
        })?;
        Ok(Self { chunk_shape: chunk_shape.to_vec(), counts, len })
    }

    /// Length of each dimension, in chunks.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Length of each dimension of a chunk, in elements.
    #[must_use]
    pub fn chunk_shape(&self) -> &[u64] {
        &self.chunk_shape
    }

    /// The number of chunks.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no chunk.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of the chunk at this position; None if it lies outside.
    #[must_use]
    pub fn number(&self, position: &[u64]) -> Option<u64> {
        if position.len() != self.counts.len() {
            return None;
        }
        position.iter().zip(&self.counts).try_fold(0_u64, |number, (&at, &count)| {
            if at < count { number.checked_mul(count)?.checked_add(at) } else { None }
        })
    }

    /// The position of the chunk of this number; None if there is none.
    #[must_use]
    pub fn position(&self, number: u64) -> Option<Vec<u64>> {
        if number >= self.len {
            return None;
        }
        let (mut position, mut rest) = (vec![0; self.counts.len()], number);
        for (at, &count) in position.iter_mut().zip(&self.counts).rev() {
            *at = rest.checked_rem(count)?;
            rest = rest.checked_div(count)?;
        }
        Some(position)
    }
}

/// A box of a grid: for each dimension, the positions of its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(Vec<Range<u64>>);

impl Region {
    /// All of a grid.
    #[must_use]
    pub fn all(grid: &Grid) -> Self {
        Self(grid.counts.iter().map(|&count| 0..count).collect())
    }

    /// A part of a grid, cut where it goes beyond.
    ///
    /// # Errors
    /// If it has not as many dimensions as the grid.
    pub fn new(ranges: &[Range<u64>], grid: &Grid) -> Result<Self, IndexError> {
        if ranges.len() != grid.counts.len() {
            let problem = format!("{} ranges for {} dimensions", ranges.len(), grid.counts.len());
            return Err(IndexError::malformed("the part of the grid", None, problem));
        }
        Ok(Self(ranges.iter().zip(&grid.counts).map(|(range, &count)| range.start..range.end.min(count)).collect()))
    }

    /// Whether the chunk at this position is in it.
    #[must_use]
    pub fn contains(&self, position: &[u64]) -> bool {
        position.len() == self.0.len() && position.iter().zip(&self.0).all(|(at, range)| range.contains(at))
    }

    /// For each dimension, the positions of its chunks.
    #[must_use]
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.0
    }

    /// Whether a chunk of it may lie between two positions, both included, in C order. A bound that is None is no bound.
    #[must_use]
    pub fn may_touch(&self, first: Option<&[u64]>, last: Option<&[u64]>) -> bool {
        if self.0.iter().any(Range::is_empty) {
            return false;
        }
        let bounds = |at: usize| {
            let first = first.map_or(Some(0), |first| first.get(at).copied());
            first.zip(last.map_or(Some(u64::MAX), |last| last.get(at).copied()))
        };
        for (at, range) in self.0.iter().enumerate() {
            let Some((low, high)) = bounds(at) else { return true };
            if high < range.start || low >= range.end {
                return false;
            }
            // Behind the first dimension in which the bounds differ, anything may lie between them.
            if low != high {
                return true;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_numbered_in_c_order() {
        let grid = Grid::new(&[5, 6, 1], &[2, 3, 7]).unwrap();
        assert_eq!((grid.counts(), grid.len()), (&[3, 2, 1][..], 6));
        let numbers: Vec<_> = (0..6).map(|number| grid.number(&grid.position(number).unwrap())).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5].map(Some));
        assert_eq!((grid.number(&[2, 1, 0]), grid.number(&[3, 0, 0]), grid.number(&[0, 0])), (Some(5), None, None));
        assert_eq!((grid.position(6), Grid::new(&[], &[]).unwrap().position(0)), (None, Some(vec![])));
        assert!(Grid::new(&[0, 3], &[1, 1]).unwrap().is_empty());
    }

    #[test]
    fn grids_that_make_no_sense_are_refused() {
        assert!(matches!(Grid::new(&[1], &[0]), Err(IndexError::Malformed { .. })));
        assert!(matches!(Grid::new(&[1], &[1, 1]), Err(IndexError::Malformed { .. })));
        assert!(matches!(Grid::new(&[u64::MAX, 3], &[1, 1]), Err(IndexError::TooLarge { .. })));
    }

    #[test]
    fn a_stretch_of_c_order_touches_a_region_whenever_a_chunk_of_it_lies_there() {
        let grid = Grid::new(&[4, 3, 3], &[1, 1, 1]).unwrap();
        let region = Region::new(&[1..3, 2..9, 0..2], &grid).unwrap();
        let positions: Vec<_> = (0..grid.len()).map(|number| grid.position(number).unwrap()).collect();
        for first in 0..positions.len() {
            for last in first..positions.len() {
                let has_one = positions[first..=last].iter().any(|position| region.contains(position));
                let may = region.may_touch(Some(&positions[first]), Some(&positions[last]));
                assert!(may || !has_one, "{:?} {:?}", positions[first], positions[last]);
            }
        }
        assert!(!region.may_touch(Some(&[3, 0, 0]), None) && !region.may_touch(None, Some(&[0, 2, 2])));
        assert!(!region.may_touch(Some(&[1, 0, 0]), Some(&[1, 1, 2])));
        assert!(!Region::new(&[1..1, 0..3, 0..3], &grid).unwrap().may_touch(None, None));
    }
}
