//! One reader of one S3 endpoint: where its requests go, and how they are signed.

use std::{fmt, sync::Arc, time::SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, Uri, header, http::HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Position, Url};

use super::{
    ByteRange, S3Location, SourceError, SourceErrorKind, http_client::USER_AGENT, s3_own_credentials::OwnCredentials,
};
use crate::credentials::Credentials;

/// Characters of a bucket's name that do not stand for themselves in a URL.
const NOT_IN_A_BUCKET: &AsciiSet = &NOT_IN_A_KEY.remove(b':').add(b'/');

/// The same for a key: what is not unreserved (RFC 3986, section 2.3) is escaped, but slashes, as signatures want it
/// ("Create a canonical request" of the AWS documentation).
const NOT_IN_A_KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Where the name of the bucket stands in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// Before the key: `https://store.example/bucket/key`.
    Path,
    /// Before the host: `https://bucket.store.example/key`. Buckets whose names cannot stand there are addressed by
    /// path, and so are stores without a host name.
    Virtual,
}

/// Whom requests are signed for.
#[derive(Clone)]
pub(super) enum Signer {
    /// Nobody: they are not signed.
    Nobody,
    /// Who sent the request.
    Client(Identity),
    /// The service itself.
    Service(Arc<OwnCredentials>),
}

impl Signer {
    pub(super) fn of_client(credentials: &Credentials) -> Self {
        let token = credentials.session_token().map(str::to_owned);
        Self::Client(AwsCredentials::new(&credentials.user, credentials.secret(), token, None, "the request").into())
    }

    async fn identity(&self) -> Result<Option<Identity>, SourceError> {
        match self {
            Self::Nobody => Ok(None),
            Self::Client(identity) => Ok(Some(identity.clone())),
            Self::Service(own) => own.identity().await.map(Some),
        }
    }
}

/// A client of one endpoint with one set of credentials.
#[derive(Clone)]
pub struct S3Client {
    endpoint: Url,
    addressing: Addressing,
    region: Arc<str>,
    signer: Signer,
}

impl S3Client {
    pub(super) const fn new(endpoint: Url, addressing: Addressing, region: Arc<str>, signer: Signer) -> Self {
        Self { endpoint, addressing, region, signer }
    }

    /// The request for a range of an object, below the endpoint and nowhere else. The range is part of what is signed;
    /// headers that a proxy may rewrite are not.
    ///
    /// # Errors
    /// If the service has no credentials of its own where it needs them, or the object cannot be named in a URL.
    pub(super) async fn get_object(
        &self,
        location: &S3Location,
        range: ByteRange,
    ) -> Result<Request<Empty<Bytes>>, SourceError> {
        let identity = self.signer.identity().await?;
        self.request(location, range, identity.as_ref()).map_err(|cause| SourceError {
            causes: vec![cause],
            ..SourceError::new(SourceErrorKind::Refused, "the store cannot be asked for this object")
        })
    }

    fn request(
        &self,
        location: &S3Location,
        range: ByteRange,
        identity: Option<&Identity>,
    ) -> Result<Request<Empty<Bytes>>, String> {
        let key = utf8_percent_encode(&location.key, NOT_IN_A_KEY);
        let url = format!("{}/{key}", bucket_url(&self.endpoint, self.addressing, &location.bucket));
        let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let host = uri.authority().map(ToString::to_string).unwrap_or_default();
        let range = range.header();
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::HOST, host.parse().map_err(|error| format!("{error}"))?);
        if let Some(range) = &range {
            headers.insert(header::RANGE, range.parse().map_err(|error| format!("{error}"))?);
        }
        if let Some(identity) = identity {
            let range = range.as_deref().map(|range| ("range", range));
            self.sign(&mut request, &url, [Some(("host", host.as_str())), range].into_iter().flatten(), identity)?;
        }
        Ok(request)
    }

    /// Signs a request for `url` with Signature Version 4.
    fn sign<'a>(
        &self,
        request: &mut Request<Empty<Bytes>>,
        url: &'a str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        identity: &Identity,
    ) -> Result<(), String> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| error.to_string())?;
        let signable = SignableRequest::new("GET", url, headers, SignableBody::Bytes(&[]));
        let signed = signable.and_then(|signable| sign(signable, &params.into())).map_err(|error| error.to_string())?;
        // Not by the signer's own `apply`, which panics at an access key or a token that no header can hold.
        let (headers, _) = signed.into_parts().0.into_parts();
        for header in headers {
            let problem = |_| format!("the credentials cannot stand in the header {}", header.name());
            let mut value = HeaderValue::try_from(header.value()).map_err(problem)?;
            value.set_sensitive(true);
            request.headers_mut().insert(header.name(), value);
        }
        Ok(())
    }
}

