//! Requests to an S3 endpoint on behalf of one reader: where they go, and how they are signed.

use std::{fmt, sync::Arc, time::SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign as sign_request,
    },
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, Uri,
    header::{self, HeaderName},
    http::HeaderValue,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Position};

use super::{
    aws::{self, AwsHost},
    location::S3Location,
    own_credentials::OwnCredentials,
};
use crate::{
    credentials::{Credentials, Payer},
    source::{
        error::{SourceError, SourceErrorKind},
        read::Read,
        transport::client::USER_AGENT,
        version::Version,
    },
};

/// Characters of a bucket's name that are escaped in a URL.
const NOT_IN_A_BUCKET: &AsciiSet = &NOT_IN_A_KEY.remove(b':').add(b'/');

/// Characters of a key that are escaped in a URL: all but slashes and what is unreserved (RFC 3986, section 2.3), as signatures
/// want it ("Create a canonical request" of the AWS documentation).
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
    signer: Signer,
}

/// Where, and how, a bucket is asked.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// Where its name stands in a URL.
    pub(super) addressing: Addressing,
    /// The region that requests are signed for.
    pub(super) region: Arc<str>,
}

/// Who pays for a request, as its header says.
const REQUEST_PAYER: (&str, &str) = ("x-amz-request-payer", "requester");

impl S3Client {
    pub(super) const fn new(signer: Signer) -> Self {
        Self { signer }
    }

    /// The request for a range of an object, below the endpoint and nowhere else. Range and version are part of what is
    /// signed; headers that a proxy may rewrite are not.
    ///
    /// # Errors
    /// If the service has no credentials of its own where it needs them, or the object cannot be named in a URL.
    pub(super) async fn get_object(
        &self,
        site: &Site,
        read: &Read<'_, S3Location>,
    ) -> Result<Request<Empty<Bytes>>, SourceError> {
        let identity = self.signer.identity().await?;
        request(site, read, identity.as_ref()).map_err(|cause| {
            SourceError::new(SourceErrorKind::Refused, "the store cannot be asked for this object").caused_by(cause)
        })
    }
}

fn request(
    site: &Site,
    read: &Read<'_, S3Location>,
    identity: Option<&Identity>,
) -> Result<Request<Empty<Bytes>>, String> {
    let key = utf8_percent_encode(&read.location.key, NOT_IN_A_KEY);
    let url = format!("{}/{key}", bucket_url(read.location, site)?);
    let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
    let host = uri.authority().map(ToString::to_string).unwrap_or_default();
    let host: HeaderValue = host.parse().map_err(|error| format!("{error}"))?;
    let range = read.range.header().map(|range| range.parse().map_err(|error| format!("{error}"))).transpose()?;
    let payer = (read.caller.payer == Payer::Requester).then(|| HeaderValue::from_static(REQUEST_PAYER.1));
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    let signed = [
        (header::HOST, Some(host)),
        (header::IF_MATCH, read.version.and_then(Version::if_match)),
        (header::RANGE, range),
        (HeaderName::from_static(REQUEST_PAYER.0), payer),
    ];
    headers.extend(signed.into_iter().filter_map(|(name, value)| Some((name, value?))));
    if let Some(identity) = identity {
        sign(&mut request, &url, &site.region, identity)?;
    }
    let headers = request.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(request)
}

/// Signs a request for `url`, with the headers that it has, with Signature Version 4.
fn sign(request: &mut Request<Empty<Bytes>>, url: &str, region: &str, identity: &Identity) -> Result<(), String> {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?;
    // Only text can be signed; nothing else has to be.
    let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new("GET", url, headers, SignableBody::Bytes(&[]));
    let signed =
        signable.and_then(|signable| sign_request(signable, &params.into())).map_err(|error| error.to_string())?;
    // The signer's own `apply` would panic at an access key or a token that no header can hold.
    let (headers, _) = signed.into_parts().0.into_parts();
    for header in headers {
        let problem = |_| format!("the credentials cannot stand in the header {}", header.name());
        let mut value = HeaderValue::try_from(header.value()).map_err(problem)?;
        value.set_sensitive(true);
        request.headers_mut().insert(header.name(), value);
    }
    Ok(())
}

