//! Every kind of source under one roof.

use std::sync::Arc;

use super::{
    error::{SourceError, SourceErrorKind},
    file::source::FileSource,
    http::source::HttpSource,
    location::Location,
    read::{Fetched, Read, Source},
    s3::source::S3Source,
    wrap::{
        counted::Counted,
        limited::Limited,
        retry::{Retry, RetryPolicy},
        stores::Stores,
        suffixes::Suffixes,
    },
};
use crate::{
    resources::{Budget, Connection, ResourceManager},
    telemetry::{Metrics, StoresNow},
};

/// What sources are made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// S3 stores.
    pub s3: S3Source,
    /// Web servers.
    pub http: HttpSource,
    /// Files, where the operator enabled them.
    pub file: Option<FileSource>,
    /// How often stores and web servers are asked again.
    pub retry: RetryPolicy,
    /// Where the permits for connections come from.
    pub resources: Arc<ResourceManager>,
    /// Where failures are counted.
    pub metrics: Metrics,
    /// What is known of stores and web servers.
    pub stores: Arc<Stores>,
}

/// A source on the network: failures are counted one by one, and between two attempts no connection is held.
type Remote<S> = Retry<Limited<Counted<Suffixes<S>>>>;

/// Reads each location from the source that reaches it.
#[derive(Clone, Debug)]
pub struct Sources {
    s3: Remote<S3Source>,
    http: Remote<HttpSource>,
    file: Option<Counted<FileSource>>,
    setup: Setup,
}

impl Sources {
    /// Sources around those of a setup.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let file = |source| Counted { source, metrics: setup.metrics.store("file") };
        Self {
            s3: setup.remote(setup.s3.clone(), Connection::S3, "s3"),
            http: setup.remote(setup.http.clone(), Connection::Http, "http"),
            file: setup.file.clone().map(file),
            setup,
        }
    }

    /// The same sources, with connections of their own.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        let client = self.setup.s3.client().without_connections();
        let (s3, http) = (self.setup.s3.with_client(client.clone()), self.setup.http.with_client(client));
        Self::new(Setup { s3, http, ..self.setup.clone() })
    }

    /// Whether files are read.
    #[must_use]
    pub const fn read_files(&self) -> bool {
        self.file.is_some()
    }

    /// What operators want to know of stores.
    #[must_use]
    pub fn now(&self) -> StoresNow {
        let (throttling, throttled) = self.setup.stores.throttling();
        StoresNow { s3_clients: self.setup.s3.clients(), throttling, throttled }
    }
}

impl Setup {
    fn remote<S>(&self, source: S, connection: Connection, interface: &'static str) -> Remote<S> {
        let metrics = self.metrics.store(interface);
        let source = Counted { source: Suffixes { source }, metrics: metrics.clone() };
        let source = Limited { source, connection, resources: Arc::clone(&self.resources) };
        Retry { source, policy: self.retry, stores: Arc::clone(&self.stores), metrics }
    }
}

impl Source for Sources {
    type Location = Location;

    async fn fetch(&self, read: &Read<'_>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        match read.location {
            Location::S3(location) => self.s3.fetch(&read.of(location), budget).await,
            Location::Http(location) => self.http.fetch(&read.of(location), budget).await,
            Location::File(location) => match &self.file {
                Some(file) => file.fetch(&read.of(location), budget).await,
                None => Err(SourceError::new(
                    SourceErrorKind::Forbidden,
                    "this server reads no files; its operator can let it (--file-root)",
                )),
            },
        }
    }
}
