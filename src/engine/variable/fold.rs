//! A decoded chunk → what is known of it: which elements are picked, which group each belongs to, and what it weighs.

use super::{
    axes::Axis,
    elements::{gathered, joined},
    groups::{Group, Parts},
    lines::{Line, Progression, gathering, strides},
    members::{Members, Portion, PortionGroups},
    spans::Span,
    weights::ChunkWeights,
    work::{Decoded, Located, OUTSIDE, Work},
};
use crate::{
    array::{ByteOrder, Order, Positions, Storage, Stride},
    engine::error::OperationError,
    error::ActiveStorageError,
    reduce::{Chunk, Factor, Partial, Place, partial},
    resources::{Budget, SharedBytes},
};

/// A chunk, of which the picked elements and their weights lie along the same axes.
pub(super) struct View<'a> {
    pub(super) chunk: Decoded,
    pub(super) positions: Positions,
    weights: Vec<ChunkWeights<'a>>,
    /// Where indices of each axis are among all that are reduced, if anybody asks.
    among: Vec<Line>,
}

impl Work {
    /// What is known of each chunk of a group.
    ///
    /// # Errors
    /// If a chunk cannot be decoded, or nobody waits any more; the chunk is named.
    pub(super) fn fold(
        &self,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        budget: &mut Budget,
    ) -> Result<Vec<Located<Partial>>, ActiveStorageError> {
        self.each(group, |part| {
            let spans: Vec<Span> = parts.spans_of(part).collect();
            let Some(groups) = &self.axes.groups else {
                let view = self.view(self.decoded(part, ranges, budget)?, &spans, None, budget)?;
                let found = self.fold_view(&view, None, budget)?;
                view.give_back(budget);
                let (at, shape) = self.axes.of_results(&spans, (&Place::From(0), 0));
                return Ok(Located { at, shape, found });
            };
            let members = self.axes.members(groups, &spans, budget)?;
            let labels = Place::At(members.labels.as_slice().into());
            let (at, shape) = self.axes.of_results(&spans, (&labels, members.labels.len()));
            let found = if members.portions.is_empty() {
                Partial::new(&self.question, self.layout.dtype, shape.clone(), budget).map_err(OperationError::from)?
            } else {
                let view = self.view(self.decoded(part, ranges, budget)?, &spans, Some(&members), budget)?;
                let found = self.fold_groups(&view, &spans, &members, budget)?;
                view.give_back(budget);
                found
            };
            Ok(Located { at, shape, found })
        })
    }

    /// What is known of each group of a chunk.
    fn fold_groups(
        &self,
        view: &View<'_>,
        spans: &[Span],
        members: &Members,
        budget: &mut Budget,
    ) -> Result<Partial, OperationError> {
        let groups = members.labels.len();
        if let [portion] = members.portions.as_slice()
            && (groups == 1 && matches!(portion.groups, PortionGroups::One(_)) || groups == portion.len)
        {
            return self.fold_view(view, Some((members, portion)), budget);
        }
        let (mut at, shape) = self.axes.of_results(spans, (&Place::From(0), groups));
        at.fill(Place::From(0));
        let mut all = Partial::new(&self.question, self.layout.dtype, shape, budget)?;
        let axis = self.axes.order.iter().filter(|axis| !matches!(axis, Axis::Dim { reduced: true, .. }));
        let axis = axis.take_while(|axis| **axis != Axis::Groups).count();
        for portion in &members.portions {
            let found = self.fold_view(view, Some((members, portion)), budget)?;
            if let Some(at) = at.get_mut(axis) {
                *at = match &portion.groups {
                    PortionGroups::One(group) => Place::From(*group),
                    PortionGroups::Each(groups) => Place::Of(groups.as_slice().into()),
                };
            }
            // Elements that are folded by themselves are all of their group.
            match portion.groups {
                PortionGroups::One(_) => all.put(&at, &found, budget.cancellation())?,
                PortionGroups::Each(_) => all.merge(&at, &found, budget.cancellation())?,
            }
            found.give_back(budget);
        }
        Ok(all)
    }

    /// What is known of all picked elements, or of a portion of them.
    fn fold_view(
        &self,
        view: &View<'_>,
        portion: Option<(&Members, &Portion)>,
        budget: &mut Budget,
    ) -> Result<Partial, OperationError> {
        let cut = portion.map(|(members, portion)| (members.along(portion), &portion.groups));
        let positions = self.cut(&view.positions, cut);
        let weights: Vec<_> = view.weights.iter().map(|weights| (weights, self.cut(&weights.positions, cut))).collect();
        let steps: Vec<Vec<usize>> = weights.iter().map(|(_, positions)| steps(positions)).collect();
        let factors = weights.iter().zip(&steps);
        let factors: Vec<_> = factors
            .map(|((weights, positions), steps)| Factor { values: weights.from(positions.first), steps })
            .collect();
        let chunk = Chunk {
            bytes: &view.chunk.bytes,
            dtype: self.layout.dtype,
            storage: view.chunk.storage,
            positions: &positions,
            order: Order::C,
            weights: &factors,
        };
        let mut found = partial(&self.question, chunk, budget)?;
        if self.axes.asks_where {
            self.renumber(&mut found, &view.among, cut);
        }
        Ok(found)
    }

