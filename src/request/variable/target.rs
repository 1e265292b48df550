//! What a request is about: an object and a variable in it, or an array that the request itself describes.

use std::collections::BTreeMap;

use url::Url;

use crate::{
    codec::ZarrCodec,
    index::{ChunkTable, Format, Variable},
    source::{Location, Version},
};

/// An object, and what a client knows of it.
#[derive(Clone, Debug)]
pub struct ObjectRequest {
    /// Where it is.
    pub location: Location,
    /// Its format; found out from its content if None.
    pub format: Option<Format>,
    /// The version that it must have; any if None.
    pub version: Option<Version>,
    /// Where URLs of schemes such as `s3` inside the object lead, by scheme.
    pub endpoints: BTreeMap<String, Url>,
}

/// What is asked about.
#[derive(Clone, Debug)]
pub enum Target {
    /// The variable of this path in the object.
    Variable(String),
    /// An array that the client describes.
    Listed(Box<ListedArray>),
}

/// An array of which the client says where its chunks lie.
#[derive(Clone, Debug)]
pub struct ListedArray {
    /// What it is. Its attributes are `scale_factor`, `add_offset` and `_Unsigned`, as far as the client gave them.
    pub variable: Variable,
    /// The codecs of a Zarr v3 array, instead of the filters of the variable.
    pub codecs: Option<Vec<ZarrCodec>>,
    /// Its chunks, in the order of the grid.
    pub chunks: ChunkTable,
    /// The objects that the chunks lie in, and for each chunk, in the order of the grid, which of them; None where all lie in
    /// the object of the request.
    pub objects: Option<(Vec<Location>, Vec<u32>)>,
}
