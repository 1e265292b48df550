//! What is known of the results of an array when only a part of it has been seen.

use std::{collections::BTreeMap, ops::Range};

use bytemuck::Pod;

use super::{
    error::ReduceError,
    fold::Sink,
    operation::{Accumulator, States, Sums},
    question::Question,
    results::{Results, part},
    rows::COLUMNS,
    total::FloatTotal,
};
use crate::{
    array::{DType, Kind},
    resources::{Budget, Buffer, Cancellation},
};

/// Counts and states of results, in the C order of the axes that were kept. They merge: those of two parts of an array make
/// those of both. Counts have 64 bits and sums of integers 128, enough for arrays of any size; sums of floats are pairs of
/// a sum and what rounding took off it, and have the same bits only if they are merged in the same order.
#[derive(Debug)]
pub struct Partial {
    accumulators: Vec<Accumulator>,
    shape: Vec<usize>,
    elements: DType,
    counts: Buffer,
    sums: Option<Buffer>,
    largest: Option<Buffer>,
    smallest: Option<Buffer>,
}

impl Partial {
    /// Of results of this shape, of elements of this dtype, of which none has been seen.
    ///
    /// # Errors
    /// If the budget has no room for it.
    pub fn new(
        question: &Question,
        elements: DType,
        shape: Vec<usize>,
        budget: &mut Budget,
    ) -> Result<Self, ReduceError> {
        let len = shape.iter().fold(1, |len: usize, &axis| len.saturating_mul(axis));
        let accumulators = question.accumulators();
        let mut buffer = |accumulator, size: usize| {
            let is_kept = accumulators.contains(&accumulator);
            is_kept.then(|| budget.allocate(len.saturating_mul(size))).transpose()
        };
        let mut partial = Self {
            sums: buffer(Accumulator::Sum, size_of::<FloatTotal>())?,
            largest: buffer(Accumulator::Largest, size_of::<i64>())?,
            smallest: buffer(Accumulator::Smallest, size_of::<i64>())?,
            counts: budget.allocate(len.saturating_mul(size_of::<u64>()))?,
            accumulators,
            shape,
            elements,
        };
        partial.clear();
        Ok(partial)
    }

    fn clear(&mut self) {
        self.counts.elements_mut::<u64>().fill(0);
        let is_float = self.elements.kind() == Kind::Float;
        match &mut self.sums {
            Some(sums) if is_float => sums.elements_mut::<FloatTotal>().fill(FloatTotal::ZERO),
            Some(sums) => sums.elements_mut::<i128>().fill(0),
            None => {}
        }
        for ranks in [&mut self.largest, &mut self.smallest].into_iter().flatten() {
            ranks.elements_mut::<i64>().fill(i64::MIN);
        }
    }

    /// Lengths of the axes that were kept.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Makes what another part of the array knows known here. `at` says where its results, as many on each axis as it has,
    /// lie among those of this one; its axes are in the order of [`shape`](Self::shape).
    ///
    /// # Errors
    /// If they do not lie among them, or are states of another question: then nothing is merged. Or if nobody waits for them.
    pub fn merge(&mut self, at: &[usize], other: &Self, cancellation: &Cancellation) -> Result<(), ReduceError> {
        if !self.has_room_for(at, other) {
            return Err(ReduceError::Defect("a partial result does not fit the whole"));
        }
        if other.shape.contains(&0) {
            return Ok(());
        }
        let is_float = self.elements.kind() == Kind::Float;
        for (to, from) in rows(at, &other.shape, &self.shape) {
            cancellation.check()?;
            merge(Some(&mut self.counts), Some(&other.counts), &to, &from, |a: u64, b| a.saturating_add(b));
            if is_float {
                merge(self.sums.as_mut(), other.sums.as_ref(), &to, &from, FloatTotal::merged);
            } else {
                merge(self.sums.as_mut(), other.sums.as_ref(), &to, &from, |a: i128, b| a.saturating_add(b));
            }
            merge(self.largest.as_mut(), other.largest.as_ref(), &to, &from, i64::max);
            merge(self.smallest.as_mut(), other.smallest.as_ref(), &to, &from, i64::max);
        }
        Ok(())
    }

    /// Whether another one has the states of this one, for results that lie at a place among those of this one.
    fn has_room_for(&self, at: &[usize], other: &Self) -> bool {
        let is_of_one_kind = self.elements == other.elements && self.accumulators == other.accumulators;
        let is_of_one_rank = at.len() == self.shape.len() && other.shape.len() == self.shape.len();
        let mut axes = at.iter().zip(&other.shape).zip(&self.shape);
        is_of_one_kind
            && is_of_one_rank
            && axes.all(|((&at, &len), &all)| at.checked_add(len).is_some_and(|end| end <= all))
    }

