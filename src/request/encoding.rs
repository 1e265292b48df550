//! How a chunk is stored, as HDF5, Zarr v2 and Zarr v3 say it.

use super::{
    data::RequestData,
    elements::Elements,
    problem::{Noted, Problems},
};
use crate::{
    array::{ByteOrder, DType, Order},
    codec::{Extent, FilterList, FilterPipeline, Step, ZarrChain, ZarrChunk, ZarrCodec},
    index::Encoding,
};

/// What lists the codecs of a chunk.
#[derive(Clone, Copy, Debug)]
pub(super) enum CodecList<'a> {
    /// `codecs`.
    Zarr(&'a [ZarrCodec]),
    /// `filters`, `filter_mask` and `compression`, or nothing.
    Filters(FilterList<'a>),
}

impl<'a> CodecList<'a> {
    /// The list that there is; a problem if there are two.
    pub(super) fn of(data: &'a RequestData, problems: &mut Problems) -> Self {
        let others = [
            ("compression", problems.is_given("compression", data.compression.as_ref())),
            ("filters", problems.is_given("filters", data.filters.as_ref())),
            ("filter_mask", problems.is_given("filter_mask", data.filter_mask.as_ref())),
            ("order", data.order == Some(Order::F)),
        ];
        if let Some((other, _)) = others.into_iter().find(|(_, is_given)| *is_given)
            && problems.is_given("codecs", data.codecs.as_ref())
        {
            problems.note("codecs", format!("says all that {other} could; give one of them"));
        }
        data.codecs.as_deref().map_or_else(|| Self::Filters(filters_of(data)), Self::Zarr)
    }
}

fn filters_of(data: &RequestData) -> FilterList<'_> {
    FilterList {
        filters: data.filters.as_deref().unwrap_or_default(),
        compression: data.compression.as_ref(),
        mask: data.filter_mask.unwrap_or(0),
    }
}

/// The array that a chunk makes, and the way there from the stored bytes: from the list of codecs, `shape`, and `byte_order` and
/// `order` where the list does not say those.
pub(super) fn encoding(
    data: &RequestData,
    codecs: CodecList<'_>,
    elements: Result<Elements, Noted>,
    problems: &mut Problems,
) -> Result<Encoding, Noted> {
    // Codecs are looked at all the same if there is no dtype.
    let stored = elements.map_or(DType::UInt8, |elements| elements.stored);
    let shape = data.lens();
    let (pipeline, byte_order, order) = match codecs {
        CodecList::Zarr(codecs) => {
            let ZarrChain { pipeline, byte_order } = zarr_chain(data, codecs, stored, shape.as_deref(), problems)?;
            (pipeline, byte_order, Order::C)
        }
        CodecList::Filters(list) => {
            let byte_order = byte_order(data, list, problems);
            (pipeline(list, stored, problems)?, byte_order, data.order.unwrap_or_default())
        }
    };
    let encoding = Encoding { dtype: elements?.read, shape, order, byte_order, pipeline };
    check_size(&encoding, data.size, problems);
    Ok(encoding)
}

/// Notes if the dtype, shape and codecs rule out that the chunk has this size in bytes.
fn check_size(encoding: &Encoding, size: Option<u64>, problems: &mut Problems) {
    let Encoding { dtype, shape, pipeline, .. } = encoding;
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|&size| size > 0);
    let Some(size) = size.filter(|_| !problems.concern("shape")) else { return };
    let name = dtype.name();
    let Some(shape) = shape else {
        let decoded_len = pipeline.decoded_len(size);
        if decoded_len.is_some_and(|len| !len.is_multiple_of(dtype.size())) {
            problems.note("size", format!("is {size} bytes, not a whole number of {name} elements"));
        }
        return;
    };
    let decoded_len = shape.iter().try_fold(dtype.size(), |len, &dimension| len.checked_mul(dimension));
    let expected = decoded_len.and_then(|len| pipeline.encoded_len(len));
    if let Some(expected) = expected.filter(|&expected| expected != size) {
        let shape = format!("shape {shape:?} of {name} has {expected} bytes");
        problems.note("size", format!("is {size} bytes, but {shape} and no compression is given"));
    }
}

fn zarr_chain(
    data: &RequestData,
    codecs: &[ZarrCodec],
    dtype: DType,
    shape: Option<&[usize]>,
    problems: &mut Problems,
) -> Result<ZarrChain, Noted> {
    let extent = match (data.offset, data.size) {
        (_, Some(0)) => Extent::Unwritten,
        (Some(_), Some(_)) => Extent::Bounded,
        _ => Extent::Open,
    };
    let chunk = ZarrChunk { dtype, byte_order: data.byte_order, shape, extent };
    problems.checked("codecs", ZarrChain::new(codecs, chunk))
}

fn pipeline(list: FilterList<'_>, dtype: DType, problems: &mut Problems) -> Result<FilterPipeline, Noted> {
    list.pipeline(dtype).map_err(|steps| {
        for (step, problem) in steps {
            let field = match step {
                Step::Filter => "filters",
                Step::Compression => "compression",
            };
            problems.note(field, problem);
        }
        Noted
    })
}

/// The byte order of the decoded elements: the server's own if nobody says so, unless filters decode to another one.
fn byte_order(data: &RequestData, list: FilterList<'_>, problems: &mut Problems) -> ByteOrder {
    // Nothing is decoded of what was never written.
    let decoded = list.decoded().filter(|_| data.byte_order.is_none() && !data.is_unwritten());
    if let Some(decoded) = decoded.filter(|decoded| decoded.size() > 1 && decoded.byte_order() != ByteOrder::NATIVE) {
        let problem = format!("is needed: filters decode to {decoded}, and the array may be of another order");
        problems.note("byte_order", problem);
    }
    data.byte_order.unwrap_or(ByteOrder::NATIVE)
}
