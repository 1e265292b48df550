//! One S3 client per endpoint and credentials, kept while it is used.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_s3::config::{
    RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider, SharedHttpClient,
    endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint},
};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_types::endpoint::EndpointAuthScheme;
use lru::LruCache;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Position, Url};

use super::{Location, Prefixes, S3Location, tls::Roots};
use super::{s3_interceptor::SoberAnswers, s3_own_credentials::OwnCredentials};
use crate::credentials::Credentials;

/// Characters of a bucket's name that do not stand for themselves in a URL.
const NOT_IN_A_BUCKET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// What all S3 clients have in common.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// Region that requests are signed for.
    pub region: String,
    /// Time for a connection to be made.
    pub connect_timeout: Duration,
    /// Time for the first byte of an answer, and then between bytes.
    pub read_timeout: Duration,
    /// Clients kept.
    pub max_clients: NonZeroUsize,
    /// Where the bucket stands in a URL.
    pub addressing: Addressing,
    /// What is read with the service's own credentials if a request has none.
    pub own_credentials: Prefixes,
}

/// Where the name of the bucket stands in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// Before the key: `https://store.example/bucket/key`.
    Path,
    /// Before the host: `https://bucket.store.example/key`. Buckets whose names cannot stand there are addressed by
    /// path, and so are stores without a host name.
    Virtual,
}

/// Whom a store takes the reader for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Anonymous,
    Client(Credentials),
    Service,
}

/// A client of one endpoint with one set of credentials. Clones share connections.
#[derive(Clone, Debug)]
pub struct S3Client(pub(super) aws_sdk_s3::Client);

/// Clients by endpoint and credentials; the least recently used goes first. The secret is part of what a
/// client is found by: a right user name with a wrong secret finds nothing.
pub struct S3ClientMap {
    config: SdkConfig,
    addressing: Addressing,
    own_sources: Prefixes,
    own_credentials: SharedCredentialsProvider,
    clients: Mutex<LruCache<(Url, Reader), S3Client>>,
}

impl S3ClientMap {
    /// An empty map. The clients that it will make share one pool of connections.
    #[must_use]
    pub fn new(settings: &S3Settings, roots: &Roots) -> Self {
        let http_client = http_client(roots);
        let timeouts =
            TimeoutConfig::builder().connect_timeout(settings.connect_timeout).read_timeout(settings.read_timeout);
        let region = Region::new(settings.region.clone());
        let own_credentials = OwnCredentials::new(region.clone(), http_client.clone());
        // Built by hand, not loaded: nothing in the environment of the process is to change what requests mean.
        // Retries and stalled bodies are dealt with where the deadline of the request is known.
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .http_client(http_client)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Self {
            config,
            addressing: settings.addressing,
            own_sources: settings.own_credentials.clone(),
            own_credentials: SharedCredentialsProvider::new(own_credentials),
            clients: Mutex::new(LruCache::new(settings.max_clients)),
        }
    }

    /// The client for an object, made if there is none. Without credentials it reads anonymously, or as the service
    /// itself where the operator said so.
    pub fn client(&self, location: &S3Location, credentials: Option<&Credentials>) -> S3Client {
        let reader = match credentials {
            Some(credentials) => Reader::Client(credentials.clone()),
            None if self.own_sources.cover(&Location::S3(location.clone())) => Reader::Service,
            None => Reader::Anonymous,
        };
        let key = (location.endpoint.clone(), reader.clone());
        // A panic elsewhere cannot leave the map half changed.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get_or_insert(key, || self.new_client(&location.endpoint, reader)).clone()
    }

    fn new_client(&self, endpoint: &Url, reader: Reader) -> S3Client {
        let region = self.config.region().map(ToString::to_string).unwrap_or_default();
        let mut config = aws_sdk_s3::config::Builder::from(&self.config)
            .endpoint_resolver(BelowEndpoint { endpoint: endpoint.clone(), addressing: self.addressing, region })
            .interceptor(SoberAnswers)
            .allow_no_auth()
            // A range has no checksum of its own.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        config.set_credentials_provider(match reader {
            Reader::Anonymous => None,
            Reader::Service => Some(self.own_credentials.clone()),
            Reader::Client(credentials) => Some(SharedCredentialsProvider::new(aws_sdk_s3::config::Credentials::new(
                &credentials.user,
                credentials.secret(),
                credentials.session_token().map(str::to_owned),
                None,
                "the request",
            ))),
        });
        S3Client(aws_sdk_s3::Client::from_conf(config.build()))
    }

    /// Number of clients kept.
    pub fn len(&self) -> usize {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// True if no client is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn http_client(roots: &Roots) -> SharedHttpClient {
    let store = TrustStore::default();
    let store = match roots.added() {
        Some(pem) => store.with_pem_certificate(pem),
        None => store,
    };
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(store).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // Nothing in it can fail today; if it ever does, connections to stores of unknown issuers will.
        Err(error) => {
            tracing::error!(%error, "the certificates of --ca-bundle are not used");
            builder.build_https()
        }
    }
}

/// Sends every request below the endpoint that was named, and nowhere else: the SDK's own rules give some bucket
/// names other hosts.
#[derive(Debug)]
struct BelowEndpoint {
    endpoint: Url,
    addressing: Addressing,
    region: String,
}

impl BelowEndpoint {
    /// URL of a bucket. Put together as text: a URL library would drop or resolve some of what it can be called.
    fn bucket_url(&self, bucket: &str) -> String {
        let url = &self.endpoint;
        let path = url.path().trim_end_matches('/');
        if self.addressing == Addressing::Virtual && matches!(url.host(), Some(Host::Domain(_))) && is_label(bucket) {
            let (before, rest) = (&url[..Position::BeforeHost], &url[Position::BeforeHost..Position::BeforePath]);
            return format!("{before}{bucket}.{rest}{path}");
        }
        let bucket = utf8_percent_encode(bucket, NOT_IN_A_BUCKET);
        format!("{}{path}/{bucket}", &url[..Position::BeforePath])
    }
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

impl ResolveEndpoint for BelowEndpoint {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        let signing = EndpointAuthScheme::with_capacity("sigv4", 3)
            .put("disableDoubleEncoding", true)
            .put("signingName", "s3")
            .put("signingRegion", self.region.clone());
        EndpointFuture::ready(Ok(Endpoint::builder()
            .url(self.bucket_url(params.bucket().unwrap_or_default()))
            .auth_scheme(signing)
            .build()))
    }
}

impl std::fmt::Debug for S3ClientMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3ClientMap").field("clients", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_stand_before_the_host_where_that_is_possible() {
        let url = |addressing, endpoint, bucket| {
            let endpoint = Url::parse(endpoint).expect("a URL");
            BelowEndpoint { endpoint, addressing, region: String::new() }.bucket_url(bucket)
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
