//! Batch after batch: read, as often as it takes, and put where the results are.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::super::{
    answer::ReadSummary,
    groups::{Grouping, Parts, ResultsOf},
    reading::Reading,
    run::{Dealt, Goal, Needs, Run},
    task::of_gathered,
    work::Work,
};
use super::{
    batches::{Batch, Batches},
    collect::Collect,
    count::Count,
    gather::Gather,
    plan::{Plan, Way, beside},
    values::Values,
};
use crate::{
    engine::{Engine, error::OperationError},
    error::ActiveStorageError,
    reduce::{Collected, DigitCounts, Finished, Gathered, Narrowed, OtherElements, Quantiles, ReduceError},
    resources::{Budget, Effort},
};

/// The search for quantiles.
pub(super) struct Search<'a> {
    engine: &'a Engine,
    reading: &'a Reading<'a>,
    work: Arc<Work>,
    needs: Needs,
    quantiles: Quantiles,
    way: Way,
    batches: Batches,
    /// Units for what is kept of a batch.
    room: usize,
    /// Groups that are counted at one time.
    counts: usize,
    values: Values,
    budget: Budget,
    read: Read,
}

/// The results, and what is left.
pub(super) struct Found {
    pub(super) finished: Vec<Finished>,
    pub(super) read: ReadSummary,
    pub(super) budget: Budget,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    /// Chunks, each once.
    chunks: Dealt,
    /// Chunks that were written, each time.
    written: u64,
    /// Most passes over any batch.
    passes: u64,
}

/// Most elements that are put in order at one time, which takes a second or less.
const MOST_COLLECTED: u64 = 1 << 24;

const UNPLANNED: OperationError = OperationError::Defect("quantiles were not planned for");

impl<'a> Search<'a> {
    /// Of what is planned, in this memory.
    ///
    /// # Errors
    /// If that has no room for the results.
    pub(super) fn new(
        engine: &'a Engine,
        reading: &'a Reading<'a>,
        plan: Plan,
        mut budget: Budget,
    ) -> Result<Self, ActiveStorageError> {
        let Plan { task, asked, quantiles, way, batches, room, counts } = plan;
        let values = Values::new(asked, task.shape, &mut budget)?;
        let (work, needs, read) = (Arc::new(task.work), task.needs, Read::default());
        Ok(Self { engine, reading, work, needs, quantiles, way, batches, room, counts, values, budget, read })
    }

    /// All results.
    ///
    /// # Errors
    /// If a chunk cannot be read or decoded, or the object changes between two passes.
    pub(super) async fn all(mut self) -> Result<Found, ActiveStorageError> {
        for number in 0..self.batches.len() {
            let batch = self.batches.get(number);
            if batch.shape.contains(&0) {
                continue;
            }
            let parts = Arc::new(Parts::new(&batch.picks, self.work.layout.grid.chunk_shape()));
            match self.way {
                Way::Gather(elements) => self.gather(batch, parts, elements).await?,
                Way::Narrow => self.narrow(batch, parts).await?,
            }
        }
        let decoded_len = self.work.layout.decoded_len();
        let Self { reading, values, budget, read, batches, .. } = self;
        let read = ReadSummary {
            decoded: read.written.saturating_mul(decoded_len),
            passes: read.passes.max(1).saturating_mul(batches.reads()),
            ..read.chunks.summary(reading, decoded_len)
        };
        Ok(Found { finished: values.finished(), read, budget })
    }

    /// The quantiles of a batch, from all of its elements.
    async fn gather(&mut self, batch: Batch, parts: Arc<Parts>, elements: usize) -> Result<(), ActiveStorageError> {
        let dtype = self.work.layout.dtype;
        let whole = Gathered::new(dtype, batch.shape.clone(), elements, &mut self.budget);
        let whole = whole.map_err(OperationError::from)?;
        let threads = self.engine.resources.all_threads();
        let (mut whole, dealt) = self.pass((Arc::new(Gather), threads), parts, of_gathered(&self.work), whole).await?;
        self.read.add(dealt, 1, &batch);
        self.put(batch, move |quantiles, values, budget| {
            whole.write_quantiles(quantiles, values, budget.cancellation())?;
            whole.give_back(budget);
            Ok(())
        })
        .await
    }

