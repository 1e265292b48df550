//! S3 stores: a signed GET for each chunk.

use std::{sync::Arc, time::Duration};

use hyper::{Response, body::Incoming};
use percent_encoding::percent_decode_str;
use url::{Position, Url};

use super::{
    Fetched, HttpClient, Read, S3ClientMap, Source, SourceError, SourceErrorKind,
    answer::{fetched, other_version},
    aws::{self, AwsHost},
    http_client::content_range,
    s3_client::Site,
    s3_error::{Refusal, part_without_range, refused},
};
use crate::{array::Budget, credentials::Authorization};

/// An object in a bucket.
#[derive(Clone, Debug)]
pub struct S3Location {
    /// URL of the store, without the bucket, unless that is part of the host's name.
    pub endpoint: Url,
    /// Name of the bucket, or ARN of an access point; None where the host's name says it.
    pub bucket: Option<String>,
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
        AwsHost::refusal(url.host_str().unwrap_or_default()).map_or(Ok(url), Err)
    }

    /// The object that a URL of the form `scheme://endpoint/bucket/key` names, or `scheme://bucket.endpoint/key` at AWS.
    /// Bucket and key are percent-decoded; extra slashes before either mean nothing, as in `MinIO`.
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
        let path = path.trim_start_matches('/');
        if AwsHost::parse(endpoint.host_str().unwrap_or_default()).is_some_and(|host| host.has_bucket()) {
            return Ok(Self { endpoint, bucket: None, key: percent_decoded(path)? });
        }
        let (bucket, key) = path.split_once('/').ok_or("has no key: its path is /bucket/key")?;
        let key = percent_decoded(key.trim_start_matches('/'))?;
        Ok(Self { endpoint, bucket: Some(percent_decoded(bucket)?), key })
    }
}

impl S3Location {
    /// Lets those buckets pass that the service can ask for.
    ///
    /// # Errors
    /// If the name says that it wants another kind of signatures, at AWS.
    pub fn check(&self) -> Result<(), String> {
        let is_aws = AwsHost::parse(self.endpoint.host_str().unwrap_or_default()).is_some();
        let bucket = self.bucket.as_deref().filter(|_| is_aws);
        bucket.and_then(aws::refused_bucket).map_or(Ok(()), Err)
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

    /// The answer that holds the object, or a part of it, from where the bucket is supposed to be.
    async fn get(&self, location: &S3Location, site: &Site, read: &Read<'_>) -> Result<Response<Incoming>, Refusal> {
        let credentials = credentials(read)?;
        let has_credentials = credentials.is_some();
        let request = self.clients.client(location, credentials).get_object(location, site, read).await?;
        let answer = self.client.send(request).await;
        let answer = answer.map_err(|no_answer| no_answer.for_read(read.range, has_credentials))?;
        match (answer.status().as_u16(), content_range(answer.headers())) {
            (200, _) | (206, Some(_)) => Ok(answer),
            (206, None) => Err(part_without_range(read.range, has_credentials).into()),
            (412, _) if let Some(error) = other_version(answer.headers(), read) => Err(error.into()),
            _ => Err(refused(answer, self.read_timeout, read.range, has_credentials).await),
        }
    }
}

/// What requests are signed with.
fn credentials<'a>(read: &Read<'a>) -> Result<Option<&'a crate::credentials::Credentials>, SourceError> {
    match &read.caller.authorization {
        None => Ok(None),
        Some(Authorization::Basic(credentials)) => Ok(Some(credentials)),
        Some(Authorization::Bearer(_)) => Err(SourceError::new(
            SourceErrorKind::Refused,
            "S3 stores take no bearer token: send access key and secret key as HTTP Basic credentials",
        )),
    }
}

impl Source for S3Source {
    type Location = S3Location;

    fn store<'a>(&self, location: &'a S3Location) -> &'a str {
        &location.endpoint[..Position::BeforePath]
    }

    async fn fetch(&self, location: &S3Location, read: &Read<'_>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let site = self.clients.site(location);
        let answer = match self.get(location, &site, read).await {
            Ok(answer) => answer,
            Err(Refusal { error, region }) => {
                // The store says where the bucket is: that is asked once, and kept.
                let region = region.filter(|region| *region != *site.region).ok_or(error)?;
                self.clients.learn(location, &region);
                self.get(location, &self.clients.site(location), read).await.map_err(|refusal| refusal.error)?
            }
        };
        fetched(answer, read, self.read_timeout, budget).await
    }
}
