//! The messages of a dataset, decoded.

use rust_hdf5::format::messages::{
    data_layout::DataLayoutMessage,
    dataspace::DataspaceMessage,
    fill_value::{FILL_TIME_NEVER, FillValueMessage},
    filter::FilterPipeline,
};

use super::{
    datatype::Datatype,
    fields::{Fields, decoded},
    file::File,
    object_header::{Kind, ObjectHeader},
    shared,
};
use crate::index::{
    blocks::{Halt, Parsed},
    error::IndexError,
};

/// What the object header of a dataset says. What this version does not read is there by its name.
#[derive(Debug)]
pub(super) struct Messages {
    pub(super) dataspace: DataspaceMessage,
    pub(super) datatype: Datatype,
    pub(super) layout: Result<DataLayoutMessage, String>,
    /// The number and the client data of each filter.
    pub(super) filters: Vec<(u16, Vec<u32>)>,
    /// Bytes of the element that stands for those that were never written; None if nothing does.
    pub(super) fill_value: Option<Vec<u8>>,
    /// Whether the data is in files of its own.
    pub(super) is_external: bool,
}

impl Messages {
    pub(super) fn read(file: &File<'_>, header: &ObjectHeader) -> Parsed<Self> {
        let at = header.address;
        // Each may be somewhere else: all are asked for before any is used.
        let body = |kind| header.first(kind).map(|message| shared::body(file, message)).transpose();
        let [dataspace, datatype, layout] = [body(Kind::DATASPACE), body(Kind::DATATYPE), body(Kind::LAYOUT)];
        let [filters, new_fill, old_fill] = [body(Kind::FILTERS), body(Kind::FILL_VALUE), body(Kind::OLD_FILL_VALUE)];
        let (dataspace, datatype) = (needed(at, "dataspace", dataspace?)?, needed(at, "datatype", datatype?)?);
        let datatype = Datatype::read(at, &datatype)?;
        let layout = needed(at, "layout", layout?)?;
        let dataspace = DataspaceMessage::decode(&dataspace, &file.context);
        let layout = decoded("its layout", at, DataLayoutMessage::decode(&layout, &file.context));
        Ok(Self {
            dataspace: decoded("a dataspace", at, dataspace)?.0,
            layout: readable(layout)?.map(|(layout, _)| layout),
            filters: filters_of(at, filters?)?,
            fill_value: fill_value(at, datatype.size.into(), new_fill?, old_fill?)?,
            datatype,
            is_external: header.first(Kind::EXTERNAL_FILES).is_some(),
        })
    }
}

fn needed(at: u64, what: &str, body: Option<Vec<u8>>) -> Parsed<Vec<u8>> {
    Ok(body.ok_or_else(|| IndexError::malformed("a dataset", at, format!("it has no {what}")))?)
}

/// What was decoded, or what it is that cannot be.
fn readable<T>(parsed: Parsed<T>) -> Parsed<Result<T, String>> {
    match parsed {
        Ok(found) => Ok(Ok(found)),
        Err(Halt::Failed(IndexError::Unsupported { what })) => Ok(Err(what)),
        Err(halt) => Err(halt),
    }
}

fn filters_of(at: u64, body: Option<Vec<u8>>) -> Parsed<Vec<(u16, Vec<u32>)>> {
    let Some(body) = body else { return Ok(Vec::new()) };
    let (pipeline, _) = decoded("a filter pipeline", at, FilterPipeline::decode(&body))?;
    Ok(pipeline.filters.into_iter().map(|filter| (filter.id, filter.cd_values)).collect())
}

/// The fill value ("Fill Value Message" of the specification): zeros unless another one was set. One that is never written
/// stands for nothing.
fn fill_value(at: u64, size: u64, new: Option<Vec<u8>>, old: Option<Vec<u8>>) -> Parsed<Option<Vec<u8>>> {
    const WHAT: &str = "a fill value";
    let bytes = if let Some(body) = new {
        let (message, _) = decoded(WHAT, at, FillValueMessage::decode(&body))?;
        if message.fill_defined == 0 || message.fill_write_time == FILL_TIME_NEVER {
            return Ok(None);
        }
        message.fill_value.unwrap_or_default()
    } else if let Some(body) = old {
        let mut fields = Fields::new(WHAT, at, &body);
        let len = usize::try_from(fields.u32()?).unwrap_or(usize::MAX);
        fields.take(len)?.to_vec()
    } else {
        Vec::new()
    };
    if bytes.is_empty() {
        // Only numbers are filled in, which have few bytes.
        return Ok(Some(vec![0; usize::try_from(size.min(16)).unwrap_or(16)]));
    }
    if u64::try_from(bytes.len()).is_ok_and(|len| len == size) {
        return Ok(Some(bytes));
    }
    Err(IndexError::malformed(WHAT, at, "it is no element").into())
}