/// URL of a bucket, put together as text: a URL library would drop or resolve parts of some names.
fn bucket_url(location: &S3Location, site: &Site) -> Result<String, String> {
    let S3Location { endpoint, bucket, .. } = location;
    let host = endpoint.host_str().unwrap_or_default();
    let (scheme, port) = (&endpoint[..Position::BeforeHost], &endpoint[Position::AfterHost..Position::BeforePath]);
    let path = endpoint.path().trim_end_matches('/');
    let regional = AwsHost::parse(host).filter(|host| host.region() != &*site.region);
    let regional = regional.map_or_else(|| host.to_owned(), |host| host.in_region(&site.region));
    let Some(bucket) = bucket else { return Ok(format!("{scheme}{regional}{port}{path}")) };
    if aws::is_arn(bucket) && AwsHost::parse(host).is_some() {
        let (host, _) = aws::access_point(host, bucket).ok_or("this is not the ARN of an access point of S3")?;
        return Ok(format!("{scheme}{host}{port}{path}"));
    }
    // Before a host that begins with a bucket, the name would become a part of that bucket's.
    let has_bucket = AwsHost::parse(host).is_some_and(|host| host.has_bucket());
    let is_name = matches!(endpoint.host(), Some(Host::Domain(_))) && !has_bucket;
    if site.addressing == Addressing::Virtual && is_name && is_label(bucket) {
        return Ok(format!("{scheme}{bucket}.{regional}{port}{path}"));
    }
    let bucket = utf8_percent_encode(bucket, NOT_IN_A_BUCKET);
    Ok(format!("{scheme}{regional}{port}{path}/{bucket}"))
}

/// Whether a bucket's name can be a single label of a host name. One with a dot would be several, which the certificate of the
/// store does not cover.
fn is_label(bucket: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (3..=63).contains(&bucket.len())
        && bucket.chars().all(is_inner)
        && !bucket.starts_with('-')
        && !bucket.ends_with('-')
}

