//! All elements of results, as far as they fit memory.

use super::visit::{Seen, Visit, visit};
use crate::{
    array::{DType, Element, Rank, dtype::with_dtype},
    reduce::{
        Chunk, Part,
        error::ReduceError,
        place::{Place, cells},
        quantile::Quantiles,
        question::Question,
    },
    resources::{Budget, Buffer, Cancellation, memory_units},
};

/// More positions than this are found by sorting all elements.
const FEW: usize = 8;

/// The ranks of all elements of results that are not missing, in any order. Results are in the C order of the axes that were kept.
#[derive(Debug)]
pub struct Gathered {
    shape: Vec<usize>,
    elements: DType,
    /// Most elements of each result.
    room: usize,
    counts: Buffer,
    ranks: Buffer,
}

impl Gathered {
    /// Of results of this shape, of none of which an element has been seen; there is room for so many of each.
    ///
    /// # Errors
    /// If the budget has no room for them.
    pub fn new(elements: DType, shape: Vec<usize>, room: usize, budget: &mut Budget) -> Result<Self, ReduceError> {
        let results = shape.iter().fold(1, |len: usize, &axis| len.saturating_mul(axis));
        let mut counts = budget.allocate(results.saturating_mul(size_of::<u64>()))?;
        counts.elements_mut::<u64>().fill(0);
        let ranks = budget.allocate(results.saturating_mul(room).saturating_mul(elements.size()))?;
        Ok(Self { shape, elements, room, counts, ranks })
    }

    /// Memory units of so many elements of each of so many results.
    #[must_use]
    pub const fn units(elements: DType, results: usize, room: usize) -> usize {
        let ranks = results.saturating_mul(room).saturating_mul(elements.size());
        memory_units(results.saturating_mul(size_of::<u64>())).saturating_add(memory_units(ranks))
    }

    /// Length of each axis of the results.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All elements of a chunk that is not all of the array.
    ///
    /// # Errors
    /// If the budget has no room for them, or nobody waits for them.
    pub fn of_chunk(question: &Question, chunk: Chunk<'_>, budget: &mut Budget) -> Result<Self, ReduceError> {
        let part = Part::new(question, chunk);
        let axes = part.positions.axes.iter().zip(&part.reduced);
        let room = axes.filter(|(_, reduced)| **reduced).map(|(axis, _)| axis.len).product();
        let mut gathered = Self::new(chunk.dtype, part.shape(), room, budget)?;
        let (counts, ranks) = (gathered.counts.elements_mut(), &mut gathered.ranks);
        with_dtype!(chunk.dtype, T => {
            let mut gather = Gather { room, counts, ranks: ranks.elements_mut::<<T as Element>::Rank>() };
            visit::<T>(question, chunk, &mut gather, budget.cancellation())
        })?;
        Ok(gathered)
    }

    /// Adds the elements of another part of the array. `at` says for each axis where its results lie among those of this one.
    ///
    /// # Errors
    /// If they do not lie among them, or there are more than there is room for.
    pub fn merge(&mut self, at: &[Place], other: &Self) -> Result<(), ReduceError> {
        let cells = cells(at, &other.shape, &self.shape).filter(|_| self.elements == other.elements);
        let cells = cells.ok_or(ReduceError::Defect("gathered elements do not fit the whole"))?;
        let slots = (self.counts.elements_mut(), &mut self.ranks, self.room);
        match self.elements.size() {
            1 => append::<i8>(cells, other, slots),
            2 => append::<i16>(cells, other, slots),
            4 => append::<i32>(cells, other, slots),
            _ => append::<i64>(cells, other, slots),
        }
    }

    /// Writes the quantiles of each result, which lose their order.
    ///
    /// # Errors
    /// If nobody waits for them.
    pub fn write_quantiles(
        &mut self,
        quantiles: &Quantiles,
        values: &mut [f64],
        cancellation: &Cancellation,
    ) -> Result<(), ReduceError> {
        let highest = with_dtype!(self.elements, T => T::HIGHEST.rank().widened());
        match self.elements.size() {
            1 => self.write::<i8>(quantiles, highest, values, cancellation),
            2 => self.write::<i16>(quantiles, highest, values, cancellation),
            4 => self.write::<i32>(quantiles, highest, values, cancellation),
            _ => self.write::<i64>(quantiles, highest, values, cancellation),
        }
    }

