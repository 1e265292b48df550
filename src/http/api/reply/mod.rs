//! Results and errors → the wire.

mod error;
mod parts;
mod v1;
mod v2;
pub(super) mod variables;

use axum::{
    body::{Body, HttpBody},
    http::HeaderName,
    response::Response,
};

use crate::{
    engine::{CountsShape, OperationResult, Reply},
    error::ActiveStorageError,
    http::server::held::Held,
    request::ReplyForm,
    resources::{AnswerPermit, Budget},
    source::Version,
};

/// The headers in which answers tell of results.
pub(super) const HEADERS: &[&str] = &[
    "x-activestorage-byte-order",
    "x-activestorage-count",
    "x-activestorage-dtype",
    "x-activestorage-etag",
    "x-activestorage-shape",
];

pub(super) use error::{ErrorBody, Failure, panicked};

/// Which version of the object an answer is about, in either version of the API.
pub(super) const VERSION: HeaderName = HeaderName::from_static("x-activestorage-etag");

/// Values, and counts written as bytes, go out from where they are.
impl Reply for ReplyForm {
    type Answer = Response;

    fn units(&self, counts: &CountsShape) -> Result<usize, ActiveStorageError> {
        match self {
            Self::V1 => v1::fits(counts.results()).map(|()| 0),
            Self::V2 { count_as_bytes, .. } => Ok(v2::units(counts, *count_as_bytes)),
        }
    }

    fn write(
        &self,
        result: OperationResult,
        version: Option<&Version>,
        budget: &mut Budget,
    ) -> Result<Response, ActiveStorageError> {
        let mut response = match *self {
            Self::V1 => v1::encode(result),
            Self::V2 { shape_as_bytes, count_as_bytes } => v2::encode(result, shape_as_bytes, count_as_bytes, budget),
        }?;
        if let Some(version) = version.and_then(Version::header) {
            response.headers_mut().insert(VERSION, version);
        }
        Ok(response)
    }

    fn len(response: &Response) -> Option<usize> {
        response.body().size_hint().exact().and_then(|len| usize::try_from(len).ok())
    }

    fn held(response: Response, mut permit: AnswerPermit) -> Response {
        permit.shrink(Self::len(&response).unwrap_or(usize::MAX));
        if permit.is_for_long_answer() { response.map(|body| Body::new(Held::new(body, permit))) } else { response }
    }
}
