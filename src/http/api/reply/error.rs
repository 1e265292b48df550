//! Errors → status and JSON.

use std::any::Any;

use axum::{
    Extension,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    codec::CodecError,
    engine::{OperationError, variable::VariableError},
    error::ActiveStorageError,
    index::IndexError,
    resources::{AdmissionError, BufferError, CpuError},
    source::SourceErrorKind,
};

/// Seconds after which an overloaded server may be asked again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Body of an answer that is an error.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ErrorBody<'a> {
    #[schema(inline)]
    error: ErrorDetail<'a>,
}

#[derive(Serialize, ToSchema)]
struct ErrorDetail<'a> {
    /// What to change.
    message: &'a str,
    /// What led to it, root cause last.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    caused_by: &'a [String],
}

/// What the log should tell of an answer that is an error; a part of the answer that is not sent.
#[derive(Clone, Debug)]
pub(in crate::http) struct Failure {
    pub(in crate::http) message: String,
    pub(in crate::http) caused_by: Vec<String>,
}

impl Failure {
    /// What is told of an error.
    pub(super) fn of(error: &ActiveStorageError) -> Self {
        let message = error.to_string();
        let mut caused_by = error.causes();
        caused_by.retain(|cause| *cause != message);
        Self { message, caused_by }
    }
}

impl IntoResponse for ActiveStorageError {
    fn into_response(self) -> Response {
        let status = status(&self);
        let retry_after = retry_after(&self);
        let mut response = error_response(status, Failure::of(&self));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, retry_after);
        }
        response
    }
}

/// When to ask again: when a store that throttles may be asked, in whole seconds; otherwise soon.
fn retry_after(error: &ActiveStorageError) -> HeaderValue {
    let wait = match error {
        ActiveStorageError::Source(error) => error.retry_after,
        ActiveStorageError::Chunk { error, .. } => return retry_after(error),
        _ => None,
    };
    wait.map_or(RETRY_AFTER, |wait| wait.as_millis().div_ceil(1000).max(1).to_string().parse().unwrap_or(RETRY_AFTER))
}

/// What a panic in a handler is answered with: the details are in the log alone.
pub(in crate::http) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    let message = "the server failed unexpectedly".to_owned();
    error_response(StatusCode::INTERNAL_SERVER_ERROR, Failure { message, caused_by: Vec::new() })
}