    /// The same for ranks of a type, of which those above the highest are NaN.
    fn write<R: Rank>(
        &mut self,
        quantiles: &Quantiles,
        highest: i64,
        values: &mut [f64],
        cancellation: &Cancellation,
    ) -> Result<(), ReduceError> {
        let (mut positions, mut of, mut found) = (Vec::new(), 0, Vec::new());
        let ranks = self.ranks.elements_mut::<R>();
        let results = self.counts.elements::<u64>().iter().zip(values.chunks_exact_mut(quantiles.len().max(1)));
        for (result, (&count, values)) in results.enumerate() {
            cancellation.check()?;
            let ranks = of_result(ranks, result, self.room);
            let ranks = ranks.get_mut(..length(count)).unwrap_or_default();
            if ranks.is_empty() || ranks.iter().any(|rank| rank.widened() > highest) {
                values.fill(f64::NAN);
                continue;
            }
            if of != count {
                (positions, of) = (quantiles.positions(count), count);
            }
            select(ranks, &positions, &mut found);
            quantiles.write(count, &positions, &found, values);
        }
        Ok(())
    }

    /// Gives its memory back to the budget that it is of.
    pub fn give_back(self, budget: &mut Budget) {
        budget.reclaim(self.counts);
        budget.reclaim(self.ranks);
    }
}

/// Puts ranks behind those that are known of each result, of which there is room for so many.
fn append<R: Rank>(
    cells: impl Iterator<Item = usize>,
    other: &Gathered,
    (counts, ranks, room): (&mut [u64], &mut Buffer, usize),
) -> Result<(), ReduceError> {
    const FULL: ReduceError = ReduceError::Defect("more elements than a result has");
    let ranks = ranks.elements_mut::<R>();
    let others = other.ranks.elements::<R>().chunks_exact(other.room.max(1));
    for ((cell, &count), others) in cells.zip(other.counts.elements::<u64>()).zip(others) {
        let others = others.get(..length(count)).ok_or(FULL)?;
        let known = counts.get_mut(cell).ok_or(FULL)?;
        let slots = of_result(ranks, cell, room).get_mut(length(*known)..).unwrap_or_default();
        slots.get_mut(..others.len()).ok_or(FULL)?.copy_from_slice(others);
        *known += count;
    }
    Ok(())
}

/// A number of elements in memory.
fn length(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn of_result<R>(ranks: &mut [R], result: usize, room: usize) -> &mut [R] {
    let range = result.checked_mul(room).and_then(|first| Some(first..first.checked_add(room)?));
    range.and_then(|range| ranks.get_mut(range)).unwrap_or_default()
}

/// The ranks at these positions in order, which ascend.
pub(super) fn select<R: Rank>(mut ranks: &mut [R], positions: &[u64], found: &mut Vec<i64>) {
    found.clear();
    if positions.len() > FEW {
        ranks.sort_unstable();
        found.extend(positions.iter().filter_map(|&position| ranks.get(length(position))).map(|rank| rank.widened()));
        return;
    }
    let mut passed = 0;
    for &position in positions {
        let at = length(position).saturating_sub(passed);
        if at >= ranks.len() {
            return;
        }
        let (_, &mut rank, above) = ranks.select_nth_unstable(at);
        found.push(rank.widened());
        (ranks, passed) = (above, passed + at + 1);
    }
}

/// Puts the ranks of elements where those of their result are.
struct Gather<'a, R> {
    room: usize,
    counts: &'a mut [u64],
    ranks: &'a mut [R],
}

impl<T: Element> Visit<T> for Gather<'_, T::Rank> {
    fn visit(&mut self, result: usize, elements: Seen<'_, T>) {
        let Some(count) = self.counts.get_mut(result) else { return };
        let ranks = of_result(self.ranks, result, self.room);
        elements.blocks(|elements| {
            let slots = ranks.get_mut(length(*count)..).unwrap_or_default();
            slots.iter_mut().zip(elements).for_each(|(slot, element)| *slot = element.rank());
            *count += elements.len() as u64;
        });
    }

    fn visit_across(&mut self, first: usize, elements: Seen<'_, T>) {
        for (number, element) in elements.valid() {
            let result = first + number;
            let Some(count) = self.counts.get_mut(result) else { return };
            if let Some(slot) = of_result(self.ranks, result, self.room).get_mut(length(*count)) {
                *slot = element.rank();
                *count += 1;
            }
        }
    }
}
