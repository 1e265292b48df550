//! Where a chunk is: the words of either version of the API in, one location out.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use validator::{Validate, ValidationError, ValidationErrors};

use super::{
    api_version::{ApiVersion, ReplyForm},
    fields::{Fields, NotAnObject},
    problem::{Noted, Problems, broken},
    value_schema::choice,
};
use crate::source::{FileLocation, HttpLocation, Location, S3Location, is_arn};

/// Where the chunk is, as `/v1` says it.
#[derive(Debug, Deserialize, ToSchema, Validate)]
pub struct LocationDataV1 {
    /// URL of the S3 endpoint.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = check_source))]
    pub source: Option<String>,
    /// Name of the bucket; slashes around it mean nothing.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = check_bucket))]
    pub bucket: Option<String>,
    /// Key of the object.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = check_object))]
    pub object: Option<String>,
}

/// Where the chunk is, and how the answer is to be written, as `/v2` says it.
#[derive(Debug, Deserialize, ToSchema, Validate)]
pub struct LocationDataV2 {
    /// How the object is read.
    #[schema(value_type = InterfaceType)]
    #[validate(required(message = "is required"))]
    pub interface_type: Option<InterfaceType>,
    /// URL of the object.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = check_url))]
    pub url: Option<String>,
    /// The shape as bytes (u64) instead of a list.
    pub option_shape_as_bytes: Option<bool>,
    /// The counts as bytes (i64) instead of a list.
    pub option_count_as_bytes: Option<bool>,
    /// Read the object even if its chunk is in the cache.
    pub option_disable_chunk_cache: Option<bool>,
}

/// The kinds of servers, or none, that an object can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InterfaceType {
    /// An S3 store.
    S3,
    /// A web server. Clients say `https` for `http` URLs as well; the URL decides.
    Http,
    /// A file below the operator's root.
    File,
}

/// What clients can write for an [`InterfaceType`].
const INTERFACE_TYPES: &[&str] = &["s3", "http", "https", "file"];

impl<'de> Deserialize<'de> for InterfaceType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "s3" => Ok(Self::S3),
            "http" | "https" => Ok(Self::Http),
            "file" => Ok(Self::File),
            other => Err(D::Error::unknown_variant(other, INTERFACE_TYPES)),
        }
    }
}

impl ToSchema for InterfaceType {}
impl PartialSchema for InterfaceType {
    fn schema() -> RefOr<Schema> {
        choice(INTERFACE_TYPES.iter().copied(), "How the object is read. http and https mean the same: the URL decides")
    }
}

/// The fields in which the versions of the API differ.
#[derive(Debug)]
pub(super) enum LocationData {
    V1(LocationDataV1),
    V2(LocationDataV2),
}

impl LocationData {
    pub(super) fn take(api: ApiVersion, fields: &mut Fields<'_>) -> Result<Self, NotAnObject> {
        match api {
            ApiVersion::V1 => fields.take().map(Self::V1),
            ApiVersion::V2 => fields.take().map(Self::V2),
        }
    }

    /// Checks the rules of single fields.
    pub(super) fn validate(&self) -> Result<(), ValidationErrors> {
        match self {
            Self::V1(data) => data.validate(),
            Self::V2(data) => data.validate(),
        }
    }

    pub(super) fn reply_form(&self) -> ReplyForm {
        match self {
            Self::V1(_) => ReplyForm::V1,
            Self::V2(data) => ReplyForm::V2 {
                shape_as_bytes: data.option_shape_as_bytes.unwrap_or(false),
                count_as_bytes: data.option_count_as_bytes.unwrap_or(false),
            },
        }
    }

    /// The location that the fields name.
    pub(super) fn location(self, problems: &mut Problems) -> Result<Location, Noted> {
        match self {
            Self::V1(LocationDataV1 { source, bucket, object }) => {
                let source = source.ok_or(Noted)?;
                let endpoint = problems.checked("source", S3Location::endpoint(&source));
                let bucket = Some(bucket.ok_or(Noted)?.trim_matches('/').to_owned());
                let location = S3Location { endpoint: endpoint?, bucket, key: object.ok_or(Noted)? };
                problems.checked("bucket", location.check()).map(|()| Location::S3(location))
            }
            Self::V2(LocationDataV2 { interface_type, url, .. }) => {
                let (interface_type, url) = (interface_type.ok_or(Noted)?, url.ok_or(Noted)?);
                problems.checked("url", location_of(interface_type, &url))
            }
        }
    }
}

/// The location that a URL names, read as `interface_type` says.
pub(super) fn location_of(interface_type: InterfaceType, url: &str) -> Result<Location, String> {
    match interface_type {
        InterfaceType::S3 => {
            let location = S3Location::from_url(url)?;
            let in_path = |part: &str, rule: Result<(), ValidationError>| {
                rule.map_err(|error| {
                    let problem = error.message.unwrap_or_default();
                    format!("{part} {problem}: the path of the URL is /bucket/key")
                })
            };
            in_path("bucket", location.bucket.as_deref().map_or(Ok(()), check_bucket_name))?;
            in_path("object", check_object(&location.key))?;
            location.check().map(|()| Location::S3(location))
        }
        InterfaceType::Http => HttpLocation::from_url(url).map(Location::Http),
        InterfaceType::File => FileLocation::from_url(url).map(Location::File),
    }
}

/// Longest name of a bucket in any S3 store, in bytes.
const MAX_BUCKET_BYTES: usize = 255;

/// Longest key of S3, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Longest URL of a store that is read, in bytes.
const MAX_SOURCE_BYTES: usize = 2048;

/// Longest URL of an object that is read, in bytes: room for a key of S3 with every byte escaped.
const MAX_URL_BYTES: usize = 8192;

fn check_source(source: &str) -> Result<(), ValidationError> {
    if source.len() > MAX_SOURCE_BYTES {
        return Err(broken("is longer than any URL of a store"));
    }
    // To some servers it is a part of a name and to others a step of the path: neither what is allowed nor where the
    // bucket begins would be certain.
    let lower = source.to_ascii_lowercase();
    if lower.contains("%2f") || lower.contains("%5c") {
        return Err(broken("must not have an escaped slash in its path"));
    }
    without_control_characters(source)
}

fn check_bucket(bucket: &str) -> Result<(), ValidationError> {
    check_bucket_name(bucket.trim_matches('/'))
}

fn check_bucket_name(name: &str) -> Result<(), ValidationError> {
    match name {
        "" => Err(broken("must not be empty")),
        "." | ".." => Err(broken("must be the name of a bucket")),
        name if name.contains('/') && !is_arn(name) => {
            Err(broken("must not have a slash in it; the rest belongs to object"))
        }
        name if name.len() > MAX_BUCKET_BYTES => Err(broken("is longer than any bucket's name")),
        name => without_control_characters(name),
    }
}

fn check_object(key: &str) -> Result<(), ValidationError> {
    match key.len() {
        0 => Err(broken("must not be empty")),
        1..=MAX_KEY_BYTES => Ok(()),
        _ => Err(broken(format!("is longer than the {MAX_KEY_BYTES} bytes that a key can have"))),
    }
}

pub(super) fn check_url(url: &str) -> Result<(), ValidationError> {
    if url.len() > MAX_URL_BYTES {
        return Err(broken(format!("is longer than the {MAX_URL_BYTES} bytes that are read of a URL")));
    }
    without_control_characters(url)
}

/// URL libraries pass over some of these characters: what was checked would not be what is sent.
fn without_control_characters(text: &str) -> Result<(), ValidationError> {
    if text.chars().any(char::is_control) { Err(broken("must not have control characters")) } else { Ok(()) }
}