fn error_response(status: StatusCode, failure: Failure) -> Response {
    let Failure { message, caused_by } = &failure;
    let body = ErrorBody { error: ErrorDetail { message, caused_by } };
    match serde_json::to_vec(&body) {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], Extension(failure), body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The status of every error there is.
pub(super) fn status(error: &ActiveStorageError) -> StatusCode {
    use ActiveStorageError as E;
    match error {
        E::NotFound | E::Index(IndexError::NoSuchVariable { .. }) => StatusCode::NOT_FOUND,
        E::Token => StatusCode::UNAUTHORIZED,
        E::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        E::UnsupportedMediaType | E::UnsupportedBody | E::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        E::TooLarge { .. }
        | E::TooManyNumbers { .. }
        | E::TooMuch { .. }
        | E::Index(IndexError::TooLarge { .. })
        | E::Codec(CodecError::AboveLimit { .. })
        | E::Operation(OperationError::TooManyElements(_)) => StatusCode::PAYLOAD_TOO_LARGE,
        E::Changed { .. } => StatusCode::CONFLICT,
        E::Chunk { error, .. } => status(error),
        E::Variable(error) => variable_status(error),
        E::Index(IndexError::Unanswered { .. }) => StatusCode::BAD_GATEWAY,
        E::Policy(_) => StatusCode::FORBIDDEN,
        E::Admission(error) | E::Cpu(CpuError::NotAdmitted(error)) => admission_status(error),
        E::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        // Nobody reads the answer of cancelled work.
        E::DeadlineExceeded(_)
        | E::VariableDeadlineExceeded(_)
        | E::Stalled(_)
        | E::Codec(CodecError::Cancelled(_))
        | E::Operation(OperationError::Cancelled(_)) => StatusCode::GATEWAY_TIMEOUT,
        E::Source(error) => source_status(error.kind),
        E::Host
        | E::UnreadableBody(_)
        | E::Authorization
        | E::SessionToken
        | E::RequestPayer
        | E::Request(_)
        | E::Index(IndexError::NotThisFormat { .. } | IndexError::Unsupported { .. } | IndexError::Malformed { .. })
        | E::Codec(
            CodecError::Corrupt { .. }
            | CodecError::TooLong { .. }
            | CodecError::Implausible { .. }
            | CodecError::Unsuited { .. },
        )
        | E::Operation(OperationError::WrongLength(_) | OperationError::Overflow { .. }) => StatusCode::BAD_REQUEST,
        E::Codec(CodecError::Buffer(error)) | E::Operation(OperationError::Buffer(error)) => buffer_status(error),
        E::Operation(OperationError::Defect(_)) | E::Cpu(CpuError::Panicked) | E::Reply(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn variable_status(error: &VariableError) -> StatusCode {
    match error {
        VariableError::CannotBeRead(_) | VariableError::NoFillValue { .. } => StatusCode::BAD_REQUEST,
        VariableError::NoLength => StatusCode::BAD_GATEWAY,
        VariableError::NoMemoryForIndex => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn buffer_status(error: &BufferError) -> StatusCode {
    match error {
        BufferError::OutOfMemory { .. } => StatusCode::SERVICE_UNAVAILABLE,
        BufferError::NotAdmitted { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn admission_status(error: &AdmissionError) -> StatusCode {
    match error {
        AdmissionError::NeverFits { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        AdmissionError::NoPlace | AdmissionError::QueueFull(_) | AdmissionError::WaitedTooLong { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

fn source_status(kind: SourceErrorKind) -> StatusCode {
    match kind {
        SourceErrorKind::NotFound | SourceErrorKind::OutsideObject | SourceErrorKind::Refused => {
            StatusCode::BAD_REQUEST
        }
        SourceErrorKind::AccessDenied => StatusCode::UNAUTHORIZED,
        SourceErrorKind::Forbidden => StatusCode::FORBIDDEN,
        SourceErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        SourceErrorKind::Unavailable | SourceErrorKind::Nonsense => StatusCode::BAD_GATEWAY,
        SourceErrorKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        SourceErrorKind::OtherVersion => StatusCode::PRECONDITION_FAILED,
        SourceErrorKind::Busy | SourceErrorKind::Throttled => StatusCode::SERVICE_UNAVAILABLE,
        SourceErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{request::RequestError, resources::BufferError, source::SourceError};

    fn source(kind: SourceErrorKind) -> ActiveStorageError {
        SourceError::new(kind, "").into()
    }

    fn of_chunk(error: ActiveStorageError) -> ActiveStorageError {
        ActiveStorageError::Chunk { index: vec![0], offset: 0, object: String::new(), error: Box::new(error) }
    }

    fn too_much() -> ActiveStorageError {
        let (chunks, stored, decoded, memory) = (1, 2, 3, 4);
        ActiveStorageError::TooMuch { chunks, stored, decoded, memory, what: "memory", limit: 1, setting: "" }
    }

    #[test]
    fn every_kind_of_error_has_the_status_of_the_table() {
        use ActiveStorageError as E;
        use SourceErrorKind as Kind;
        let waited = AdmissionError::WaitedTooLong { resource: "memory", waited: Duration::ZERO };
        let too_long = CodecError::TooLong { codec: "zlib", expected: 1 };
        for (error, expected) in [
            (E::NotFound, 404),
            (E::MethodNotAllowed { method: "GET".into() }, 405),
            (E::Host, 400),
            (E::UnsupportedMediaType, 415),
            (E::ContentEncoding, 415),
            (E::UnreadableBody(String::new()), 400),
            (E::Authorization, 400),
            (E::SessionToken, 400),
            (E::RequestPayer, 400),
            (E::Request(RequestError::Invalid(Vec::new())), 400),
            (E::TooLarge { what: String::new(), limit: 1, setting: "" }, 413),
            (E::TooManyNumbers { numbers: 2, limit: 1 }, 413),
            (too_much(), 413),
            (E::UnsupportedBody, 415),
            (E::Changed { object: String::new() }, 409),
            (E::Stalled(Duration::ZERO), 504),
            (E::VariableDeadlineExceeded(Duration::ZERO), 504),
            (E::Index(IndexError::NoSuchVariable { path: String::new(), near: Vec::new() }), 404),
            (E::Index(IndexError::Unsupported { what: String::new() }), 400),
            (E::Index(IndexError::TooLarge { what: String::new(), limit: 1 }), 413),
            (E::Index(IndexError::Unanswered { start: 0, end: 1 }), 502),
            (of_chunk(source(Kind::Throttled)), 503),
            (of_chunk(E::Codec(CodecError::TooLong { codec: "zlib", expected: 1 })), 400),
            (E::Admission(AdmissionError::NeverFits { needed: 2, limit: 1 }), 413),
            (E::Admission(AdmissionError::NoPlace), 503),
            (E::Admission(AdmissionError::QueueFull(1)), 503),
            (E::Cpu(CpuError::NotAdmitted(waited)), 503),
            (E::Cpu(CpuError::Panicked), 500),
            (E::DeadlineExceeded(Duration::ZERO), 504),
            (E::Codec(too_long), 400),
            (E::Codec(CodecError::AboveLimit { codec: "zlib", limit: 1 }), 413),
            (E::Codec(CodecError::Buffer(BufferError::OutOfMemory { len: 1 })), 503),
            (E::Operation(OperationError::Overflow { dtype: "int8", wider: "int64" }), 400),
            (E::Operation(OperationError::TooManyElements(1)), 413),
            (E::Operation(OperationError::Buffer(BufferError::NotAdmitted { len: 1 })), 500),
            (E::Operation(OperationError::Defect("")), 500),
            (source(Kind::NotFound), 400),
            (source(Kind::OutsideObject), 400),
            (source(Kind::Refused), 400),
            (source(Kind::AccessDenied), 401),
            (source(Kind::Forbidden), 403),
            (source(Kind::TooLarge), 413),
            (source(Kind::Unavailable), 502),
            (source(Kind::Nonsense), 502),
            (source(Kind::TimedOut), 504),
            (source(Kind::OtherVersion), 412),
            (source(Kind::Throttled), 503),
            (source(Kind::Busy), 503),
            (source(Kind::Internal), 500),
        ] {
            let shown = format!("{error:?}");
            let response = error.into_response();
            assert_eq!(response.status().as_u16(), expected, "{shown}");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), expected == 503, "{shown}");
        }
    }

    #[test]
    fn a_panic_is_a_500_that_tells_nothing_of_it() {
        let response = panicked(Box::new("a secret"));
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
