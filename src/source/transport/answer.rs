//! The answer to a successful GET in, the bytes of the range and their version out.

use std::time::Duration;

use hyper::{HeaderMap, Response, body::Incoming, header};

use super::{
    body::Body,
    fields::{content_range, text},
    part::{Part, object_len},
};
use crate::{
    resources::Budget,
    source::{
        error::SourceError,
        read::{Fetched, Read},
        version::Version,
    },
};

/// Reads the range from an answer with the status 200 or 206.
///
/// # Errors
/// If the answer does not hold the range, is of another version, ends early, or stalls for `read_timeout`.
pub(crate) async fn fetched<L>(
    answer: Response<Incoming>,
    read: &Read<'_, L>,
    read_timeout: Duration,
    budget: &mut Budget,
) -> Result<Fetched, SourceError> {
    let (head, body) = answer.into_parts();
    let content_length = text(&head.headers, &header::CONTENT_LENGTH).and_then(|len| len.parse().ok());
    let content_range = content_range(&head.headers);
    let object_len = content_range.map_or(content_length, object_len);
    let version = Version::of_answer(&head.headers, object_len);
    if let Some(expected) = read.version {
        expected.check(version.as_ref())?;
    }
    let part = Part::of(read.range, content_range, content_length)?;
    let bytes = Body { body, read_timeout }.read(read.range, part, read.max_len, budget).await?;
    Ok(Fetched { bytes: bytes.into(), version, object_len })
}

/// What an answer with the status 412 means: the object is of another version than was asked for, if one was.
pub(crate) fn other_version(headers: &HeaderMap, expected: Option<&Version>) -> Option<SourceError> {
    let expected = expected?;
    Some(expected.differs(Version::of_answer(headers, None).as_ref()))
}
