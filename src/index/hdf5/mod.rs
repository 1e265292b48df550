//! The index of HDF5 and netCDF-4 files, of whatever version of HDF5.
//!
//! The format is that of the *HDF5 File Format Specification*, version 3.0 and before. Nothing here fetches or waits: each
//! function is called with the [`Blocks`] that there are until it has what it needs.

mod attribute;
mod btree2;
mod chunks;
mod dataset;
mod datatype;
mod dimensions;
mod fields;
mod file;
mod find;
mod group;
mod heap;
mod messages;
mod object_header;
mod shared;
mod superblock;
mod walk;

use std::ops::Range;

use dataset::ChunkedLayout;
use find::find;
use walk::Tree;

use super::{
    blocks::{Blocks, Step},
    chunk_table::ChunkTable,
    error::IndexError,
    grid::{Grid, Region},
    variable::{Description, Stored, Variable},
};

/// Whether what an object begins with, such as its first block, shows that it is an HDF5 file. That of one whose user block is
/// longer does not.
#[must_use]
pub fn is_hdf5(beginning: &[u8]) -> bool {
    superblock::is_in(beginning)
}

/// All groups, dimensions, variables and attributes of a file. Links by path, and to other files, are not followed.
///
/// # Errors
/// If it is no HDF5 file, is damaged, or holds more than the limits of the blocks allow. A variable that cannot be read is
/// none: its description says why.
pub fn describe(blocks: &mut Blocks) -> Result<Step<Description>, IndexError> {
    blocks.step(|view| Ok(Tree::read(&superblock::open(view)?)?.describe()))
}

/// The variable at this path, with or without a slash at its beginning. No more of the file is looked at than is needed.
///
/// # Errors
/// If there is none; if the object is no HDF5 file, is damaged, or holds more than the limits of the blocks allow.
pub fn open(blocks: &mut Blocks, path: &str) -> Result<Step<Opened>, IndexError> {
    blocks.step(|view| {
        let found = find(&superblock::open(view)?, path)?;
        let grid = match &found.dataset.variable.stored {
            Stored::Chunks { shape } => Some(Grid::new(&found.dataset.variable.shape, shape)?),
            _ => None,
        };
        Ok(Opened { variable: found.dataset.variable, grid, layout: found.dataset.chunks })
    })
}

/// A variable of an HDF5 file, and where the index of its chunks is.
#[derive(Clone, Debug)]
pub struct Opened {
    variable: Variable,
    grid: Option<Grid>,
    layout: Option<ChunkedLayout>,
}

impl Opened {
    /// What the file says of it.
    #[must_use]
    pub const fn variable(&self) -> &Variable {
        &self.variable
    }

    /// How it is cut into chunks; None if it is not.
    #[must_use]
    pub const fn grid(&self) -> Option<&Grid> {
        self.grid.as_ref()
    }

    /// The chunks that were written, of those at these positions of the grid, or of all. None are there of a variable without
    /// chunks.
    ///
    /// # Errors
    /// If the index is damaged, does not suit the variable, or is larger than the limits of the blocks allow; if the region has
    /// not as many dimensions as the variable.
    pub fn chunks(&self, blocks: &mut Blocks, region: Option<&[Range<u64>]>) -> Result<Step<ChunkTable>, IndexError> {
        let (Some(grid), Some(layout)) = (&self.grid, &self.layout) else {
            return Ok(Step::Done(ChunkTable::default()));
        };
        let region = region.map_or_else(|| Ok(Region::all(grid)), |ranges| Region::new(ranges, grid))?;
        blocks.step(|view| chunks::chunks(&superblock::open(view)?, layout, &self.variable.shape, grid, &region))
    }
}
