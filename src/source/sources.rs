//! Every kind of source under one roof.

use super::{
    error::{SourceError, SourceErrorKind},
    file::source::FileSource,
    http::source::HttpSource,
    location::Location,
    read::{Fetched, Read, Source},
    s3::source::S3Source,
    wrap::{counted::Counted, limited::Limited, retry::Retry},
};
use crate::{array::Budget, telemetry::StoresNow};

/// Reads each location from the source that reaches it.
#[derive(Clone, Debug)]
pub struct Sources {
    /// S3 stores.
    pub s3: Retry<Limited<Counted<S3Source>>>,
    /// Web servers.
    pub http: Retry<Limited<Counted<HttpSource>>>,
    /// Files, where the operator enabled them.
    pub file: Option<Counted<FileSource>>,
}

impl Sources {
    /// The same sources, with connections of their own.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        let mut sources = self.clone();
        let (s3, http) = (&mut sources.s3.source.source.source, &mut sources.http.source.source.source);
        s3.client = s3.client.without_connections();
        http.client = s3.client.clone();
        sources
    }

    /// What operators want to know of stores.
    #[must_use]
    pub fn now(&self) -> StoresNow {
        // S3 stores and web servers share what is known of stores.
        let (throttling, throttled) = self.s3.stores.throttling();
        StoresNow { s3_clients: self.s3.source.source.source.clients.len(), throttling, throttled }
    }
}

impl Source for Sources {
    type Location = Location;

    fn store<'a>(&self, location: &'a Location) -> &'a str {
        match location {
            Location::S3(location) => self.s3.store(location),
            Location::Http(location) => self.http.store(location),
            Location::File(_) => "this machine",
        }
    }

    async fn fetch(&self, location: &Location, read: &Read<'_>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        match location {
            Location::S3(location) => self.s3.fetch(location, read, budget).await,
            Location::Http(location) => self.http.fetch(location, read, budget).await,
            Location::File(location) => match &self.file {
                Some(file) => file.fetch(location, read, budget).await,
                None => Err(SourceError::new(
                    SourceErrorKind::Forbidden,
                    "this server reads no files; its operator can let it (--file-root)",
                )),
            },
        }
    }
}
