//! Quantiles of a variable, exact: each result in the order of its elements.
//!
//! Where all elements of a batch of results fit memory, they are gathered, and each chunk is read once. Where they do not, each pass
//! counts the elements by some more bits of their ranks, until those of the elements that are wanted are known.

mod batches;
mod collect;
mod count;
mod find;
mod gather;
mod plan;
mod values;

use std::sync::Arc;

use super::{
    answer::{NamedResult, ReadSummary, VariableAnswer},
    beside::{self, Companion, by_position},
    layout::Layout,
    reading::Reading,
    reduce::{OnePass, named_result},
};
use crate::{
    engine::Engine,
    error::ActiveStorageError,
    reduce::{Asked, Question},
    request::variable::VariableQuestion,
    resources::{Budget, Effort, memory_units},
};
use find::{Found, Search};
use plan::Plan;

/// Labels that are counted so fast that nobody notices, in bytes.
const FEW_LABELS: usize = 256 << 10;

impl Engine {
    /// Statistics of a variable that lies there, some of which take more than one pass.
    ///
    /// # Errors
    /// If something is larger than a limit, a chunk cannot be read or decoded, or a result does not fit its dtype.
    pub(super) async fn reduce_in_passes(
        &self,
        layout: Layout,
        asked: VariableQuestion,
        beside: Vec<Companion<'_>>,
        reading: &Reading<'_>,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let largest_group = self.largest_group(&asked, reading).await?;
        let mut passes = self.plan_passes(layout, &asked, &beside, largest_group)?;
        reading.check_numbers(passes.numbers())?;
        let permit = self.resources.answer(reading.caller().client, memory_units(passes.len())).await?;
        let mut budget = self.resources.memory(reading.caller().client, passes.units).await?;
        reading.admitted();
        let _waiting = budget.waiting();
        let axes = &mut passes.plan.task.work.axes;
        self.read_beside(beside, axes, &mut budget, reading).await?;
        if let Some(once) = &mut passes.once {
            once.task.work.axes.share_labels(axes);
        }
        let shape = asked.shape();
        let (results, read) = self.all_passes(passes, budget, &shape, reading).await?;
        let results = in_order(&asked, results);
        let version = reading.version(reading.home());
        Ok(VariableAnswer { dims: asked.dims, shape, version, results, read, permit: Some(permit) })
    }

    /// Most positions of a group; where labels are many, they are counted on a CPU thread.
    async fn largest_group(
        &self,
        asked: &VariableQuestion,
        reading: &Reading<'_>,
    ) -> Result<usize, ActiveStorageError> {
        if asked.listed_len() <= FEW_LABELS {
            return Ok(asked.largest_group());
        }
        let asked = asked.clone();
        Ok(self.cpu.run(reading.caller().client, Effort::Long, move || asked.largest_group()).await?)
    }

    /// Plans how all statistics are found.
    fn plan_passes(
        &self,
        layout: Layout,
        asked: &VariableQuestion,
        beside: &[Companion<'_>],
        largest_group: usize,
    ) -> Result<Passes, ActiveStorageError> {
        let layout = Arc::new(layout);
        let [once, mut ordered] = [true, false].map(|is_of_one_pass| only(asked, is_of_one_pass));
        let limits = (&*self.variables, self.size_limits, self.resources.all_memory());
        let groups = (by_position(&mut ordered, beside), largest_group);
        let plan = Plan::new(Arc::clone(&layout), &ordered, groups, limits, self.resources.all_threads())?;
        let once = (!once.names.is_empty()).then(|| self.plan_one_pass(layout, once, beside)).transpose()?;
        let (of_results, of_search) = plan.units();
        let of_work = of_search.max(once.as_ref().map_or(0, |once| once.units));
        let units = of_results.saturating_add(asked.names.len());
        let units = beside::units(asked.listed_len(), beside, of_work).saturating_add(units);
        let passes = Passes { plan, names: ordered.names, once, units };
        passes.plan.task.check(passes.len(), units, limits)?;
        Ok(passes)
    }

    /// What was planned: the statistics of elements in order, and then the others.
    async fn all_passes(
        &self,
        passes: Passes,
        budget: Budget,
        shape: &[usize],
        reading: &Reading<'_>,
    ) -> Result<([Vec<NamedResult>; 2], ReadSummary), ActiveStorageError> {
        let Passes { plan, names, once, .. } = passes;
        let Found { finished, read, budget } = Search::new(self, reading, plan, budget)?.all().await?;
        let named = |(name, finished)| named_result(name, finished, shape);
        let ordered = names.into_iter().zip(finished).map(named).collect();
        let Some(once) = once else { return Ok(([ordered, Vec::new()], read)) };
        let (results, of_once) = self.one_pass(once, budget, reading).await?;
        Ok(([ordered, results], both(read, of_once)))
    }
}

/// How all statistics are found.
struct Passes {
    plan: Plan,
    /// Names of the statistics of elements in order.
    names: Vec<String>,
    /// The others, if there are some.
    once: Option<OnePass>,
    /// Units of all that it takes.
    units: usize,
}

impl Passes {
    /// Bytes of the results.
    fn len(&self) -> usize {
        self.plan.results_len().saturating_add(self.once.as_ref().map_or(0, |once| once.len))
    }

    /// Values of the results.
    fn numbers(&self) -> usize {
        self.plan.numbers().saturating_add(self.once.as_ref().map_or(0, |once| once.numbers))
    }
}

/// The results of elements in order and those of one pass, as they are asked for.
fn in_order(asked: &VariableQuestion, [ordered, once]: [Vec<NamedResult>; 2]) -> Vec<NamedResult> {
    let (mut once, mut ordered) = (once.into_iter(), ordered.into_iter());
    let statistics = asked.question.statistics.iter();
    let next = |asked: &Asked| if asked.statistic.is_of_one_pass() { once.next() } else { ordered.next() };
    statistics.filter_map(next).collect()
}

/// The same question, of those statistics alone that one pass tells, or of the others.
fn only(asked: &VariableQuestion, is_of_one_pass: bool) -> VariableQuestion {
    let is = |asked: &Asked| asked.statistic.is_of_one_pass() == is_of_one_pass;
    let both = asked.question.statistics.iter().zip(&asked.names).filter(|(asked, _)| is(asked));
    let (statistics, names) = both.map(|(asked, name)| (asked.clone(), name.clone())).unzip();
    VariableQuestion { question: Question { statistics, ..asked.question.clone() }, names, ..asked.clone() }
}

/// What was done in passes, of which the latter was the last.
const fn both(first: ReadSummary, last: ReadSummary) -> ReadSummary {
    let (decoded, passes) = (first.decoded.saturating_add(last.decoded), first.passes.saturating_add(last.passes));
    ReadSummary { decoded, passes, ..last }
}
