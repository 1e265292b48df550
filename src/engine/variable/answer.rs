//! What questions about variables are answered with.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    array::ValueType,
    index::{ChunkTable, Description, Format, Variable},
    resources::{AnswerPermit, Buffer},
    source::Version,
};

/// What is known of an object.
#[derive(Debug)]
pub struct Described {
    /// Its format.
    pub format: Format,
    /// Its version, if its store says anything about it.
    pub version: Option<Version>,
    /// Its length in bytes.
    pub size: u64,
    /// All that it holds, or one variable of it.
    pub description: Arc<Description>,
    /// The variable that was asked for, if one was.
    pub variable: Option<DescribedVariable>,
    /// Elements of coordinate variables by path, in the native byte order and in C order, with the dtype that they are stored
    /// in.
    pub coordinates: BTreeMap<String, Vec<u8>>,
}

impl Described {
    /// Of an object of so many bytes, or of one variable of it.
    pub(super) fn new(size: u64, variable: Option<DescribedVariable>) -> Self {
        let (description, coordinates) = (Arc::default(), BTreeMap::new());
        Self { format: Format::Hdf5, version: None, size, description, variable, coordinates }
    }
}

/// One variable, and where its chunks lie.
#[derive(Clone, Debug)]
pub struct DescribedVariable {
    /// Its path in the description, without the slash at its beginning.
    pub path: String,
    /// What is known of it.
    pub variable: Arc<Variable>,
    /// Its chunks.
    pub chunks: Arc<ChunkTable>,
}

/// Statistics of a part of a variable, or its elements.
#[derive(Debug)]
pub struct VariableAnswer {
    /// Names of the dimensions that all results have.
    pub dims: Vec<String>,
    /// Length of each of them.
    pub shape: Vec<usize>,
    /// The version of the object, if its store says anything about it.
    pub version: Option<Version>,
    /// In the order of the request, the components of one after the other; of a selection, the elements alone.
    pub results: Vec<NamedResult>,
    /// What was done for it.
    pub read: ReadSummary,
    /// Held until the client has read it, if it is long.
    pub permit: Option<AnswerPermit>,
}

/// One result, or a component of one that is to be merged.
#[derive(Debug)]
pub struct NamedResult {
    /// Its name, which no other has; of no meaning for the elements of a selection.
    pub name: String,
    /// The component that it is of the result of this name; None of a result that is final.
    pub component: Option<&'static str>,
    /// Type of its values.
    pub dtype: ValueType,
    /// Length of each of its dimensions.
    pub shape: Vec<usize>,
    /// In the native byte order and in C order.
    pub values: Buffer,
}

/// What was done for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadSummary {
    /// Chunks of the selection that were written, and so read.
    pub chunks: u64,
    /// Chunks of the selection that were never written.
    pub unwritten: u64,
    /// Requests to stores, those for the index included.
    pub requests: u64,
    /// Bytes that stores sent.
    pub bytes: u64,
    /// Bytes of all decoded chunks.
    pub decoded: u64,
    /// Chunks that were in a cache.
    pub cached: u64,
    /// Times that the elements were looked at.
    pub passes: u64,
}
