//! Statistics of a variable.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    answer::{NamedResult, ReadSummary, VariableAnswer},
    beside::{self, Companion, by_position},
    groups::{Group, Grouping, Parts},
    layout::Layout,
    reading::Reading,
    run::{Goal, Run},
    task::{Purpose, Task},
    work::{Located, Work},
};
use crate::{
    array::{DType, ValueType},
    engine::{Engine, error::OperationError},
    error::ActiveStorageError,
    reduce::{Asked, ComponentValues, Components, Finished, Partial, Question, ReduceError, Results},
    request::variable::VariableQuestion,
    resources::{Budget, Effort, MEMORY_UNIT, SharedBytes, memory_units},
};

/// Results that are finished so fast that nobody notices.
const FEW: usize = 1 << 12;

/// Statistics of all elements.
struct Reduce;

impl Goal for Reduce {
    type Found = Partial;
    type Whole = Partial;

    fn find(
        &self,
        work: &Work,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        budget: &mut Budget,
    ) -> Result<Vec<Located<Partial>>, ActiveStorageError> {
        work.fold(parts, group, ranges, budget)
    }

    fn merge(
        &self,
        whole: &mut Partial,
        found: Located<Partial>,
        budget: &mut Budget,
    ) -> Result<(), ActiveStorageError> {
        let Located { at, found, .. } = found;
        whole.merge(&at, &found, budget.cancellation()).map_err(OperationError::from)?;
        found.give_back(budget);
        Ok(())
    }
}

/// Statistics that one pass tells, and what it takes.
pub(super) struct OnePass {
    pub(super) task: Task,
    names: Vec<String>,
    shape: Vec<usize>,
    /// Values of all results.
    pub(super) numbers: usize,
    /// Bytes of the results.
    pub(super) len: usize,
    /// Units of them, and of what finds them, but for labels and weights.
    pub(super) units: usize,
}

impl Engine {
    /// Statistics of a variable that lies there.
    ///
    /// # Errors
    /// If something is larger than a limit, a chunk cannot be read or decoded, or a result does not fit its dtype.
    pub(super) async fn reduce_chunks(
        &self,
        layout: Layout,
        asked: VariableQuestion,
        beside: Vec<Companion<'_>>,
        reading: &Reading<'_>,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let (dims, shape, listed_len) = (asked.dims.clone(), asked.shape(), asked.listed_len());
        let mut plan = self.plan_one_pass(layout, asked, &beside)?;
        let units = beside::units(listed_len, &beside, plan.units);
        plan.task.check(plan.len, units, (&*self.variables, self.size_limits, self.resources.all_memory()))?;
        reading.check_numbers(plan.numbers)?;
        let client = reading.caller().client;
        let permit = self.resources.answer(client, memory_units(plan.len)).await?;
        let mut budget = self.resources.memory(client, units).await?;
        reading.admitted();
        let _waiting = budget.waiting();
        self.read_beside(beside, &mut plan.task.work.axes, &mut budget, reading).await?;
        let (results, read) = self.one_pass(plan, budget, reading).await?;
        let version = reading.version(reading.home());
        Ok(VariableAnswer { dims, shape, version, results, read, permit: Some(permit) })
    }

