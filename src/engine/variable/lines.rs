//! Where the indices of axes lie: in the memory of a chunk, among weights, or in the selection.

use super::{elements::advance, spans::Picked};
use crate::{
    array::{Positions, Stride},
    engine::error::OperationError,
    reduce::Place,
};

/// Where the indices of one axis lie. The sum of those of all axes is where an element lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// At equal distances.
    Even { first: usize, step: isize, len: usize },
    /// Anywhere.
    Uneven(Vec<usize>),
}

/// Indices at equal distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progression {
    pub(super) first: usize,
    pub(super) step: usize,
    pub(super) len: usize,
}

impl Line {
    /// Of an axis whose position is always the same.
    pub(super) const fn still(len: usize) -> Self {
        Self::Even { first: 0, step: 0, len }
    }

    /// Of indices of a chunk, of which neighbours are so far apart.
    pub(super) fn of_picked(picked: &Picked, step: usize) -> Self {
        match picked {
            Picked::Slice { first, step: stride, len } => Self::Even {
                first: first.saturating_mul(step),
                step: stride.saturating_mul(step.cast_signed()),
                len: *len,
            },
            Picked::Indices(indices) => Self::Uneven(indices.iter().map(|index| index.saturating_mul(step)).collect()),
        }
    }

    /// Of so many positions in a selection, of which neighbours are so far apart.
    pub(super) fn of_place(at: &Place, len: usize, step: usize) -> Self {
        match at {
            _ if step == 0 => Self::still(len),
            Place::From(first) => Self::Even { first: first.saturating_mul(step), step: step.cast_signed(), len },
            Place::At(list) | Place::Of(list) => Self::Uneven(list.iter().map(|at| at.saturating_mul(step)).collect()),
        }
    }

    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Even { len, .. } => *len,
            Self::Uneven(list) => list.len(),
        }
    }

    /// Where an index lies, which is below the length.
    pub(super) fn at(&self, index: usize) -> usize {
        match self {
            Self::Even { first, step, .. } => first.wrapping_add_signed(step.wrapping_mul(index.cast_signed())),
            Self::Uneven(list) => list.get(index).copied().unwrap_or(usize::MAX),
        }
    }

    /// Some of its indices.
    pub(super) fn some(&self, Progression { first, step, len }: Progression) -> Self {
        match self {
            Self::Even { step: stride, .. } => {
                Self::Even { first: self.at(first), step: stride.saturating_mul(step.cast_signed()), len }
            }
            Self::Uneven(list) => {
                Self::Uneven(list.iter().skip(first).step_by(step.max(1)).take(len).copied().collect())
            }
        }
    }

    /// Appends where so many indices from one on lie, counted from a start.
    pub(super) fn put(&self, start: usize, from: usize, len: usize, places: &mut Vec<usize>) {
        match self {
            Self::Even { step: 1, .. } => {
                let first = start.saturating_add(self.at(from));
                places.extend(first..first.saturating_add(len));
            }
            Self::Even { .. } => {
                places.extend((from..from.saturating_add(len)).map(|index| start.saturating_add(self.at(index))));
            }
            Self::Uneven(list) => {
                places.extend(list.iter().skip(from).take(len).map(|place| start.saturating_add(*place)));
            }
        }
    }

    /// Where each index lies; one of them for all where it is the same.
    pub(super) fn listed(&self) -> Vec<usize> {
        let len = if matches!(self, Self::Even { step: 0, .. }) { self.len().min(1) } else { self.len() };
        (0..len).map(|index| self.at(index)).collect()
    }
}

/// Strides along these axes from where the first element lies; None if one of them is uneven.
pub(super) fn strides(lines: &[Line]) -> Option<Positions> {
    let mut positions = Positions { first: 0, axes: Vec::with_capacity(lines.len()) };
    for line in lines {
        let Line::Even { first, step, len } = *line else { return None };
        positions.first = positions.first.saturating_add(first);
        positions.axes.push(Stride { len, step });
    }
    Some(positions)
}

/// Where each index of each axis lies, and strides of what is gathered there: 0 along axes where the position is always the same.
pub(super) fn gathering(lines: &[Line]) -> (Vec<Vec<usize>>, Positions) {
    let offsets: Vec<_> = lines.iter().map(Line::listed).collect();
    let (mut axes, mut next) = (Vec::with_capacity(lines.len()), 1_isize);
    for (line, offsets) in lines.iter().zip(&offsets).rev() {
        let is_still = matches!(line, Line::Even { step: 0, .. });
        axes.push(Stride { len: line.len(), step: if is_still { 0 } else { next } });
        next = next.saturating_mul(offsets.len().cast_signed());
    }
    axes.reverse();
    (offsets, Positions { first: 0, axes })
}

/// Calls `take` with the sum of what each of these axes has for an index, for all but the last of them, in C order.
pub(super) fn each_row(
    lines: &[Line],
    mut take: impl FnMut(usize) -> Result<(), OperationError>,
) -> Result<(), OperationError> {
    let mut numbers = vec![0; lines.len()];
    let rows = lines.iter().fold(1_usize, |rows, line| rows.saturating_mul(line.len()));
    for _ in 0..rows {
        take(lines.iter().zip(&numbers).fold(0, |sum, (line, &number)| sum.saturating_add(line.at(number))))?;
        advance(&mut numbers, |axis| lines.get(axis).map_or(0, Line::len));
    }
    Ok(())
}
