//! What CPU threads do with a group of chunks: decode, and then fold or look ([elsewhere](super::fold)) or pick.

use std::sync::Arc;

use super::{
    axes::Axes,
    elements::{gathered, make_native, unpacked},
    error::VariableError,
    groups::{Group, Part, PartBytes, Parts},
    layout::{Decodings, Layout},
    lines::Line,
    spans::Span,
};
use crate::{
    array::{MAX_ELEMENTS, Pick, Storage},
    codec::DecodedLen,
    engine::error::OperationError,
    error::ActiveStorageError,
    reduce::{Place, Question, ResultSpec},
    resources::{Budget, Buffer, STEP, SharedBytes},
};

/// What is done with each chunk, for as long as a question about a variable is answered.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) layout: Arc<Layout>,
    pub(super) decodings: Decodings,
    pub(super) question: Question,
    /// For each dimension of the array, whether it stays in the selection.
    pub(super) stays: Vec<bool>,
    /// For each dimension of the array, whether results have it.
    pub(super) kept: Vec<bool>,
    /// How they are folded.
    pub(super) axes: Axes,
    /// Most bytes that any stage of decoding makes of which nobody knows the number.
    pub(super) decoded_limit: usize,
}

/// What is known of one chunk, and where that belongs.
#[derive(Debug)]
pub(super) struct Located<T> {
    /// For each dimension of the results.
    pub(super) at: Vec<Place>,
    /// Length of each dimension of the results.
    pub(super) shape: Vec<usize>,
    pub(super) found: T,
}

/// A chunk that has been decoded.
pub(super) struct Decoded {
    pub(super) bytes: Buffer,
    pub(super) storage: Storage,
    pub(super) shape: Vec<usize>,
}

impl Work {
    /// For each dimension, whether it stays and whether results have it.
    pub(super) fn dimensions(picks: &[Pick], reduced: Option<&[bool]>) -> (Vec<bool>, Vec<bool>) {
        let stays: Vec<bool> = picks.iter().map(|pick| pick.kept_len().is_some()).collect();
        let mut of_those = reduced.map(|reduced| reduced.iter().copied());
        let kept =
            stays.iter().map(|&stays| stays && !of_those.as_mut().is_none_or(|reduced| reduced.next().unwrap_or(true)));
        (stays.clone(), kept.collect())
    }

    /// The picked elements of each chunk of a group, as `spec` says.
    ///
    /// # Errors
    /// If a chunk cannot be decoded, or nobody waits any more; the chunk is named.
    pub(super) fn pick(
        &self,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        spec: ResultSpec,
        budget: &mut Budget,
    ) -> Result<Vec<Located<Buffer>>, ActiveStorageError> {
        self.each(group, |part| {
            let chunk = self.decoded(part, ranges, budget)?;
            let spans: Vec<Span> = parts.spans_of(part).collect();
            let offsets: Vec<_> = self.chunk_lines(&spans, &chunk.shape)?.iter().map(Line::listed).collect();
            let mut native = gathered(&chunk.bytes, self.layout.dtype.size(), &offsets, budget)?;
            budget.reclaim(chunk.bytes);
            make_native(&mut native, self.layout.dtype, chunk.storage);
            let found = unpacked(native, self.layout.dtype, &self.question.missing, spec, budget)?;
            let (at, shape) = self.place(&spans);
            Ok(Located { at, shape, found })
        })
    }

    /// Does the work for each part, in the order of the grid. What goes wrong is told with the chunk where it did.
    pub(super) fn each<T>(
        &self,
        group: &Group,
        mut work: impl FnMut(&Part) -> Result<T, ActiveStorageError>,
    ) -> Result<Vec<T>, ActiveStorageError> {
        group.parts.iter().map(|part| work(part).map_err(|error| self.in_chunk(error, part, group))).collect()
    }

