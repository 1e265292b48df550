//! A source whose failures are counted.

use super::{ByteRange, Source, SourceError};
use crate::{
    array::{Budget, Buffer},
    credentials::Caller,
    telemetry::StoreMetrics,
};

/// Counts the reads that fail, by kind.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    /// The source to read from.
    pub source: S,
    /// Where they are counted.
    pub metrics: StoreMetrics,
}

impl<S: Source> Source for Counted<S> {
    type Location = S::Location;

    fn store<'a>(&self, location: &'a S::Location) -> &'a str {
        self.source.store(location)
    }

    async fn fetch(
        &self,
        location: &S::Location,
        range: ByteRange,
        max_len: usize,
        caller: &Caller,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let outcome = self.source.fetch(location, range, max_len, caller, budget).await;
        outcome.inspect_err(|error| self.metrics.failed(error.kind.name()))
    }
}
