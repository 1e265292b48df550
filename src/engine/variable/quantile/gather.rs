//! All elements of a batch of results.

use super::super::{
    groups::{Group, Parts},
    run::Goal,
    work::{Located, Work},
};
use crate::{
    engine::error::OperationError,
    error::ActiveStorageError,
    reduce::Gathered,
    resources::{Budget, SharedBytes},
};

/// The elements of all results.
pub(super) struct Gather;

impl Goal for Gather {
    type Found = Gathered;
    type Whole = Gathered;

    fn find(
        &self,
        work: &Work,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        budget: &mut Budget,
    ) -> Result<Vec<Located<Gathered>>, ActiveStorageError> {
        work.look(parts, group, ranges, budget, |(at, shape), chunk, budget| {
            let found = Gathered::of_chunk(&work.question, chunk, budget)?;
            Ok(Located { at, shape, found })
        })
    }

    fn merge(
        &self,
        whole: &mut Gathered,
        found: Located<Gathered>,
        budget: &mut Budget,
    ) -> Result<(), ActiveStorageError> {
        let Located { at, found, .. } = found;
        budget.cancellation().check().map_err(OperationError::from)?;
        whole.merge(&at, &found).map_err(OperationError::from)?;
        found.give_back(budget);
        Ok(())
    }
}
