//! The elements of a batch of results that are left.

use std::sync::Mutex;

use super::super::{
    groups::{Group, Parts},
    look::At,
    run::Goal,
    work::{Located, Work},
};
use crate::{
    error::ActiveStorageError,
    reduce::{Chunk, Collected, ReduceError, cells},
    resources::{Budget, SharedBytes},
};

/// All elements that begin with what is known of those that are wanted.
pub(super) struct Collect {
    pub(super) collected: Mutex<Collected>,
    /// Length of each dimension of the results.
    pub(super) shape: Vec<usize>,
}

impl Goal for Collect {
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
        let collect = |(at, shape): At, chunk: Chunk<'_>, budget: &mut Budget| {
            let results = cells(&at, &shape, &self.shape).ok_or(ReduceError::Defect("a chunk is of no result"))?;
            let results: Vec<usize> = results.collect();
            Collected::collect(&self.collected, &work.question, chunk, &results, budget.cancellation())
        };
        work.look(parts, group, ranges, budget, collect)?;
        Ok(Vec::new())
    }

    fn merge(&self, (): &mut (), _: Located<()>, _: &mut Budget) -> Result<(), ActiveStorageError> {
        Ok(())
    }
}