    /// Plans what one pass is to tell.
    ///
    /// # Errors
    /// If the variable cannot be read, or its chunks are larger than a limit.
    pub(super) fn plan_one_pass(
        &self,
        layout: impl Into<Arc<Layout>>,
        mut asked: VariableQuestion,
        beside: &[Companion<'_>],
    ) -> Result<OnePass, ActiveStorageError> {
        let (layout, names) = (layout.into(), std::mem::take(&mut asked.names));
        let (dtype, shape) = (layout.dtype, asked.shape());
        // A unit is as many bytes as these are results.
        let per_result = Partial::units(&asked.question, dtype, MEMORY_UNIT) as u64;
        let limits = (&*self.variables, self.size_limits, self.resources.all_memory());
        let by_position = by_position(&mut asked, beside);
        let task = Task::new(layout, asked, by_position, Purpose::Reduce, per_result, limits)?;
        let len = results_len(&task.work.question, dtype, task.results());
        let states = Partial::units(&task.work.question, dtype, task.results());
        let lists = result_sizes(&task.work.question, dtype).len();
        let units = [states, memory_units(len), lists + 2].into_iter().fold(task.needs.units, usize::saturating_add);
        let numbers = task.results().saturating_mul(values(&task.work.question, dtype));
        Ok(OnePass { task, names, shape, numbers, len, units })
    }

    /// What one pass tells, in memory that was planned for it, once all labels and weights are known.
    ///
    /// # Errors
    /// If a chunk cannot be read or decoded, or a result does not fit its dtype.
    pub(super) async fn one_pass(
        &self,
        plan: OnePass,
        mut budget: Budget,
        reading: &Reading<'_>,
    ) -> Result<(Vec<NamedResult>, ReadSummary), ActiveStorageError> {
        let OnePass { task, names, shape, len, .. } = plan;
        let dtype = task.work.layout.dtype;
        let whole = Partial::new(&task.work.question, dtype, task.shape, &mut budget).map_err(OperationError::from)?;
        let own = budget.split(task.needs.units).ok_or(OperationError::Defect("a group was not planned for"))?;
        let grouping = Grouping::new(task.results_of, task.per_result, self.variables.read_limits);
        let work = Arc::new(task.work);
        let run = Run {
            engine: self,
            reading,
            work: Arc::clone(&work),
            goal: Arc::new(Reduce),
            needs: task.needs,
            cancellation: budget.cancellation().clone(),
            threads: Semaphore::new(self.resources.all_threads()),
        };
        let (whole, _, dealt) = run.all(Arc::new(task.parts), grouping, whole, own).await?;
        let decoded_len = work.layout.decoded_len();
        let effort = if len <= FEW { Effort::Short } else { Effort::Long };
        let finish = move || finished(&whole, &work.question, names, &shape, &mut budget);
        let results = self.cpu.run(reading.caller().client, effort, finish).await?.map_err(OperationError::from)?;
        Ok((results, dealt.summary(reading, decoded_len)))
    }
}

/// Values of one result of each statistic; of what merges, the least that there can be.
fn values(question: &Question, elements: DType) -> usize {
    if question.is_partial {
        return Components::sizes(question, elements).into_iter().fold(0, usize::saturating_add) / size_of::<i128>();
    }
    let values = question.statistics.iter().map(Asked::values);
    values.fold(0, usize::saturating_add)
}

/// Bytes of so many results of each statistic, and their counts.
fn results_len(question: &Question, elements: DType, results: usize) -> usize {
    let sizes = result_sizes(question, elements).into_iter().chain([DType::Int64.size()]);
    sizes.fold(0, |len, size| len.saturating_add(results.saturating_mul(size)))
}

/// Bytes of one result of each statistic, or of each component that it is told by.
fn result_sizes(question: &Question, elements: DType) -> Vec<usize> {
    if question.is_partial {
        return Components::sizes(question, elements);
    }
    let of_one = |asked: &Asked| {
        let size = question.result_of(asked.statistic, elements).dtype.size();
        size.saturating_mul(asked.values())
    };
    question.statistics.iter().map(of_one).collect()
}

/// What is answered, under these names: results that are final, or what merges of them.
fn finished(
    whole: &Partial,
    question: &Question,
    names: Vec<String>,
    shape: &[usize],
    budget: &mut Budget,
) -> Result<Vec<NamedResult>, ReduceError> {
    if question.is_partial {
        let told = names.iter().zip(whole.components(question, budget)?.statistics);
        return Ok(told.flat_map(|(name, components)| named_components(name, components, shape)).collect());
    }
    let Results { statistics, .. } = whole.finish(question, budget)?;
    Ok(names.into_iter().zip(statistics).map(|(name, finished)| named_result(name, finished, shape)).collect())
}

/// The results of one statistic, under this name; all of them have a shape in common, and some a dimension more.
pub(super) fn named_result(name: String, Finished { asked, dtype, values }: Finished, shape: &[usize]) -> NamedResult {
    let dtype = if asked.statistic.is_boolean() { ValueType::Bool } else { dtype.into() };
    let shape = shape.iter().copied().chain(asked.last_dimension()).collect();
    NamedResult { name, component: None, dtype, shape, values }
}

/// The components of one statistic, under this name.
fn named_components(name: &str, components: Vec<ComponentValues>, shape: &[usize]) -> Vec<NamedResult> {
    let named = |ComponentValues { name: component, dtype, dimensions, values }| {
        let shape = [shape, &dimensions].concat();
        NamedResult { name: name.to_owned(), component: Some(component), dtype, shape, values }
    };
    components.into_iter().map(named).collect()
}