    /// An error, told of a chunk: of where it is in the grid, and where it lies. One that was never written lies nowhere.
    fn in_chunk(&self, error: ActiveStorageError, part: &Part, group: &Group) -> ActiveStorageError {
        let (range, start) = match part.bytes {
            PartBytes::Fetched { range, start, .. } => (group.ranges.get(range), start as u64),
            PartBytes::Inline => (None, 0),
            PartBytes::Nowhere => return error,
        };
        let object = range.map_or(0, |range| range.object);
        ActiveStorageError::Chunk {
            index: part.position.clone(),
            offset: range.map_or(0, |range| range.offset).saturating_add(start),
            object: self.layout.locations.get(object).map(ToString::to_string).unwrap_or_default(),
            error: Box::new(error),
        }
    }

    /// An error, told of the first chunk of a range.
    pub(super) fn in_first_of_range(
        &self,
        error: ActiveStorageError,
        group: &Group,
        number: usize,
    ) -> ActiveStorageError {
        let is_there = |part: &&Part| matches!(part.bytes, PartBytes::Fetched { range, .. } if range == number);
        match group.parts.iter().find(is_there) {
            Some(part) => self.in_chunk(error, part, group),
            None => error,
        }
    }

    /// Where the results of a part belong, and how many they are.
    fn place(&self, spans: &[Span]) -> (Vec<Place>, Vec<usize>) {
        let spans = spans.iter().zip(&self.kept).filter(|(_, kept)| **kept);
        spans.map(|(span, _)| (span.at.clone(), span.picked.len())).unzip()
    }

    pub(super) fn decoded(
        &self,
        part: &Part,
        ranges: &[SharedBytes],
        budget: &mut Budget,
    ) -> Result<Decoded, ActiveStorageError> {
        let shape = self.layout.chunk_shape(&part.position);
        let len = shape.iter().fold(self.layout.dtype.size(), |len, &axis| len.saturating_mul(axis));
        if len / self.layout.dtype.size() > MAX_ELEMENTS {
            return Err(OperationError::TooManyElements(len / self.layout.dtype.size()).into());
        }
        let stored = Storage { byte_order: self.layout.byte_order, shuffled: false };
        match part.bytes {
            PartBytes::Nowhere => Ok(Decoded { bytes: self.filled(part, len, budget)?, storage: stored, shape }),
            PartBytes::Inline => {
                let bytes = self.layout.inline().get(..len).ok_or(OUTSIDE)?;
                let mut buffer = budget.allocate(len).map_err(OperationError::from)?;
                buffer.bytes_mut().copy_from_slice(bytes);
                Ok(Decoded { bytes: buffer, storage: stored, shape })
            }
            PartBytes::Fetched { range, start, len: encoded_len, filter_mask } => {
                let bytes = ranges.get(range).and_then(|range| range.get(start..start.checked_add(encoded_len)?));
                let decoding = self.decodings.of(filter_mask).ok_or(OUTSIDE)?;
                let exactly = DecodedLen::Exactly(len);
                let bytes = bytes.ok_or(OUTSIDE)?;
                let bytes = decoding.pipeline.decode_part(bytes, exactly, self.decoded_limit, budget)?;
                check_len(bytes.bytes().len(), len)?;
                Ok(Decoded { bytes, storage: decoding.storage, shape })
            }
        }
    }

    /// A chunk that was never written.
    fn filled(&self, part: &Part, len: usize, budget: &mut Budget) -> Result<Buffer, ActiveStorageError> {
        let unknown = || VariableError::NoFillValue { index: part.position.clone() };
        let element = self.layout.variable.fill_value.as_deref().ok_or_else(unknown)?;
        let mut buffer = budget.allocate(len).map_err(OperationError::from)?;
        for bytes in buffer.bytes_mut().chunks_mut(element.len().max(1) * STEP) {
            budget.cancellation().check().map_err(OperationError::from)?;
            bytes.chunks_exact_mut(element.len().max(1)).for_each(|slot| slot.copy_from_slice(element));
        }
        Ok(buffer)
    }
}

pub(super) const OUTSIDE: OperationError = OperationError::Defect("a part of a variable is not where it should be");

fn check_len(len: usize, expected: usize) -> Result<(), OperationError> {
    if len == expected {
        return Ok(());
    }
    Err(OperationError::WrongLength(format!(
        "it has {len} bytes after decoding, where its shape and dtype need {expected}"
    )))
}
