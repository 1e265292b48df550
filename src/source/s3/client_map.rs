//! One S3 client per endpoint and credentials, kept while it is used.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use url::Url;

use super::{
    aws::{self, AwsHost},
    client::{Addressing, S3Client, Signer, Site},
    location::S3Location,
    own_credentials::OwnCredentials,
};
use crate::{
    credentials::Credentials,
    source::{per_store::PerStore, policy::Prefixes, transport::tls::Roots},
};

/// What all S3 clients have in common.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// Region that requests are signed for, where host names do not say it.
    pub region: PerStore<Arc<str>>,
    /// Time for a connection to be made.
    pub connect_timeout: Duration,
    /// Time for the first byte of an answer, and then between bytes.
    pub read_timeout: Duration,
    /// Clients kept.
    pub max_clients: NonZeroUsize,
    /// Where the bucket stands in a URL.
    pub addressing: PerStore<Addressing>,
    /// What is read with the service's own credentials if a request has none.
    pub own_credentials: Prefixes,
}

/// Endpoint and name of a bucket.
type Bucket = (Url, Option<String>);

/// How many buckets' regions are kept.
const LEARNED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Who reads, as the store sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Anonymous,
    Client(Credentials),
    Service,
}

/// Clients by endpoint and credentials; the least recently used goes first. The secret is part of the key: the right user name
/// with a wrong secret finds nothing.
pub struct S3ClientMap {
    region: PerStore<Arc<str>>,
    addressing: PerStore<Addressing>,
    /// Regions of buckets, where a store corrected ours.
    learned: Mutex<LruCache<Bucket, Arc<str>>>,
    own_sources: Prefixes,
    own_credentials: Arc<OwnCredentials>,
    clients: Mutex<LruCache<(Url, Reader), S3Client>>,
}

impl S3ClientMap {
    /// An empty map.
    #[must_use]
    pub fn new(settings: &S3Settings, roots: &Roots) -> Self {
        Self {
            region: settings.region.clone(),
            addressing: settings.addressing.clone(),
            learned: Mutex::new(LruCache::new(LEARNED)),
            own_sources: settings.own_credentials.clone(),
            own_credentials: Arc::new(OwnCredentials::new(settings.region.default(), roots)),
            clients: Mutex::new(LruCache::new(settings.max_clients)),
        }
    }

    /// The client for an object, made if there is none. Without credentials it reads anonymously, or as the service
    /// itself where the operator said so.
    pub fn client(&self, location: &S3Location, credentials: Option<&Credentials>) -> S3Client {
        let reader = match credentials {
            Some(credentials) => Reader::Client(credentials.clone()),
            None if self.own_sources.cover(location) => Reader::Service,
            None => Reader::Anonymous,
        };
        let key = (location.endpoint.clone(), reader.clone());
        // No panic can leave it half changed.
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.get_or_insert(key, || self.new_client(reader)).clone()
    }

    fn new_client(&self, reader: Reader) -> S3Client {
        S3Client::new(match reader {
            Reader::Anonymous => Signer::Nobody,
            Reader::Client(credentials) => Signer::of_client(&credentials),
            Reader::Service => Signer::Service(Arc::clone(&self.own_credentials)),
        })
    }

    /// Where and how a bucket is asked: as its store has said, else as the operator says, else as its names say.
    pub(super) fn site(&self, location: &S3Location) -> Site {
        let host = location.endpoint.host_str().unwrap_or_default();
        let named = || {
            let arn = location.bucket.as_deref().filter(|bucket| aws::is_arn(bucket));
            let of_arn = arn.and_then(|arn| Some(aws::access_point(host, arn)?.1.into()));
            of_arn.or_else(|| Some(AwsHost::parse(host)?.region().into()))
        };
        let region = self.learned(location).or_else(|| self.region.of(location).cloned()).or_else(named);
        Site {
            addressing: *self.addressing.of(location).unwrap_or(self.addressing.default()),
            region: region.unwrap_or_else(|| Arc::clone(self.region.default())),
        }
    }

    /// Keeps the region of a bucket that its store named.
    pub(super) fn learn(&self, location: &S3Location, region: &str) {
        let key = (location.endpoint.clone(), location.bucket.clone());
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).put(key, region.into());
    }

    fn learned(&self, location: &S3Location) -> Option<Arc<str>> {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        // Most stores have one region.
        if learned.is_empty() {
            return None;
        }
        learned.get(&(location.endpoint.clone(), location.bucket.clone())).cloned()
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
