//! A source that uses no more connections at a time than the resource manager allows.

use std::sync::Arc;

use crate::{
    resources::{Budget, Connection, ResourceManager},
    source::{
        error::SourceError,
        read::{Fetched, Read, Source},
    },
};

/// Waits for a connection permit before each read and keeps it until the last byte is in.
#[derive(Clone, Debug)]
pub struct Limited<S> {
    /// The source to read from.
    pub source: S,
    /// The kind of connection that it uses.
    pub connection: Connection,
    /// Where the permits come from.
    pub resources: Arc<ResourceManager>,
}

impl<S: Source> Source for Limited<S> {
    type Location = S::Location;

    async fn fetch(&self, read: &Read<'_, S::Location>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let _permit = self.resources.connection(read.caller.client, self.connection).await?;
        self.source.fetch(read, budget).await
    }
}
