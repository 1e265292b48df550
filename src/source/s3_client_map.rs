//! One S3 client per endpoint and credentials, kept while it is used.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use url::Url;

use super::{
    Addressing, Location, Prefixes, S3Client, S3Location, s3_client::Signer, s3_own_credentials::OwnCredentials,
    tls::Roots,
};
use crate::credentials::Credentials;

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

/// Whom a store takes the reader for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Anonymous,
    Client(Credentials),
    Service,
}

/// Clients by endpoint and credentials; the least recently used goes first. The secret is part of what a
/// client is found by: a right user name with a wrong secret finds nothing.
pub struct S3ClientMap {
    region: Arc<str>,
    addressing: Addressing,
    own_sources: Prefixes,
    own_credentials: Arc<OwnCredentials>,
    clients: Mutex<LruCache<(Url, Reader), S3Client>>,
}

impl S3ClientMap {
    /// An empty map.
    #[must_use]
    pub fn new(settings: &S3Settings, roots: &Roots) -> Self {
        Self {
            region: settings.region.as_str().into(),
            addressing: settings.addressing,
            own_sources: settings.own_credentials.clone(),
            own_credentials: Arc::new(OwnCredentials::new(&settings.region, roots)),
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
        let signer = match reader {
            Reader::Anonymous => Signer::Nobody,
            Reader::Client(credentials) => Signer::of_client(&credentials),
            Reader::Service => Signer::Service(Arc::clone(&self.own_credentials)),
        };
        S3Client::new(endpoint.clone(), self.addressing, Arc::clone(&self.region), signer)
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

impl std::fmt::Debug for S3ClientMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3ClientMap").field("clients", &self.len()).finish_non_exhaustive()
    }
}
