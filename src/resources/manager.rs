//! What requests share and must not exhaust: connections to stores, memory, CPU threads.
//!
//! Each is handed out in turns ([`turns`](super::turns)); a permit is a value that lives in what it protects.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tracing::Instrument;

use super::{
    buffer::{Budget, MEMORY_UNIT, memory_units},
    pool::Pool,
    turns::{ClientId, LineFull, Permit, Shares},
};
use crate::telemetry::{Unit, Usage};

/// Memory kept for the next requests, beside what is admitted.
const POOL_LIMIT: usize = 32 << 20;

/// Smaller memory is better left to the allocator, which keeps it itself.
const SMALLEST_POOLED: usize = 64 << 10;

/// Memory of an answer that is short: what the system takes off our hands at once, whether the client reads it or not.
const SHORT_ANSWER_UNITS: usize = (64 << 10) / MEMORY_UNIT;

/// A request body that needs no permit, in bytes: as long as those of most requests, and no longer than the buffers of the
/// connection that it comes through.
const SHORT_BODY: usize = 4 << 10;

/// Bytes that a byte of a longer body may become when it is read: numbers of a few digits take the most.
const READ_LEN: usize = 8;

/// More than this is no bound.
const MOST_SHARES: usize = usize::MAX / 16;

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
    /// Requests that may wait for memory at one time, half of them of one client.
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
    /// There are as many requests as may be.
    #[error("the server is overloaded: it has as many connections and requests as it takes (--max-connections)")]
    NoPlace,
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
}

/// What is there, and who has it.
#[derive(Debug)]
pub struct ResourceManager {
    memory: Resource,
    /// The part of the memory that long answers may hold.
    long_answers: Resource,
    /// Memory beside that, for long request bodies.
    long_bodies: Resource,
    /// And as much again, for what these say, once they are there: who sends one slowly, or never, does not hold it.
    parsed_bodies: Resource,
    pool: Arc<Pool>,
    s3_connections: Resource,
    http_connections: Resource,
    file_reads: Resource,
    threads: Resource,
    queue_timeout: Duration,
}

/// One kind of what is shared.
#[derive(Debug)]
struct Resource {
    /// Its name in metrics and traces.
    label: &'static str,
    /// Its name for people.
    name: &'static str,
    /// What its units are, as operators count them, and how many of those are one.
    unit: (Unit, usize),
    shares: Arc<Shares>,
}

impl Resource {
    /// Memory of so many units, for which at most `max_waiting` requests wait.
    fn memory(label: &'static str, name: &'static str, units: usize, max_waiting: usize) -> Self {
        Self { label, name, unit: (Unit::Bytes, MEMORY_UNIT), shares: Shares::new(units, max_waiting) }
    }

    /// Things that are used one at a time. Who waits for them holds memory, or has no need of it: no other bound is
    /// needed.
    fn permits(label: &'static str, name: &'static str, limit: Option<NonZeroUsize>) -> Self {
        let units = limit.map_or(usize::MAX, NonZeroUsize::get);
        Self { label, name, unit: (Unit::Permits, 1), shares: Shares::new(units, usize::MAX) }
    }

    fn usage(&self) -> Usage {
        let (unit, len) = self.unit;
        let (units, free) = (self.shares.units(), self.shares.free());
        let counted = |units: usize| units.saturating_mul(len);
        Usage {
            resource: self.label,
            unit,
            used: counted(units.saturating_sub(free)),
            free: (units <= MOST_SHARES).then(|| counted(free)),
            waiting: self.shares.waiting(),
        }
    }
}

/// Permission to use one connection to a store.
#[derive(Debug)]
pub struct ConnectionPermit {
    _permit: Permit,
}

/// Permission for an answer to hold memory until its client has read it.
#[derive(Debug)]
pub struct AnswerPermit {
    /// None for a short answer.
    permit: Option<Permit>,
}

impl AnswerPermit {
    /// Keeps what an answer of this many bytes needs, and gives the rest back.
    pub fn shrink(&mut self, len: usize) {
        let units = memory_units(len);
        if units <= SHORT_ANSWER_UNITS {
            self.permit = None;
        }
        if let Some(permit) = &mut self.permit {
            drop(permit.split(permit.units().saturating_sub(units)));
        }
    }

    /// Whether the answer is long.
    #[must_use]
    pub const fn is_for_long_answer(&self) -> bool {
        self.permit.is_some()
    }
}

/// Permission to keep a long request body.
#[derive(Debug)]
pub struct BodyPermit {
    _body: Permit,
    /// None as long as the body comes.
    _parsed: Option<Permit>,
}

/// Permission to keep one thread busy.
#[derive(Debug)]
pub struct ThreadPermit {
    _permit: Permit,
}

