//! Which part of an object, and which of its elements, a request is about.

use super::{
    data::RequestData,
    elements::Elements,
    problem::{Noted, Problems},
    slice::SliceData,
};
use crate::{
    array::{Number, Slice},
    source::Range,
};

/// The chunk, and the selected part of it.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) range: Range,
    /// What all its elements are, if it was never written.
    pub(super) fill_value: Option<Number>,
    /// A slice for each dimension; None for all of the chunk.
    pub(super) selection: Option<Vec<Slice>>,
}

impl Chunk {
    /// From `offset`, `size`, `fill_value` and `selection`.
    pub(super) fn of(
        data: &RequestData,
        elements: Result<Elements, Noted>,
        problems: &mut Problems,
    ) -> Result<Self, Noted> {
        let range = range(data, problems);
        let fill_value = data.fill_value.map(|number| {
            let elements = elements?;
            let number = elements.as_read(number);
            let value = if elements.can_be(number) { Ok(number) } else { Err(elements.refusal(number)) };
            problems.checked("fill_value", value)
        });
        let selection = data.selection.as_ref().map(|slices| selection(slices, data.shape.as_ref(), problems));
        Ok(Self {
            range: range?,
            fill_value: fill_value.transpose()?.filter(|_| data.is_unwritten()),
            selection: selection.transpose()?,
        })
    }
}

/// The bytes to read: none of a chunk that was never written, of which shape and fill value are known instead.
fn range(data: &RequestData, problems: &mut Problems) -> Result<Range, Noted> {
    let size = match data.size {
        Some(0) if !problems.is_given("fill_value", data.fill_value.as_ref()) => {
            Err("must be at least 1 byte; a chunk that was never written needs fill_value")
        }
        Some(0) if !problems.is_given("shape", data.shape.as_ref()) => {
            Err("a chunk that was never written needs shape")
        }
        size => Ok(size.filter(|&size| size > 0)),
    };
    let size = problems.checked("size", size);
    let offset = data.offset.unwrap_or(0);
    // Stores count in signed 64-bit numbers.
    let is_possible = offset.checked_add(data.size.unwrap_or(0)).is_some_and(|end| i64::try_from(end).is_ok());
    let offset = if is_possible { Ok(offset) } else { Err("offset + size is more than any object can have") };
    let offset = problems.checked("offset", offset);
    Ok(Range::new(offset?, size?))
}

fn selection(selection: &[SliceData], shape: Option<&Vec<u64>>, problems: &mut Problems) -> Result<Vec<Slice>, Noted> {
    let slices: Result<Vec<_>, _> = selection.iter().map(|slice| slice.slice()).collect();
    let slices = problems.checked("selection", slices);
    let (slices_len, dimensions) = (selection.len(), problems.needed("selection", "shape", shape)?.len());
    if slices_len != dimensions {
        problems.note("selection", format!("has {slices_len} slices, but shape has {dimensions} dimensions"));
    }
    slices
}