impl fmt::Debug for S3Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Client").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use url::Url;

    use super::*;
    use crate::{credentials::Caller, resources::ClientId, source::range::Range};

    fn caller(payer: Payer) -> Caller {
        Caller { client: ClientId(1), authorization: None, payer }
    }

    fn location(endpoint: &str, bucket: Option<&str>) -> S3Location {
        let endpoint = Url::parse(endpoint).expect("a URL");
        S3Location { endpoint, bucket: bucket.map(str::to_owned), key: "key".to_owned() }
    }

    fn read<'a>(location: &'a S3Location, caller: &'a Caller, version: Option<&'a Version>) -> Read<'a, S3Location> {
        let range = Range::new(0, Some(1));
        Read { location, range, max_len: 1, version, caller, deadline: Instant::now() }
    }

    fn site(addressing: Addressing, region: &str) -> Site {
        Site { addressing, region: region.into() }
    }

    fn identity(user: &str, token: Option<&str>) -> Identity {
        AwsCredentials::new(user, "a secret", token.map(str::to_owned), None, "a test").into()
    }

    #[tokio::test]
    async fn credentials_that_no_header_can_hold_are_an_error() {
        let (location, site, caller) =
            (location("http://store.example", Some("data")), site(Addressing::Path, "us-east-1"), caller(Payer::Owner));
        for (user, token) in [("user\n", None), ("user", Some("token\n")), ("us\0er", None)] {
            let identity = identity(user, token);
            let error =
                request(&site, &read(&location, &caller, None), Some(&identity)).expect_err("no header can hold it");
            // The signer itself refuses such a token, but not such a user.
            let expected = ["the credentials cannot stand in the header", "failed to create canonical request"];
            assert!(expected.iter().any(|expected| error.contains(expected)), "{error}");
            assert!(!error.contains("us\0er") && !error.contains('\n'), "{error}");
        }
        let request =
            request(&site, &read(&location, &caller, None), Some(&identity("user", None))).expect("a request");
        assert!(request.headers().contains_key(header::AUTHORIZATION));
        assert!(!format!("{request:?}").contains("Signature="));
    }

    #[tokio::test]
    async fn what_a_request_means_is_signed() {
        let (location, site, caller) =
            (location("http://store.example", Some("data")), site(Addressing::Path, "eu-1"), caller(Payer::Requester));
        let version = Version::parse("\"tag\"").expect("a tag");
        let signed = request(&site, &read(&location, &caller, Some(&version)), Some(&identity("user", None)));
        let signed = signed.expect("a request");
        let authorization = signed.headers()[header::AUTHORIZATION].to_str().expect("text");
        assert!(authorization.contains("/eu-1/s3/aws4_request"), "{authorization}");
        for name in ["host", "if-match", "range", "x-amz-request-payer"] {
            let mut names = authorization.split("SignedHeaders=").nth(1).expect("names").split(&[';', ','][..]);
            assert!(names.any(|signed| signed == name), "{name}: {authorization}");
        }
        let anonymous = request(&site, &read(&location, &caller, None), None).expect("a request");
        assert_eq!(anonymous.headers()["x-amz-request-payer"], "requester");
    }

    #[test]
    fn buckets_stand_before_the_host_where_that_is_possible() {
        for (endpoint, bucket, virtual_host, path) in [
            ("http://store.example", "data", "http://data.store.example", "http://store.example/data"),
            ("https://store:9000/s3/", "data", "https://data.store:9000/s3", "https://store:9000/s3/data"),
            ("http://store", "da.ta", "http://store/da.ta", "http://store/da.ta"),
            ("http://store", "Data", "http://store/Data", "http://store/Data"),
            ("http://store", "-data", "http://store/-data", "http://store/-data"),
            (
                "http://own.s3.amazonaws.com",
                "data",
                "http://own.s3.amazonaws.com/data",
                "http://own.s3.amazonaws.com/data",
            ),
            ("http://store", "a@b:c", "http://store/a%40b:c", "http://store/a%40b:c"),
            ("http://127.0.0.1:9000", "data", "http://127.0.0.1:9000/data", "http://127.0.0.1:9000/data"),
            ("http://[::1]:9000", "data", "http://[::1]:9000/data", "http://[::1]:9000/data"),
        ] {
            let url = |addressing| bucket_url(&location(endpoint, Some(bucket)), &site(addressing, "us-east-1"));
            assert_eq!(url(Addressing::Virtual).as_deref(), Ok(virtual_host));
            assert_eq!(url(Addressing::Path).as_deref(), Ok(path));
        }
    }

    #[test]
    fn hosts_of_aws_follow_the_region() {
        let url = |endpoint, bucket, region| bucket_url(&location(endpoint, bucket), &site(Addressing::Path, region));
        for (endpoint, bucket, region, expected) in [
            ("https://s3.amazonaws.com", Some("data"), "us-east-1", "https://s3.amazonaws.com/data"),
            ("https://s3.amazonaws.com", Some("data"), "eu-west-3", "https://s3.eu-west-3.amazonaws.com/data"),
            ("https://data.s3.amazonaws.com", None, "eu-west-3", "https://data.s3.eu-west-3.amazonaws.com"),
            ("https://store.example", Some("data"), "eu-west-3", "https://store.example/data"),
            (
                "https://s3.eu-west-3.amazonaws.com",
                Some("arn:aws:s3:eu-west-3:123456789012:accesspoint/point"),
                "eu-west-3",
                "https://point-123456789012.s3-accesspoint.eu-west-3.amazonaws.com",
            ),
        ] {
            assert_eq!(url(endpoint, bucket, region).as_deref(), Ok(expected));
        }
        assert!(url("https://s3.amazonaws.com", Some("arn:aws:s3:::data"), "us-east-1").is_err());
        assert!(
            url("http://store", Some("arn:aws:s3:::data"), "x").is_ok_and(|url| url.starts_with("http://store/arn"))
        );
    }
}
