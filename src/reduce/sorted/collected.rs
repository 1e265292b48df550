//! The elements that begin with prefixes, once these are so few that they fit memory.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    digits::{Digits, key},
    visit::{Seen, Visit, visit},
};
use crate::{
    array::{Element, Rank, dtype::with_dtype},
    reduce::{Chunk, error::ReduceError, question::Question},
    resources::{Budget, Buffer, Cancellation, memory_units},
};

/// Elements that are handed on at a time.
const BATCH: usize = 512;

/// The ranks of all elements that begin with prefixes, of which it is known how many these are.
#[derive(Debug)]
pub struct Collected {
    digits: Arc<Digits>,
    /// For each prefix, where its ranks begin, and behind that the next free place.
    places: Vec<(usize, usize)>,
    ranks: Buffer,
    /// Whether there were more elements than are known.
    has_more: bool,
}

impl Collected {
    /// Of so many elements behind each prefix.
    ///
    /// # Errors
    /// If the budget has no room for them.
    pub(super) fn new(digits: Digits, elements: &[u64], budget: &mut Budget) -> Result<Self, ReduceError> {
        let mut end = 0_usize;
        let place = |&elements: &u64| {
            let start = end;
            end = end.saturating_add(usize::try_from(elements).unwrap_or(usize::MAX));
            (start, start)
        };
        let places = elements.iter().map(place).collect();
        let ranks = budget.allocate(end.saturating_mul(size_of::<i64>()))?;
        Ok(Self { digits: Arc::new(digits), places, ranks, has_more: false })
    }

    /// Memory units of so many elements behind so many prefixes.
    #[must_use]
    pub fn units(elements: u64, prefixes: usize) -> usize {
        let of_places = prefixes.saturating_mul(size_of::<(usize, usize)>() + 2 * size_of::<u64>());
        let of_ranks = usize::try_from(elements).unwrap_or(usize::MAX).saturating_mul(size_of::<i64>());
        memory_units(of_places).saturating_add(memory_units(of_ranks))
    }

    /// Collects the elements of a chunk, of whose results each is one of these.
    ///
    /// # Errors
    /// If nobody waits any more.
    pub fn collect(
        collected: &Mutex<Self>,
        question: &Question,
        chunk: Chunk<'_>,
        results: &[usize],
        cancellation: &Cancellation,
    ) -> Result<(), ReduceError> {
        let digits = Arc::clone(&collected.lock().unwrap_or_else(PoisonError::into_inner).digits);
        let mut collect = Collect { digits: &digits, results, found: Vec::with_capacity(BATCH), collected };
        with_dtype!(chunk.dtype, T => visit::<T>(question, chunk, &mut collect, cancellation))?;
        collect.hand_on();
        Ok(())
    }

    fn take(&mut self, found: &[(usize, i64)]) {
        let ranks = self.ranks.elements_mut::<i64>();
        for &(prefix, rank) in found {
            let end = self.places.get(prefix + 1).map_or(ranks.len(), |&(start, _)| start);
            let Some((_, next)) = self.places.get_mut(prefix).filter(|(_, next)| *next < end) else {
                self.has_more = true;
                continue;
            };
            if let Some(slot) = ranks.get_mut(*next) {
                *slot = rank;
            }
            *next += 1;
        }
    }

    /// Whether there are as many elements as were known.
    pub(super) fn is_full(&self) -> bool {
        let ends = self.places.iter().skip(1).map(|&(start, _)| start).chain([self.ranks.elements::<i64>().len()]);
        !self.has_more && self.places.iter().zip(ends).all(|(&(_, next), end)| next == end)
    }

    /// The ranks of the elements behind the prefix of this number, in any order.
    pub(super) fn of_prefix(&mut self, prefix: usize) -> &mut [i64] {
        let place = self.places.get(prefix).copied();
        place.and_then(|(start, end)| self.ranks.elements_mut().get_mut(start..end)).unwrap_or_default()
    }

    /// Gives its memory back to the budget that it is of.
    pub fn give_back(self, budget: &mut Budget) {
        budget.reclaim(self.ranks);
    }
}

/// Collects elements.
struct Collect<'a> {
    digits: &'a Digits,
    /// Which of all results those of the chunk are.
    results: &'a [usize],
    /// The number of the prefix of each, and its rank.
    found: Vec<(usize, i64)>,
    collected: &'a Mutex<Collected>,
}

impl Collect<'_> {
    fn hand_on(&mut self) {
        self.collected.lock().unwrap_or_else(PoisonError::into_inner).take(&self.found);
        self.found.clear();
    }

    fn look(&mut self, (first, prefixes): (usize, &[u64]), element: impl Element) {
        let prefix = self.digits.prefix(key(element));
        let at = match prefixes {
            &[only] if only != prefix => return,
            _ => prefixes.binary_search(&prefix),
        };
        let Ok(at) = at else { return };
        self.found.push((first + at, element.rank().widened()));
        if self.found.len() >= BATCH {
            self.hand_on();
        }
    }
}

impl<T: Element> Visit<T> for Collect<'_> {
    fn visit(&mut self, result: usize, elements: Seen<'_, T>) {
        let Some(&result) = self.results.get(result) else { return };
        let prefixes = self.digits.of_result(result);
        elements.blocks(|elements| elements.iter().for_each(|&element| self.look(prefixes, element)));
    }

    fn visit_across(&mut self, first: usize, elements: Seen<'_, T>) {
        for (number, element) in elements.valid() {
            let Some(&result) = self.results.get(first + number) else { return };
            self.look(self.digits.of_result(result), element);
        }
    }
}
