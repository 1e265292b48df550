//! S3 stores, through the AWS SDK.

use std::{error::Error, time::Duration};

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_object::GetObjectError,
};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    ByteRange, S3ClientMap, Source, SourceError, SourceErrorKind,
    body::Body,
    error::{causes, kind_of_status, message_of_kind},
};
use crate::{
    array::{Budget, Buffer},
    credentials::Credentials,
};

/// An object in a bucket.
#[derive(Clone, Debug)]
pub struct S3Location {
    /// URL of the store, without the bucket.
    pub endpoint: Url,
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object, as it is: no escapes, and every slash means something.
    pub key: String,
}

impl S3Location {
    /// The endpoint that `source` names.
    ///
    /// # Errors
    /// If it is not a plain http or https URL.
    pub fn endpoint(source: &str) -> Result<Url, String> {
        let url = Url::parse(source).map_err(|error| format!("is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials: send them as HTTP Basic authentication".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must be the URL of the store alone, without ? and #".to_owned());
        }
        Ok(url)
    }

    /// The object that a URL of the form `scheme://endpoint/bucket/key` names. Bucket and key are percent-decoded;
    /// extra slashes before either mean nothing, as in `MinIO`.
    ///
    /// # Errors
    /// If it has another form.
    pub fn from_url(url: &str) -> Result<Self, String> {
        // Cut as text: a URL library would resolve `..`, which may stand in a key.
        let (scheme, rest) = url.split_once("://").ok_or("must be scheme://endpoint/bucket/key")?;
        let (authority, path) = rest.split_at(rest.find(['/', '\\', '?', '#']).unwrap_or(rest.len()));
        if path.contains(['?', '#']) || path.starts_with('\\') {
            return Err("must be scheme://endpoint/bucket/key; write ? as %3F and # as %23 in a key".to_owned());
        }
        let endpoint = Self::endpoint(&format!("{scheme}://{authority}"))?;
        let (bucket, key) =
            path.trim_start_matches('/').split_once('/').ok_or("has no key: its path is /bucket/key")?;
        Ok(Self { endpoint, bucket: percent_decoded(bucket)?, key: percent_decoded(key.trim_start_matches('/'))? })
    }
}

/// Text of a URL with its escapes undone.
pub(super) fn percent_decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "must be UTF-8 once its escapes are undone".to_owned())
}

/// Reads from S3 stores.
#[derive(Debug)]
pub struct S3Source {
    clients: S3ClientMap,
    read_timeout: Duration,
}

impl S3Source {
    /// Reads with the clients of a map, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub const fn new(clients: S3ClientMap, read_timeout: Duration) -> Self {
        Self { clients, read_timeout }
    }
}

impl Source for S3Source {
    type Location = S3Location;

    async fn fetch(
        &self,
        location: &S3Location,
        range: ByteRange,
        max_len: usize,
        credentials: Option<&Credentials>,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let client = self.clients.client(location, credentials);
        let request = client.0.get_object().bucket(&location.bucket).key(&location.key).set_range(range.header());
        let answer = request.send().await.map_err(|error| refused(&error, range, credentials.is_some()))?;
        let content_length = answer.content_length().and_then(|len| u64::try_from(len).ok());
        let part = range.locate(answer.content_range(), content_length)?;
        let body = Body { body: answer.body.into_inner(), read_timeout: self.read_timeout };
        body.read(range, part, max_len, budget).await
    }
}

/// Codes by which stores refuse a reader, whatever status they send with them.
const DENIALS: &[&str] =
    &["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];

/// Codes of a 400 that complain of what was asked for. Any other 400 to a reader without credentials is about them:
/// some stores have no other word for an unsigned request.
const WRONG_NAMES: &[&str] =
    &["InvalidArgument", "InvalidBucketName", "InvalidObjectName", "InvalidRange", "InvalidURI", "KeyTooLongError"];

/// What a failed GetObject means.
fn refused(error: &SdkError<GetObjectError>, range: ByteRange, has_credentials: bool) -> SourceError {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let kind = match (error, status) {
        (SdkError::TimeoutError(_), _) => SourceErrorKind::TimedOut,
        (SdkError::DispatchFailure(failure), _) if failure.is_timeout() => SourceErrorKind::TimedOut,
        (SdkError::DispatchFailure(failure), _) if failure.is_user() => SourceErrorKind::Refused,
        (SdkError::DispatchFailure(_), _) => SourceErrorKind::Unavailable,
        (SdkError::ConstructionFailure(_), _) => SourceErrorKind::Refused,
        (_, Some(status)) => kind_of(status, code, has_credentials),
        (_, None) => SourceErrorKind::Unavailable,
    };
    let message = message_of_kind(kind, status, range, has_credentials);
    SourceError { causes: error_causes(error, status), status, ..SourceError::new(kind, message) }
}

fn kind_of(status: u16, code: &str, has_credentials: bool) -> SourceErrorKind {
    let is_denial = DENIALS.contains(&code) || (status == 400 && !has_credentials && !WRONG_NAMES.contains(&code));
    if is_denial { SourceErrorKind::AccessDenied } else { kind_of_status(status) }
}

/// `Code: message` as the store gave them, or what the layers below say.
fn error_causes(error: &SdkError<GetObjectError>, status: Option<u16>) -> Vec<String> {
    let said = match (error.code(), error.message()) {
        (Some(code), Some(message)) if !message.is_empty() => Some(format!("{code}: {message}")),
        (Some(code), _) => Some(code.to_owned()),
        (None, _) => None,
    };
    match (said, status) {
        (Some(said), _) => vec![said],
        (None, Some(status)) if status >= 300 => vec![format!("the store answered with status {status}")],
        // Our own check complains, through the SDK.
        (None, Some(_)) => error.source().map(causes).unwrap_or_default().pop().into_iter().collect(),
        (None, None) => error.source().map(causes).unwrap_or_default(),
    }
}
