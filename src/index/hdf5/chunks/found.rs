//! What has been found in an index so far.

use crate::index::{
    blocks::Parsed,
    chunk_table::StoredChunk,
    error::IndexError,
    grid::{Grid, Region},
    hdf5::{dataset::ChunkedLayout, file::File},
};

/// What errors call the index of the chunks of a dataset.
pub(super) const WHAT: &str = "the index of the chunks";

/// What has been found so far, and what is looked for.
pub(super) struct Found<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) layout: &'a ChunkedLayout,
    pub(super) shape: &'a [u64],
    pub(super) grid: &'a Grid,
    pub(super) region: &'a Region,
    pub(super) chunks: Vec<StoredChunk>,
}

impl Found<'_> {
    /// Adds the chunk at this position of the grid, with its size and filter mask if the index has them. Those that lie
    /// outside of the array as it is now are left over from when it was larger.
    pub(super) fn add(&mut self, position: &[u64], address: u64, stored: Option<(u64, u32)>) -> Parsed<()> {
        let Some(number) = self.grid.number(position).filter(|_| self.region.contains(position)) else { return Ok(()) };
        if !self.file.is_defined(address) {
            return Ok(());
        }
        let (mut size, mut filter_mask) = stored.unwrap_or((self.layout.chunk_size, 0));
        if self.layout.are_edges_raw && self.is_partial(position) {
            // All filters were skipped, whatever their number.
            (size, filter_mask) = (self.layout.chunk_size, u32::MAX);
        }
        if self.layout.filters == 0 && size != self.layout.chunk_size {
            let problem = format!("chunk {position:?} has {size} bytes, not {}", self.layout.chunk_size);
            return Err(IndexError::malformed(WHAT, address, problem).into());
        }
        if self.layout.needed_filter.is_some_and(|bit| filter_mask.checked_shr(bit).unwrap_or(0) & 1 == 1) {
            let what = format!("chunk {position:?}, whose numbers have fewer bits than their bytes have,");
            return Err(IndexError::unsupported(what).into());
        }
        let limit = self.file.view.limits().chunks;
        if u64::try_from(self.chunks.len()).is_ok_and(|len| len >= limit) {
            return Err(IndexError::TooLarge { what: "the number of chunks".to_owned(), limit }.into());
        }
        let offset = self.file.offset(address)?;
        self.chunks.push(StoredChunk { number, offset, size, filter_mask });
        Ok(())
    }

    /// Whether the chunk at this position reaches over the edge of the array.
    fn is_partial(&self, position: &[u64]) -> bool {
        let ends =
            position.iter().zip(self.grid.chunk_shape()).map(|(at, len)| at.saturating_add(1).saturating_mul(*len));
        ends.zip(self.shape).any(|(end, &len)| end > len)
    }
}
