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

/// Makes a codec of what a client wrote.
type Make = fn(&CodecSpec) -> Result<Box<dyn Codec>, String>;

/// Codecs that `compression` can name.
const COMPRESSIONS: &[(&str, Make)] =
    &[("gzip", |_| Ok(Box::new(Deflate::Gzip))), ("zlib", |_| Ok(Box::new(Deflate::Zlib)))];

/// Codecs that `filters` can name.
const FILTERS: &[(&str, Make)] = &[("shuffle", |spec| Ok(Box::new(Shuffle { element_size: element_size(spec)? })))];

/// Names of the codecs that `compression` can name.
pub fn compression_ids() -> impl Iterator<Item = &'static str> {
    COMPRESSIONS.iter().map(|(id, _)| *id)
}

/// Names of the codecs that `filters` can name.
pub fn filter_ids() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|(id, _)| *id)
}

/// The codec that `compression` names.
///
/// # Errors
/// If there is none of that name; the message lists those that there are.
pub fn compression(spec: &CodecSpec) -> Result<Box<dyn Codec>, String> {
    named("compression", COMPRESSIONS, spec)
}

/// The codec that one of the `filters` names.
///
/// # Errors
/// If there is none of that name, or a parameter that it needs is absent or makes no sense.
pub fn filter(spec: &CodecSpec) -> Result<Box<dyn Codec>, String> {
    named("filter", FILTERS, spec)
}

fn named(kind: &str, table: &[(&str, Make)], spec: &CodecSpec) -> Result<Box<dyn Codec>, String> {
    let Some((_, make)) = table.iter().find(|(id, _)| *id == spec.id) else {
        let ids: Vec<_> = table.iter().map(|(id, _)| *id).collect();
        return Err(format!("unsupported {kind} {:?}; supported: {}", spec.id, ids.join(", ")));
    };
    make(spec)
}

fn element_size(spec: &CodecSpec) -> Result<NonZeroUsize, String> {
    let size = spec.element_size.ok_or("shuffle needs an element_size, in bytes")?;
    usize::try_from(size)
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("element_size must be at least 1, not {size}"))
}
