//! What is known of the results of an array when only a part of it has been seen.

use std::ops::Range;

use bytemuck::Pod;

use super::{
    components::Components,
    error::ReduceError,
    fold::Sink,
    operation::{Accumulator, First, Form, Knows, NOWHERE, State, States, columns},
    place::{Place, Row, rows},
    question::Question,
    results::{Results, part},
    total::FloatTotal,
};
use crate::{
    array::{DType, Element, Rank, dtype::with_dtype},
    resources::{Budget, Buffer, Cancellation, memory_units},
};

/// Counts and states of results, in the C order of the axes that were kept. They merge: those of two parts of an array make
/// those of both. Counts have 64 bits and sums of integers 128, enough for arrays of any size; sums of floats are pairs of
/// a sum and what rounding took off it, and have the same bits only if they are merged in the same order. So are sums of
/// squares of 64-bit integers.
#[derive(Debug)]
pub struct Partial {
    shape: Vec<usize>,
    elements: DType,
    counts: Buffer,
    accumulators: Vec<Accumulator>,
    kept: Vec<Kept>,
}

/// What one accumulator knows of each result.
#[derive(Debug)]
struct Kept {
    form: Form,
    states: Buffer,
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
        let kept = accumulators.iter().map(|accumulator| {
            let form = accumulator.form(elements);
            let mut states = budget.allocate(len.saturating_mul(form.size()))?;
            match form {
                Form::Integers => states.elements_mut::<i128>().fill(0),
                Form::Floats(_) => states.elements_mut::<FloatTotal>().fill(FloatTotal::ZERO),
                Form::Ranks => states.elements_mut::<i64>().fill(lowest_rank(elements)),
                Form::Firsts => states.elements_mut::<First>().fill(First::none(lowest_rank(elements))),
                Form::Counts(_) => states.elements_mut::<u64>().fill(0),
            }
            Ok(Kept { form, states })
        });
        let kept = kept.collect::<Result<_, ReduceError>>()?;
        let mut counts = budget.allocate(len.saturating_mul(size_of::<u64>()))?;
        counts.elements_mut::<u64>().fill(0);
        Ok(Self { shape, elements, counts, accumulators, kept })
    }

    /// Buffers that it takes, whatever the number of results.
    #[must_use]
    pub fn buffers(question: &Question) -> usize {
        question.accumulators().len() + 1
    }

    /// Memory units that so many results of elements of this dtype take.
    #[must_use]
    pub fn units(question: &Question, elements: DType, results: usize) -> usize {
        let of_states = question.accumulators().into_iter().map(|accumulator| accumulator.form(elements).size());
        let sizes = of_states.chain([size_of::<u64>()]);
        sizes.fold(0, |units, size| units.saturating_add(memory_units(results.saturating_mul(size))))
    }

    /// Lengths of the axes that were kept.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Makes what another part of the array knows known here. `at` says for each axis where its results lie among those of this
    /// one; its axes are in the order of [`shape`](Self::shape).
    ///
    /// # Errors
    /// If they do not lie among them, each at a place of its own, or are states of another question: then nothing is merged.
    /// Or if nobody waits for them.
    pub fn merge(&mut self, at: &[Place], other: &Self, cancellation: &Cancellation) -> Result<(), ReduceError> {
        self.each_row(at, other, cancellation, |all, row| {
            merge(row, &mut all.counts, &other.counts, u64::saturating_add);
            all.kept.iter_mut().zip(&other.kept).for_each(|(kept, other)| kept.merge(row, other));
        })
    }

    /// Makes what a part of the array knows known here in place of what is; otherwise as [`merge`](Self::merge).
    ///
    /// # Errors
    /// As of that.
    pub fn put(&mut self, at: &[Place], other: &Self, cancellation: &Cancellation) -> Result<(), ReduceError> {
        self.each_row(at, other, cancellation, |all, row| {
            merge(row, &mut all.counts, &other.counts, |_, count: u64| count);
            all.kept.iter_mut().zip(&other.kept).for_each(|(kept, other)| kept.put(row, other));
        })
    }

    /// Does something for each row of the results of a part.
    fn each_row(
        &mut self,
        at: &[Place],
        other: &Self,
        cancellation: &Cancellation,
        mut with: impl FnMut(&mut Self, &Row<'_>),
    ) -> Result<(), ReduceError> {
        if !self.has_room_for(at, other) {
            return Err(ReduceError::Defect("a partial result does not fit the whole"));
        }
        if other.shape.contains(&0) {
            return Ok(());
        }
        for row in rows(at, &other.shape, &self.shape.clone()) {
            cancellation.check()?;
            with(self, &row);
        }
        Ok(())
    }

    /// Whether another one has the states of this one, for results that lie at a place among those of this one.
    fn has_room_for(&self, at: &[Place], other: &Self) -> bool {
        let is_of_one_kind = self.elements == other.elements && self.accumulators == other.accumulators;
        let is_of_one_rank = at.len() == self.shape.len() && other.shape.len() == self.shape.len();
        let mut axes = at.iter().zip(&other.shape).zip(&self.shape);
        is_of_one_kind && is_of_one_rank && axes.all(|((at, &len), &all)| at.fits(len, all))
    }

    /// Says anew where the first elements are: `position` makes that of the number of a result and of the position among the
    /// elements of that result, which has been known so far.
    pub fn renumber(&mut self, position: impl Fn(u64, u64) -> u64) {
        for kept in self.kept.iter_mut().filter(|kept| kept.form == Form::Firsts) {
            for (first, result) in kept.states.elements_mut::<First>().iter_mut().zip(0..) {
                first.position = if first.position == NOWHERE { NOWHERE } else { position(result, first.position) };
            }
        }
    }

    /// Gives its memory back to the budget that it is of.
    pub fn give_back(self, budget: &mut Budget) {
        budget.reclaim(self.counts);
        self.kept.into_iter().for_each(|kept| budget.reclaim(kept.states));
    }

    /// The results, once all parts have been merged.
    ///
    /// # Errors
    /// If the question is another one, a result does not fit its dtype, the budget has no room for them, or nobody waits for
    /// them.
    pub fn finish(&self, question: &Question, budget: &mut Budget) -> Result<Results, ReduceError> {
        if self.accumulators != question.accumulators() {
            return Err(ReduceError::Defect("a partial result is one of another question"));
        }
        let mut results = Results::new(question, self.elements, self.counts.elements::<u64>().len(), budget)?;
        self.tell(&mut results, budget.cancellation())?;
        Ok(results)
    }

    /// What merges of the results, once all that is known here has been merged.
    ///
    /// # Errors
    /// As those of [`finish`](Self::finish).
    pub fn components(&self, question: &Question, budget: &mut Budget) -> Result<Components, ReduceError> {
        if self.accumulators != question.accumulators() {
            return Err(ReduceError::Defect("a partial result is one of another question"));
        }
        let mut components = Components::new(question, self.elements, self.counts.elements::<u64>().len(), budget)?;
        self.tell(&mut components, budget.cancellation())?;
        Ok(components)
    }

    fn tell(&self, sink: &mut dyn Sink, cancellation: &Cancellation) -> Result<(), ReduceError> {
        let columns = columns(&self.accumulators, self.elements);
        for (number, counts) in self.counts.elements::<u64>().chunks(columns).enumerate() {
            cancellation.check()?;
            let first = number * columns;
            let some = Stretch { kept: &self.kept, range: first..first + counts.len() };
            sink.take(first, counts, &States { accumulators: &self.accumulators, knows: &some })?;
        }
        Ok(())
    }
}

