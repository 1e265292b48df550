//! What requests share and must not exhaust: connections to stores, memory, CPU threads.
//!
//! Each is a Tokio semaphore, first come, first served; a permit is a value that lives in what it protects.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::array::{Budget, MEMORY_UNIT, Pool};

/// Memory kept for the next requests, beside what is admitted.
const POOL_LIMIT: usize = 32 << 20;

/// Smaller memory is better left to the allocator, which keeps it itself.
const SMALLEST_POOLED: usize = 64 << 10;

/// The bounds of what is shared; None for no bound.
#[derive(Clone, Copy, Debug)]
pub struct ResourceLimits {
    /// Bytes of all encoded and decoded chunks and results in flight.
    pub memory: Option<NonZeroUsize>,
    /// Requests to S3 stores at one time.
    pub s3_connections: Option<NonZeroUsize>,
    /// Requests to web servers at one time.
    pub http_connections: Option<NonZeroUsize>,
    /// Files read at one time.
    pub file_reads: NonZeroUsize,
    /// Threads that decode and reduce.
    pub threads: NonZeroUsize,
    /// Requests that may wait for memory at one time.
    pub queue: usize,
    /// Longest wait for any of them.
    pub queue_timeout: Duration,
}

/// What a connection permit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// A request to an S3 store.
    S3,
    /// A request to a web server.
    Http,
    /// Reading a file.
    File,
}

/// Why a request was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// It would need more than there is, now and always.
    #[error("the request needs {needed} bytes of memory, more than the limit of {limit} bytes (--memory-limit)")]
    NeverFits {
        /// Bytes needed.
        needed: usize,
        /// All there are.
        limit: usize,
    },
    /// Too many wait already.
    #[error("the server is overloaded: {0} requests wait for memory (--max-queue)")]
    QueueFull(usize),
    /// It waited too long.
    #[error("the server is overloaded: the request waited {waited:?} for {resource} (--queue-timeout)")]
    WaitedTooLong {
        /// What for.
        resource: &'static str,
        /// How long.
        waited: Duration,
    },
    /// The server is shutting down.
    #[error("the server is shutting down")]
    Closed,
}

/// The semaphores.
#[derive(Debug)]
pub struct ResourceManager {
    memory: Arc<Semaphore>,
    memory_units: usize,
    pool: Arc<Pool>,
    s3_connections: Arc<Semaphore>,
    http_connections: Arc<Semaphore>,
    file_reads: Arc<Semaphore>,
    threads: Arc<Semaphore>,
    queue: usize,
    queue_timeout: Duration,
    waiting: AtomicUsize,
}

/// Permission to use one connection to a store.
#[derive(Debug)]
pub struct ConnectionPermit {
    _permit: OwnedSemaphorePermit,
}

/// Permission to keep one thread busy.
#[derive(Debug)]
pub struct ThreadPermit {
    _permit: OwnedSemaphorePermit,
}

impl ResourceManager {
    /// Semaphores of these sizes.
    #[must_use]
    pub fn new(limits: &ResourceLimits) -> Self {
        let permits = |limit: Option<usize>| limit.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let semaphore = |limit| Arc::new(Semaphore::new(permits(limit)));
        let memory_units = permits(limits.memory.map(|bytes| bytes.get() / MEMORY_UNIT));
        Self {
            memory: Arc::new(Semaphore::new(memory_units)),
            memory_units,
            pool: Arc::new(Pool::new(SMALLEST_POOLED, POOL_LIMIT)),
            s3_connections: semaphore(limits.s3_connections.map(NonZeroUsize::get)),
            http_connections: semaphore(limits.http_connections.map(NonZeroUsize::get)),
            file_reads: semaphore(Some(limits.file_reads.get())),
            threads: semaphore(Some(limits.threads.get())),
            queue: limits.queue,
            queue_timeout: limits.queue_timeout,
            waiting: AtomicUsize::new(0),
        }
    }