impl ResourceManager {
    /// Everything free.
    #[must_use]
    pub fn new(limits: &ResourceLimits) -> Self {
        let units = limits.memory.map_or(usize::MAX, |bytes| bytes.get() / MEMORY_UNIT);
        Self {
            memory: Resource::memory("memory", "memory", units, limits.queue),
            long_answers: Resource::memory("long_answers", "memory for long answers", units / 2, limits.queue),
            long_bodies: Resource::memory("long_requests", "memory for long requests", units / 16, limits.queue),
            parsed_bodies: Resource::memory(
                "parsed_requests",
                "memory for what long requests say",
                units / 16,
                limits.queue,
            ),
            pool: Arc::new(Pool::new(SMALLEST_POOLED, POOL_LIMIT)),
            s3_connections: Resource::permits("s3_connections", "a connection to the store", limits.s3_connections),
            http_connections: Resource::permits(
                "http_connections",
                "a connection to the web server",
                limits.http_connections,
            ),
            file_reads: Resource::permits("file_reads", "a file to be read", Some(limits.file_reads)),
            threads: Resource::permits("threads", "a CPU thread", Some(limits.threads)),
            queue_timeout: limits.queue_timeout,
        }
    }

    /// Waits until `units` of memory are free and takes them.
    ///
    /// # Errors
    /// At once if there will never be as many, or if too many requests are waiting already; otherwise if the
    /// wait is too long.
    pub async fn memory(&self, client: ClientId, units: usize) -> Result<Budget, AdmissionError> {
        if units > self.memory.shares.units() {
            return Err(AdmissionError::NeverFits {
                needed: units.saturating_mul(MEMORY_UNIT),
                limit: self.memory.shares.units().saturating_mul(MEMORY_UNIT),
            });
        }
        let permit = self.acquire(&self.memory, client, units).await?;
        Ok(Budget::new(permit, Arc::clone(&self.pool)))
    }

    /// Threads for CPU work, busy or not.
    #[must_use]
    pub fn all_threads(&self) -> usize {
        self.threads.shares.units().min(Semaphore::MAX_PERMITS)
    }

    /// All units of memory, free or not.
    #[must_use]
    pub fn all_memory(&self) -> usize {
        self.memory.shares.units()
    }

    /// Takes `units` of memory that are free, if nobody waits for any and half of all stays free: for work that goes on with
    /// less, only slower. None if there are not as many.
    #[must_use]
    pub fn spare_memory(&self, units: usize) -> Option<Budget> {
        let shares = &self.memory.shares;
        if shares.free().checked_sub(units)? < shares.units() / 2 {
            return None;
        }
        Some(Budget::new(shares.try_acquire(units)?, Arc::clone(&self.pool)))
    }

    /// Waits until an answer of `units` of memory may be made. Long ones share half of the memory, so that clients which
    /// do not read theirs leave the other half to those that ask for reductions. To be taken before the memory itself:
    /// who has that must not wait for clients.
    ///
    /// # Errors
    /// At once if too many requests are waiting already; otherwise if the wait is too long.
    pub async fn answer(&self, client: ClientId, units: usize) -> Result<AnswerPermit, AdmissionError> {
        if units <= SHORT_ANSWER_UNITS {
            return Ok(AnswerPermit { permit: None });
        }
        let units = units.min(self.long_answers.shares.units());
        let permit = self.acquire(&self.long_answers, client, units).await?;
        Ok(AnswerPermit { permit: Some(permit) })
    }

    /// Waits until a request body of `len` bytes may be read, and what it says be kept until that is a part of its plan; None
    /// if it is short. Long ones share memory as large as a sixteenth of that for chunks.
    ///
    /// # Errors
    /// At once if too many requests are waiting already; otherwise if the wait is too long.
    pub async fn body(&self, client: ClientId, len: usize) -> Result<Option<BodyPermit>, AdmissionError> {
        if len <= SHORT_BODY {
            return Ok(None);
        }
        let units = memory_units(len).min(self.long_bodies.shares.units());
        let body = self.acquire(&self.long_bodies, client, units).await?;
        Ok(Some(BodyPermit { _body: body, _parsed: None }))
    }

    /// Waits until a body of `len` bytes, which has come, may be made sense of.
    ///
    /// # Errors
    /// At once if too many requests are waiting already; otherwise if the wait is too long.
    pub async fn parsed(
        &self,
        client: ClientId,
        permit: Option<BodyPermit>,
        len: usize,
    ) -> Result<Option<BodyPermit>, AdmissionError> {
        let Some(permit) = permit.filter(|_| len > SHORT_BODY) else { return Ok(None) };
        let units = memory_units(len.saturating_mul(READ_LEN)).min(self.parsed_bodies.shares.units());
        let parsed = self.acquire(&self.parsed_bodies, client, units).await?;
        Ok(Some(BodyPermit { _parsed: Some(parsed), ..permit }))
    }

