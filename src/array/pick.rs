//! What is picked of one dimension, once its length is known.

use super::selection::{Indices, Slice};

/// The indices that are picked of one dimension. All of them lie in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// `first`, `first + step`, … `len` of them.
    Slice {
        /// The first index; 0 where none is picked.
        first: usize,
        /// From one index to the next: negative where the order is reversed, never 0.
        step: isize,
        /// How many there are.
        len: usize,
    },
    /// These, in this order; some may be there more than once.
    Indices(Vec<usize>),
    /// This one, and the dimension goes.
    One(usize),
}

impl Pick {
    /// All of a dimension of this length.
    #[must_use]
    pub const fn all(axis_len: usize) -> Self {
        Self::Slice { first: 0, step: 1, len: axis_len }
    }

    /// What a slice picks of a dimension of this length.
    #[must_use]
    pub fn of_slice(slice: Slice, axis_len: usize) -> Self {
        let Indices { first, len, step } = slice.indices(axis_len);
        Self::Slice { first, step, len }
    }

    /// Length of the dimension that is left: how many indices are picked; None where it goes.
    #[must_use]
    pub const fn kept_len(&self) -> Option<usize> {
        match self {
            Self::Slice { len, .. } => Some(*len),
            Self::Indices(indices) => Some(indices.len()),
            Self::One(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pick_knows_how_long_its_dimension_becomes() {
        let slice = Slice { start: Some(-1), end: None, stride: Some(-2) };
        assert_eq!(Pick::of_slice(slice, 5), Pick::Slice { first: 4, step: -2, len: 3 });
        let lens = [Pick::all(4), Pick::Indices(vec![3, 3, 0, 1, 3]), Pick::One(2)].map(|pick| pick.kept_len());
        assert_eq!(lens, [Some(4), Some(5), None]);
    }
}
