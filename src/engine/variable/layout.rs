//! Where the elements of a variable lie, chunk by chunk. What lies in one piece is cut into chunks here.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::error::VariableError;
use crate::{
    array::{ByteOrder, DType, Element, Missing, Number, Order, Storage, dtype::with_dtype},
    codec::{Extent, FilterList, FilterPipeline, ZarrChain, ZarrChunk, ZarrCodec},
    engine::error::OperationError,
    error::ActiveStorageError,
    index::{ChunkTable, ElementType, Grid, Stored, Variable},
    source::Location,
};

/// The least that is read at a time of what lies in one piece, in bytes, where it has as much.
const PIECE_LEN: u64 = 1 << 20;

/// A variable, and where it lies.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) variable: Arc<Variable>,
    pub(super) dtype: DType,
    pub(super) byte_order: ByteOrder,
    pub(super) grid: Grid,
    /// The objects that hold its chunks.
    pub(super) locations: Vec<Location>,
    kind: Kind,
    /// What chunks went through, where that is not a list of filters.
    codecs: Option<Vec<ZarrCodec>>,
}

#[derive(Debug)]
enum Kind {
    /// No chunk was written.
    Nowhere,
    /// In the description.
    Inline,
    /// One element after the other, from this byte on.
    Contiguous(u64),
    /// Where the table says.
    Chunks(Arc<ChunkTable>, Option<Vec<u32>>),
}

/// Where a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkPlace {
    /// It was never written.
    Nowhere,
    /// In the description of the variable.
    Inline,
    /// In an object.
    Stored {
        /// Which of the objects.
        object: usize,
        /// Its first byte there.
        offset: u64,
        /// How many bytes it takes.
        size: u64,
        /// The filters that were skipped.
        filter_mask: u32,
    },
}

/// How chunks are decoded, and how the elements lie then.
#[derive(Debug)]
pub(super) struct Decoding {
    pub(super) pipeline: FilterPipeline,
    pub(super) storage: Storage,
}

impl Layout {
    /// Of a variable whose chunks lie where the table says, in one object, or in those that a list has for each.
    ///
    /// # Errors
    /// If it has no numbers, cannot be read, or is described in a way that makes no sense.
    pub(super) fn new(
        variable: Arc<Variable>,
        table: Arc<ChunkTable>,
        objects: Option<Vec<u32>>,
        locations: Vec<Location>,
    ) -> Result<Self, ActiveStorageError> {
        if let Some(obstacle) = &variable.obstacle {
            return Err(VariableError::CannotBeRead(obstacle.clone()).into());
        }
        let ElementType::Number { dtype, byte_order } = variable.elements else {
            return Err(VariableError::CannotBeRead("its elements are no numbers".to_owned()).into());
        };
        let whole = variable.shape.iter().try_fold(dtype.size() as u64, |len, &axis| len.checked_mul(axis));
        let whole = whole.ok_or_else(|| VariableError::CannotBeRead("it has more bytes than can be counted".into()))?;
        let is_short = |len: u64| {
            let problem = format!("it has {len} bytes, where its shape and dtype need {whole}");
            VariableError::CannotBeRead(problem)
        };
        let (chunk_shape, kind) = match &variable.stored {
            Stored::Chunks { shape } => (shape.clone(), Kind::Chunks(table, objects)),
            Stored::Contiguous { size, .. } if *size < whole => return Err(is_short(*size).into()),
            Stored::Contiguous { offset, .. } => (pieces(&variable.shape, dtype), Kind::Contiguous(*offset)),
            Stored::Inline(bytes) if (bytes.len() as u64) < whole => return Err(is_short(bytes.len() as u64).into()),
            Stored::Inline(_) => (pieces_of_all(&variable.shape), Kind::Inline),
            Stored::Nowhere => (pieces(&variable.shape, dtype), Kind::Nowhere),
            Stored::Elsewhere => return Err(VariableError::CannotBeRead("it lies in another file".to_owned()).into()),
        };
        let grid = Grid::new(&variable.shape, &chunk_shape)?;
        Ok(Self { variable, dtype, byte_order, grid, locations, kind, codecs: None })
    }

    /// The same, whose chunks went through these codecs rather than through filters.
    pub(super) fn coded(self, codecs: Option<Vec<ZarrCodec>>) -> Self {
        Self { codecs, ..self }
    }

    /// The order of the elements in a chunk.
    pub(super) fn order(&self) -> Order {
        self.variable.order
    }

