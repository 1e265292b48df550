//! What is known of the results of an array when only a part of it has been seen.

use std::ops::Range;

use bytemuck::Pod;

use super::{
    error::ReduceError,
    fold::Sink,
    operation::{Accumulator, Form, States, Sums},
    place::{Place, Row, rows},
    question::Question,
    results::{Results, part},
    rows::COLUMNS,
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
    kept: Vec<Kept>,
}

/// What one accumulator knows of each result.
#[derive(Debug)]
struct Kept {
    accumulator: Accumulator,
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
        let kept = question.accumulators().into_iter().map(|accumulator| {
            let form = accumulator.form(elements);
            let mut states = budget.allocate(len.saturating_mul(form.size()))?;
            match form {
                Form::Integers => states.elements_mut::<i128>().fill(0),
                Form::Floats => states.elements_mut::<FloatTotal>().fill(FloatTotal::ZERO),
                Form::Ranks => states.elements_mut::<i64>().fill(lowest_rank(elements)),
            }
            Ok(Kept { accumulator, form, states })
        });
        let kept = kept.collect::<Result<_, ReduceError>>()?;
        let mut counts = budget.allocate(len.saturating_mul(size_of::<u64>()))?;
        counts.elements_mut::<u64>().fill(0);
        Ok(Self { shape, elements, counts, kept })
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
        if !self.has_room_for(at, other) {
            return Err(ReduceError::Defect("a partial result does not fit the whole"));
        }
        if other.shape.contains(&0) {
            return Ok(());
        }
        for row in rows(at, &other.shape, &self.shape) {
            cancellation.check()?;
            merge(&row, &mut self.counts, &other.counts, u64::saturating_add);
            for (kept, other) in self.kept.iter_mut().zip(&other.kept) {
                kept.merge(&row, other);
            }
        }
        Ok(())
    }

    /// Whether another one has the states of this one, for results that lie at a place among those of this one.
    fn has_room_for(&self, at: &[Place], other: &Self) -> bool {
        let is_of_one_kind = self.elements == other.elements && self.accumulators().eq(other.accumulators());
        let is_of_one_rank = at.len() == self.shape.len() && other.shape.len() == self.shape.len();
        let mut axes = at.iter().zip(&other.shape).zip(&self.shape);
        is_of_one_kind && is_of_one_rank && axes.all(|((at, &len), &all)| at.fits(len, all))
    }

    fn accumulators(&self) -> impl Iterator<Item = Accumulator> {
        self.kept.iter().map(|kept| kept.accumulator)
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
        if !self.accumulators().eq(question.accumulators()) {
            return Err(ReduceError::Defect("a partial result is one of another question"));
        }
        let counts = self.counts.elements::<u64>();
        let mut results = Results::new(question, self.elements, counts.len(), budget)?;
        for (number, counts) in counts.chunks(COLUMNS).enumerate() {
            budget.cancellation().check()?;
            let first = number * COLUMNS;
            results.take(first, counts, &self.states(&(first..first + counts.len())))?;
        }
        Ok(results)
    }

    fn states(&self, range: &Range<usize>) -> States<'_> {
        let mut states = States::default();
        for kept in &self.kept {
            match kept.accumulator {
                Accumulator::Sum => states.sums = kept.sums(range),
                Accumulator::Squares => states.squares = kept.sums(range),
                Accumulator::Largest => states.largest = kept.in_range(range),
                Accumulator::Smallest => states.smallest = kept.in_range(range),
            }
        }
        states
    }
}

impl Kept {
    fn in_range<S: Pod>(&self, range: &Range<usize>) -> &[S] {
        self.states.elements().get(range.clone()).unwrap_or_default()
    }

    fn sums(&self, range: &Range<usize>) -> Sums<'_> {
        match self.form {
            Form::Integers => Sums::Integers(self.in_range(range)),
            Form::Floats => Sums::Floats(self.in_range(range)),
            Form::Ranks => Sums::None,
        }
    }

    fn merge(&mut self, row: &Row<'_>, other: &Self) {
        match self.form {
            Form::Integers => merge(row, &mut self.states, &other.states, i128::saturating_add),
            Form::Floats => merge(row, &mut self.states, &other.states, FloatTotal::merged),
            Form::Ranks => merge(row, &mut self.states, &other.states, i64::max),
        }
    }

    fn write_sums(&mut self, first: usize, sums: Sums<'_>) {
        match sums {
            Sums::None => {}
            Sums::Integers(sums) => write(&mut self.states, first, sums),
            Sums::Floats(sums) => write(&mut self.states, first, sums),
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
        for kept in &mut self.kept {
            match kept.accumulator {
                Accumulator::Sum => kept.write_sums(first, states.sums),
                Accumulator::Squares => kept.write_sums(first, states.squares),
                Accumulator::Largest => write(&mut kept.states, first, states.largest),
                Accumulator::Smallest => write(&mut kept.states, first, states.smallest),
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
