//! How a chunk was encoded, as HDF5, Zarr v2 and Zarr v3 say it → one pipeline.

use crate::{
    array::{ByteOrder, DType, Order},
    codec::{Extent, FilterList, FilterPipeline, Step, ZarrChain, ZarrChunk},
};

use super::{Problem, data::RequestData, noted};

/// What a chunk went through before it was stored, and what it was before that.
#[derive(Debug)]
pub(super) struct Encoding {
    pub(super) pipeline: FilterPipeline,
    pub(super) byte_order: ByteOrder,
    pub(super) order: Order,
}

impl Encoding {
    /// From `codecs`, or else from `filters`, `compression`, `byte_order` and `order`; None if something is wrong, which
    /// `problems` then tells.
    pub(super) fn of(data: &RequestData, shape: Option<&[usize]>, problems: &mut Vec<Problem>) -> Option<Self> {
        // Whatever is wrong with the dtype is told elsewhere.
        let dtype = data.stored_dtype.unwrap_or(DType::UInt8);
        let Some(codecs) = &data.codecs else {
            let list = FilterList {
                filters: data.filters.as_deref().unwrap_or_default(),
                compression: data.compression.as_ref(),
                mask: data.filter_mask.unwrap_or(0),
            };
            problems.extend(unknown_byte_order(data, list).map(|problem| Problem::new("byte_order", problem)));
            let pipeline = list.pipeline(dtype).map_err(|wrong| {
                problems.extend(wrong.into_iter().map(|(step, problem)| match step {
                    Step::Filter => Problem::new("filters", problem),
                    Step::Compression => Problem::new("compression", problem),
                }));
            });
            let byte_order = data.byte_order.unwrap_or(ByteOrder::NATIVE);
            return Some(Self { pipeline: pipeline.ok()?, byte_order, order: data.order.unwrap_or_default() });
        };
        let extent = match (data.offset, data.size) {
            (_, Some(0)) => Extent::Unwritten,
            (Some(_), Some(_)) => Extent::Bounded,
            _ => Extent::Open,
        };
        let chain = ZarrChain::new(codecs, ZarrChunk { dtype, byte_order: data.byte_order, shape, extent });
        let ZarrChain { pipeline, byte_order } = noted(problems, "codecs", chain)?;
        Some(Self { pipeline, byte_order, order: Order::C })
    }
}

/// What is wrong if nobody says in which order elements are read that a filter has put in another one than the server's.
fn unknown_byte_order(data: &RequestData, list: FilterList<'_>) -> Option<String> {
    // Nothing is read of what was never written.
    if data.size == Some(0) {
        return None;
    }
    let decoded = list.decoded()?;
    (data.byte_order.is_none() && decoded.size() > 1 && decoded.byte_order() != ByteOrder::NATIVE)
        .then(|| format!("is needed: filters decode to {decoded}, and the array may be of another order"))
}
