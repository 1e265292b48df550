//! Where the chunks of a dataset lie: the indexes that HDF5 has for them, each read level by level.

mod array;
mod btree1;
mod btree2;
mod extensible;
mod fixed;
mod found;

use found::Found;

use super::{
    dataset::{ChunkedLayout, IndexKind},
    file::File,
};
use crate::index::{
    blocks::Parsed,
    chunk_table::ChunkTable,
    grid::{Grid, Region},
};

/// The chunks of a dataset of this shape and layout that lie in a region of its grid.
pub(super) fn chunks(
    file: &File<'_>,
    layout: &ChunkedLayout,
    shape: &[u64],
    grid: &Grid,
    region: &Region,
) -> Parsed<ChunkTable> {
    let mut found = Found { file, layout, shape, grid, region, chunks: Vec::new() };
    if let Some(address) = layout.address.filter(|_| !grid.is_empty()) {
        match &layout.kind {
            IndexKind::BTree1 => btree1::read(&mut found, address)?,
            IndexKind::BTree2 => btree2::read(&mut found, address)?,
            IndexKind::FixedArray => fixed::read(&mut found, address)?,
            IndexKind::ExtensibleArray => extensible::read(&mut found, address)?,
            IndexKind::Implicit => array::read_implicit(&mut found, address)?,
            IndexKind::Single(filter) => {
                let size = filter.as_ref().map(|filter| (filter.nbytes, filter.filter_mask));
                found.add(&vec![0; shape.len()], address, size)?;
            }
        }
    }
    Ok(ChunkTable::new(found.chunks, grid, file.view.len())?)
}
