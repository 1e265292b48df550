//! A dataset: its object header as a variable, and where the index of its chunks is.

use rust_hdf5::format::messages::{
    data_layout::{ChunkIndexType, DataLayoutMessage, SingleChunkFilter},
    dataspace::DataspaceClass,
};

use super::{
    attribute::{self, RawAttribute},
    file::File,
    messages::Messages,
    object_header::{Kind, ObjectHeader},
};
use crate::{
    array::{MAX_DIMENSIONS, Order},
    codec::{CodecSpec, FilterList},
    index::{
        blocks::Parsed,
        error::IndexError,
        variable::{ElementType, Stored, Variable},
    },
};

/// A dataset as its object header tells of it.
#[derive(Debug)]
pub(super) struct Dataset {
    /// Without names of dimensions and attributes, which take more to know.
    pub(super) variable: Variable,
    pub(super) attributes: Vec<RawAttribute>,
    pub(super) chunks: Option<ChunkedLayout>,
    /// Whether each dimension may grow without limit.
    pub(super) are_unlimited: Vec<bool>,
}

/// Where the index of the chunks of a dataset is, and what it takes to read it.
#[derive(Clone, Debug)]
pub(super) struct ChunkedLayout {
    /// Address of the index; None if no chunk was ever written.
    pub(super) address: Option<u64>,
    pub(super) kind: IndexKind,
    /// Most elements in each dimension; None for any number.
    pub(super) max_shape: Vec<Option<u64>>,
    /// Bytes of a chunk before its filters.
    pub(super) chunk_size: u64,
    /// How many filters chunks have.
    pub(super) filters: usize,
    /// The filter without which elements are no numbers, by its place.
    pub(super) needed_filter: Option<u32>,
    /// Whether chunks that reach over the edge have no filters, whatever the index says.
    pub(super) are_edges_raw: bool,
}

/// How chunks are indexed.
#[derive(Clone, Debug)]
pub(super) enum IndexKind {
    BTree1,
    Single(Option<SingleChunkFilter>),
    Implicit,
    FixedArray,
    ExtensibleArray,
    BTree2,
}

/// Whether this is the header of a dataset.
pub(super) fn is_dataset(header: &ObjectHeader) -> bool {
    header.first(Kind::LAYOUT).is_some()
}

/// Number of the filter that packs numbers of less precision than room.
const NBIT: u16 = 5;

impl Dataset {
    /// Reads what the header says, but for the values of attributes.
    pub(super) fn read(file: &File<'_>, header: &ObjectHeader) -> Parsed<Self> {
        let (attributes, messages) = (attribute::attributes(file, header), Messages::read(file, header));
        let (attributes, messages) = (attributes?, messages?);
        let shape = messages.dataspace.dims.clone();
        if shape.len() > MAX_DIMENSIONS {
            return Err(IndexError::malformed("a dataspace", header.address, "it has too many dimensions").into());
        }
        let placed = Placed { file, at: header.address, messages: &messages };
        let mut variable = Variable {
            dims: Vec::new(),
            elements: messages.datatype.element_type(),
            order: Order::C,
            stored: placed.stored()?,
            filters: messages.filters.iter().map(|(id, data)| CodecSpec::of_hdf5_filter(*id, data.clone())).collect(),
            fill_value: messages
                .fill_value
                .clone()
                .filter(|_| matches!(messages.datatype.element_type(), ElementType::Number { .. })),
            attributes: Vec::new(),
            obstacle: None,
            shape,
        };
        variable.obstacle = placed.obstacle(&variable);
        let are_unlimited = placed.max_shape().iter().map(Option::is_none).collect();
        Ok(Self { variable, attributes, chunks: placed.chunks()?, are_unlimited })
    }
}

/// The messages of a dataset, and where they are.
struct Placed<'a> {
    file: &'a File<'a>,
    at: u64,
    messages: &'a Messages,
}

