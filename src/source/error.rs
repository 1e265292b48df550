//! What went wrong with a read, in the same words whatever it was read from.

use std::{error::Error, time::Duration};

use crate::resources::{AdmissionError, BufferError};

/// The message where a store limits how often it is asked.
pub(super) const THROTTLED: &str = "the store wants to be asked less often; ask again later";

/// What a caller can do about a failed read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The object or its bucket does not exist.
    NotFound,
    /// The store refused the credentials, or refused a reader who sent none.
    AccessDenied,
    /// The operator lets nobody read this.
    Forbidden,
    /// The object is no longer of the version that was asked for.
    OtherVersion,
    /// The range is not inside the object.
    OutsideObject,
    /// The store says that the request itself is wrong.
    Refused,
    /// The chunk is longer than allowed.
    TooLarge,
    /// The store could not be reached, or failed; the next attempt may succeed.
    Unavailable,
    /// The store wants to be asked less often.
    Throttled,
    /// The store took too long.
    TimedOut,
    /// The store's answer makes no sense.
    Nonsense,
    /// This server has no free connection.
    Busy,
    /// This server is at fault.
    Internal,
}

impl SourceErrorKind {
    /// The name in labels of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AccessDenied => "access_denied",
            Self::Forbidden => "forbidden",
            Self::OtherVersion => "other_version",
            Self::OutsideObject => "outside_object",
            Self::Refused => "refused",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::Throttled => "throttled",
            Self::TimedOut => "timed_out",
            Self::Nonsense => "nonsense",
            Self::Busy => "busy",
            Self::Internal => "internal",
        }
    }
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
    /// How long the store wants to be left alone, if it says so.
    pub retry_after: Option<Duration>,
}

impl SourceError {
    /// An error without causes.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), status: None, retry_after: None }
    }

    /// The same error with its cause.
    pub(super) fn caused_by(self, cause: impl Into<String>) -> Self {
        Self { causes: vec![cause.into()], ..self }
    }

    /// True if the same read may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, SourceErrorKind::Unavailable | SourceErrorKind::Throttled | SourceErrorKind::TimedOut)
    }
}

impl From<AdmissionError> for SourceError {
    fn from(error: AdmissionError) -> Self {
        Self::new(SourceErrorKind::Busy, error.to_string())
    }
}

impl From<BufferError> for SourceError {
    fn from(error: BufferError) -> Self {
        Self::new(SourceErrorKind::Internal, error.to_string())
    }
}

/// The messages of an error and its sources, without those that only repeat the next one.
pub(super) fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let mut causes: Vec<String> = chain.map(ToString::to_string).collect();
    causes.dedup_by(|next, previous| previous.contains(next.as_str()));
    causes
}
