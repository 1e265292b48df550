//! What a store's answer means that is not the object.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::{Response, body::Incoming, ext::ReasonPhrase, header::HeaderName};
use serde::Deserialize;

use crate::source::{
    error::{SourceError, SourceErrorKind},
    range::Range,
    transport::{
        fields::text,
        status::{kind_of_status, message_of_kind, retry_after},
    },
};

/// Longest error document that is read. Those of S3 have a few hundred bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Codes by which stores refuse a reader, whatever status they send with them.
const DENIALS: &[&str] =
    &["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];

/// Codes by which stores say that they are asked too often, whatever status they send with them.
const THROTTLES: &[&str] = &[
    "BandwidthLimitExceeded",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "SlowDownRead",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException",
];

/// Where a store says in which region a bucket is.
const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// Codes of a 400 that complain of what was asked for. Any other 400 to a reader without credentials is about them:
/// some stores have no other word for an unsigned request.
const WRONG_NAMES: &[&str] =
    &["InvalidArgument", "InvalidBucketName", "InvalidObjectName", "InvalidRange", "InvalidURI", "KeyTooLongError"];

/// The document that a store sends with an error ("REST error responses" of the Amazon S3 API reference).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ErrorDocument {
    code: String,
    message: String,
    /// The region that the request should have been signed for.
    region: String,
}

/// Why there is no object, and in which region it would be, if the store says that it was looked for in a wrong one.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: SourceError,
    pub(crate) region: Option<String>,
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        Self { error, region: None }
    }
}

impl ErrorDocument {
    /// What an XML document says; nothing, if it is another one or none at all.
    fn parse(xml: &[u8]) -> Self {
        std::str::from_utf8(xml).ok().and_then(|xml| quick_xml::de::from_str(xml).ok()).unwrap_or_default()
    }

    async fn read(body: Incoming, timeout: Duration) -> Self {
        match tokio::time::timeout(timeout, Limited::new(body, MAX_ERROR_BYTES).collect()).await {
            Ok(Ok(xml)) => Self::parse(&xml.to_bytes()),
            _ => Self::default(),
        }
    }

    /// `Code: message`, as the store gave them.
    fn said(self, status: u16) -> String {
        match (self.code.is_empty(), self.message.is_empty()) {
            (true, _) => format!("the store answered with status {status}"),
            (false, true) => self.code,
            (false, false) => format!("{}: {}", self.code, self.message),
        }
    }
}

/// What an answer that holds no object means; its body says more.
pub(crate) async fn refused(
    answer: Response<Incoming>,
    timeout: Duration,
    range: Range,
    has_credentials: bool,
) -> Refusal {
    let (mut head, body) = answer.into_parts();
    let status = head.status.as_u16();
    let reason = head.extensions.remove::<ReasonPhrase>();
    let document = ErrorDocument::read(body, timeout).await;
    // A 403 has the header as well, and means something else.
    let is_elsewhere =
        matches!(status, 301 | 307 | 308) || status == 400 && document.code == "AuthorizationHeaderMalformed";
    let named = text(&head.headers, &BUCKET_REGION).unwrap_or(&document.region);
    let region = (is_elsewhere && is_region(named)).then(|| named.to_owned());
    let kind = match reason {
        // Where there is no document, this is AWS's other word for it.
        Some(reason) if status == 503 && reason.as_bytes().eq_ignore_ascii_case(b"Slow Down") => {
            SourceErrorKind::Throttled
        }
        _ => kind_of(status, &document.code, has_credentials),
    };
    let message = message_of_kind(kind, Some(status), range, has_credentials);
    let error = SourceError {
        causes: vec![document.said(status)],
        status: Some(status),
        retry_after: retry_after(&head.headers),
        ..SourceError::new(kind, message)
    };
    Refusal { error, region }
}

/// Whether this may be the name of a region, and of a part of a host.
fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn kind_of(status: u16, code: &str, has_credentials: bool) -> SourceErrorKind {
    let is_denial = DENIALS.contains(&code) || (status == 400 && !has_credentials && !WRONG_NAMES.contains(&code));
    match code {
        _ if is_denial => SourceErrorKind::AccessDenied,
        code if THROTTLES.contains(&code) => SourceErrorKind::Throttled,
        _ => kind_of_status(status),
    }
}

/// A part of an object of which nobody knows where it belongs.
pub(crate) fn part_without_range(range: Range, has_credentials: bool) -> SourceError {
    let kind = SourceErrorKind::Nonsense;
    let cause = "the answer is a part of the object and does not say which: 206 without Content-Range";
    SourceError {
        causes: vec![cause.to_owned()],
        status: Some(206),
        ..SourceError::new(kind, message_of_kind(kind, Some(206), range, has_credentials))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(xml: &str) -> String {
        ErrorDocument::parse(xml.as_bytes()).said(400)
    }

    #[test]
    fn documents_of_all_stores_are_understood() {
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
        let body = "<Code>NoSuchKey</Code><Message>not &lt;here&gt;</Message><RequestId>1</RequestId>";
        assert_eq!(said(&format!("{head}<Error>{body}</Error>")), "NoSuchKey: not <here>");
        let namespace = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
        assert_eq!(said(&format!("<Error {namespace}>{body}</Error>")), "NoSuchKey: not <here>");
        assert_eq!(said("<Error><Code>NoSuchKey</Code></Error>"), "NoSuchKey");
        assert_eq!(said("<Error><Code>NoSuchKey</Code><Message/></Error>"), "NoSuchKey");
    }

    #[test]
    fn what_is_no_such_document_says_nothing() {
        let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
        for text in ["", "Access denied", "<html><body>no</body></html>", "<Error><Code>", "{\"Code\": 1}", &deep] {
            assert_eq!(said(text), "the store answered with status 400", "{text:.20}");
        }
    }
}
