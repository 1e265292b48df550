//! An array that a request describes, and where its chunks lie: `array`, `chunks` and `urls` together.

use super::{
    array::{ArrayData, DescribedArray},
    chunks::{ChunkColumns, Urls, locations},
    target::ListedArray,
    wire::LONG_COLUMNS,
};
use crate::request::{
    NotAnObject,
    fields::Fields,
    location::InterfaceType,
    problem::{Noted, Problems},
};

/// The array that the fields describe; None if none of them is there.
pub(super) fn listed(
    urls: Option<Urls>,
    interface_type: Option<InterfaceType>,
    fields: &mut Fields<'_>,
) -> Result<Option<Result<ListedArray, Noted>>, NotAnObject> {
    let array = fields.nested("array", &[]);
    let columns = fields.nested("chunks", LONG_COLUMNS);
    let problems = fields.problems();
    let is_array = problems.is_given("array", array.as_ref());
    let are_chunks = problems.is_given("chunks", columns.as_ref());
    if !is_array && !are_chunks && urls.is_none() {
        return Ok(None);
    }
    note_absent(is_array, are_chunks, problems);
    let locations = locations(urls, interface_type, problems);
    let urls = locations.as_ref().map(|locations| locations.as_ref().map(Vec::len)).map_err(|&noted| noted);
    let array = described(array, fields)?;
    let grid = array.as_ref().map(|array| &array.grid).map_err(|&noted| noted);
    let chunks = match columns {
        None => Err(Noted),
        Some(mut columns) => {
            let data: ChunkColumns = columns.take()?;
            let chunks = grid.and_then(|grid| data.chunks(grid, urls?, columns.problems()));
            fields.absorb("chunks", columns);
            chunks
        }
    };
    let assembled = || {
        let (DescribedArray { variable, codecs, .. }, (chunks, url), locations) = (array?, chunks?, locations?);
        Ok(ListedArray { variable, codecs, chunks, objects: locations.zip(url) })
    };
    Ok(Some(assembled()))
}

fn note_absent(is_array: bool, are_chunks: bool, problems: &mut Problems) {
    if !is_array {
        problems.note("array", "is required with chunks and urls");
    }
    if !are_chunks {
        problems.note("chunks", "is required with array and urls");
    }
}

fn described<'a>(
    array: Option<Fields<'a>>,
    fields: &mut Fields<'a>,
) -> Result<Result<DescribedArray, Noted>, NotAnObject> {
    let Some(mut array) = array else { return Ok(Err(Noted)) };
    let data: ArrayData = array.take()?;
    let described = data.array(array.problems());
    fields.absorb("array", array);
    Ok(described)
}