    /// Lengths of the decoded chunk at this position of the grid. Those of what lies in one piece end where it does.
    pub(super) fn chunk_shape(&self, position: &[u64]) -> Vec<usize> {
        let is_cut = !matches!(self.kind, Kind::Chunks(..));
        let axes = self.grid.chunk_shape().iter().zip(&self.variable.shape).zip(position);
        let len = |((&chunk, &axis), &at): ((&u64, &u64), &u64)| {
            let rest = axis.saturating_sub(at.saturating_mul(chunk));
            usize::try_from(if is_cut { chunk.min(rest) } else { chunk }).unwrap_or(usize::MAX)
        };
        axes.map(len).collect()
    }

    /// Where the chunk of this number is, which lies at this position.
    pub(super) fn find(&self, number: u64, position: &[u64]) -> ChunkPlace {
        match &self.kind {
            Kind::Nowhere => ChunkPlace::Nowhere,
            Kind::Inline => ChunkPlace::Inline,
            Kind::Contiguous(first) => self.piece(*first, position),
            Kind::Chunks(table, objects) => match table.find(number) {
                None => ChunkPlace::Nowhere,
                Some(chunk) => ChunkPlace::Stored {
                    object: objects.as_ref().map_or(0, |objects| of_chunk(table, objects, number)),
                    offset: chunk.offset,
                    size: chunk.size,
                    filter_mask: chunk.filter_mask,
                },
            },
        }
    }

    /// A chunk of what lies in one piece from this byte on: whole rows of the dimensions behind the one that is cut.
    fn piece(&self, first: u64, position: &[u64]) -> ChunkPlace {
        let mut element = 0_u64;
        for ((&at, &chunk), &axis) in position.iter().zip(self.grid.chunk_shape()).zip(&self.variable.shape) {
            element = element.saturating_mul(axis).saturating_add(at.saturating_mul(chunk));
        }
        let len = |len: u64, &axis: &usize| len.saturating_mul(axis as u64);
        let size = self.chunk_shape(position).iter().fold(self.dtype.size() as u64, len);
        let offset = first.saturating_add(element.saturating_mul(self.dtype.size() as u64));
        ChunkPlace::Stored { object: 0, offset, size, filter_mask: 0 }
    }

    /// Bytes of the largest chunk that was written, as it is stored.
    pub(super) fn largest_stored(&self) -> u64 {
        match &self.kind {
            Kind::Nowhere | Kind::Inline => 0,
            Kind::Contiguous(_) => self.decoded_len(),
            Kind::Chunks(table, _) => table.sizes().iter().copied().max().unwrap_or(0),
        }
    }

    /// Bytes of all chunks that were written, as they are stored.
    pub(super) fn all_stored(&self) -> u64 {
        match &self.kind {
            Kind::Nowhere | Kind::Inline => 0,
            Kind::Contiguous(_) => self.decoded_len().saturating_mul(self.grid.len()),
            Kind::Chunks(table, _) => table.sizes().iter().fold(0, |len: u64, &size| len.saturating_add(size)),
        }
    }

    /// Bytes of a decoded chunk, of the largest if they differ.
    pub(super) fn decoded_len(&self) -> u64 {
        let len = |len: u64, &axis: &u64| len.saturating_mul(axis);
        self.grid.chunk_shape().iter().fold(self.dtype.size() as u64, len)
    }

    /// Whether chunks that were never written have nothing but missing elements.
    ///
    /// # Errors
    /// If a missing value does not fit the dtype.
    pub(super) fn has_unwritten_missing(&self, missing: &Missing<Number>) -> Result<bool, OperationError> {
        let Some(fill_value) = &self.variable.fill_value else { return Ok(false) };
        with_dtype!(self.dtype, T => {
            let missing = missing.typed::<T>().ok_or(OperationError::Defect("a missing value does not fit the dtype"))?;
            let element = bytemuck::try_pod_read_unaligned::<T>(fill_value);
            let element = element.map_err(|_| OperationError::Defect("a fill value is no element"))?;
            Ok(missing.contains(if self.byte_order == ByteOrder::NATIVE { element } else { element.swap_bytes() }))
        })
    }

    /// Bytes of the variable itself, where they are all there is.
    pub(super) fn inline(&self) -> &[u8] {
        match &self.variable.stored {
            Stored::Inline(bytes) => bytes,
            _ => &[],
        }
    }

