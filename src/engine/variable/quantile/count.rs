//! How many elements of a batch of results have which digit.

use std::sync::{Mutex, PoisonError};

use super::super::{
    groups::{Group, Parts},
    look::At,
    run::Goal,
    work::{Located, Work},
};
use crate::{
    engine::error::OperationError,
    error::ActiveStorageError,
    reduce::{Chunk, DigitCounts, ReduceError, cells},
    resources::{Budget, SharedBytes},
};

/// Counts of all elements. Each group of chunks is counted into one of a few, so that nothing has to be merged before the end:
/// counts are the same in whatever order.
pub(super) struct Count {
    counts: Mutex<Vec<DigitCounts>>,
    /// Length of each dimension of the results.
    shape: Vec<usize>,
}

impl Count {
    /// Into these, of which there is one for each group that is counted at one time.
    pub(super) const fn new(counts: Vec<DigitCounts>, shape: Vec<usize>) -> Self {
        Self { counts: Mutex::new(counts), shape }
    }

    /// All of them.
    pub(super) fn take(&self) -> Vec<DigitCounts> {
        std::mem::take(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn free(&self) -> Result<DigitCounts, ReduceError> {
        let free = self.counts.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.ok_or(ReduceError::Defect("more groups are counted than was planned for"))
    }
}

impl Goal for Count {
    type Found = ();
    type Whole = ();

    fn find(
        &self,
        work: &Work,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        budget: &mut Budget,
    ) -> Result<Vec<Located<()>>, ActiveStorageError> {
        let mut counts = self.free().map_err(OperationError::from)?;
        let count = |(at, shape): At, chunk: Chunk<'_>, budget: &mut Budget| {
            let results = cells(&at, &shape, &self.shape).ok_or(ReduceError::Defect("a chunk is of no result"))?;
            let results: Vec<usize> = results.collect();
            counts.count(&work.question, chunk, &results, budget.cancellation())
        };
        let looked = work.look(parts, group, ranges, budget, count);
        // Also where a chunk cannot be read: others are counted before anybody knows.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).push(counts);
        looked.map(|_| Vec::new())
    }

    fn merge(&self, (): &mut (), _: Located<()>, _: &mut Budget) -> Result<(), ActiveStorageError> {
        Ok(())
    }
}
