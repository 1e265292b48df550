//! The elements of a variable.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    answer::{NamedResult, ReadSummary, VariableAnswer},
    groups::{Group, Grouping, Parts},
    layout::Layout,
    reading::Reading,
    run::{Goal, Run},
    task::{ByPosition, Purpose, Task},
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

/// The elements of a part of a variable, planned and not yet read.
#[derive(Debug)]
pub(super) struct Selecting {
    task: Task,
    spec: ResultSpec,
    /// Bytes of the elements.
    pub(super) len: usize,
}

impl Selecting {
    /// Memory units that reading them takes, beside the elements.
    pub(super) const fn units(&self) -> usize {
        self.task.needs.units
    }
}

impl Engine {
    /// Plans to read a part of a variable that lies there.
    ///
    /// # Errors
    /// If something is larger than a limit.
    pub(super) fn selecting(
        &self,
        layout: Layout,
        mut asked: VariableQuestion,
    ) -> Result<Selecting, ActiveStorageError> {
        let left = asked.picks.iter().filter(|pick: &&Pick| pick.kept_len().is_some()).count();
        asked.question.reduced = Some(vec![false; left]);
        let spec = asked.question.elements(layout.dtype);
        let limits = (&*self.variables, self.size_limits, self.resources.all_memory());
        let size = spec.dtype.size();
        let task = Task::new(layout, asked, ByPosition::default(), Purpose::Select, size as u64, limits)?;
        let len = task.results().saturating_mul(size);
        task.check(len, task.needs.units.saturating_add(memory_units(len)), limits)?;
        Ok(Selecting { task, spec, len })
    }

    /// Reads elements into a buffer of their length, with memory of its own, which comes back.
    ///
    /// # Errors
    /// If a chunk cannot be read or decoded.
    pub(super) async fn selected(
        &self,
        selecting: Selecting,
        values: Buffer,
        own: Budget,
        reading: &Reading<'_>,
    ) -> Result<(Buffer, Budget, ReadSummary), ActiveStorageError> {
        let Selecting { task, spec, .. } = selecting;
        let grouping = Grouping::new(task.results_of, task.per_result, self.variables.read_limits);
        let (decoded_len, cancellation) = (task.work.layout.decoded_len(), own.cancellation().clone());
        let threads = Semaphore::new(self.resources.all_threads());
        let goal = Arc::new(Select { spec, shape: task.shape });
        let run =
            Run { engine: self, reading, work: Arc::new(task.work), goal, needs: task.needs, cancellation, threads };
        let (values, own, dealt) = run.all(Arc::new(task.parts), grouping, values, own).await?;
        Ok((values, own, dealt.summary(reading, decoded_len)))
    }

    /// The elements of a variable that lies there.
    ///
    /// # Errors
    /// If something is larger than a limit, or a chunk cannot be read or decoded.
    pub(super) async fn select_chunks(
        &self,
        layout: Layout,
        mut asked: VariableQuestion,
        reading: &Reading<'_>,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        let dims = std::mem::take(&mut asked.dims);
        let selecting = self.selecting(layout, asked)?;
        let (len, dtype, shape) = (selecting.len, selecting.spec.dtype.into(), selecting.task.shape.clone());
        reading.check_numbers(selecting.task.results())?;
        let units = selecting.units().saturating_add(memory_units(len));
        let permit = self.resources.answer(reading.caller().client, memory_units(len)).await?;
        let mut budget = self.resources.memory(reading.caller().client, units).await?;
        reading.admitted();
        let _waiting = budget.waiting();
        let values = budget.allocate(len).map_err(OperationError::from)?;
        let (values, _, read) = self.selected(selecting, values, budget, reading).await?;
        let result = NamedResult { name: "select".to_owned(), component: None, dtype, shape: shape.clone(), values };
        let version = reading.version(reading.home());
        Ok(VariableAnswer { dims, shape, version, results: vec![result], read, permit: Some(permit) })
    }
}
