//! Where a chunk is: the words of either dialect in, one location out.

use validator::{Validate, ValidationErrors};

use super::{
    Dialect, Problem, ReplyForm,
    data::{InterfaceType, PlaceV1, PlaceV2},
    fields::Fields,
    noted, rules,
};
use crate::source::{FileLocation, HttpLocation, Location, S3Location};

/// The fields in which the dialects differ.
#[derive(Debug)]
pub(super) enum Place {
    V1(PlaceV1),
    V2(PlaceV2),
}

impl Place {
    pub(super) fn take(dialect: Dialect, fields: &mut Fields<'_>) -> Self {
        match dialect {
            Dialect::V1 => Self::V1(PlaceV1::take(fields)),
            Dialect::V2 => Self::V2(PlaceV2::take(fields)),
        }
    }

    /// The rules on single fields.
    pub(super) fn validate(&self) -> Result<(), ValidationErrors> {
        match self {
            Self::V1(place) => place.validate(),
            Self::V2(place) => place.validate(),
        }
    }

    pub(super) fn reply_form(&self) -> ReplyForm {
        match self {
            Self::V1(_) => ReplyForm::V1,
            Self::V2(place) => ReplyForm::V2 {
                shape_as_bytes: place.option_shape_as_bytes.unwrap_or(false),
                count_as_bytes: place.option_count_as_bytes.unwrap_or(false),
            },
        }
    }

    /// The location that the fields name; None if they name none, which `problems` then tells.
    pub(super) fn location(self, problems: &mut Vec<Problem>) -> Option<Location> {
        match self {
            Self::V1(PlaceV1 { source, bucket, object }) => {
                let endpoint = noted(problems, "source", S3Location::endpoint(source.as_deref()?));
                let bucket = Some(bucket?.trim_matches('/').to_owned());
                let location = S3Location { endpoint: endpoint?, bucket, key: object? };
                noted(problems, "bucket", location.check()).map(|()| Location::S3(location))
            }
            Self::V2(PlaceV2 { interface_type, url, .. }) => {
                let (interface_type, url) = (interface_type?, url?);
                noted(problems, "url", location_of(interface_type, &url))
            }
        }
    }
}

/// The location that a URL names, read as `interface_type` says.
fn location_of(interface_type: InterfaceType, url: &str) -> Result<Location, String> {
    match interface_type {
        InterfaceType::S3 => {
            let location = S3Location::from_url(url)?;
            let bucket = location.bucket.as_deref().map_or(Ok(()), rules::bucket_name);
            bucket.and(rules::object(&location.key)).map_err(|error| {
                let problem = error.message.unwrap_or_default();
                format!("{} {problem}: the path of the URL is /bucket/key", error.code)
            })?;
            location.check().map(|()| Location::S3(location))
        }
        InterfaceType::Http => HttpLocation::from_url(url).map(Location::Http),
        InterfaceType::File => FileLocation::from_url(url).map(Location::File),
    }
}
