//! Where the chunks of a variable lie, in the columns of a chunk list.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::{
    engine::variable::DescribedVariable,
    index::{Grid, Stored},
};

/// Where the chunks lie, as requests list them.
#[derive(Serialize)]
pub(super) struct Columns<'a> {
    index: Index<'a>,
    offset: Cow<'a, [u64]>,
    pub(super) size: Cow<'a, [u64]>,
    filter_mask: Cow<'a, [u32]>,
    #[serde(skip)]
    /// Of all chunks.
    pub(super) chunk_shape: &'a [u64],
}

impl<'a> Columns<'a> {
    pub(super) fn new(DescribedVariable { variable, chunks, .. }: &'a DescribedVariable) -> Self {
        let shape = variable.shape.as_slice();
        let dimensions = shape.len();
        match &variable.stored {
            &Stored::Contiguous { offset, size } if size > 0 => Self {
                index: Index { grid: Grid::new(&[], &[]).ok(), numbers: vec![0].into(), dimensions },
                offset: vec![offset].into(),
                size: vec![size].into(),
                filter_mask: vec![0].into(),
                chunk_shape: shape,
            },
            stored => {
                let chunk_shape = if let Stored::Chunks { shape } = stored { shape.as_slice() } else { shape };
                Self {
                    index: Index {
                        grid: Grid::new(shape, chunk_shape).ok(),
                        numbers: chunks.numbers().into(),
                        dimensions,
                    },
                    offset: chunks.offsets().into(),
                    size: chunks.sizes().into(),
                    filter_mask: chunks.filter_masks().into(),
                    chunk_shape,
                }
            }
        }
    }
}

/// The place of each chunk in the grid.
struct Index<'a> {
    grid: Option<Grid>,
    numbers: Cow<'a, [u64]>,
    dimensions: usize,
}

impl Serialize for Index<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(Some(self.numbers.len()))?;
        for &number in self.numbers.iter() {
            let mut row = self.grid.as_ref().and_then(|grid| grid.position(number)).unwrap_or_default();
            row.resize(self.dimensions, 0);
            rows.serialize_element(&row)?;
        }
        rows.end()
    }
}
