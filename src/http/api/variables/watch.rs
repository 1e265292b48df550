//! How long a question about a variable may take.

use std::time::Duration;

use tokio::time::{Instant, interval, timeout_at};

use crate::{
    engine::variable::{Done, Progress},
    error::ActiveStorageError,
};

/// How often it is looked whether work stands still, in the time that it may.
const LOOKS: u32 = 8;

/// How long work may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// All of it.
    pub(super) whole: Duration,
    /// Without any progress.
    pub(super) standstill: Duration,
}

/// The outcome of work, as long as there is time for it.
///
/// # Errors
/// Those of the work; if it takes too long, or stands still for too long.
pub(super) async fn watched<T>(
    work: impl Future<Output = Result<T, ActiveStorageError>>,
    progress: &Progress,
    patience: Patience,
    deadline: Instant,
) -> Result<T, ActiveStorageError> {
    let outcome = async {
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = standstill(progress, patience.standstill) => Err(ActiveStorageError::Stalled(patience.standstill)),
        }
    };
    timeout_at(deadline, outcome).await.map_err(|_| ActiveStorageError::VariableDeadlineExceeded(patience.whole))?
}

/// Waits until nothing has come of the work for so long.
async fn standstill(progress: &Progress, time: Duration) {
    let mut looks = interval((time / LOOKS).max(Duration::from_millis(1)));
    let (mut last, mut since) = (Done::default(), Instant::now());
    loop {
        let now = looks.tick().await;
        let done = progress.done();
        if done != last {
            (last, since) = (done, now);
        } else if now.duration_since(since) >= time {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const PATIENCE: Patience = Patience { whole: Duration::from_mins(10), standstill: Duration::from_mins(1) };

    /// How long work of which something comes every so many seconds is waited for, and what is said then.
    async fn waited(seconds: u64) -> (u64, String) {
        let (start, progress) = (Instant::now(), Progress::default());
        let work = async {
            loop {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                progress.receive(1);
            }
        };
        let outcome: Result<(), _> = watched(work, &progress, PATIENCE, start + PATIENCE.whole).await;
        (start.elapsed().as_secs(), outcome.expect_err("it never ends").to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_stands_still_is_given_up_and_so_is_work_without_end() {
        let (after, told) = waited(55).await;
        assert_eq!((after, told.contains("longer than 600s (--variable-timeout)")), (600, true), "{told}");
        let (after, told) = waited(1000).await;
        assert!((60..70).contains(&after) && told.contains("60s (--request-timeout)"), "{after} {told}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outcome_is_that_of_the_work() {
        let deadline = Instant::now() + PATIENCE.whole;
        let progress = Progress::default();
        assert_eq!(watched(async { Ok(3) }, &progress, PATIENCE, deadline).await.ok(), Some(3));
        let none: Result<(), _> = watched(pending(), &progress, PATIENCE, deadline).await;
        assert!(matches!(none, Err(ActiveStorageError::Stalled(_))));
    }
}
