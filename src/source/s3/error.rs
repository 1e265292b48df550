//! What an answer of an S3 store means that does not hold the object.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::{Response, body::Incoming, ext::ReasonPhrase, header::HeaderName};
use serde::Deserialize;

use crate::source::{
    error::{SourceError, SourceErrorKind},
    read::Asked,
    transport::{
        fields::text,
        status::{failed, kind_of_status},
    },
};

/// How much of an error document is read. Those of S3 have a few hundred bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Codes that refuse a reader, whatever the status.
const DENIALS: &[&str] =
    &["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];

/// Codes of stores that are asked too often, whatever the status.
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

/// The header in which a store names the region of a bucket.
const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// Codes of a 400 that is about the names in the request. Any other 400 to a reader without credentials is about those: some
/// stores have no other answer to an unsigned request.
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

/// Why there is no object, and the region to ask in instead, if the store named one.
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
    /// What an XML document says; nothing if it is not such a document.
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

/// What an answer without the object means, by its status and its body.
pub(crate) async fn refused(answer: Response<Incoming>, timeout: Duration, asked: Asked) -> Refusal {
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
        // AWS says it like this where it sends no document.
        Some(reason) if status == 503 && reason.as_bytes().eq_ignore_ascii_case(b"Slow Down") => {
            SourceErrorKind::Throttled
        }
        _ => kind_of(status, &document.code, asked.has_credentials),
    };
    let error = failed(kind, (head.status, &head.headers), asked).caused_by(document.said(status));
    Refusal { error, region }
}

/// Whether this may be the name of a region, and can be a label of a host name.
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