    /// The results, once all parts have been merged.
    ///
    /// # Errors
    /// If the question is another one, a result does not fit its dtype, the budget has no room for them, or nobody waits for
    /// them.
    pub fn finish(&self, question: &Question, budget: &mut Budget) -> Result<Results, ReduceError> {
        if question.accumulators() != self.accumulators {
            return Err(ReduceError::Defect("a partial result is one of another question"));
        }
        let counts = self.counts.elements::<u64>();
        let mut results = Results::new(question, self.elements, counts.len(), budget)?;
        for (number, counts) in counts.chunks(COLUMNS).enumerate() {
            budget.cancellation().check()?;
            let first = number * COLUMNS;
            results.take(first, counts, &self.states(first..first + counts.len()))?;
        }
        Ok(results)
    }

    fn states(&self, range: Range<usize>) -> States<'_> {
        let sums = match &self.sums {
            None => Sums::None,
            sums if self.elements.kind() == Kind::Float => Sums::Floats(states_in(sums.as_ref(), range.clone())),
            sums => Sums::Integers(states_in(sums.as_ref(), range.clone())),
        };
        States {
            sums,
            largest: states_in(self.largest.as_ref(), range.clone()),
            smallest: states_in(self.smallest.as_ref(), range),
        }
    }
}

impl Sink for Partial {
    fn take(&mut self, first: usize, counts: &[u64], states: &States<'_>) -> Result<(), ReduceError> {
        write(Some(&mut self.counts), first, counts);
        match states.sums {
            Sums::None => {}
            Sums::Integers(sums) => write(self.sums.as_mut(), first, sums),
            Sums::Floats(sums) => write(self.sums.as_mut(), first, sums),
        }
        write(self.largest.as_mut(), first, states.largest);
        write(self.smallest.as_mut(), first, states.smallest);
        Ok(())
    }
}

fn states_in<S: Pod>(buffer: Option<&Buffer>, range: Range<usize>) -> &[S] {
    buffer.and_then(|buffer| buffer.elements().get(range)).unwrap_or_default()
}

fn write<S: Pod>(buffer: Option<&mut Buffer>, first: usize, states: &[S]) {
    if let Some(buffer) = buffer {
        let slots = part(buffer.elements_mut::<S>(), first, states.len());
        slots.iter_mut().zip(states).for_each(|(slot, &state)| *slot = state);
    }
}

/// Merges some states into as many others, where there are any.
fn merge<S: Pod>(
    all: Option<&mut Buffer>,
    part: Option<&Buffer>,
    to: &Range<usize>,
    from: &Range<usize>,
    merged: impl Fn(S, S) -> S,
) {
    let (Some(all), Some(part)) = (all, part) else { return };
    let states = part.elements::<S>().get(from.clone()).unwrap_or_default();
    let slots = all.elements_mut::<S>().get_mut(to.clone()).unwrap_or_default();
    slots.iter_mut().zip(states).for_each(|(slot, &state)| *slot = merged(*slot, state));
}

/// Where the rows of a part, which has some, lie in the whole, and in the part itself; both in C order.
fn rows<'a>(
    at: &'a [usize],
    part: &'a [usize],
    all: &'a [usize],
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + 'a {
    let row_len = part.last().copied().unwrap_or(1);
    let outer = part.split_last().map_or(&[][..], |(_, outer)| outer);
    let number: usize = outer.iter().product();
    (0..number).map(move |row| {
        let (mut rest, mut to, mut stride) = (row, at.last().copied().unwrap_or(0), all.last().copied().unwrap_or(1));
        for ((&len, &at), &all) in outer.iter().zip(at).zip(all).rev() {
            to += (rest % len + at) * stride;
            rest /= len;
            stride *= all;
        }
        (to..to + row_len, row * row_len..(row + 1) * row_len)
    })
}

/// Merges partial results in the order of their numbers, whatever the order in which they come: so the bits of sums of
/// floats do not depend on which was first. Those that come early are kept, with their memory: who asks for many at a time bounds
/// how many that can be.
#[derive(Debug)]
pub struct InOrder {
    whole: Partial,
    parts: usize,
    next: usize,
    early: BTreeMap<usize, (Vec<usize>, Partial)>,
}

impl InOrder {
    /// Merges so many parts into this one.
    #[must_use]
    pub const fn new(whole: Partial, parts: usize) -> Self {
        Self { whole, parts, next: 0, early: BTreeMap::new() }
    }

    /// Takes the part of this number, counted from 0, whose results lie [`at`](Partial::merge) this place.
    ///
    /// # Errors
    /// If it does not fit the whole, there is no part of this number, or it has come before.
    pub fn take(
        &mut self,
        number: usize,
        at: Vec<usize>,
        partial: Partial,
        cancellation: &Cancellation,
    ) -> Result<(), ReduceError> {
        if !(self.next..self.parts).contains(&number) || self.early.insert(number, (at, partial)).is_some() {
            return Err(ReduceError::Defect("a part comes twice, or is none"));
        }
        while let Some((at, partial)) = self.early.remove(&self.next) {
            self.whole.merge(&at, &partial, cancellation)?;
            self.next += 1;
        }
        Ok(())
    }

    /// The whole.
    ///
    /// # Errors
    /// If a part has not come.
    pub fn finish(self) -> Result<Partial, ReduceError> {
        if self.next == self.parts { Ok(self.whole) } else { Err(ReduceError::Defect("a part never came")) }
    }
}