    /// Whether a request that has to wait for memory could.
    ///
    /// # Errors
    /// If too many wait already.
    pub fn check_queue(&self) -> Result<(), AdmissionError> {
        self.memory.shares.check_line().map_err(|LineFull { waiting }| AdmissionError::QueueFull(waiting))
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// If the wait is too long.
    pub async fn connection(
        &self,
        client: ClientId,
        connection: Connection,
    ) -> Result<ConnectionPermit, AdmissionError> {
        let resource = match connection {
            Connection::S3 => &self.s3_connections,
            Connection::Http => &self.http_connections,
            Connection::File => &self.file_reads,
        };
        Ok(ConnectionPermit { _permit: self.acquire(resource, client, 1).await? })
    }

    /// Waits for a thread.
    ///
    /// # Errors
    /// If the wait is too long.
    pub async fn thread(&self, client: ClientId) -> Result<ThreadPermit, AdmissionError> {
        Ok(ThreadPermit { _permit: self.acquire(&self.threads, client, 1).await? })
    }

    /// How much of each is in use.
    pub fn usages(&self) -> impl Iterator<Item = Usage> {
        let memory = [&self.memory, &self.long_answers, &self.long_bodies, &self.parsed_bodies];
        let permits = [&self.s3_connections, &self.http_connections, &self.file_reads, &self.threads];
        memory.into_iter().chain(permits).map(Resource::usage)
    }

    async fn acquire(&self, resource: &Resource, client: ClientId, units: usize) -> Result<Permit, AdmissionError> {
        let queue = tracing::debug_span!("queue", resource = resource.label);
        self.wait(resource, client, units).instrument(queue).await
    }

    async fn wait(&self, resource: &Resource, client: ClientId, units: usize) -> Result<Permit, AdmissionError> {
        let Resource { name, shares, .. } = resource;
        if let Some(permit) = shares.try_acquire(units) {
            return Ok(permit);
        }
        match tokio::time::timeout(self.queue_timeout, shares.acquire(client, units)).await {
            Ok(permit) => permit.map_err(|LineFull { waiting }| AdmissionError::QueueFull(waiting)),
            Err(_) => Err(AdmissionError::WaitedTooLong { resource: name, waited: self.queue_timeout }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: ClientId = ClientId(1);

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
        assert!(matches!(manager.memory(CLIENT, 5).await, Err(AdmissionError::NeverFits { .. })));
        assert!(matches!(manager.memory(CLIENT, usize::MAX).await, Err(AdmissionError::NeverFits { .. })));
        assert!(manager.memory(CLIENT, 4).await.is_ok());
    }

    #[tokio::test]
    async fn beyond_the_queue_requests_are_refused_and_places_come_back() {
        let manager = manager(4, 1);
        let held = manager.memory(CLIENT, 4).await.expect("free");
        let first = manager.memory(CLIENT, 1);
        tokio::pin!(first);
        assert!(poll_once(&mut first).await.is_none());
        assert_eq!(manager.memory(CLIENT, 1).await.err(), Some(AdmissionError::QueueFull(1)));
        drop(held);
        assert!(first.await.is_ok());
        assert_eq!(manager.memory.shares.waiting(), 0);
    }

    #[tokio::test]
    async fn spare_memory_is_what_nobody_waits_for_and_no_more_than_half() {
        let manager = manager(10, 10);
        let spare = manager.spare_memory(5).expect("half of it");
        assert!(manager.spare_memory(1).is_none(), "the other half is for those who must have it");
        let held = manager.memory(CLIENT, 5).await.expect("it was left free");
        let mut waits = Box::pin(manager.memory(CLIENT, 2));
        assert!(poll_once(&mut waits).await.is_none());
        drop(held);
        assert!(waits.await.is_ok());
        drop(spare);
        assert!(manager.spare_memory(0).is_some());
    }

    #[tokio::test]
    async fn long_answers_leave_half_of_the_memory_to_others() {
        let manager = manager(1000, 10);
        let mut first = manager.answer(CLIENT, 2000).await.expect("one is always let in");
        let second = manager.answer(CLIENT, 100);
        tokio::pin!(second);
        assert!(poll_once(&mut second).await.is_none());
        assert!(!manager.answer(CLIENT, SHORT_ANSWER_UNITS).await.expect("short").is_for_long_answer());
        assert!(manager.memory(CLIENT, 1000).await.is_ok());
        first.shrink(400 * MEMORY_UNIT);
        let mut second = second.await.expect("there is room for it now");
        second.shrink(MEMORY_UNIT);
        assert!(!second.is_for_long_answer());
        assert_eq!(manager.long_answers.shares.free(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_the_queue_timeout() {
        let manager = manager(4, 1);
        let _held = manager.memory(CLIENT, 4).await.expect("free");
        let _thread = manager.thread(CLIENT).await.expect("free");
        assert!(matches!(
            manager.memory(CLIENT, 1).await,
            Err(AdmissionError::WaitedTooLong { resource: "memory", .. })
        ));
        assert!(matches!(manager.thread(CLIENT).await, Err(AdmissionError::WaitedTooLong { .. })));
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
