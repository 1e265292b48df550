//! Filters as requests list them.

use serde::Serialize;

use crate::codec::{CodecId, CodecSpec};

/// A filter as `filters` of requests have it.
#[derive(Serialize)]
pub(super) struct FilterMap<'a> {
    id: FilterId<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cd_values: Option<&'a [u32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    element_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dtype: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    astype: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<f64>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum FilterId<'a> {
    Name(&'a str),
    Number(u32),
}

impl<'a> FilterMap<'a> {
    pub(super) fn new(spec: &'a CodecSpec) -> Self {
        Self {
            id: match &spec.id {
                CodecId::Name(name) => FilterId::Name(name),
                CodecId::Number(number) => FilterId::Number(*number),
            },
            cd_values: spec.cd_values.as_deref(),
            element_size: spec.element_size,
            block_size: spec.block_size,
            cname: spec.cname.as_deref(),
            location: spec.location.as_deref(),
            dtype: spec.dtype.as_deref(),
            astype: spec.astype.as_deref(),
            scale: spec.scale,
            offset: spec.offset,
        }
    }
}
