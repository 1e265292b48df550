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

/// A pick of more chunks than this is none that anybody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// The chunks of `chunk_len` indices each that a pick touches, in the order of the grid.
///
/// # Errors
/// If they are more than `most`.
pub(super) fn spans(pick: &Pick, chunk_len: u64, most: usize) -> Result<Vec<Span>, TooMany> {
    let chunk_len = usize::try_from(chunk_len).unwrap_or(usize::MAX).max(1);
    match pick {
        Pick::One(index) => Ok(vec![slice_of(*index, 1, 1, chunk_len, 0)]),
        Pick::Slice { first, step, len } => slice_spans(*first, *step, *len, chunk_len, most),
        Pick::Indices(indices) => index_spans(indices, chunk_len, most),
    }
}

fn slice_of(first: usize, step: isize, len: usize, chunk_len: usize, at: usize) -> Span {
    let picked = Picked::Slice { first: first % chunk_len, step, len };
    Span { chunk: (first / chunk_len) as u64, picked, at: Place::From(at) }
}

fn slice_spans(first: usize, step: isize, len: usize, chunk_len: usize, most: usize) -> Result<Vec<Span>, TooMany> {
    let stride = step.unsigned_abs().max(1);
    let (mut spans, mut at, mut index) = (Vec::new(), 0, first);
    while at < len {
        if spans.len() == most {
            return Err(TooMany);
        }
        let in_chunk = index % chunk_len;
        // Indices up to the last one of the chunk in the direction of the slice.
        let ahead = if step < 0 { in_chunk } else { chunk_len - 1 - in_chunk };
        let here = (ahead / stride + 1).min(len - at);
        spans.push(slice_of(index, step, here, chunk_len, at));
        at += here;
        // The last step may lead out of the dimension, where nothing is looked at any more.
        let way = stride.saturating_mul(here);
        index = if step < 0 { index.saturating_sub(way) } else { index.saturating_add(way) };
    }
    if step < 0 {
        spans.reverse();
    }
    Ok(spans)
}

fn index_spans(indices: &[usize], chunk_len: usize, most: usize) -> Result<Vec<Span>, TooMany> {
    let mut chunks = BTreeMap::<usize, (Vec<usize>, Vec<usize>)>::new();
    for (at, index) in indices.iter().enumerate() {
        let (picked, positions) = chunks.entry(index / chunk_len).or_default();
        picked.push(index % chunk_len);
        positions.push(at);
    }
    if chunks.len() > most {
        return Err(TooMany);
    }
    let span = |(chunk, (picked, at)): (usize, (Vec<usize>, Vec<usize>))| Span {
        chunk: chunk as u64,
        picked: Picked::Indices(picked),
        at: Place::At(at.into()),
    };
    Ok(chunks.into_iter().map(span).collect())
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
                    Place::At(list) => list[number],
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
            let spans = spans(&pick, chunk_len as u64, usize::MAX).unwrap();
            prop_assert_eq!(seen(&spans, chunk_len), all(&pick));
            prop_assert!(spans.is_sorted_by(|one, next| one.chunk < next.chunk), "each once, in the order of the grid");
        }
    }

    #[test]
    fn nobody_waits_for_picks_of_more_chunks_than_there_may_be() {
        for pick in [Pick::Slice { first: 0, step: 1, len: usize::MAX }, Pick::Indices((0..10).collect())] {
            assert_eq!(spans(&pick, 1, 9), Err(TooMany));
        }
        assert!(spans(&Pick::Slice { first: 0, step: 1, len: usize::MAX }, u64::MAX, 1).is_ok());
    }
}
