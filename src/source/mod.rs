//! Bytes in: a location and a range become an encoded chunk.

mod limited;
mod policy;
mod range;
mod retry;
mod s3;
mod s3_client_map;
mod s3_interceptor;

use crate::{
    array::{Budget, Buffer},
    credentials::Credentials,
};

pub use limited::Limited;
pub use policy::{Policy, PolicyError};
pub use range::ByteRange;
pub use retry::{Retry, RetryPolicy};
pub use s3::{S3Location, S3Source};
pub use s3_client_map::{S3Client, S3ClientMap, S3Settings};

/// Anything that bytes can be read from, by range. A limited or retried source is a source around a source.
pub trait Source: Send + Sync {
    /// What names an object.
    type Location: Send + Sync;

    /// Reads exactly `range` of the object into one buffer of the budget. A range without a size ends with
    /// the object and may be as long as the budget allows, but no longer than `max_len`.
    fn fetch(
        &self,
        location: &Self::Location,
        range: ByteRange,
        max_len: usize,
        credentials: Option<&Credentials>,
        budget: &mut Budget,
    ) -> impl Future<Output = Result<Buffer, SourceError>> + Send;
}

/// What a caller can do about a failed read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The object or its bucket does not exist.
    NotFound,
    /// The store refused the credentials, or a reader without any.
    AccessDenied,
    /// The range is not inside the object.
    OutsideObject,
    /// The store calls the request itself wrong.
    Refused,
    /// The chunk is longer than allowed.
    TooLarge,
    /// The store could not be reached, or failed; it may work the next time.
    Unavailable,
    /// The store took too long.
    TimedOut,
    /// The store's answer makes no sense.
    Nonsense,
    /// This server has no connection free.
    Busy,
    /// This server is at fault.
    Internal,
}

/// A read that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// What it means for the caller.
    pub kind: SourceErrorKind,
    /// For a person.
    pub message: String,
    /// What the store and the layers below said, root cause last.
    pub causes: Vec<String>,
    /// The status that the store answered with, if it answered.
    pub status: Option<u16>,
}

impl SourceError {
    /// An error without causes.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), status: None }
    }

    /// True if the same read may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, SourceErrorKind::Unavailable | SourceErrorKind::TimedOut)
    }
}
