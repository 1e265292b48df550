//! Where an object in a bucket is.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use url::{Origin, Position, Url};

use super::aws::{self, AwsHost};
use crate::source::locate::{Locate, decoded_text, directory};

/// An object in a bucket.
#[derive(Clone, Debug)]
pub struct S3Location {
    /// URL of the store, without the bucket unless the host name contains it.
    pub endpoint: Url,
    /// Name of the bucket, or ARN of an access point; None where the host name contains it.
    pub bucket: Option<String>,
    /// Key of the object, without escapes. Every slash in it counts.
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
        // A URL library would also read `http:host/x://authority`, with another host and a path.
        if endpoint.path() != "/" {
            return Err("must be scheme://endpoint/bucket/key".to_owned());
        }
        let path = path.trim_start_matches('/');
        if AwsHost::parse(endpoint.host_str().unwrap_or_default()).is_some_and(|host| host.has_bucket()) {
            return Ok(Self { endpoint, bucket: None, key: decoded_text(path)? });
        }
        let (bucket, key) = path.split_once('/').ok_or("has no key: its path is /bucket/key")?;
        let key = decoded_text(key.trim_start_matches('/'))?;
        Ok(Self { endpoint, bucket: Some(decoded_text(bucket)?), key })
    }

    /// Checks that requests for the bucket can be signed.
    ///
    /// # Errors
    /// If its name says that it wants another kind of signature, which some at AWS do.
    pub fn check(&self) -> Result<(), String> {
        let is_aws = AwsHost::parse(self.endpoint.host_str().unwrap_or_default()).is_some();
        let bucket = self.bucket.as_deref().filter(|_| is_aws);
        bucket.and_then(aws::refused_bucket).map_or(Ok(()), Err)
    }

    /// What tells the object from others: the parts of the endpoint, the key, and the bucket, which is the same one before a
    /// host name of AWS as in the path.
    fn identity(&self) -> ([&str; 5], Option<&str>) {
        let (host, path) = (self.endpoint.host_str().unwrap_or_default(), self.endpoint.path());
        let (host, bucket) = match &self.bucket {
            Some(bucket) => (host, Some(bucket.as_str())),
            None => aws::split_bucket(host).map_or((host, None), |(bucket, host)| (host, Some(bucket))),
        };
        let port = &self.endpoint[Position::AfterHost..Position::BeforePath];
        ([self.endpoint.scheme(), host, port, path.trim_end_matches('/'), &self.key], bucket)
    }
}

impl PartialEq for S3Location {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for S3Location {}

impl Hash for S3Location {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl Locate for S3Location {
    fn store(&self) -> &str {
        &self.endpoint[..Position::BeforePath]
    }

    fn path(&self) -> Option<(Origin, Vec<u8>)> {
        let before = directory(self.endpoint.path());
        let segments = [Some(before.as_slice()), self.bucket.as_ref().map(String::as_bytes), Some(self.key.as_bytes())];
        Some((self.endpoint.origin(), segments.into_iter().flatten().collect::<Vec<_>>().join(&b'/')))
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.endpoint.as_str().trim_end_matches('/'))?;
        self.bucket.iter().try_for_each(|bucket| write!(f, "/{bucket}"))?;
        write!(f, "/{}", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> S3Location {
        S3Location::from_url(url).expect("a URL")
    }

    #[test]
    fn spellings_of_one_object_are_equal() {
        for (one, other) in [
            ("http://store/data/key", "HTTP://Store:80//data//key"),
            ("http://store/data/a b", "http://store/d%61ta/a%20b"),
            ("https://s3.eu-west-1.amazonaws.com/data/key", "https://data.s3.eu-west-1.amazonaws.com/key"),
            ("https://s3-eu-west-1.amazonaws.com/my.data/key", "https://my.data.s3-eu-west-1.amazonaws.com/key"),
        ] {
            assert_eq!(location(one), location(other));
        }
        let below = |endpoint: &str| S3Location {
            endpoint: S3Location::endpoint(endpoint).expect("a URL"),
            bucket: Some("data".to_owned()),
            key: "key".to_owned(),
        };
        assert_eq!(below("http://store/s3"), below("http://store/s3//"));
        assert_eq!(below("http://store"), location("http://store/data/key"));
        assert_ne!(below("http://store"), below("http://store/s3"));
    }

    #[test]
    fn objects_that_may_be_others_are_not_equal() {
        for (one, other) in [
            ("http://store/data/key", "https://store/data/key"),
            ("http://store/data/key", "http://store:81/data/key"),
            ("http://store/data/key", "http://store/data/Key"),
            ("http://store/data/key", "http://store/data/key/"),
            ("http://store/data/a/b", "http://store/data/a//b"),
            ("http://store/data/a/b", "http://store/data/a/./b"),
            ("http://store/a/b/c", "http://store/a%2Fb/c"),
            ("http://s3.store/data/key", "http://data.s3.store/x/key"),
            ("https://s3.amazonaws.com/data/key", "https://s3.eu-west-1.amazonaws.com/data/key"),
            ("https://s3.amazonaws.com/Data/key", "https://Data.s3.amazonaws.com/key"),
            (
                "https://point-1.s3-accesspoint.us-west-2.amazonaws.com/key",
                "https://s3-accesspoint.us-west-2.amazonaws.com/point-1/key",
            ),
        ] {
            assert_ne!(location(one), location(other));
        }
    }
}
