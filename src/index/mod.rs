//! Where the chunks of an array lie, and what they hold.
//!
//! What an object says of itself comes in, in [`Blocks`]; what goes out is a [`Description`] of all that it holds, or one
//! [`Variable`] and the [`ChunkTable`] of where its chunks lie.

mod blocks;
mod chunk_table;
mod error;
mod format;
mod grid;
pub mod hdf5;
mod near;
mod variable;

pub use blocks::{BLOCK_LEN, Blocks, Limits, Step};
pub use chunk_table::{ChunkTable, StoredChunk};
pub use error::IndexError;
pub use format::Format;
pub use grid::{Grid, Region};
pub use variable::{Attribute, AttributeValue, Description, ElementType, Stored, Variable};

use crate::{
    array::{ByteOrder, DType, Number, Order, Slice},
    codec::FilterPipeline,
    source::{Location, Range, Version},
};

/// What all chunks of an array share.
#[derive(Debug)]
pub struct Encoding {
    /// Type of the elements.
    pub dtype: DType,
    /// Length of each dimension of a chunk; None for one dimension of as many elements as there are.
    pub shape: Option<Vec<usize>>,
    /// Layout of a chunk, and of results.
    pub order: Order,
    /// The order of the bytes of one element.
    pub byte_order: ByteOrder,
    /// How to decode a chunk.
    pub pipeline: FilterPipeline,
}

/// One chunk, and the part of it that is asked about.
#[derive(Debug)]
pub struct ChunkRef {
    /// The object that holds it.
    pub location: Location,
    /// The version that the object must have; any if None.
    pub version: Option<Version>,
    /// The part of the object that is the chunk.
    pub range: Range,
    /// What its elements are, if it was never written: then there is nothing to read.
    pub fill_value: Option<Number>,
    /// What its bytes mean.
    pub encoding: Encoding,
    /// The part of the chunk to work on; None for all of it.
    pub selection: Option<Vec<Slice>>,
}

impl Encoding {
    /// Length of a decoded chunk in bytes, where the shape says it; saturating.
    #[must_use]
    pub fn decoded_len(&self) -> Option<usize> {
        let shape = self.shape.as_ref()?;
        Some(shape.iter().fold(self.dtype.size(), |len, &dimension| len.saturating_mul(dimension)))
    }
}

impl ChunkRef {
    /// The shape of the part that is selected, of a decoded chunk of at most `decoded_len` bytes.
    #[must_use]
    pub fn selected_shape(&self, decoded_len: usize) -> Vec<usize> {
        let Encoding { dtype, shape, .. } = &self.encoding;
        let shape = shape.clone().unwrap_or_else(|| vec![decoded_len / dtype.size()]);
        match &self.selection {
            Some(selection) => shape.iter().zip(selection).map(|(&len, slice)| slice.len_of(len)).collect(),
            None => shape,
        }
    }
}