/// What is known of some of the results.
struct Stretch<'a> {
    kept: &'a [Kept],
    range: Range<usize>,
}

impl Knows for Stretch<'_> {
    fn state(&self, number: usize) -> Option<State<'_>> {
        self.kept.get(number).map(|kept| kept.state(&self.range))
    }
}

impl Kept {
    fn in_range<S: Pod>(&self, range: &Range<usize>) -> &[S] {
        let values = self.form.values();
        self.states.elements().get(range.start * values..range.end * values).unwrap_or_default()
    }

    fn state(&self, range: &Range<usize>) -> State<'_> {
        match self.form {
            Form::Integers => State::Integers(self.in_range(range)),
            Form::Floats(_) => State::Floats(self.in_range(range)),
            Form::Ranks => State::Ranks(self.in_range(range)),
            Form::Firsts => State::Firsts(self.in_range(range)),
            Form::Counts(_) => State::Counts(self.in_range(range)),
        }
    }

    fn merge(&mut self, row: &Row<'_>, other: &Self) {
        match self.form {
            Form::Integers => merge(row, &mut self.states, &other.states, i128::saturating_add),
            Form::Floats(1) => merge(row, &mut self.states, &other.states, FloatTotal::merged),
            Form::Floats(values) => {
                row.merge_many(values, self.states.elements_mut(), other.states.elements(), FloatTotal::merged);
            }
            Form::Ranks => merge(row, &mut self.states, &other.states, i64::max),
            Form::Firsts => merge(row, &mut self.states, &other.states, First::merged),
            Form::Counts(values) => {
                row.merge_many(values, self.states.elements_mut(), other.states.elements(), u64::saturating_add);
            }
        }
    }

    /// Copies the states of a row.
    fn put(&mut self, row: &Row<'_>, other: &Self) {
        let (all, part) = (&mut self.states, &other.states);
        match self.form {
            Form::Integers => merge(row, all, part, |_, state: i128| state),
            Form::Floats(1) => merge(row, all, part, |_, state: FloatTotal| state),
            Form::Floats(values) => {
                row.merge_many(values, all.elements_mut(), part.elements(), |_, state: FloatTotal| state);
            }
            Form::Ranks => merge(row, all, part, |_, state: i64| state),
            Form::Firsts => merge(row, all, part, |_, state: First| state),
            Form::Counts(values) => row.merge_many(values, all.elements_mut(), part.elements(), |_, state: u64| state),
        }
    }

    fn write(&mut self, first: usize, state: State<'_>) {
        let first = first * self.form.values();
        match state {
            State::Integers(states) => write(&mut self.states, first, states),
            State::Floats(states) => write(&mut self.states, first, states),
            State::Ranks(states) => write(&mut self.states, first, states),
            State::Firsts(states) => write(&mut self.states, first, states),
            State::Counts(states) => write(&mut self.states, first, states),
        }
    }
}

/// The rank of elements of this dtype that no other is below: that of results of no elements.
fn lowest_rank(elements: DType) -> i64 {
    with_dtype!(elements, T => <<T as Element>::Rank as Rank>::LOWEST.widened())
}

impl Sink for Partial {
    fn take(&mut self, first: usize, counts: &[u64], states: &States<'_>) -> Result<(), ReduceError> {
        write(&mut self.counts, first, counts);
        for (number, kept) in self.kept.iter_mut().enumerate() {
            if let Some(state) = states.state(number) {
                kept.write(first, state);
            }
        }
        Ok(())
    }
}

fn write<S: Pod>(buffer: &mut Buffer, first: usize, states: &[S]) {
    let slots = part(buffer.elements_mut::<S>(), first, states.len());
    slots.iter_mut().zip(states).for_each(|(slot, &state)| *slot = state);
}

/// Merges a row of states into those of the whole.
fn merge<S: Pod>(row: &Row<'_>, all: &mut Buffer, part: &Buffer, merged: impl Fn(S, S) -> S) {
    row.merge(all.elements_mut(), part.elements(), merged);
}
