//! B-trees of version 2, which index the chunks of arrays with several unlimited dimensions.

use super::found::{Found, WHAT};
use crate::index::{
    blocks::Parsed,
    error::IndexError,
    hdf5::{btree2, fields::Fields},
};

/// Types of records: of chunks without filters, and of those with.
const TYPES: [u8; 2] = [10, 11];

/// Reads the tree at this address.
pub(super) fn read(found: &mut Found<'_>, address: u64) -> Parsed<()> {
    let (region, rank) = (found.region, found.shape.len());
    let may_matter = |after: Option<&[u8]>, before: Option<&[u8]>| {
        let [after, before] = [after, before].map(|record| record.map(|record| position(record, rank)).transpose());
        Ok(region.may_touch(after?.as_deref(), before?.as_deref()))
    };
    let (kind, records) = btree2::records(found.file, address, &TYPES, found.file.view.limits().chunks, may_matter)?;
    let is_filtered = TYPES.last() == Some(&kind);
    if is_filtered != (found.layout.filters > 0) {
        return Err(IndexError::malformed(WHAT, address, "it does not suit the filters").into());
    }
    for record in records.iter() {
        let mut fields = Fields::new(WHAT, address, record);
        let chunk = fields.number(found.file.context.sizeof_addr)?;
        let mut stored = None;
        if is_filtered {
            // What is left for the size, next to filter mask and position.
            let len = fields.rest().len().checked_sub(rank.saturating_mul(8).saturating_add(4));
            let len =
                len.and_then(|len| u8::try_from(len).ok()).ok_or_else(|| fields.wrong("its records are too short"))?;
            stored = Some((fields.number(len)?, fields.u32()?));
        }
        found.add(&position(record, rank)?, chunk, stored)?;
    }
    Ok(())
}

/// The position in the grid that a record ends with.
fn position(record: &[u8], rank: usize) -> Parsed<Vec<u64>> {
    let start = record.len().checked_sub(rank.saturating_mul(8));
    let mut fields = Fields::new(WHAT, 0, start.and_then(|start| record.get(start..)).unwrap_or_default());
    (0..rank).map(|_| fields.number(8)).collect()
}
