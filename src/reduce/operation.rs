//! What is kept of elements while they are folded.

use super::{rows::Rows, total::FloatTotal};
use crate::array::{DType, Kind, Word};

/// What a pass over elements can learn of them beside their number. Statistics are made of these, and may share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accumulator {
    /// Their sum.
    Sum,
    /// The sum of their squares.
    Squares,
    /// The rank of the largest.
    Largest,
    /// The reverse rank of the smallest.
    Smallest,
}

/// How what an accumulator knows of a result is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As an `i128`.
    Integers,
    /// As a [`FloatTotal`].
    Floats,
    /// As a widened rank, `i64`.
    Ranks,
}

impl Form {
    /// Bytes of a result.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::Integers => size_of::<i128>(),
            Self::Floats => size_of::<FloatTotal>(),
            Self::Ranks => size_of::<i64>(),
        }
    }
}

impl Accumulator {
    /// How it knows elements of this dtype. No integer has enough bits for sums of squares of 64-bit integers.
    pub(super) fn form(self, elements: DType) -> Form {
        match (self, elements.kind(), elements.size()) {
            (Self::Largest | Self::Smallest, ..) => Form::Ranks,
            (Self::Sum | Self::Squares, Kind::Float, _) | (Self::Squares, _, 8) => Form::Floats,
            (Self::Sum | Self::Squares, ..) => Form::Integers,
        }
    }
}

/// An accumulator at work on elements of type `W`: the states of at most [`COLUMNS`](super::rows::COLUMNS) results. It is
/// told of pieces, not of elements, so that it costs nothing not to know its type.
pub(super) trait NumOperation<W: Word>: Send {
    /// An element that changes no state.
    fn neutral(&self) -> W;

    /// Forgets what the first `width` states know.
    fn clear(&mut self, width: usize);

    /// Folds each row into a state of its own, from the `first` on. All rows together have at most
    /// [`PIECE`](super::rows::PIECE) elements.
    fn fold_rows(&mut self, first: usize, rows: Rows<'_, W>);

    /// Rows of columns to be folded in one call, of which `fitting` fit a cache: another number where what is known of them
    /// depends on that.
    fn rows_at_once(&self, fitting: usize) -> usize {
        fitting
    }

    /// Folds each element of each row into a state of its own.
    fn fold_columns(&mut self, rows: Rows<'_, W>);

    /// Tells what the first `width` states know.
    fn tell<'a>(&'a mut self, width: usize, states: &mut States<'a>);

    /// Bytes that it holds.
    #[cfg(test)]
    fn held_len(&self) -> usize;
}

/// What is known of consecutive results.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct States<'a> {
    pub(super) sums: Sums<'a>,
    pub(super) squares: Sums<'a>,
    /// [Ranks](crate::array::Element::rank), widened.
    pub(super) largest: &'a [i64],
    /// [Reverse ranks](crate::array::Element::reverse_rank), widened.
    pub(super) smallest: &'a [i64],
}

/// Sums of elements, or of their squares.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Sums<'a> {
    /// Nobody asked for them.
    #[default]
    None,
    /// Of integers, where 128 bits hold them.
    Integers(&'a [i128]),
    /// Of others.
    Floats(&'a [FloatTotal]),
}
