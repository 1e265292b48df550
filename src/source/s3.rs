//! S3 stores: a signed GET for each chunk.

use std::{sync::Arc, time::Duration};

use hyper::header;
use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::{
    ByteRange, HttpClient, S3ClientMap, Source, SourceError,
    body::Body,
    http_client::{content_range, text},
    s3_error::{part_without_range, refused},
};
use crate::{
    array::{Budget, Buffer},
    credentials::Caller,
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
        // A URL library reads `http:host/x://authority` as well, as another host and a path.
        if endpoint.path() != "/" {
            return Err("must be scheme://endpoint/bucket/key".to_owned());
        }
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
#[derive(Clone, Debug)]
pub struct S3Source {
    pub(super) clients: Arc<S3ClientMap>,
    pub(super) client: HttpClient,
    read_timeout: Duration,
}

impl S3Source {
    /// Reads as the clients of a map say, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub const fn new(clients: Arc<S3ClientMap>, client: HttpClient, read_timeout: Duration) -> Self {
        Self { clients, client, read_timeout }
    }
}

impl Source for S3Source {
    type Location = S3Location;

    fn store<'a>(&self, location: &'a S3Location) -> &'a str {
        &location.endpoint[..Position::BeforePath]
    }

    async fn fetch(
        &self,
        location: &S3Location,
        range: ByteRange,
        max_len: usize,
        caller: &Caller,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let credentials = caller.credentials.as_ref();
        let request = self.clients.client(location, credentials).get_object(location, range).await?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|no_answer| no_answer.for_read(range, credentials.is_some()))?;
        let (head, body) = answer.into_parts();
        let status = head.status.as_u16();
        let content_range = content_range(&head.headers);
        match (status, content_range) {
            (200, _) | (206, Some(_)) => {}
            (206, None) => return Err(part_without_range(range, credentials.is_some())),
            _ => return Err(refused(status, body, self.read_timeout, range, credentials.is_some()).await),
        }
        let content_length = text(&head.headers, &header::CONTENT_LENGTH).and_then(|len| len.parse().ok());
        let part = range.locate(content_range, content_length)?;
        Body { body, read_timeout: self.read_timeout }.read(range, part, max_len, budget).await
    }
}
