//! A source that tries again when a failure may pass.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use backon::{BackoffBuilder, ExponentialBuilder};
use lru::LruCache;

use super::{ByteRange, Source, SourceError};
use crate::{
    array::{Budget, Buffer},
    credentials::Caller,
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

/// Reads again after transient failures. Whoever awaits a read sets the deadline for all its attempts.
#[derive(Clone, Debug)]
pub struct Retry<S> {
    /// The source to read from.
    pub source: S,
    /// When to give up.
    pub policy: RetryPolicy,
    /// What each store may still be asked again.
    pub allowances: Arc<Allowances>,
    /// Where repeated reads are counted.
    pub metrics: StoreMetrics,
}

/// Repeated reads that one store allows after a time without failures.
const FULL: u32 = 20;

/// Reads without failure that allow one more repeated one.
const EARNED_BY: u32 = 10;

/// Stores whose allowances are kept. Not 0, or it does not compile.
const STORES: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// How often stores may be asked again, in tenths of a read: a store that keeps failing is not asked several times by each
/// request as well. The first repeated read of each request is always allowed: a hiccup of the store meets all requests at
/// that time.
#[derive(Debug)]
pub struct Allowances(Mutex<LruCache<String, u32>>);

impl Default for Allowances {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(STORES)))
    }
}

impl Allowances {
    /// Notes a read that did not fail.
    fn earn(&self, store: &str) {
        // Stores that never failed have all there is, and are not kept.
        if let Some(parts) = self.stores().get_mut(store) {
            *parts = parts.saturating_add(1).min(FULL * EARNED_BY);
        }
    }

    /// Takes a repeated read out of what is allowed; false if there is none left.
    fn spend(&self, store: &str) -> bool {
        let mut stores = self.stores();
        let parts = stores.get_or_insert_mut_ref(store, || FULL * EARNED_BY);
        let left = parts.checked_sub(EARNED_BY);
        *parts = left.unwrap_or(*parts);
        left.is_some()
    }

    fn stores(&self) -> std::sync::MutexGuard<'_, LruCache<String, u32>> {
        // A panic elsewhere cannot leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Source> Source for Retry<S> {
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
        let RetryPolicy { retries, first_delay } = self.policy;
        let store = self.store(location);
        let mut delays =
            ExponentialBuilder::new().with_min_delay(first_delay).with_jitter().with_max_times(retries).build();
        let mut is_first = true;
        loop {
            let error = match self.source.fetch(location, range, max_len, caller, budget).await {
                Err(error) if error.is_transient() => error,
                Ok(chunk) => {
                    self.allowances.earn(store);
                    return Ok(chunk);
                }
                // Perhaps the store was not even asked.
                Err(error) => return Err(error),
            };
            let is_allowed = std::mem::take(&mut is_first) || self.allowances.spend(store);
            let Some(delay) = delays.next().filter(|_| is_allowed) else { return Err(error) };
            tracing::debug!(%error, ?delay, "reading again");
            tokio::time::sleep(delay).await;
            self.metrics.repeated(error.kind.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_keeps_failing_is_no_longer_asked_again_and_others_are() {
        let allowances = Allowances::default();
        let spent = (0..100).filter(|_| allowances.spend("bad")).count();
        assert_eq!(spent, 20);
        assert!(allowances.spend("good"));
        for _ in 0..9 {
            allowances.earn("bad");
        }
        assert!(!allowances.spend("bad"));
        allowances.earn("bad");
        assert!(allowances.spend("bad") && !allowances.spend("bad"));
        for _ in 0..10_000 {
            allowances.earn("bad");
        }
        assert_eq!((0..100).filter(|_| allowances.spend("bad")).count(), 20, "there is a most");
    }

    #[test]
    fn stores_that_clients_make_up_are_forgotten() {
        let allowances = Allowances::default();
        for number in 0..1000 {
            allowances.earn(&format!("answers {number}"));
            assert!(allowances.spend(&format!("fails {number}")));
        }
        assert_eq!(allowances.stores().len(), 256);
    }
}
