//! Where the results of a part of an array lie among those of the whole.

use std::sync::Arc;

use super::error::ReduceError;

/// Where the results of a part lie on one of the axes that were kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// One after the other from this index on.
    From(usize),
    /// At these indices of the whole, in any order, each once: one for each index of the part.
    At(Arc<[usize]>),
    /// The same, but some may come more than once: what belongs to one group is merged.
    Of(Arc<[usize]>),
}

impl Place {
    /// Whether `len` results have a place each on an axis of `all`.
    pub(super) fn fits(&self, len: usize, all: usize) -> bool {
        match self {
            Self::From(first) => first.checked_add(len).is_some_and(|end| end <= all),
            Self::At(indices) => are_within(indices, len, all) && are_distinct(indices),
            Self::Of(indices) => are_within(indices, len, all),
        }
    }

    /// The index of the whole at which one of the part lies, which is below its length.
    #[must_use]
    pub fn index(&self, of_part: usize) -> usize {
        match self {
            Self::From(first) => first + of_part,
            Self::At(indices) | Self::Of(indices) => indices.get(of_part).copied().unwrap_or(usize::MAX),
        }
    }
}

/// Whether there are so many indices, each on an axis of `all`.
fn are_within(indices: &[usize], len: usize, all: usize) -> bool {
    indices.len() == len && indices.iter().all(|&index| index < all)
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
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    /// The first of them in the part, and how many there are.
    from: usize,
    len: usize,
    /// Where the row of the whole begins that they belong to.
    first: usize,
    /// Where they lie in that.
    along: Along<'a>,
}

/// Where results lie along an axis of the whole.
#[derive(Clone, Copy, Debug)]
enum Along<'a> {
    /// One after the other from this index on.
    From(usize),
    /// At these indices.
    At(&'a [usize]),
}

impl Along<'_> {
    fn index(self, of_part: usize) -> usize {
        match self {
            Self::From(first) => first + of_part,
            Self::At(indices) => indices.get(of_part).copied().unwrap_or(usize::MAX),
        }
    }
}

/// An axis of a part and of the whole.
#[derive(Clone, Copy, Debug)]
struct Axis<'a> {
    along: Along<'a>,
    len: usize,
    all: usize,
}

impl Row<'_> {
    /// Folds each state of the part into its slot of the whole.
    #[inline(always)]
    pub(super) fn merge<S: Copy>(&self, slots: &mut [S], states: &[S], merged: impl Fn(S, S) -> S) {
        let states = states.get(self.from..self.from + self.len).unwrap_or_default();
        let slots = slots.get_mut(self.first..).unwrap_or_default();
        match self.along {
            Along::At(indices) => {
                for (&index, &state) in indices.iter().zip(states) {
                    if let Some(slot) = slots.get_mut(index) {
                        *slot = merged(*slot, state);
                    }
                }
            }
            Along::From(first) => {
                let slots = slots.get_mut(first..).unwrap_or_default();
                slots.iter_mut().zip(states).for_each(|(slot, &state)| *slot = merged(*slot, state));
            }
        }
    }

    /// The same for states of so many values each.
    pub(super) fn merge_many<S: Copy>(
        &self,
        values: usize,
        slots: &mut [S],
        states: &[S],
        merged: impl Fn(S, S) -> S + Copy,
    ) {
        for number in 0..self.len {
            let of = |result: usize| result * values..(result + 1) * values;
            let slots = slots.get_mut(of(self.first + self.along.index(number)));
            let (Some(slots), Some(states)) = (slots, states.get(of(self.from + number))) else { continue };
            slots.iter_mut().zip(states).for_each(|(slot, &state)| *slot = merged(*slot, state));
        }
    }
}

/// The axes of a part, of a whole; one that the part has all of is made one with that before it.
fn axes<'a>(at: &'a [Place], part: &[usize], all: &[usize]) -> Vec<Axis<'a>> {
    let mut axes: Vec<Axis<'a>> = Vec::with_capacity(at.len());
    for ((at, &len), &all) in at.iter().zip(part).zip(all) {
        let along = match at {
            &Place::From(first) => Along::From(first),
            Place::At(indices) | Place::Of(indices) => Along::At(indices),
        };
        match (axes.last_mut(), along) {
            (Some(Axis { along: Along::From(first), len: outer, all: of_all }), Along::From(0)) if len == all => {
                *first *= all;
                *outer *= all;
                *of_all *= all;
            }
            _ => axes.push(Axis { along, len, all }),
        }
    }
    axes
}

/// The rows of a part, which has some, of a whole, both in C order.
pub(super) fn rows<'a>(at: &'a [Place], part: &[usize], all: &[usize]) -> impl Iterator<Item = Row<'a>> + use<'a> {
    let mut outer = axes(at, part, all);
    let last = outer.pop().unwrap_or(Axis { along: Along::From(0), len: 1, all: 1 });
    let number: usize = outer.iter().map(|axis| axis.len).product();
    (0..number).map(move |row| {
        let (mut rest, mut first, mut stride) = (row, 0, last.all);
        for axis in outer.iter().rev() {
            first += axis.along.index(rest % axis.len) * stride;
            rest /= axis.len;
            stride *= axis.all;
        }
        Row { from: row * last.len, len: last.len, first, along: last.along }
    })
}

/// For each result of a part, which of the whole it is, both counted in C order; None if the part does not fit the whole.
#[must_use]
pub fn cells<'a>(at: &'a [Place], part: &[usize], all: &[usize]) -> Option<impl Iterator<Item = usize> + use<'a>> {
    let is_of_one_rank = at.len() == part.len() && part.len() == all.len();
    if !is_of_one_rank || !at.iter().zip(part).zip(all).all(|((at, &len), &all)| at.fits(len, all)) {
        return None;
    }
    let rows = (!part.contains(&0)).then(|| rows(at, part, all));
    Some(rows.into_iter().flatten().flat_map(|row| (0..row.len).map(move |number| row.first + row.along.index(number))))
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
    let may_overlap = at.iter().any(|at| matches!(at, Place::Of(_)));
    if may_overlap || !is_of_one_rank || !at.iter().zip(part).zip(all).all(|((at, &len), &all)| at.fits(len, all)) {
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
