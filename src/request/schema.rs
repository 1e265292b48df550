//! The bodies of requests as OpenAPI schemas.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{Object, RefOr, Schema, schema::AdditionalProperties},
};

use super::{
    data::RequestData,
    location::{LocationDataV1, LocationDataV2},
};

/// Body of a `/v1` request.
#[must_use]
pub fn request_v1() -> RefOr<Schema> {
    body(LocationDataV1::schema())
}

/// Body of a `/v2` request.
#[must_use]
pub fn request_v2() -> RefOr<Schema> {
    body(LocationDataV2::schema())
}

/// The schemas that those of the bodies refer to, by name.
#[must_use]
pub fn parts() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = Vec::new();
    RequestData::schemas(&mut schemas);
    LocationDataV2::schemas(&mut schemas);
    schemas
}

/// One object of the fields of a location and those that every request has, and no other ones.
fn body(location: RefOr<Schema>) -> RefOr<Schema> {
    let mut body = Object::new();
    for part in [location, RequestData::schema()] {
        if let RefOr::T(Schema::Object(part)) = part {
            body.properties.extend(part.properties);
            body.required.extend(part.required);
        }
    }
    body.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    body.into()
}
