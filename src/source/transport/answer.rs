//! The answer to a GET that succeeded → the bytes of the range, and their version.

use std::time::Duration;

use hyper::{HeaderMap, Response, body::Incoming, header};

use super::{
    body::Body,
    headers::{content_range, text},
};
use crate::{
    array::Budget,
    source::{
        error::SourceError,
        range::object_len,
        read::{Fetched, Read},
        version::Version,
    },
};

/// Reads what was asked for out of an answer whose status is 200 or 206.
///
/// # Errors
/// If it does not hold the range, is of another version, ends early, or stalls for `read_timeout`.
pub(crate) async fn fetched(
    answer: Response<Incoming>,
    read: &Read<'_>,
    read_timeout: Duration,
    budget: &mut Budget,
) -> Result<Fetched, SourceError> {
    let (head, body) = answer.into_parts();
    let content_length = text(&head.headers, &header::CONTENT_LENGTH).and_then(|len| len.parse().ok());
    let content_range = content_range(&head.headers);
    let version = Version::of_answer(&head.headers, content_range.map_or(content_length, object_len));
    if let Some(expected) = read.version {
        expected.check(version.as_ref())?;
    }
    let part = read.range.locate(content_range, content_length)?;
    let bytes = Body { body, read_timeout }.read(read.range, part, read.max_len, budget).await?;
    Ok(Fetched { bytes, version })
}

/// The read of another version that an answer with the status 412 tells of.
pub(crate) fn other_version(headers: &HeaderMap, read: &Read<'_>) -> Option<SourceError> {
    let expected = read.version?;
    Some(expected.differs(Version::of_answer(headers, None).as_ref()))
}
