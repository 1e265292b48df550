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
    RequestChecksumCalculation, ResponseChecksumValidation, SharedCredentialsProvider,
    endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::endpoint::EndpointAuthScheme;
use lru::LruCache;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

use super::s3_interceptor::SoberAnswers;
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
}

/// A client of one endpoint with one set of credentials. Clones share connections.
#[derive(Clone, Debug)]
pub struct S3Client(pub(super) aws_sdk_s3::Client);

/// Clients by endpoint and credentials; the least recently used goes first. The secret is part of what a
/// client is found by: a right user name with a wrong secret finds nothing.
pub struct S3ClientMap {
    config: SdkConfig,
    clients: Mutex<LruCache<(Url, Option<Credentials>), S3Client>>,
}

impl S3ClientMap {
    /// An empty map. The clients that it will make share one pool of connections.
    #[must_use]
    pub fn new(settings: &S3Settings) -> Self {
        let http_client =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let timeouts =
            TimeoutConfig::builder().connect_timeout(settings.connect_timeout).read_timeout(settings.read_timeout);
        // Built by hand, not loaded: nothing in the environment of the process is to change what requests mean.
        // Retries and stalled bodies are dealt with where the deadline of the request is known.
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .http_client(http_client)
            .timeout_config(timeouts.build())
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Self { config, clients: Mutex::new(LruCache::new(settings.max_clients)) }
    }

    /// The client for these credentials at this endpoint, made if there is none; None for anonymous reads.
    pub fn client(&self, endpoint: &Url, credentials: Option<&Credentials>) -> S3Client {
        let key = (endpoint.clone(), credentials.cloned());
        // A panic elsewhere cannot leave the map half changed.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get_or_insert(key, || self.new_client(endpoint, credentials)).clone()
    }

    fn new_client(&self, endpoint: &Url, credentials: Option<&Credentials>) -> S3Client {
        let region = self.config.region().map(ToString::to_string).unwrap_or_default();
        let mut config = aws_sdk_s3::config::Builder::from(&self.config)
            .endpoint_resolver(PathStyle { endpoint: endpoint.clone(), region })
            .interceptor(SoberAnswers)
            .allow_no_auth()
            // A range has no checksum of its own.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(credentials) = credentials {
            let provided = aws_sdk_s3::config::Credentials::new(
                &credentials.user,
                credentials.secret(),
                None,
                None,
                "the request",
            );
            config.set_credentials_provider(Some(SharedCredentialsProvider::new(provided)));
        }
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

/// Sends every request below the endpoint that was named, and nowhere else: the SDK's own rules give some bucket
/// names other hosts.
#[derive(Debug)]
struct PathStyle {
    endpoint: Url,
    region: String,
}

impl ResolveEndpoint for PathStyle {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        // Put together as text: a URL library would drop or resolve some of what a bucket can be called.
        let origin = &self.endpoint[..Position::BeforePath];
        let path = self.endpoint.path().trim_end_matches('/');
        let bucket = utf8_percent_encode(params.bucket().unwrap_or_default(), NOT_IN_A_BUCKET);
        let signing = EndpointAuthScheme::with_capacity("sigv4", 3)
            .put("disableDoubleEncoding", true)
            .put("signingName", "s3")
            .put("signingRegion", self.region.clone());
        EndpointFuture::ready(Ok(Endpoint::builder()
            .url(format!("{origin}{path}/{bucket}"))
            .auth_scheme(signing)
            .build()))
    }
}

impl std::fmt::Debug for S3ClientMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3ClientMap").field("clients", &self.len()).finish_non_exhaustive()
    }
}
