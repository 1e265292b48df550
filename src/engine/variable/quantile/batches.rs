//! Results in batches, so that what is kept of the elements of each fits memory.

use std::ops::Range;

use super::super::{
    groups::ResultsOf,
    spans::{Span, Spans},
};
use crate::{array::Pick, reduce::Place};

/// Batches of results: of whole columns of chunks as long as these fit, so that no chunk is read by two of them.
#[derive(Debug)]
pub(super) struct Batches {
    dims: Vec<Cut>,
    /// Results for each position along the dimensions that are kept.
    groups: usize,
}

/// How one dimension is cut.
#[derive(Debug)]
struct Cut {
    pick: Pick,
    spans: Spans,
    role: Role,
    /// Chunks of a batch.
    chunks: usize,
    /// Batches that share a chunk.
    pieces: usize,
}

/// What becomes of a dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Results have it, and it may be cut.
    Kept,
    /// It is the first one that groups go over: results have one of so many groups in its place.
    Groups(usize),
    Reduced,
}

/// Some of the results.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// What their elements are picked by.
    pub(super) picks: Vec<Pick>,
    /// For each dimension of the results, where they are among all.
    pub(super) at: Vec<Place>,
    /// Length of each dimension of the results.
    pub(super) shape: Vec<usize>,
    /// Whether no batch before it was of the same chunks.
    pub(super) is_first_of_chunks: bool,
}

impl Batches {
    /// Batches of at most so many results; None if that is none.
    pub(super) fn new(picks: &[Pick], spans: &[Spans], of: &ResultsOf, most: usize) -> Option<Self> {
        let cut = |((pick, spans), role): ((&Pick, &Spans), Role)| Cut {
            pick: pick.clone(),
            spans: spans.clone(),
            role,
            chunks: if role == Role::Kept { 1 } else { spans.len() },
            pieces: 1,
        };
        let mut dims: Vec<Cut> = picks.iter().zip(spans).zip(roles(of)).map(cut).collect();
        let groups = usize::try_from(of.groups).unwrap_or(usize::MAX);
        // Groups are not cut.
        let most = most / groups.max(1);
        let of_column = |dims: &[Cut]| dims.iter().fold(1, |len: usize, cut| len.saturating_mul(cut.largest()));
        if most == 0 {
            return None;
        }
        let mut columns = most / of_column(&dims);
        for cut in dims.iter_mut().rev().filter(|cut| cut.role == Role::Kept) {
            cut.chunks = cut.spans.len().clamp(1, columns.max(1));
            columns /= cut.chunks;
        }
        for number in 0..dims.len() {
            let results = of_column(&dims);
            if let Some(cut) = dims.get_mut(number).filter(|cut| cut.role == Role::Kept && results > most) {
                cut.pieces = results.div_ceil(most).min(cut.largest());
            }
        }
        Some(Self { dims, groups })
    }

    /// Most results of a batch.
    pub(super) fn largest(&self) -> usize {
        self.dims.iter().fold(self.groups, |len, cut| len.saturating_mul(cut.largest()))
    }

    /// How often each chunk is read.
    pub(super) fn reads(&self) -> u64 {
        self.dims.iter().fold(1, |reads, cut| reads.saturating_mul(cut.pieces as u64))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.dims.iter().fold(1, |len, cut| len.saturating_mul(cut.len()))
    }

    /// The one of this number, which is below [`len`](Self::len).
    pub(super) fn get(&self, number: usize) -> Batch {
        let (mut numbers, mut rest) = (vec![0; self.dims.len()], number);
        for (number, cut) in numbers.iter_mut().zip(&self.dims).rev() {
            let len = cut.len().max(1);
            *number = rest % len;
            rest /= len;
        }
        let cuts = || self.dims.iter().zip(&numbers);
        let (picks, places): (Vec<_>, Vec<_>) = cuts().map(|(cut, &number)| cut.part(number)).unzip();
        let axis = |((cut, pick), at): ((&Cut, &Pick), Place)| match cut.role {
            Role::Kept => Some((at, pick.kept_len()?)),
            Role::Groups(groups) => Some((at, groups)),
            Role::Reduced => None,
        };
        let (at, shape) = self.dims.iter().zip(&picks).zip(places).filter_map(axis).unzip();
        let is_first_of_chunks = cuts().all(|(cut, number)| number % cut.pieces == 0);
        Batch { picks, at, shape, is_first_of_chunks }
    }
}