    /// How chunks are decoded, by the filters that were skipped for them: those that the table names, and 0. Where elements
    /// may stay shuffled until they are read, they do.
    ///
    /// # Errors
    /// If a filter cannot be undone.
    pub(super) fn decodings(&self, may_stay_shuffled: MayStayShuffled) -> Result<Decodings, VariableError> {
        let mut decodings = BTreeMap::new();
        let masks: &[u32] = match &self.kind {
            Kind::Chunks(table, _) => table.filter_masks(),
            _ => &[],
        };
        for mask in [0].iter().chain(masks).copied() {
            if let Entry::Vacant(entry) = decodings.entry(mask) {
                entry.insert(self.decoding(mask, may_stay_shuffled)?);
            }
        }
        Ok(Decodings(decodings))
    }

    fn decoding(&self, mask: u32, may_stay_shuffled: MayStayShuffled) -> Result<Decoding, VariableError> {
        let (mut pipeline, byte_order) = match &self.codecs {
            Some(codecs) => self.chain(codecs)?,
            None => (self.filters(mask)?, self.byte_order),
        };
        let shuffled = may_stay_shuffled == MayStayShuffled::Yes && pipeline.leave_shuffled(self.dtype.size());
        Ok(Decoding { pipeline, storage: Storage { byte_order, shuffled } })
    }

    fn filters(&self, mask: u32) -> Result<FilterPipeline, VariableError> {
        let list = FilterList { filters: &self.variable.filters, compression: None, mask };
        list.pipeline(self.dtype).map_err(|problems| {
            let problems: Vec<_> = problems.into_iter().map(|(_, problem)| problem).collect();
            VariableError::CannotBeRead(problems.join("; "))
        })
    }

    fn chain(&self, codecs: &[ZarrCodec]) -> Result<(FilterPipeline, ByteOrder), VariableError> {
        let lens = self.grid.chunk_shape().iter().map(|&len| usize::try_from(len));
        let shape: Vec<usize> = lens.collect::<Result<_, _>>().unwrap_or_default();
        let chunk = ZarrChunk { dtype: self.dtype, byte_order: None, shape: Some(&shape), extent: Extent::Bounded };
        let chain = ZarrChain::new(codecs, chunk).map_err(VariableError::CannotBeRead)?;
        Ok((chain.pipeline, chain.byte_order))
    }
}

/// Whether elements may stay as the byte shuffle left them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayStayShuffled {
    Yes,
    No,
}

/// How chunks are decoded, by the filters that were skipped.
#[derive(Debug)]
pub(super) struct Decodings(BTreeMap<u32, Decoding>);

impl Decodings {
    pub(super) fn of(&self, filter_mask: u32) -> Option<&Decoding> {
        self.0.get(&filter_mask)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Decoding> {
        self.0.values()
    }
}

/// The object of a chunk of a table, from a list with one entry for each.
fn of_chunk(table: &ChunkTable, objects: &[u32], number: u64) -> usize {
    let at = table.numbers().binary_search(&number).ok();
    at.and_then(|at| objects.get(at)).and_then(|&object| usize::try_from(object).ok()).unwrap_or(usize::MAX)
}

/// One chunk for everything.
fn pieces_of_all(shape: &[u64]) -> Vec<u64> {
    shape.iter().map(|&len| len.max(1)).collect()
}

/// Chunks for what lies in one piece: whole rows, so that each lies in one piece as well.
fn pieces(shape: &[u64], dtype: DType) -> Vec<u64> {
    let mut len = dtype.size() as u64;
    let mut pieces = Vec::with_capacity(shape.len());
    for &axis in shape.iter().rev() {
        let rows = (PIECE_LEN / len.max(1)).clamp(1, axis.max(1));
        pieces.push(rows);
        len = len.saturating_mul(axis.max(1));
    }
    pieces.reverse();
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_one_piece_is_cut_into_whole_rows() {
        assert_eq!(pieces(&[1000, 180, 360], DType::Float32), [4, 180, 360]);
        assert_eq!(pieces(&[1000, 1 << 20], DType::Float32), [1, 1 << 18]);
        assert_eq!(pieces(&[3, 2, 5], DType::Int8), [3, 2, 5]);
        assert_eq!(pieces(&[0, 5], DType::Int8), [1, 5]);
        assert_eq!(pieces(&[], DType::Int8), [0_u64; 0]);
    }
}
