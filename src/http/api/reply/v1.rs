//! Results in the form of `/v1`: raw bytes and headers.

use axum::{
    body::{Body, Bytes},
    http::header,
    response::Response,
};
use serde::Serialize;

use crate::{array::ByteOrder, engine::OperationResult, error::ActiveStorageError};

/// Longest count header: about what the most patient HTTP clients read. Some read less (Python's `http.client` 64 KiB),
/// but which client there is, and what it does with a long header, is not for the server to guess.
const MAX_COUNT_HEADER_BYTES: usize = 384 * 1024;

/// Whether a result with this many counts can be put into the v1 form at all.
///
/// # Errors
/// If they need a longer header than clients read: a digit and a comma each, at least.
pub(super) fn fits(counts: usize) -> Result<(), ActiveStorageError> {
    if counts > MAX_COUNT_HEADER_BYTES / 2 { Err(too_many_counts(counts)) } else { Ok(()) }
}

/// The bytes of the result as the body, everything else in headers.
pub(super) fn encode(result: OperationResult) -> Result<Response, ActiveStorageError> {
    let shape = json(&result.shape)?;
    let counts = result.counts.elements::<i64>();
    let count = match (result.one_count, counts) {
        (true, [count]) => json(count)?,
        _ => json(counts)?,
    };
    if count.len() > MAX_COUNT_HEADER_BYTES {
        return Err(too_many_counts(counts.len()));
    }
    Response::builder()
        .header(header::CONTENT_TYPE, "application/octet-stream")
        .header("x-activestorage-dtype", result.dtype.name())
        .header("x-activestorage-byte-order", ByteOrder::NATIVE.name())
        .header("x-activestorage-shape", shape)
        .header("x-activestorage-count", count)
        // The buffer's memory permit goes with it, to the last byte sent.
        .body(Body::from(Bytes::from_owner(result.values)))
        .map_err(|error| ActiveStorageError::Reply(error.to_string()))
}

fn too_many_counts(results: usize) -> ActiveStorageError {
    ActiveStorageError::TooLarge {
        what: format!("the x-activestorage-count header of {results} results"),
        limit: MAX_COUNT_HEADER_BYTES,
        setting: "fixed: what HTTP clients read; reduce over more axes, or select a smaller part",
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, ActiveStorageError> {
    serde_json::to_string(value).map_err(|error| ActiveStorageError::Reply(error.to_string()))
}
