//! How a chunk was encoded, as HDF5, Zarr v2 and Zarr v3 say it → one pipeline.

use crate::{
    array::{ByteOrder, DType, Order},
    codec::{self, Applied, FilterPipeline, Stage},
};

use super::{Problem, data::RequestData, noted, zarr::Chain};

/// What a chunk went through before it was stored, and what it was before that.
#[derive(Debug)]
pub(super) struct Encoding {
    pub(super) pipeline: FilterPipeline,
    pub(super) byte_order: ByteOrder,
    pub(super) order: Order,
}

impl Encoding {
    /// From `codecs`, or else from `filters`, `compression`, `byte_order` and `order`; None if something is wrong, which
    /// `problems` then tells. `is_one_result` says that the layout of the result does not matter.
    pub(super) fn of(data: &RequestData, is_one_result: bool, problems: &mut Vec<Problem>) -> Option<Self> {
        let byte_order = data.byte_order.unwrap_or(ByteOrder::NATIVE);
        let order = data.order.unwrap_or_default();
        let Some(codecs) = &data.codecs else {
            problems.extend(unknown_byte_order(data).map(|problem| Problem::new("byte_order", problem)));
            let pipeline = FilterPipeline::new(stages(data, problems)?);
            return Some(Self { pipeline, byte_order, order });
        };
        let chain = noted(problems, "codecs", Chain::of(codecs, data, is_one_result))?;
        Some(Self { pipeline: FilterPipeline::new(chain.stages), byte_order: chain.byte_order, order: chain.order })
    }

    /// Nothing was encoded of a chunk that was never written.
    pub(super) fn of_unwritten(self) -> Self {
        Self { pipeline: FilterPipeline::default(), byte_order: ByteOrder::NATIVE, ..self }
    }
}

/// What is wrong if nobody says in which order elements are read that a filter has put in another one than the server's.
fn unknown_byte_order(data: &RequestData) -> Option<String> {
    // Nothing is read of what was never written.
    if data.size == Some(0) {
        return None;
    }
    let mut filters = data.filters.iter().flatten().enumerate();
    let decoded = filters.find_map(|(step, spec)| codec::element_types(spec).filter(|_| !is_skipped(data, step)))?;
    let decoded = decoded.decoded;
    (data.byte_order.is_none() && decoded.size() > 1 && decoded.byte_order() != ByteOrder::NATIVE)
        .then(|| format!("is needed: filters decode to {decoded}, and the array may be of another order"))
}

/// Whether the mask says that a step was left out.
fn is_skipped(data: &RequestData, step: usize) -> bool {
    let mask = data.filter_mask.unwrap_or(0);
    u32::try_from(step).is_ok_and(|step| mask.checked_shr(step).unwrap_or(0) & 1 == 1)
}

/// The stages of `filters`, and after them the compression, but for those that `filter_mask` says were skipped: what these
/// would have done does not matter.
fn stages(data: &RequestData, problems: &mut Vec<Problem>) -> Option<Vec<Stage>> {
    let filters = data.filters.iter().flatten().map(|spec| ("filters", spec));
    let steps = filters.chain(data.compression.iter().map(|spec| ("compression", spec)));
    // Whatever is wrong with the dtype is told elsewhere.
    let dtype = data.stored_dtype.unwrap_or(DType::UInt8);
    let mut stages = Some(Vec::new());
    for (_, (field, spec)) in steps.enumerate().filter(|&(step, _)| !is_skipped(data, step)) {
        let is_first = stages.as_ref().is_none_or(Vec::is_empty);
        let made = noted(problems, field, codec::stages(spec, Applied { dtype, is_first }));
        match (made, &mut stages) {
            (Some(made), Some(stages)) => stages.extend(made),
            (_, stages) => *stages = None,
        }
    }
    stages
}
