//! Results and errors → the wire.

mod error;
mod parts;
mod v1;
mod v2;

use axum::{
    body::{Body, HttpBody},
    http::HeaderName,
    response::Response,
};

use crate::{
    array::Budget,
    error::ActiveStorageError,
    operation::{OperationResult, Outline},
    request::ReplyForm,
    resource_manager::AnswerPermit,
    source::Version,
};

use super::held::Held;

/// The headers in which answers tell of results.
pub(super) const HEADERS: &[&str] = &[
    "x-activestorage-byte-order",
    "x-activestorage-count",
    "x-activestorage-dtype",
    "x-activestorage-etag",
    "x-activestorage-shape",
];

pub(super) use error::{ErrorBody, Failure, panicked};

/// Memory units that a result of this outline takes to be written, beside its values and counts.
///
/// # Errors
/// If it cannot be written in this form at all.
pub(super) fn memory_units(form: ReplyForm, outline: &Outline) -> Result<usize, ActiveStorageError> {
    match form {
        ReplyForm::V1 => v1::fits(outline.results()).map(|()| 0),
        ReplyForm::V2 { count_as_bytes, .. } => Ok(v2::memory_units(outline, count_as_bytes)),
    }
}

/// Length of the body of an answer in bytes, if it is known.
pub(super) fn len(response: &Response) -> Option<usize> {
    response.body().size_hint().exact().and_then(|len| usize::try_from(len).ok())
}

/// Has the bytes of a long answer hold the permit.
pub(super) fn held(response: Response, mut permit: AnswerPermit) -> Response {
    permit.shrink(len(&response).unwrap_or(usize::MAX));
    if permit.is_for_long_answer() { response.map(|body| Body::new(Held::new(body, permit))) } else { response }
}

/// Which version of the object an answer is about, in either dialect.
pub(super) const VERSION: HeaderName = HeaderName::from_static("x-activestorage-etag");

/// Has an answer say which version of the object it is about, if anybody knows.
pub(super) fn set_version(response: &mut Response, version: Option<&Version>) {
    if let Some(version) = version.and_then(Version::header) {
        response.headers_mut().insert(VERSION, version);
    }
}

/// The answer to a request. Values, and counts written as bytes, go out from where they are.
///
/// # Errors
/// If the result is longer than the form allows, or there is no memory to write it.
pub(super) fn encode(
    form: ReplyForm,
    result: OperationResult,
    budget: &mut Budget,
) -> Result<Response, ActiveStorageError> {
    match form {
        ReplyForm::V1 => v1::encode(result),
        ReplyForm::V2 { shape_as_bytes, count_as_bytes } => v2::encode(result, shape_as_bytes, count_as_bytes, budget),
    }
}
