//! Wire id → codec: the one table.

use std::num::NonZeroUsize;

use serde::Deserialize;

use super::{Codec, Deflate, Shuffle};

/// `{"id": …}` as a client writes it: numcodecs' configurations are understood, and what they hold for
/// encoding only (`level` …) is passed over.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct CodecSpec {
    /// Name of the codec.
    pub id: String,
    /// Size of the elements in bytes, for `shuffle`.
    #[serde(default, alias = "elementsize")]
    pub element_size: Option<u64>,
}

const COMPRESSIONS: &[(&str, Deflate)] = &[("gzip", Deflate::Gzip), ("zlib", Deflate::Zlib)];

/// The codec that `compression` names.
///
/// # Errors
/// If there is none of that name; the message lists those that there are.
pub fn compression(spec: &CodecSpec) -> Result<Box<dyn Codec>, String> {
    match COMPRESSIONS.iter().find(|(id, _)| *id == spec.id) {
        Some(&(_, codec)) => Ok(Box::new(codec)),
        None => Err(format!("unsupported compression {:?}; supported: gzip, zlib", spec.id)),
    }
}

/// The codec that one of the `filters` names.
///
/// # Errors
/// If there is none of that name, or a parameter that it needs is absent or makes no sense.
pub fn filter(spec: &CodecSpec) -> Result<Box<dyn Codec>, String> {
    match spec.id.as_str() {
        "shuffle" => Ok(Box::new(Shuffle { element_size: element_size(spec)? })),
        id => Err(format!("unsupported filter {id:?}; supported: shuffle")),
    }
}

fn element_size(spec: &CodecSpec) -> Result<NonZeroUsize, String> {
    let size = spec.element_size.ok_or("shuffle needs an element_size, in bytes")?;
    usize::try_from(size)
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("element_size must be at least 1, not {size}"))
}