impl Placed<'_> {
    /// Why the variable cannot be reduced.
    fn obstacle(&self, variable: &Variable) -> Option<String> {
        let dtype = match &variable.elements {
            ElementType::Number { dtype, .. } => *dtype,
            ElementType::Other(name) => return Some(format!("its elements are no numbers: {name}")),
        };
        if self.messages.datatype.is_padded() && self.needed_filter().is_none() {
            return Some("its numbers have fewer bits than their bytes have".to_owned());
        }
        if self.messages.dataspace.class == DataspaceClass::Null {
            return Some("it has no elements, not even of a shape: its dataspace is null".to_owned());
        }
        if self.messages.is_external {
            return Some("its data is in other files (external storage)".to_owned());
        }
        match &self.messages.layout {
            Err(what) => return Some(format!("{what} cannot be read")),
            Ok(DataLayoutMessage::Virtual { .. }) => {
                return Some("it is made up of other datasets (virtual)".to_owned());
            }
            Ok(_) => {}
        }
        let filters = FilterList { filters: &variable.filters, compression: None, mask: 0 };
        let problems = filters.pipeline(dtype).err()?;
        Some(problems.into_iter().map(|(_, problem)| problem).collect::<Vec<_>>().join("; "))
    }

    fn needed_filter(&self) -> Option<u32> {
        let at = self
            .messages
            .filters
            .iter()
            .position(|(id, _)| *id == NBIT)
            .filter(|_| self.messages.datatype.is_padded())?;
        u32::try_from(at).ok()
    }

    fn stored(&self) -> Parsed<Stored> {
        if self.messages.is_external {
            return Ok(Stored::Elsewhere);
        }
        let count = self.messages.dataspace.element_count();
        let size = count.and_then(|count| count.checked_mul(self.messages.datatype.size.into()));
        Ok(match &self.messages.layout {
            Err(_) | Ok(DataLayoutMessage::Virtual { .. }) => Stored::Elsewhere,
            Ok(DataLayoutMessage::Compact { data }) => {
                let len = u64::try_from(data.len()).ok();
                if len.is_none() || len != size {
                    return Err(self.wrong("compact data is not as long as its shape says"));
                }
                Stored::Inline(data.clone())
            }
            Ok(DataLayoutMessage::Contiguous { address, size: there }) => self.contiguous(*address, *there, size)?,
            Ok(DataLayoutMessage::ChunkedV3 { chunk_dims, .. } | DataLayoutMessage::ChunkedV4 { chunk_dims, .. }) => {
                Stored::Chunks { shape: self.chunk_shape(chunk_dims)?.to_vec() }
            }
        })
    }

    fn contiguous(&self, address: u64, there: u64, size: Option<u64>) -> Parsed<Stored> {
        let size = size.ok_or_else(|| self.wrong("it has more bytes than there can be"))?;
        if !self.file.is_defined(address) || size == 0 {
            return Ok(Stored::Nowhere);
        }
        let offset = self.file.offset(address)?;
        let is_inside = offset.checked_add(size).is_some_and(|end| end <= self.file.view.len());
        if there < size || !is_inside {
            return Err(self.wrong("its data is not as long as its shape says, or goes beyond the end of the object"));
        }
        Ok(Stored::Contiguous { offset, size })
    }

    /// The shape of a chunk, which the message ends with the size of an element.
    fn chunk_shape<'a>(&self, dims: &'a [u64]) -> Parsed<&'a [u64]> {
        let split = dims.split_last().filter(|(size, shape)| {
            **size == u64::from(self.messages.datatype.size) && shape.len() == self.messages.dataspace.dims.len()
        });
        Ok(split.ok_or_else(|| self.wrong("its chunks do not suit its elements and its shape"))?.1)
    }

    fn chunks(&self) -> Parsed<Option<ChunkedLayout>> {
        let (dims, address, kind, flags) = match &self.messages.layout {
            Ok(DataLayoutMessage::ChunkedV3 { chunk_dims, b_tree_address }) => {
                (chunk_dims, *b_tree_address, IndexKind::BTree1, 0)
            }
            Ok(DataLayoutMessage::ChunkedV4 {
                chunk_dims,
                index_address,
                index_type,
                flags,
                single_chunk_filter,
                ..
            }) => (chunk_dims, *index_address, index_kind(*index_type, *single_chunk_filter), *flags),
            _ => return Ok(None),
        };
        let size = dims.iter().try_fold(1_u64, |size, &len| size.checked_mul(len));
        Ok(Some(ChunkedLayout {
            address: Some(address).filter(|&address| self.file.is_defined(address)),
            kind,
            max_shape: self.max_shape(),
            chunk_size: size.ok_or_else(|| self.wrong("its chunks have more bytes than there can be"))?,
            filters: self.messages.filters.len(),
            needed_filter: self.needed_filter(),
            are_edges_raw: flags & 1 != 0,
        }))
    }

    fn max_shape(&self) -> Vec<Option<u64>> {
        let dataspace = &self.messages.dataspace;
        let bits = u32::from(self.file.context.sizeof_size).saturating_mul(8);
        let unlimited = u64::MAX.checked_shr(64_u32.saturating_sub(bits)).unwrap_or(0);
        let most = dataspace.max_dims.as_ref().unwrap_or(&dataspace.dims);
        most.iter().map(|&len| Some(len).filter(|&len| len != unlimited)).collect()
    }

    fn wrong(&self, problem: &str) -> crate::index::blocks::Halt {
        IndexError::malformed("a dataset", self.at, problem).into()
    }
}

const fn index_kind(kind: ChunkIndexType, single: Option<SingleChunkFilter>) -> IndexKind {
    match kind {
        ChunkIndexType::SingleChunk => IndexKind::Single(single),
        ChunkIndexType::Implicit => IndexKind::Implicit,
        ChunkIndexType::FixedArray => IndexKind::FixedArray,
        ChunkIndexType::ExtensibleArray => IndexKind::ExtensibleArray,
        ChunkIndexType::BTreeV2 => IndexKind::BTree2,
    }
}
