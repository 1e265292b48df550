//! What elements weigh, and which group they belong to: numbers that vary with the position within the selection.

use std::sync::Arc;

use bytemuck::Pod;

use super::{
    elements::gather,
    lines::{Line, gathering, strides},
    spans::Span,
};
use crate::{
    array::Positions,
    engine::error::OperationError,
    request::variable::Varying,
    resources::{Budget, Buffer},
};

/// Numbers that a request lists, or that were read.
#[derive(Clone, Debug)]
pub(super) enum Numbers<T> {
    Listed(Arc<Vec<T>>),
    Read(Arc<Buffer>),
}

impl<T: Pod> Numbers<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::Listed(numbers) => numbers,
            Self::Read(buffer) => buffer.elements(),
        }
    }
}

/// Numbers that vary along some dimensions of the array.
#[derive(Clone, Debug)]
pub(super) struct Along<T> {
    pub(super) numbers: Numbers<T>,
    /// For each dimension of the array, how far apart those of neighbouring positions are; 0 where they do not vary along it.
    pub(super) steps: Vec<usize>,
}

impl<T> From<Varying<T>> for Along<T> {
    fn from(varying: Varying<T>) -> Self {
        Self { numbers: Numbers::Listed(varying.values), steps: varying.steps }
    }
}

impl<T> Along<T> {
    /// Those that will be read.
    pub(super) fn unread(steps: Vec<usize>) -> Self {
        Self { numbers: Numbers::Listed(Arc::default()), steps }
    }

    /// Where the numbers of what is picked of each dimension lie.
    pub(super) fn lines(&self, spans: &[Span]) -> Vec<Line> {
        let line = |(span, &step): (&Span, &usize)| Line::of_place(&span.at, span.picked.len(), step);
        spans.iter().zip(&self.steps).map(line).collect()
    }
}

/// Weights of the elements of a chunk.
#[derive(Debug)]
pub(super) struct ChunkWeights<'a> {
    all: &'a [f64],
    /// Those of the chunk alone, where they lie anywhere among all.
    gathered: Option<Buffer>,
    /// Where they lie, along the axes of the chunk.
    pub(super) positions: Positions,
}

impl<'a> ChunkWeights<'a> {
    /// Of all weights, those that lie on these lines.
    ///
    /// # Errors
    /// If the budget has no room for a copy, or nobody waits for it.
    pub(super) fn new(all: &'a [f64], lines: &[Line], budget: &mut Budget) -> Result<Self, OperationError> {
        if let Some(positions) = strides(lines) {
            return Ok(Self { all, gathered: None, positions });
        }
        let (offsets, positions) = gathering(lines);
        let len = offsets.iter().fold(size_of::<f64>(), |len, offsets| len.saturating_mul(offsets.len()));
        let mut copy = budget.allocate(len)?;
        gather(all, &offsets, copy.elements_mut::<f64>(), budget)?;
        Ok(Self { all, gathered: Some(copy), positions })
    }

    /// The weights from a position on.
    pub(super) fn from(&self, first: usize) -> &[f64] {
        let weights = self.gathered.as_ref().map_or(self.all, Buffer::elements);
        weights.get(first..).unwrap_or_default()
    }

    /// Gives its memory back.
    pub(super) fn give_back(self, budget: &mut Budget) {
        if let Some(copy) = self.gathered {
            budget.reclaim(copy);
        }
    }
}
