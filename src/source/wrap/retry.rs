//! A source that tries again when a failure may pass.

use std::{sync::Arc, time::Duration};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

use super::stores::{Store, Stores};
use crate::{
    array::Budget,
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
    /// Reads after the first one.
    pub retries: usize,
    /// Delay before the first of them; each further one is twice as long. Up to the same again is added by
    /// chance, so that clients that failed together do not come back together.
    pub first_delay: Duration,
}

/// Reads again after transient failures, and asks stores that throttle no more often than they bear, until the deadline of
/// the read.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    /// The source to read from.
    pub source: S,
    /// When to give up.
    pub policy: RetryPolicy,
    /// How each store is to be treated.
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
                // Perhaps the store was not even asked.
                Err(error) => return Err(error),
            }
        }
    }
}

/// So often, the word of a store that it is unavailable is taken for one that it is asked too often: perhaps it is only this
/// object that it does not have at present.
const MAX_DOUBTS: usize = 8;

/// How much longer one read is tried.
struct Patience {
    delays: ExponentialBackoff,
    /// Whether the store has not failed yet.
    is_first: bool,
    /// How often a failure has been taken for a refusal.
    doubts: usize,
}

impl Patience {
    fn new(RetryPolicy { retries, first_delay }: RetryPolicy) -> Self {
        let delays = ExponentialBuilder::new().with_min_delay(first_delay).with_jitter().with_max_times(retries);
        Self { delays: delays.build(), is_first: true, doubts: 0 }
    }

    /// Tells the store's record why an attempt, begun at `begun`, failed, and waits until the next one; a store that refused
    /// says itself how long that is.
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
        // A hiccup of the store meets all requests at that time: the first repeated read of each is always allowed.
        let is_allowed = std::mem::take(&mut self.is_first) || store.may_be_asked_again();
        let Some(delay) = self.delays.next().filter(|_| is_allowed) else { return Err(error) };
        tracing::debug!(%error, ?delay, "reading again");
        tokio::time::sleep(delay).await;
        Ok(error)
    }
}

/// Whether a store refused because it is asked too often.
fn is_refusal(error: &SourceError) -> bool {
    error.kind == SourceErrorKind::Throttled || error.status == Some(503) && error.retry_after.is_some()
}

/// Whether that is what it may mean: it calls itself unavailable, and has just been there.
fn is_doubtful(error: &SourceError, store: &Store) -> bool {
    error.status == Some(503) && store.is_there(Instant::now())
}

/// The deadline comes before the turn of a read. If an attempt of it has failed, that is what went wrong.
fn put_off(last: Option<SourceError>, wait: Duration) -> SourceError {
    let error = last.unwrap_or_else(|| SourceError::new(SourceErrorKind::Throttled, THROTTLED));
    if error.kind != SourceErrorKind::Throttled {
        return error;
    }
    SourceError { message: THROTTLED.to_owned(), retry_after: Some(wait), ..error }
}
