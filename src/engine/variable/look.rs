//! A decoded chunk → its elements, portion by portion, each with the results that they belong to.

use super::{
    fold::View,
    groups::{Group, Parts},
    members::{Members, Portion, PortionGroups},
    spans::Span,
    work::Work,
};
use crate::{
    array::Order,
    engine::error::OperationError,
    error::ActiveStorageError,
    reduce::{Chunk, Place, ReduceError},
    resources::{Budget, SharedBytes},
};

/// For each axis that results have: where those of some elements belong, and how many there are along it.
pub(super) type At = (Vec<Place>, Vec<usize>);

impl Work {
    /// What is seen in each chunk of a group of them, or in each portion of its elements where these belong to groups.
    ///
    /// # Errors
    /// If a chunk cannot be decoded, or nobody waits any more; the chunk is named.
    pub(super) fn look<T>(
        &self,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        budget: &mut Budget,
        mut look: impl FnMut(At, Chunk<'_>, &mut Budget) -> Result<T, ReduceError>,
    ) -> Result<Vec<T>, ActiveStorageError> {
        let found = self.each(group, |part| {
            let spans: Vec<Span> = parts.spans_of(part).collect();
            let groups = self.axes.groups.as_ref();
            let members = groups.map(|groups| self.axes.members(groups, &spans, budget)).transpose()?;
            if members.as_ref().is_some_and(|members| members.portions.is_empty()) {
                return Ok(Vec::new());
            }
            let view = self.view(self.decoded(part, ranges, budget)?, &spans, members.as_ref(), budget)?;
            let mut look_at = |portion| self.look_at(&view, &spans, portion, &mut look, budget);
            let found = match &members {
                None => vec![look_at(None)?],
                Some(members) => {
                    let portions = members.portions.iter();
                    portions.map(|portion| look_at(Some((members, portion)))).collect::<Result<_, _>>()?
                }
            };
            view.give_back(budget);
            Ok(found)
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// What is seen in all picked elements, or in a portion of them.
    fn look_at<T>(
        &self,
        view: &View<'_>,
        spans: &[Span],
        portion: Option<(&Members, &Portion)>,
        look: &mut impl FnMut(At, Chunk<'_>, &mut Budget) -> Result<T, ReduceError>,
        budget: &mut Budget,
    ) -> Result<T, OperationError> {
        let cut = portion.map(|(members, portion)| (members.along(portion), &portion.groups));
        let labels = portion.map_or((Place::From(0), 0), |(members, portion)| labels(members, portion));
        let chunk = Chunk {
            bytes: &view.chunk.bytes,
            dtype: self.layout.dtype,
            storage: view.chunk.storage,
            positions: &self.cut(&view.positions, cut),
            order: Order::C,
            weights: &[],
        };
        Ok(look(self.axes.of_results(spans, (&labels.0, labels.1)), chunk, budget)?)
    }
}

/// Where the groups of a portion are among all that there are, and how many results it has of them.
fn labels(members: &Members, portion: &Portion) -> (Place, usize) {
    let label = |&group: &usize| members.labels.get(group).copied().unwrap_or(usize::MAX);
    match &portion.groups {
        PortionGroups::One(group) => (Place::From(label(group)), 1),
        PortionGroups::Each(groups) => (Place::Of(groups.iter().map(label).collect()), portion.len),
    }
}
