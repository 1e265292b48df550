//! What is wrong with a read, in the same words whatever it was read from.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use hyper::{HeaderMap, header};

use super::{ByteRange, http_client::text};

/// Told where a store limits how often it is asked.
pub(super) const THROTTLED: &str = "the store wants to be asked less often; ask again later";

/// What a caller can do about a failed read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceErrorKind {
    /// The object or its bucket does not exist.
    NotFound,
    /// The store refused the credentials, or a reader without any.
    AccessDenied,
    /// The operator does not let anybody read this.
    Forbidden,
    /// The object is not of the version that was asked for.
    OtherVersion,
    /// The range is not inside the object.
    OutsideObject,
    /// The store calls the request itself wrong.
    Refused,
    /// The chunk is longer than allowed.
    TooLarge,
    /// The store could not be reached, or failed; it may work the next time.
    Unavailable,
    /// The store wants to be asked less often.
    Throttled,
    /// The store took too long.
    TimedOut,
    /// The store's answer makes no sense.
    Nonsense,
    /// This server has no connection free.
    Busy,
    /// This server is at fault.
    Internal,
}

impl SourceErrorKind {
    /// A name for labels.
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
    /// How long the store wants not to be asked, if it says so.
    pub retry_after: Option<Duration>,
}

impl SourceError {
    /// An error without causes.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), status: None, retry_after: None }
    }

    /// True if the same read may succeed a moment later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, SourceErrorKind::Unavailable | SourceErrorKind::Throttled | SourceErrorKind::TimedOut)
    }
}

/// What an HTTP status that is no success means.
pub(super) fn kind_of_status(status: u16) -> SourceErrorKind {
    match status {
        401 | 403 => SourceErrorKind::AccessDenied,
        404 | 410 => SourceErrorKind::NotFound,
        416 => SourceErrorKind::OutsideObject,
        429 => SourceErrorKind::Throttled,
        500 | 502..=504 => SourceErrorKind::Unavailable,
        400..=499 => SourceErrorKind::Refused,
        _ => SourceErrorKind::Nonsense,
    }
}

/// How long a server wants not to be asked (RFC 9110, section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, &header::RETRY_AFTER)?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The message for a person.
pub(super) fn message_of_kind(
    kind: SourceErrorKind,
    status: Option<u16>,
    range: ByteRange,
    has_credentials: bool,
) -> String {
    match kind {
        SourceErrorKind::AccessDenied if has_credentials => {
            "Access Denied: the store refused the credentials".to_owned()
        }
        SourceErrorKind::AccessDenied => "Access Denied: the store refused to be read anonymously".to_owned(),
        SourceErrorKind::Forbidden => "this server does not connect to the address of this source".to_owned(),
        SourceErrorKind::NotFound => "the store has no such object".to_owned(),
        SourceErrorKind::OutsideObject => range.outside(None).message,
        SourceErrorKind::Throttled => THROTTLED.to_owned(),
        SourceErrorKind::TimedOut => "the store did not answer in time".to_owned(),
        SourceErrorKind::Unavailable if status.is_none() => "the store cannot be reached".to_owned(),
        SourceErrorKind::Unavailable => "the store failed".to_owned(),
        SourceErrorKind::Refused => "the store cannot be asked for this object".to_owned(),
        _ if status.is_some_and(|status| (300..400).contains(&status) && status != 304) => {
            "the store redirects elsewhere: is its URL, or its region, another one?".to_owned()
        }
        _ => "the store's answer makes no sense".to_owned(),
    }
}

/// An error and its sources, without those that only repeat what comes after them.
pub(super) fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let mut causes: Vec<String> = chain.map(ToString::to_string).collect();
    causes.dedup_by(|next, previous| previous.contains(next.as_str()));
    causes
}
