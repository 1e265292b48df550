//! A source whose failures are counted.

use crate::{
    resources::Budget,
    source::{
        error::SourceError,
        read::{Fetched, Read, Source},
    },
    telemetry::StoreMetrics,
};

/// Counts the reads that fail, by kind.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    /// The source to read from.
    pub source: S,
    /// Where failures are counted.
    pub metrics: StoreMetrics,
}

impl<S: Source> Source for Counted<S> {
    type Location = S::Location;

    async fn fetch(&self, read: &Read<'_, S::Location>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let mut given_up = Outcome { metrics: &self.metrics, failure: Some("given_up") };
        let outcome = self.source.fetch(read, budget).await;
        given_up.failure = outcome.as_ref().err().map(|error| error.kind.name());
        outcome
    }
}

/// How a read ends, counted when it is dropped: it may be given up at any time.
struct Outcome<'a> {
    metrics: &'a StoreMetrics,
    failure: Option<&'static str>,
}

impl Drop for Outcome<'_> {
    fn drop(&mut self) {
        if let Some(kind) = self.failure {
            self.metrics.failed(kind);
        }
    }
}