    /// Waits until `units` of memory are free and takes them.
    ///
    /// # Errors
    /// At once if there will never be as many, or if too many requests are waiting already; otherwise if the
    /// wait is too long.
    pub async fn memory(&self, units: usize) -> Result<Budget, AdmissionError> {
        let never_fits = AdmissionError::NeverFits {
            needed: units.saturating_mul(MEMORY_UNIT),
            limit: self.memory_units.saturating_mul(MEMORY_UNIT),
        };
        let permits = u32::try_from(units).map_err(|_| never_fits)?;
        if units > self.memory_units {
            return Err(never_fits);
        }
        if let Ok(permit) = Arc::clone(&self.memory).try_acquire_many_owned(permits) {
            return Ok(self.budget(permit));
        }
        let _place = self.take_place()?;
        self.wait("memory", Arc::clone(&self.memory).acquire_many_owned(permits))
            .await
            .map(|permit| self.budget(permit))
    }

    fn budget(&self, permit: OwnedSemaphorePermit) -> Budget {
        Budget::new(permit, Arc::clone(&self.pool))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// If the wait is too long.
    pub async fn connection(&self, connection: Connection) -> Result<ConnectionPermit, AdmissionError> {
        let (semaphore, name) = match connection {
            Connection::S3 => (&self.s3_connections, "a connection to the store"),
            Connection::Http => (&self.http_connections, "a connection to the web server"),
            Connection::File => (&self.file_reads, "a file to be read"),
        };
        let permit = self.wait(name, Arc::clone(semaphore).acquire_owned()).await?;
        Ok(ConnectionPermit { _permit: permit })
    }

    /// Waits for a thread.
    ///
    /// # Errors
    /// If the wait is too long.
    pub async fn thread(&self) -> Result<ThreadPermit, AdmissionError> {
        let permit = self.wait("a CPU thread", Arc::clone(&self.threads).acquire_owned()).await?;
        Ok(ThreadPermit { _permit: permit })
    }

    async fn wait(
        &self,
        resource: &'static str,
        permit: impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>>,
    ) -> Result<OwnedSemaphorePermit, AdmissionError> {
        match tokio::time::timeout(self.queue_timeout, permit).await {
            Ok(permit) => permit.map_err(|_| AdmissionError::Closed),
            Err(_) => Err(AdmissionError::WaitedTooLong { resource, waited: self.queue_timeout }),
        }
    }

    fn take_place(&self) -> Result<Place<'_>, AdmissionError> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place { waiting: &self.waiting };
        if before < self.queue { Ok(place) } else { Err(AdmissionError::QueueFull(before)) }
    }
}

/// One of the waiting requests, until it is dropped.
struct Place<'a> {
    waiting: &'a AtomicUsize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(memory_units: usize, queue: usize) -> ResourceManager {
        ResourceManager::new(&ResourceLimits {
            memory: NonZeroUsize::new(memory_units * MEMORY_UNIT),
            s3_connections: None,
            http_connections: None,
            file_reads: NonZeroUsize::MIN,
            threads: NonZeroUsize::MIN,
            queue,
            queue_timeout: Duration::from_secs(10),
        })
    }

    #[tokio::test]
    async fn what_can_never_fit_is_refused_at_once() {
        let manager = manager(4, 10);
        assert!(matches!(manager.memory(5).await, Err(AdmissionError::NeverFits { .. })));
        assert!(matches!(manager.memory(usize::MAX).await, Err(AdmissionError::NeverFits { .. })));
        assert!(manager.memory(4).await.is_ok());
    }

    #[tokio::test]
    async fn beyond_the_queue_requests_are_refused_and_places_come_back() {
        let manager = manager(4, 1);
        let held = manager.memory(4).await.expect("free");
        let first = manager.memory(1);
        tokio::pin!(first);
        assert!(poll_once(&mut first).await.is_none());
        assert_eq!(manager.memory(1).await.err(), Some(AdmissionError::QueueFull(1)));
        drop(held);
        assert!(first.await.is_ok());
        assert_eq!(manager.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_the_queue_timeout() {
        let manager = manager(4, 1);
        let _held = manager.memory(4).await.expect("free");
        let _thread = manager.thread().await.expect("free");
        assert!(matches!(manager.memory(1).await, Err(AdmissionError::WaitedTooLong { resource: "memory", .. })));
        assert!(matches!(manager.thread().await, Err(AdmissionError::WaitedTooLong { .. })));
    }

    /// Polls once.
    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut future = std::pin::Pin::new(future);
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
