//! A source that reads again after failures that may pass.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::stores::{Store, Stores};
use crate::{
    resources::Budget,
    source::{
        error::{SourceError, SourceErrorKind, THROTTLED},
        locate::Locate,
        read::{Fetched, Read, Source},
    },
    telemetry::StoreMetrics,
};

/// How often to try again, and after what delays.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// How many reads may follow the first one.
    pub retries: usize,
    /// Delay before the first of them; each further delay is twice as long. Up to as much again is added at random, so that
    /// reads that failed together are not repeated together.
    pub first_delay: Duration,
}

/// Reads again after failures that may pass, and asks a store that throttles no more often than it allows, until the deadline
/// of the read.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    /// The source to read from.
    pub source: S,
    /// When to give up.
    pub policy: RetryPolicy,
    /// What is known of each store.
    pub stores: Arc<Stores>,
    /// Where repeated reads are counted.
    pub metrics: StoreMetrics,
}

impl<S: Source> Source for Retry<S> {
    type Location = S::Location;

    async fn fetch(&self, read: &Read<'_, S::Location>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let store = self.stores.store(read.location.store());
        let mut patience = Patience::new(self.policy);
        let mut last: Option<SourceError> = None;
        loop {
            if let Err(wait) = store.turn(read.caller.client, read.deadline).await {
                return Err(put_off(last, wait));
            }
            if let Some(error) = &last {
                self.metrics.repeated(error.kind.name());
            }
            let begun = Instant::now();
            match self.source.fetch(read, budget).await {
                Ok(fetched) => {
                    store.answered(Instant::now());
                    return Ok(fetched);
                }
                Err(error) if error.is_transient() => last = Some(patience.bear(&store, begun, error).await?),
                // The store may not even have been asked.
                Err(error) => return Err(error),
            }
        }
    }
}

/// How often one read takes a store that calls itself unavailable for one that throttles: perhaps only this object is
/// unavailable.
const MAX_DOUBTS: usize = 8;

/// What is left of the attempts of one read.
struct Patience {
    delays: ExponentialBackoff,
    /// Whether the store has not failed yet.
    is_first: bool,
    /// How many failures have been taken for refusals.
    doubts: usize,
}

impl Patience {
    fn new(RetryPolicy { retries, first_delay }: RetryPolicy) -> Self {
        let delays = ExponentialBuilder::new().with_min_delay(first_delay).with_jitter().with_max_times(retries);
        Self { delays: delays.build(), is_first: true, doubts: 0 }
    }

    /// Notes why an attempt, begun at `begun`, failed, and waits before the next one. After a refusal, that wait is the turn at
    /// the store.
    ///
    /// # Errors
    /// If there is to be no other attempt.
    async fn bear(&mut self, store: &Store, begun: Instant, error: SourceError) -> Result<SourceError, SourceError> {
        let is_refusal = is_refusal(&error);
        if is_refusal || self.doubts < MAX_DOUBTS && is_doubtful(&error, store) {
            self.doubts += usize::from(!is_refusal);
            tracing::debug!(%error, "the store throttles");
            store.refused(begun, Instant::now(), error.retry_after);
            return Ok(SourceError { kind: SourceErrorKind::Throttled, ..error });
        }
        store.failed(Instant::now(), error.status);
        // A hiccup of the store hits all requests of that moment: each of them may repeat its first read.
        let is_allowed = std::mem::take(&mut self.is_first) || store.may_be_asked_again();
        let Some(delay) = self.delays.next().filter(|_| is_allowed) else { return Err(error) };
        tracing::debug!(%error, ?delay, "reading again");
        tokio::time::sleep(delay).await;
        Ok(error)
    }
}

/// Whether the store refused the read because it is asked too often.
fn is_refusal(error: &SourceError) -> bool {
    error.kind == SourceErrorKind::Throttled || error.status == Some(503) && error.retry_after.is_some()
}

/// Whether that may be what it means: it calls itself unavailable, but has just answered.
fn is_doubtful(error: &SourceError, store: &Store) -> bool {
    error.status == Some(503) && store.is_there(Instant::now())
}

/// The error of a read whose turn would come after its deadline: that of its last attempt, if it failed for another reason.
fn put_off(last: Option<SourceError>, wait: Duration) -> SourceError {
    let error = last.unwrap_or_else(|| SourceError::new(SourceErrorKind::Throttled, THROTTLED));
    if error.kind != SourceErrorKind::Throttled {
        return error;
    }
    SourceError { message: THROTTLED.to_owned(), retry_after: Some(wait), ..error }
}
