//! The fields of requests about variables, exactly as on the wire. `null` means "not given" for every field.

use serde::Deserialize;

use super::{axes::Axes, chunks::Urls, selection::Selection};
use crate::{
    array::DType,
    request::{fields::object, missing::MissingData},
};

/// Fields that list values, as many as a client likes.
pub(super) const LONG_FIELDS: &[&str] = &["chunks", "groups", "missing", "selection", "statistics", "urls", "weights"];

/// Those of `chunks`.
pub(super) const LONG_COLUMNS: &[&str] = &["filter_mask", "index", "offset", "size", "url"];

/// What a part of an array is selected by.
#[derive(Debug, Deserialize)]
pub(super) struct PartData {
    pub(super) variable: Option<String>,
    pub(super) urls: Option<Urls>,
    pub(super) selection: Option<Selection>,
    pub(super) unpack: Option<bool>,
}

/// What is made of the part, beside the statistics.
#[derive(Debug, Deserialize)]
pub(super) struct ReductionData {
    pub(super) axis: Option<Axes>,
    pub(super) keepdims: Option<bool>,
    #[serde(default, deserialize_with = "object")]
    pub(super) missing: Option<MissingData>,
    pub(super) skipna: Option<bool>,
    pub(super) result_dtype: Option<DType>,
    pub(super) partial: Option<bool>,
}

/// What a description is to hold.
#[derive(Debug, Deserialize)]
pub(super) struct DescriptionData {
    pub(super) variable: Option<String>,
    pub(super) chunks: Option<bool>,
    pub(super) values: Option<String>,
}