    /// The quantiles of a batch, from counts of its elements, and from those that are left once they fit memory.
    async fn narrow(&mut self, batch: Batch, parts: Arc<Parts>) -> Result<(), ActiveStorageError> {
        let results = batch.shape.iter().product();
        let mut narrowed = Narrowed::new(self.quantiles.clone(), results);
        let mut pass = 0;
        while narrowed.bits_left() > 0 && narrowed.prefixes() > 0 {
            pass += 1;
            let bits = self.bits(&narrowed, results)?;
            let dealt;
            (narrowed, dealt) = if bits < narrowed.bits_left() && self.can_collect(&narrowed, results) {
                self.collect(narrowed, &batch, &parts).await?
            } else {
                self.count(narrowed, bits, &batch, &parts).await?
            };
            self.read.add(dealt, pass, &batch);
        }
        self.put(batch, move |_, values, _| {
            narrowed.write_quantiles(values);
            Ok(())
        })
        .await
    }

    /// Bits of digits as long as there is room for counts of them.
    fn bits(&self, narrowed: &Narrowed, results: usize) -> Result<u32, OperationError> {
        let prefixes = narrowed.prefixes();
        let fits = |&bits: &u32| {
            DigitCounts::units(results, prefixes, bits).saturating_mul(self.counts) <= self.room_beside(results)
        };
        (1..=Narrowed::MOST_BITS.min(narrowed.bits_left())).rev().find(fits).ok_or(UNPLANNED)
    }

    /// Whether all elements that are left fit memory.
    fn can_collect(&self, narrowed: &Narrowed, results: usize) -> bool {
        let units = Collected::units(narrowed.elements_left(), narrowed.prefixes());
        narrowed.is_begun() && narrowed.elements_left() <= MOST_COLLECTED && units <= self.room_beside(results)
    }

    /// Units for what is kept of a batch of so many results, beside what is known of them.
    fn room_beside(&self, results: usize) -> usize {
        self.room.saturating_sub(beside(results, self.quantiles.len()))
    }

    /// What is known once a pass has counted the elements.
    async fn count(
        &mut self,
        mut narrowed: Narrowed,
        bits: u32,
        batch: &Batch,
        parts: &Arc<Parts>,
    ) -> Result<(Narrowed, Dealt), ActiveStorageError> {
        let digits = Arc::new(narrowed.digits(bits));
        let counts = (0..self.counts).map(|_| DigitCounts::new(Arc::clone(&digits), &mut self.budget));
        let counts = counts.collect::<Result<Vec<_>, _>>().map_err(OperationError::from)?;
        let (threads, goal) = (counts.len(), Arc::new(Count::new(counts, batch.shape.clone())));
        let ((), dealt) = self.pass((Arc::clone(&goal), threads), Arc::clone(parts), 0, ()).await?;
        let learn = move |budget: &mut Budget| {
            let learnt = learn(&mut narrowed, goal.take(), budget)?;
            Ok((narrowed, learnt))
        };
        let (narrowed, learnt) = self.on_cpu(learn).await?;
        learnt.map_err(|OtherElements| self.changed())?;
        Ok((narrowed, dealt))
    }

