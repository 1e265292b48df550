//! What a store's answer means that is not the object.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;

use super::{
    ByteRange, SourceError, SourceErrorKind,
    error::{kind_of_status, message_of_kind},
};

/// Longest error document that is read. Those of S3 have a few hundred bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// Codes by which stores refuse a reader, whatever status they send with them.
const DENIALS: &[&str] =
    &["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];

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

/// What an answer with this status means; its body says more.
pub(super) async fn refused(
    status: u16,
    body: Incoming,
    timeout: Duration,
    range: ByteRange,
    has_credentials: bool,
) -> SourceError {
    let document = ErrorDocument::read(body, timeout).await;
    let kind = kind_of(status, &document.code, has_credentials);
    let message = message_of_kind(kind, Some(status), range, has_credentials);
    SourceError { causes: vec![document.said(status)], status: Some(status), ..SourceError::new(kind, message) }
}

fn kind_of(status: u16, code: &str, has_credentials: bool) -> SourceErrorKind {
    let is_denial = DENIALS.contains(&code) || (status == 400 && !has_credentials && !WRONG_NAMES.contains(&code));
    if is_denial { SourceErrorKind::AccessDenied } else { kind_of_status(status) }
}

/// A part of an object of which nobody knows where it belongs.
pub(super) fn part_without_range(range: ByteRange, has_credentials: bool) -> SourceError {
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