/// URL of a bucket. Put together as text: a URL library would drop or resolve some of what it can be called.
fn bucket_url(endpoint: &Url, addressing: Addressing, bucket: &str) -> String {
    let path = endpoint.path().trim_end_matches('/');
    if addressing == Addressing::Virtual && matches!(endpoint.host(), Some(Host::Domain(_))) && is_label(bucket) {
        let (before, rest) = (&endpoint[..Position::BeforeHost], &endpoint[Position::BeforeHost..Position::BeforePath]);
        return format!("{before}{bucket}.{rest}{path}");
    }
    let bucket = utf8_percent_encode(bucket, NOT_IN_A_BUCKET);
    format!("{}{path}/{bucket}", &endpoint[..Position::BeforePath])
}

/// Whether a bucket's name can be one part of a host name. With a dot in it, it would be several, and the certificate
/// of the store would not be for it.
fn is_label(bucket: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (3..=63).contains(&bucket.len())
        && bucket.chars().all(is_inner)
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}

impl fmt::Debug for S3Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Client").field("endpoint", &self.endpoint.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_no_header_can_hold_are_an_error() {
        let endpoint = Url::parse("http://store.example").expect("a URL");
        let location = S3Location { endpoint: endpoint.clone(), bucket: "data".to_owned(), key: "key".to_owned() };
        let client = S3Client::new(endpoint, Addressing::Path, "us-east-1".into(), Signer::Nobody);
        let range = ByteRange { offset: 0, size: Some(1) };
        for (user, token) in [("user\n", None), ("user", Some("token\n")), ("us\0er", None)] {
            let token = token.map(str::to_owned);
            let identity = AwsCredentials::new(user, "a secret", token, None, "a test").into();
            let error = client.request(&location, range, Some(&identity)).expect_err("no header can hold it");
            // The signer itself refuses such a token, but not such a user.
            let expected = ["the credentials cannot stand in the header", "failed to create canonical request"];
            assert!(expected.iter().any(|expected| error.contains(expected)), "{error}");
            assert!(!error.contains("us\0er") && !error.contains('\n'), "{error}");
        }
        let identity = AwsCredentials::new("user", "a secret", None, None, "a test").into();
        let request = client.request(&location, range, Some(&identity)).expect("a request");
        assert!(request.headers().contains_key(header::AUTHORIZATION));
        assert!(!format!("{request:?}").contains("Signature="));
    }

    #[test]
    fn buckets_stand_before_the_host_where_that_is_possible() {
        let url = |addressing, endpoint, bucket| {
            let endpoint = Url::parse(endpoint).expect("a URL");
            bucket_url(&endpoint, addressing, bucket)
        };
        for (endpoint, bucket, virtual_host, path) in [
            ("http://store.example", "data", "http://data.store.example", "http://store.example/data"),
            ("https://store:9000/s3/", "data", "https://data.store:9000/s3", "https://store:9000/s3/data"),
            ("http://store", "da.ta", "http://store/da.ta", "http://store/da.ta"),
            ("http://store", "Data", "http://store/Data", "http://store/Data"),
            ("http://store", "-data", "http://store/-data", "http://store/-data"),
            ("http://store", "a@b:c", "http://store/a%40b:c", "http://store/a%40b:c"),
            ("http://127.0.0.1:9000", "data", "http://127.0.0.1:9000/data", "http://127.0.0.1:9000/data"),
            ("http://[::1]:9000", "data", "http://[::1]:9000/data", "http://[::1]:9000/data"),
        ] {
            assert_eq!(url(Addressing::Virtual, endpoint, bucket), virtual_host);
            assert_eq!(url(Addressing::Path, endpoint, bucket), path);
        }
    }
}