impl Cut {
    /// Most indices of a batch.
    fn largest(&self) -> usize {
        if self.role != Role::Kept {
            return 1;
        }
        let of_chunks = self.spans.largest().saturating_mul(self.chunks).div_ceil(self.pieces);
        of_chunks.min(self.pick.kept_len().unwrap_or(1)).max(1)
    }

    fn len(&self) -> usize {
        let is_cut = self.role == Role::Kept;
        if is_cut { self.spans.len().div_ceil(self.chunks).saturating_mul(self.pieces) } else { 1 }
    }

    /// What is picked by the batches of this number, and where that is among all that is.
    fn part(&self, number: usize) -> (Pick, Place) {
        if self.role != Role::Kept {
            return (self.pick.clone(), Place::From(0));
        }
        let (first, piece) = (number / self.pieces * self.chunks, number % self.pieces);
        let spans = (first..first.saturating_add(self.chunks)).map_while(|number| self.spans.get(number));
        let piece = |len: usize| len * piece / self.pieces..len * (piece + 1) / self.pieces;
        match &self.pick {
            Pick::Indices(indices) => {
                let at: Vec<usize> = spans.flat_map(|span| positions(&span)).collect();
                let at = at.get(piece(at.len())).unwrap_or_default();
                let picked = at.iter().filter_map(|&at| indices.get(at).copied()).collect();
                (Pick::Indices(picked), Place::At(at.into()))
            }
            &Pick::Slice { first, step, .. } => {
                let all =
                    spans.map(|span| range(&span)).reduce(|all, next| all.start.min(next.start)..all.end.max(next.end));
                let all = all.unwrap_or(0..0);
                let piece = piece(all.len());
                let from = all.start + piece.start;
                let first = first.wrapping_add_signed(step.wrapping_mul(from.cast_signed()));
                (Pick::Slice { first, step, len: piece.len() }, Place::From(from))
            }
            &Pick::One(index) => (Pick::One(index), Place::From(0)),
        }
    }
}

/// What becomes of each dimension.
fn roles(of: &ResultsOf) -> impl Iterator<Item = Role> {
    let mut groups = Some(usize::try_from(of.groups).unwrap_or(usize::MAX));
    of.kept.iter().zip(&of.grouped).map(move |dim| match dim {
        (_, true) => groups.take().map_or(Role::Reduced, Role::Groups),
        (true, false) => Role::Kept,
        (false, false) => Role::Reduced,
    })
}

/// The positions of what is picked of a chunk.
fn positions(span: &Span) -> Vec<usize> {
    (0..span.picked.len()).map(|number| span.at.index(number)).collect()
}

