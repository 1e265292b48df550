//! A source that tries again when a failure may pass.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::{ByteRange, Source, SourceError};
use crate::{
    array::{Budget, Buffer},
    credentials::Caller,
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
}

impl<S: Source> Source for Retry<S> {
    type Location = S::Location;

    async fn fetch(
        &self,
        location: &S::Location,
        range: ByteRange,
        max_len: usize,
        caller: &Caller,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let RetryPolicy { retries, first_delay } = self.policy;
        let mut delays =
            ExponentialBuilder::new().with_min_delay(first_delay).with_jitter().with_max_times(retries).build();
        loop {
            let error = match self.source.fetch(location, range, max_len, caller, budget).await {
                Ok(chunk) => return Ok(chunk),
                Err(error) if !error.is_transient() => return Err(error),
                Err(error) => error,
            };
            let Some(delay) = delays.next() else { return Err(error) };
            tracing::debug!(%error, ?delay, "reading again");
            tokio::time::sleep(delay).await;
        }
    }
}
