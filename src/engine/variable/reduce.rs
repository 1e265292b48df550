//! Statistics of a variable.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    answer::{NamedResult, VariableAnswer},
    groups::{Group, Grouping, Parts},
    layout::Layout,
    reading::Reading,
    run::{Goal, Run},
    task::{Purpose, Task},
    work::{Located, Work},
};
use crate::{
    array::{DType, Pick},
    engine::{Engine, error::OperationError},
    error::ActiveStorageError,
    reduce::{Finished, Partial, Question, Results},
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

impl Engine {
    /// Statistics of a variable that lies there.
    ///
    /// # Errors
    /// If something is larger than a limit, a chunk cannot be read or decoded, or a result does not fit its dtype.
    pub(super) async fn reduce_chunks(
        &self,
        layout: Layout,
        asked: VariableQuestion,
        reading: &Reading<'_>,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let VariableQuestion { picks, question, names, dims, .. } = asked;
        let (dtype, shape) = (layout.dtype, result_shape(&question, &picks));
        // A unit is as many bytes as these are results.
        let per_result = Partial::units(&question, dtype, MEMORY_UNIT) as u64;
        let limits = (&*self.variables, self.size_limits, self.resources.all_memory());
        let task = Task::new(layout, &picks, question, Purpose::Reduce, per_result, limits)?;
        let len = results_len(&task.work.question, dtype, task.results());
        let states = Partial::units(&task.work.question, dtype, task.results());
        let units =
            [states, memory_units(len), names.len() + 2].into_iter().fold(task.needs.units, usize::saturating_add);
        task.check(len, units, limits)?;
        reading.check_numbers(task.results().saturating_mul(names.len()))?;
        let permit = self.resources.answer(reading.caller().client, memory_units(len)).await?;
        let mut budget = self.resources.memory(reading.caller().client, units).await?;
        let _waiting = budget.waiting();
        let whole = Partial::new(&task.work.question, dtype, task.shape, &mut budget).map_err(OperationError::from)?;
        let own = budget.split(task.needs.units).ok_or(OperationError::Defect("a group was not planned for"))?;
        let grouping = Grouping::new(task.work.kept.clone(), task.per_result, self.variables.read_limits);
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
        let finish = move || whole.finish(&work.question, &mut budget);
        let finished = self.cpu.run(reading.caller().client, effort, finish).await?;
        let Results { statistics, .. } = finished.map_err(OperationError::from)?;
        let named = |(name, Finished { dtype, values, .. })| NamedResult { name, dtype, shape: shape.clone(), values };
        let results = names.into_iter().zip(statistics).map(named).collect();
        let (version, read) = (reading.version(reading.home()), dealt.summary(reading, decoded_len));
        Ok(VariableAnswer { dims, shape: shape.clone(), version, results, read, permit: Some(permit) })
    }
}

/// Bytes of so many results of each statistic, and their counts.
fn results_len(question: &Question, elements: DType, results: usize) -> usize {
    let dtypes = question.statistics.iter().map(|asked| question.result_of(asked.statistic, elements).dtype);
    dtypes.chain([DType::Int64]).fold(0, |len, dtype| len.saturating_add(results.saturating_mul(dtype.size())))
}

/// Lengths of the dimensions of results.
fn result_shape(question: &Question, picks: &[Pick]) -> Vec<usize> {
    let stay = picks.iter().filter(|pick| pick.kept_len().is_some()).enumerate();
    let is_reduced = |number: usize| match &question.reduced {
        Some(reduced) => reduced.get(number).copied().unwrap_or(true),
        None => true,
    };
    let len = |(number, pick): (usize, &Pick)| {
        if is_reduced(number) { question.keepdims.then_some(1) } else { pick.kept_len() }
    };
    let lens = stay.filter_map(len);
    lens.collect()
}