    /// The axes as those of a question are: that of groups becomes two, one of groups and one of the elements of each.
    pub(super) fn cut(&self, all: &Positions, cut: Option<(Progression, &PortionGroups)>) -> Positions {
        let mut positions = Positions { first: all.first, axes: Vec::with_capacity(all.axes.len() + 1) };
        for (axis, &stride) in self.axes.order.iter().zip(&all.axes) {
            let Some((along, groups)) = cut.filter(|_| *axis == Axis::Groups) else {
                positions.axes.push(stride);
                continue;
            };
            positions.first = advanced(positions.first, stride, along.first);
            let step = stride.step.saturating_mul(along.step.cast_signed());
            let (axis, unit) = (Stride { len: along.len, step }, Stride { len: 1, step: 0 });
            positions.axes.extend(match groups {
                PortionGroups::One(_) => [unit, axis],
                PortionGroups::Each(_) => [axis, unit],
            });
        }
        positions
    }

    /// Says where elements are among all that are reduced, of which the places along the axes were known.
    fn renumber(&self, found: &mut Partial, lines: &[Line], cut: Option<(Progression, &PortionGroups)>) {
        let mut axes = Vec::with_capacity(lines.len());
        for (axis, line) in self.axes.order.iter().zip(lines) {
            axes.push(match (axis, cut) {
                (Axis::Groups, Some((along, of))) => (matches!(of, PortionGroups::One(_)), line.some(along)),
                (Axis::Groups, None) => continue,
                (&Axis::Dim { reduced, .. }, _) => (reduced, line.clone()),
            });
        }
        found.renumber(|result, position| {
            let (mut result, mut rest) = (result, position);
            axes.iter().rev().fold(0, |sum, (is_reduced, line)| {
                let len = (line.len() as u64).max(1);
                let number = if *is_reduced { &mut rest } else { &mut result };
                let index = usize::try_from(*number % len).unwrap_or(usize::MAX);
                *number /= len;
                line.at(index) as u64 + sum
            })
        });
    }

    /// The picked elements where they lie; where that is at no equal distances, they are first brought together.
    pub(super) fn view(
        &self,
        chunk: Decoded,
        spans: &[Span],
        members: Option<&Members>,
        budget: &mut Budget,
    ) -> Result<View<'_>, ActiveStorageError> {
        let of_dims = self.chunk_lines(spans, &chunk.shape)?;
        let gone = of_dims.iter().zip(&self.stays).filter(|(_, stays)| !**stays).map(|(line, _)| line.at(0));
        let first = gone.fold(0, usize::saturating_add);
        let lines = self.axes.lines(of_dims, members);
        let (chunk, positions) = if let Some(positions) = strides(&lines) {
            (chunk, Positions { first: positions.first.saturating_add(first), ..positions })
        } else {
            let chunk = self.unshuffled(chunk, budget)?;
            let (mut offsets, positions) = gathering(&lines);
            offsets.insert(0, vec![first]);
            let bytes = gathered(&chunk.bytes, self.layout.dtype.size(), &offsets, budget)?;
            budget.reclaim(chunk.bytes);
            (Decoded { bytes, ..chunk }, positions)
        };
        let weights = self.axes.weights.iter().map(|weights| {
            let lines = self.axes.lines(weights.lines(spans), members);
            ChunkWeights::new(weights.numbers.as_slice(), &lines, budget)
        });
        let weights = weights.collect::<Result<_, _>>()?;
        let among = if self.axes.asks_where { self.among(spans, members) } else { Vec::new() };
        Ok(View { chunk, positions, weights, among })
    }

    /// The chunk as it can be brought together: its elements one after the other.
    fn unshuffled(&self, chunk: Decoded, budget: &mut Budget) -> Result<Decoded, OperationError> {
        if !chunk.storage.shuffled {
            return Ok(chunk);
        }
        let bytes = joined(&chunk.bytes, self.layout.dtype, chunk.storage, budget)?;
        budget.reclaim(chunk.bytes);
        let storage = Storage { byte_order: ByteOrder::NATIVE, shuffled: false };
        Ok(Decoded { bytes, storage, ..chunk })
    }

    /// Where indices of each axis are among all that are reduced.
    fn among(&self, spans: &[Span], members: Option<&Members>) -> Vec<Line> {
        let line = |(span, &stride): (&Span, &usize)| Line::of_place(&span.at, span.picked.len(), stride);
        self.axes.lines(spans.iter().zip(&self.axes.strides).map(line).collect(), members)
    }

    /// Where what is picked of each dimension of a chunk lies.
    pub(super) fn chunk_lines(&self, spans: &[Span], shape: &[usize]) -> Result<Vec<Line>, OperationError> {
        let all = Positions::new(shape, self.layout.order()).ok_or(OUTSIDE)?;
        let line = |(span, axis): (&Span, &Stride)| Line::of_picked(&span.picked, axis.step.unsigned_abs());
        Ok(spans.iter().zip(&all.axes).map(line).collect())
    }
}

impl View<'_> {
    /// Gives its memory back.
    pub(super) fn give_back(self, budget: &mut Budget) {
        budget.reclaim(self.chunk.bytes);
        self.weights.into_iter().for_each(|weights| weights.give_back(budget));
    }
}

fn steps(positions: &Positions) -> Vec<usize> {
    positions.axes.iter().map(|axis| axis.step.unsigned_abs()).collect()
}

/// The position so many indices further along an axis.
const fn advanced(first: usize, axis: Stride, by: usize) -> usize {
    first.wrapping_add_signed(axis.step.wrapping_mul(by.cast_signed()))
}
