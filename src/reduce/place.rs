//! Where the results of a part of an array lie among those of the whole.

use std::{ops::Range, sync::Arc};

use super::error::ReduceError;

/// Where the results of a part lie on one of the axes that were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One after the other from this index on.
    From(usize),
    /// At these indices of the whole, in any order, each once: one for each index of the part.
    At(Arc<[usize]>),
}

impl Place {
    /// Whether `len` results have a place each on an axis of `all`.
    pub(super) fn fits(&self, len: usize, all: usize) -> bool {
        match self {
            Self::From(first) => first.checked_add(len).is_some_and(|end| end <= all),
            Self::At(indices) => {
                indices.len() == len && indices.iter().all(|&index| index < all) && are_distinct(indices)
            }
        }
    }

    /// The index of the whole at which one of the part lies, which is below its length.
    fn index(&self, of_part: usize) -> usize {
        match self {
            Self::From(first) => first + of_part,
            Self::At(indices) => indices.get(of_part).copied().unwrap_or(usize::MAX),
        }
    }
}

/// Whether no index comes twice. Those that ascend, as most do, need not be sorted.
fn are_distinct(indices: &[usize]) -> bool {
    if indices.is_sorted_by(|a, b| a < b) {
        return true;
    }
    let mut sorted = indices.to_vec();
    sorted.sort_unstable();
    sorted.is_sorted_by(|a, b| a < b)
}

/// A row of results.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    /// Where they are in the part.
    pub(super) from: Range<usize>,
    /// Where the row of the whole begins that they belong to.
    first: usize,
    /// Where they lie in that; None for a single one that has no axis.
    place: Option<&'a Place>,
}

impl Row<'_> {
    /// Folds each state of the part into its slot of the whole.
    #[inline(always)]
    pub(super) fn merge<S: Copy>(&self, slots: &mut [S], states: &[S], merged: impl Fn(S, S) -> S) {
        let states = states.get(self.from.clone()).unwrap_or_default();
        let slots = slots.get_mut(self.first..).unwrap_or_default();
        match self.place {
            Some(Place::At(indices)) => {
                for (&index, &state) in indices.iter().zip(states) {
                    if let Some(slot) = slots.get_mut(index) {
                        *slot = merged(*slot, state);
                    }
                }
            }
            place => {
                let first = if let Some(&Place::From(first)) = place { first } else { 0 };
                let slots = slots.get_mut(first..).unwrap_or_default();
                slots.iter_mut().zip(states).for_each(|(slot, &state)| *slot = merged(*slot, state));
            }
        }
    }
}

/// The rows of a part, which has some, of a whole, both in C order.
pub(super) fn rows<'a>(at: &'a [Place], part: &'a [usize], all: &'a [usize]) -> impl Iterator<Item = Row<'a>> {
    let row_len = part.last().copied().unwrap_or(1);
    let outer = part.split_last().map_or(&[][..], |(_, outer)| outer);
    let number: usize = outer.iter().product();
    (0..number).map(move |row| {
        let (mut rest, mut first, mut stride) = (row, 0, all.last().copied().unwrap_or(1));
        for ((&len, at), &all) in outer.iter().zip(at).zip(all).rev() {
            first += at.index(rest % len) * stride;
            rest /= len;
            stride *= all;
        }
        Row { from: row * row_len..(row + 1) * row_len, first, place: at.last() }
    })
}

/// Puts the elements of a part where they lie in the whole, both in C order.
///
/// # Errors
/// If they do not lie there, each at a place of its own.
pub fn put<S: Copy>(
    at: &[Place],
    part: &[usize],
    elements: &[S],
    all: &[usize],
    slots: &mut [S],
) -> Result<(), ReduceError> {
    let is_of_one_rank = at.len() == part.len() && part.len() == all.len();
    if !is_of_one_rank || !at.iter().zip(part).zip(all).all(|((at, &len), &all)| at.fits(len, all)) {
        return Err(ReduceError::Defect("a part does not fit the whole"));
    }
    if !part.contains(&0) {
        rows(at, part, all).for_each(|row| row.merge(slots, elements, |_, element| element));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_index_of_a_list_is_on_the_axis_and_comes_once() {
        let at = |indices: &[usize]| Place::At(indices.into());
        assert!(at(&[4, 0, 2]).fits(3, 5) && at(&[]).fits(0, 0) && at(&[0, 1, 2]).fits(3, 3));
        assert!(!at(&[4, 0, 4]).fits(3, 5) && !at(&[4, 5]).fits(2, 5) && !at(&[1, 2]).fits(3, 5));
        assert!(Place::From(2).fits(3, 5) && !Place::From(3).fits(3, 5) && !Place::From(usize::MAX).fits(1, 5));
    }

    #[test]
    fn states_go_to_the_indices_that_are_listed() {
        let at = [Place::At([2, 0].into()), Place::From(1), Place::At([3, 1].into())];
        let (part, all) = ([2, 1, 2], [3, 2, 4]);
        let mut slots = vec![0; 24];
        for row in rows(&at, &part, &all) {
            row.merge(&mut slots, &[1, 2, 3, 4], |a, b| a + b);
        }
        let filled: Vec<_> = slots.iter().enumerate().filter(|(_, state)| **state > 0).collect();
        assert_eq!(filled, [(5, &4), (7, &3), (21, &2), (23, &1)]);
    }
}
