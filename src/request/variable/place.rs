//! Which object a request is about.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;
use utoipa::ToSchema;
use validator::Validate;

use super::target::ObjectRequest;
use crate::{
    index::Format,
    request::{
        location::{InterfaceType, check_url, location_of},
        problem::{Noted, Problems},
    },
    source::{S3Location, Version},
};

/// The object, as every request about a variable names it.
#[derive(Debug, Deserialize, ToSchema, Validate)]
pub(in crate::request) struct PlaceData {
    /// How the object is read.
    #[schema(value_type = InterfaceType)]
    #[validate(required(message = "is required"))]
    interface_type: Option<InterfaceType>,
    /// URL of the object.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = check_url))]
    url: Option<String>,
    /// Format of the object, such as `hdf5`; found out from its content if absent.
    format: Option<String>,
    /// Version that the object must have: its `ETag`.
    etag: Option<String>,
    /// Where URLs of `s3` and `gs` inside a reference file lead, such as `{"s3": "https://store.example"}`.
    endpoints: Option<BTreeMap<String, String>>,
}

/// Schemes of URLs that say nothing of the server.
const SCHEMES: [&str; 2] = ["gs", "s3"];

impl PlaceData {
    pub(super) const fn interface_type(&self) -> Option<InterfaceType> {
        self.interface_type
    }

    /// The object that the fields name.
    pub(super) fn object(self, problems: &mut Problems) -> Result<ObjectRequest, Noted> {
        problems.note_broken(self.validate());
        let format = problems.checked("format", self.format.as_deref().map(Format::parse).transpose());
        let version = problems.checked("etag", self.etag.as_deref().map(Version::parse).transpose());
        let endpoints = problems.checked("endpoints", endpoints(self.endpoints.unwrap_or_default()));
        let (interface_type, url) = (self.interface_type.ok_or(Noted)?, self.url.ok_or(Noted)?);
        if problems.concern("url") {
            return Err(Noted);
        }
        let location = problems.checked("url", location_of(interface_type, &url))?;
        Ok(ObjectRequest { location, format: format?, version: version?, endpoints: endpoints? })
    }
}

fn endpoints(said: BTreeMap<String, String>) -> Result<BTreeMap<String, Url>, String> {
    let checked = said.into_iter().map(|(scheme, endpoint)| {
        if !SCHEMES.contains(&scheme.as_str()) {
            return Err(format!("{scheme:?} is no scheme that needs an endpoint; those are {}", SCHEMES.join(", ")));
        }
        let url = S3Location::endpoint(&endpoint).map_err(|problem| format!("{scheme} {problem}"))?;
        Ok((scheme, url))
    });
    checked.collect()
}