/// The same where they are one after the other.
fn range(span: &Span) -> Range<usize> {
    let first = span.at.index(0);
    first..first + span.picked.len()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn picks() -> impl Strategy<Value = Pick> {
        prop_oneof![
            (0..20_usize, 1..4_isize, 0..12_usize).prop_map(|(first, step, len)| Pick::Slice { first, step, len }),
            (0..40_usize, 1..4_isize, 0..12_usize).prop_map(|(first, step, len)| {
                Pick::Slice { first, step: -step, len: len.min(first / step.unsigned_abs() + 1) }
            }),
            prop::collection::vec(0..40_usize, 0..12).prop_map(Pick::Indices),
            (0..40_usize).prop_map(Pick::One),
        ]
    }

    fn index(pick: &Pick, number: usize) -> usize {
        match pick {
            Pick::Slice { first, step, .. } => first.strict_add_signed(step * number.cast_signed()),
            Pick::Indices(indices) => indices[number],
            Pick::One(index) => *index,
        }
    }

    proptest! {
        #[test]
        fn each_result_is_of_one_batch_and_has_its_elements_there(
            dims in prop::collection::vec((picks(), 1..9_u64, any::<bool>(), prop::bool::weighted(0.3)), 0..4),
            (most, groups) in (1..60_usize, 0..4_u64),
        ) {
            let picks: Vec<Pick> = dims.iter().map(|(pick, ..)| pick.clone()).collect();
            let spans: Vec<Spans> = dims.iter().map(|(pick, chunk, ..)| Spans::new(pick, *chunk)).collect();
            let grouped: Vec<bool> = dims.iter().map(|(pick, .., grouped)| *grouped && pick.kept_len().is_some()).collect();
            let kept = dims.iter().zip(&grouped).map(|((pick, _, kept, _), grouped)| *kept && !grouped && pick.kept_len().is_some());
            let kept: Vec<bool> = kept.collect();
            let groups = if grouped.contains(&true) { groups } else { 1 };
            let of = ResultsOf { kept: kept.clone(), grouped: grouped.clone(), groups };
            let batches = Batches::new(&picks, &spans, &of, most);
            prop_assert_eq!(batches.is_some(), most as u64 >= groups, "groups are not cut");
            let Some(batches) = batches else { return Ok(()) };
            prop_assert!(batches.largest() <= most);
            let (mut seen, mut columns) = (BTreeSet::new(), Vec::new());
            for number in 0..batches.len() {
                let batch = batches.get(number);
                let results: usize = batch.shape.iter().product();
                prop_assert!(results <= batches.largest());
                for (pick, (whole, &kept)) in batch.picks.iter().zip(picks.iter().zip(&kept)) {
                    prop_assert!(kept || pick == whole);
                }
                let first = grouped.iter().position(|grouped| *grouped);
                let axes: Vec<usize> = (0..dims.len()).filter(|&dim| kept[dim] || Some(dim) == first).collect();
                prop_assert_eq!((batch.shape.len(), batch.at.len()), (axes.len(), axes.len()));
                for result in 0..results {
                    let (mut rest, mut at) = (result, Vec::new());
                    for ((len, place), &dim) in batch.shape.iter().zip(&batch.at).zip(&axes).rev() {
                        let position = place.index(rest % len);
                        if kept[dim] {
                            prop_assert_eq!(index(&batch.picks[dim], rest % len), index(&picks[dim], position));
                        } else {
                            prop_assert_eq!((*len as u64, position), (groups, rest % len));
                        }
                        at.push(position);
                        rest /= len;
                    }
                    prop_assert!(seen.insert(at), "twice");
                }
                let chunks: Vec<Vec<u64>> = batch.picks.iter().zip(&dims).map(|(pick, (_, chunk, ..))| {
                    let spans = Spans::new(pick, *chunk);
                    (0..spans.len()).map(|number| spans.get(number).unwrap().chunk).collect()
                }).collect();
                columns.push((batch.is_first_of_chunks, chunks));
            }
            let all: usize = picks.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(pick, _)| pick.kept_len().unwrap()).product();
            prop_assert_eq!(seen.len() as u64, all as u64 * groups);
            if batches.reads() == 1 && batches.len() > 1 {
                let touched = |chunks: &[Vec<u64>]| chunks.iter().map(Vec::len).product::<usize>();
                let read: usize = columns.iter().map(|(_, chunks)| touched(chunks)).sum();
                prop_assert_eq!(read, spans.iter().map(Spans::len).product::<usize>(), "each chunk is of one batch");
                prop_assert!(columns.iter().all(|(is_first, _)| *is_first));
            }
        }
    }
}
