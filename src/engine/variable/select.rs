//! The elements of a variable.

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
    array::Pick,
    engine::{Engine, error::OperationError},
    error::ActiveStorageError,
    reduce::{ResultSpec, put},
    request::variable::VariableQuestion,
    resources::{Budget, Buffer, SharedBytes, memory_units},
};

/// The elements themselves, as results have them.
struct Select {
    spec: ResultSpec,
    /// Length of each dimension that stays.
    shape: Vec<usize>,
}

impl Goal for Select {
    type Found = Buffer;
    type Whole = Buffer;

    fn find(
        &self,
        work: &Work,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        budget: &mut Budget,
    ) -> Result<Vec<Located<Buffer>>, ActiveStorageError> {
        work.pick(parts, group, ranges, self.spec, budget)
    }

    fn merge(&self, whole: &mut Buffer, found: Located<Buffer>, budget: &mut Budget) -> Result<(), ActiveStorageError> {
        let Located { at, shape: part, found } = found;
        let put = match self.spec.dtype.size() {
            1 => put::<u8>(&at, &part, found.elements(), &self.shape, whole.elements_mut()),
            2 => put::<u16>(&at, &part, found.elements(), &self.shape, whole.elements_mut()),
            4 => put::<u32>(&at, &part, found.elements(), &self.shape, whole.elements_mut()),
            _ => put::<u64>(&at, &part, found.elements(), &self.shape, whole.elements_mut()),
        };
        put.map_err(OperationError::from)?;
        budget.reclaim(found);
        Ok(())
    }
}

impl Engine {
    /// The elements of a variable that lies there.
    ///
    /// # Errors
    /// If something is larger than a limit, or a chunk cannot be read or decoded.
    pub(super) async fn select_chunks(
        &self,
        layout: Layout,
        asked: VariableQuestion,
        reading: &Reading<'_>,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let VariableQuestion { picks, mut question, dims, .. } = asked;
        question.reduced = Some(vec![false; picks.iter().filter(|pick: &&Pick| pick.kept_len().is_some()).count()]);
        let spec = question.elements(layout.dtype);
        let limits = (&*self.variables, self.size_limits, self.resources.all_memory());
        let task = Task::new(layout, &picks, question, Purpose::Select, spec.dtype.size() as u64, limits)?;
        let len = task.results().saturating_mul(spec.dtype.size());
        let units = task.needs.units.saturating_add(memory_units(len));
        task.check(len, units, limits)?;
        reading.check_numbers(task.results())?;
        let permit = self.resources.answer(reading.caller().client, memory_units(len)).await?;
        let mut budget = self.resources.memory(reading.caller().client, units).await?;
        let _waiting = budget.waiting();
        let whole = budget.allocate(len).map_err(OperationError::from)?;
        let grouping = Grouping::new(task.work.kept.clone(), task.per_result, self.variables.read_limits);
        let (decoded_len, cancellation) = (task.work.layout.decoded_len(), budget.cancellation().clone());
        let threads = Semaphore::new(self.resources.all_threads());
        let goal = Arc::new(Select { spec, shape: task.shape.clone() });
        let run =
            Run { engine: self, reading, work: Arc::new(task.work), goal, needs: task.needs, cancellation, threads };
        let (values, _, dealt) = run.all(Arc::new(task.parts), grouping, whole, budget).await?;
        let (version, read) = (reading.version(reading.home()), dealt.summary(reading, decoded_len));
        let result = NamedResult { name: "select".to_owned(), dtype: spec.dtype, shape: task.shape.clone(), values };
        Ok(VariableAnswer { dims, shape: task.shape, version, results: vec![result], read, permit: Some(permit) })
    }
}
