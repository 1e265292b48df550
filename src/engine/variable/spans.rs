//! From what is picked of a dimension to what that is in each chunk.

use std::collections::BTreeMap;

use crate::{array::Pick, reduce::Place};

/// What is picked of one dimension of a chunk, and where that stands among all that is picked of the dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Position of the chunk in the grid, along this dimension.
    pub(super) chunk: u64,
    /// Indices in the chunk.
    pub(super) picked: Picked,
    /// Their positions.
    pub(super) at: Place,
}

/// Indices in a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Picked {
    /// Every so many.
    Slice { first: usize, step: isize, len: usize },
    /// These.
    Indices(Vec<usize>),
}

impl Picked {
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Slice { len, .. } => *len,
            Self::Indices(indices) => indices.len(),
        }
    }
}

/// The chunks that a pick touches, in the order of the grid. Those of slices are worked out when they are asked for: there may be
/// millions.
#[derive(Clone, Debug)]
pub(super) enum Spans {
    /// Of a slice of so many indices.
    Slice { first: usize, step: isize, len: usize, chunk_len: usize },
    /// Of a list.
    List(Vec<Span>),
}

impl Spans {
    /// The chunks of `chunk_len` indices each that a pick touches.
    pub(super) fn new(pick: &Pick, chunk_len: u64) -> Self {
        let chunk_len = usize::try_from(chunk_len).unwrap_or(usize::MAX).max(1);
        match pick {
            Pick::One(index) => Self::Slice { first: *index, step: 1, len: 1, chunk_len },
            Pick::Slice { first, step, len } => Self::Slice { first: *first, step: *step, len: *len, chunk_len },
            Pick::Indices(indices) => Self::List(index_spans(indices, chunk_len)),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match *self {
            Self::List(ref spans) => spans.len(),
            Self::Slice { len: 0, .. } => 0,
            // No two indices are in one chunk.
            Self::Slice { step, len, chunk_len, .. } if step.unsigned_abs() >= chunk_len => len,
            // No chunk is passed over.
            Self::Slice { first, step, len, chunk_len } => {
                let last = index_of(first, step, len - 1);
                (last / chunk_len).abs_diff(first / chunk_len) + 1
            }
        }
    }

    /// The one of this number; None if there are not as many.
    pub(super) fn get(&self, number: usize) -> Option<Span> {
        match *self {
            Self::List(ref spans) => spans.get(number).cloned(),
            Self::Slice { .. } if number >= self.len() => None,
            Self::Slice { first, step, len, chunk_len } => {
                // The first index of the slice is in the last chunk where it goes backwards.
                let number = if step < 0 { self.len() - 1 - number } else { number };
                let (at, count) = positions(first, step, len, chunk_len, number);
                let index = index_of(first, step, at);
                let picked = Picked::Slice { first: index % chunk_len, step, len: count };
                Some(Span { chunk: (index / chunk_len) as u64, picked, at: Place::From(at) })
            }
        }
    }

    /// Most indices that are picked of one chunk.
    pub(super) fn largest(&self) -> usize {
        match *self {
            Self::List(ref spans) => spans.iter().map(|span| span.picked.len()).max().unwrap_or(0),
            Self::Slice { step, len, chunk_len, .. } => len.min(chunk_len.div_ceil(step.unsigned_abs().max(1))),
        }
    }
}

/// The index at a position of a slice, which lies in its dimension.
const fn index_of(first: usize, step: isize, at: usize) -> usize {
    first.wrapping_add_signed(step.wrapping_mul(at.cast_signed()))
}

/// The first position of a slice in the `number`-th chunk that it comes to, and how many there are.
fn positions(first: usize, step: isize, len: usize, chunk_len: usize, number: usize) -> (usize, usize) {
    let stride = step.unsigned_abs().max(1);
    if stride >= chunk_len {
        return (number, 1);
    }
    // Indices before the n-th chunk, counted from the first one in the direction of the slice.
    let in_chunk = first % chunk_len;
    let ahead = if step < 0 { in_chunk + 1 } else { chunk_len - in_chunk };
    let before = |chunks: usize| match chunks {
        0 => 0,
        _ => ahead.saturating_add((chunks - 1).saturating_mul(chunk_len)).div_ceil(stride).min(len),
    };
    let at = before(number);
    (at, before(number + 1) - at)
}

fn index_spans(indices: &[usize], chunk_len: usize) -> Vec<Span> {
    let mut chunks = BTreeMap::<usize, (Vec<usize>, Vec<usize>)>::new();
    for (at, index) in indices.iter().enumerate() {
        let (picked, positions) = chunks.entry(index / chunk_len).or_default();
        picked.push(index % chunk_len);
        positions.push(at);
    }
    let span = |(chunk, (picked, at)): (usize, (Vec<usize>, Vec<usize>))| Span {
        chunk: chunk as u64,
        picked: Picked::Indices(picked),
        at: Place::At(at.into()),
    };
    chunks.into_iter().map(span).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Position and index of all that is picked, in the order of positions.
    fn seen(spans: &[Span], chunk_len: usize) -> Vec<(usize, usize)> {
        let mut seen = Vec::new();
        for Span { chunk, picked, at } in spans {
            for number in 0..picked.len() {
                let index = match picked {
                    Picked::Slice { first, step, .. } => first.strict_add_signed(step * number.cast_signed()),
                    Picked::Indices(indices) => indices[number],
                };
                assert!(index < chunk_len);
                let at = match at {
                    Place::From(first) => first + number,
                    Place::At(list) | Place::Of(list) => list[number],
                };
                seen.push((at, usize::try_from(*chunk).unwrap() * chunk_len + index));
            }
        }
        seen.sort_unstable();
        seen
    }

    fn all(pick: &Pick) -> Vec<(usize, usize)> {
        let index = |number: usize| match pick {
            Pick::Slice { first, step, .. } => first.strict_add_signed(step * number.cast_signed()),
            Pick::Indices(indices) => indices[number],
            Pick::One(index) => *index,
        };
        (0..pick.kept_len().unwrap_or(1)).map(|number| (number, index(number))).collect()
    }

    fn picks() -> impl Strategy<Value = Pick> {
        prop_oneof![
            (0..40_usize, 1..9_isize, 0..30_usize).prop_map(|(first, step, len)| Pick::Slice { first, step, len }),
            (0..40_usize, 1..9_isize, 0..30_usize).prop_map(|(first, step, len)| {
                Pick::Slice { first, step: -step, len: len.min(first / step.unsigned_abs() + 1) }
            }),
            prop::collection::vec(0..40_usize, 0..20).prop_map(Pick::Indices),
            (0..40_usize).prop_map(Pick::One),
        ]
    }

    proptest! {
        #[test]
        fn chunks_together_have_what_is_picked_each_index_at_its_position(pick in picks(), chunk_len in 1..50_usize) {
            let of_pick = Spans::new(&pick, chunk_len as u64);
            let spans: Vec<Span> = (0..of_pick.len()).map(|number| of_pick.get(number).unwrap()).collect();
            prop_assert_eq!(of_pick.get(of_pick.len()), None);
            let largest = spans.iter().map(|span| span.picked.len()).max().unwrap_or(0);
            prop_assert!(largest <= of_pick.largest());
            prop_assert!(spans.iter().all(|span| span.picked.len() > 0));
            prop_assert_eq!(seen(&spans, chunk_len), all(&pick));
            prop_assert!(spans.is_sorted_by(|one, next| one.chunk < next.chunk), "each once, in the order of the grid");
        }
    }

    #[test]
    fn slices_of_any_length_are_counted_and_not_listed() {
        let slice = |step, len| Spans::new(&Pick::Slice { first: 0, step, len }, 10);
        assert_eq!(slice(1, usize::MAX / 4).len(), (usize::MAX / 4).div_ceil(10));
        assert_eq!((slice(10, 1 << 40).len(), slice(3, 1 << 40).largest()), (1 << 40, 4));
        let last = slice(1, 1 << 40).get((1 << 40) / 10).unwrap();
        assert_eq!((last.chunk, last.picked.len()), ((1 << 40) / 10, (1 << 40) % 10));
    }
}