    /// What is known once a pass has collected the elements that are left: everything.
    async fn collect(
        &mut self,
        mut narrowed: Narrowed,
        batch: &Batch,
        parts: &Arc<Parts>,
    ) -> Result<(Narrowed, Dealt), ActiveStorageError> {
        let collected = narrowed.collected(&mut self.budget).map_err(OperationError::from)?;
        let goal = Arc::new(Collect { collected: Mutex::new(collected), shape: batch.shape.clone() });
        let threads = self.engine.resources.all_threads();
        let ((), dealt) = self.pass((Arc::clone(&goal), threads), Arc::clone(parts), 0, ()).await?;
        let learn = move |budget: &mut Budget| {
            let goal = Arc::into_inner(goal).ok_or(ReduceError::Defect("elements are still collected"))?;
            let mut collected = goal.collected.into_inner().unwrap_or_else(PoisonError::into_inner);
            let learnt = narrowed.learn_all(&mut collected, budget.cancellation())?;
            collected.give_back(budget);
            Ok((narrowed, learnt))
        };
        let (narrowed, learnt) = self.on_cpu(learn).await?;
        learnt.map_err(|OtherElements| self.changed())?;
        Ok((narrowed, dealt))
    }

    /// Reads all chunks of a batch once, of which each element takes so many bytes when it is found.
    async fn pass<G: Goal>(
        &mut self,
        (goal, threads): (Arc<G>, usize),
        parts: Arc<Parts>,
        found_len: u64,
        whole: G::Whole,
    ) -> Result<(G::Whole, Dealt), ActiveStorageError> {
        let own = self.budget.split(self.needs.units).ok_or(UNPLANNED)?;
        let all = ResultsOf::kept(vec![true; self.work.kept.len()]);
        let run = Run {
            engine: self.engine,
            reading: self.reading,
            work: Arc::clone(&self.work),
            goal,
            needs: self.needs,
            cancellation: self.budget.cancellation().clone(),
            threads: Semaphore::new(threads),
        };
        let grouping = Grouping::new(all, found_len, self.engine.variables.read_limits);
        let (whole, own, dealt) = run.all(parts, grouping, whole, own).await?;
        self.budget.merge(own);
        Ok((whole, dealt))
    }

    /// Writes the quantiles of a batch where they belong.
    async fn put(
        &mut self,
        batch: Batch,
        write: impl FnOnce(&Quantiles, &mut [f64], &mut Budget) -> Result<(), ReduceError> + Send + 'static,
    ) -> Result<(), ActiveStorageError> {
        let (mut values, quantiles) = (std::mem::take(&mut self.values), self.quantiles.clone());
        let put = move |budget: &mut Budget| {
            values.put(&batch, &quantiles, write, budget)?;
            Ok(values)
        };
        self.values = self.on_cpu(put).await?;
        Ok(())
    }

    /// Does work on a CPU thread, with all memory that is left.
    async fn on_cpu<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Budget) -> Result<T, ReduceError> + Send + 'static,
    ) -> Result<T, ActiveStorageError> {
        let units = self.budget.units();
        let mut budget = self.budget.split(units).ok_or(UNPLANNED)?;
        let work = move || work(&mut budget).map(|done| (done, budget));
        let done = self.engine.cpu.run(self.reading.caller().client, Effort::Long, work).await?;
        let (done, budget) = done.map_err(OperationError::from)?;
        self.budget.merge(budget);
        Ok(done)
    }

    fn changed(&self) -> ActiveStorageError {
        ActiveStorageError::Changed { object: self.reading.home().to_string() }
    }
}

/// Takes in what a pass has counted, into however many counts.
fn learn(
    narrowed: &mut Narrowed,
    counts: Vec<DigitCounts>,
    budget: &mut Budget,
) -> Result<Result<(), OtherElements>, ReduceError> {
    let mut counts = counts.into_iter();
    let mut all = counts.next().ok_or(ReduceError::Defect("nothing was counted"))?;
    counts.for_each(|counts| all.merge(counts, budget));
    let learnt = narrowed.learn(&all, budget.cancellation())?;
    all.give_back(budget);
    Ok(learnt)
}

impl Read {
    /// Adds what was dealt with in a pass over a batch.
    fn add(&mut self, dealt: Dealt, pass: u64, batch: &Batch) {
        self.written = self.written.saturating_add(dealt.written);
        self.passes = self.passes.max(pass);
        if pass == 1 && batch.is_first_of_chunks {
            self.chunks.written += dealt.written;
            self.chunks.unwritten += dealt.unwritten;
        }
    }
}
