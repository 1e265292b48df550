//! What an HTTP status means that is not a success: the kind of error, and a message for a person.

use std::time::{Duration, SystemTime};

use hyper::{HeaderMap, StatusCode, header};

use super::fields::text;
use crate::source::{
    error::{SourceError, SourceErrorKind, THROTTLED},
    read::Asked,
};

/// The kind of error that a status means.
pub(crate) fn kind_of_status(status: u16) -> SourceErrorKind {
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

/// The error that an answer with this status stands for.
pub(crate) fn failed(kind: SourceErrorKind, (status, headers): (StatusCode, &HeaderMap), asked: Asked) -> SourceError {
    let status = Some(status.as_u16());
    let message = message_of_kind(kind, status, asked);
    SourceError { status, retry_after: retry_after(headers), ..SourceError::new(kind, message) }
}

/// How long a server wants to be left alone (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = text(headers, &header::RETRY_AFTER)?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The message for a person.
pub(super) fn message_of_kind(kind: SourceErrorKind, status: Option<u16>, asked: Asked) -> String {
    match kind {
        SourceErrorKind::AccessDenied if asked.has_credentials => {
            "Access Denied: the store refused the credentials".to_owned()
        }
        SourceErrorKind::AccessDenied => "Access Denied: the store refused to be read anonymously".to_owned(),
        SourceErrorKind::Forbidden => "this server does not connect to the address of this source".to_owned(),
        SourceErrorKind::NotFound => "the store has no such object".to_owned(),
        SourceErrorKind::OutsideObject => asked.range.outside(None).message,
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
