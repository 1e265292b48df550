//! Where decoding and reducing run: on threads of their own, never on those that serve connections.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    manager::{AdmissionError, ResourceManager},
    turns::ClientId,
};

/// Why work gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CpuError {
    /// No thread was free in time.
    #[error(transparent)]
    NotAdmitted(#[from] AdmissionError),
    /// The work panicked: a defect, of which the log has the trace.
    #[error("the work on a CPU thread failed unexpectedly")]
    Panicked,
}

/// How long work takes, compared with handing it to another thread and its result back: some 10 µs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Not much longer.
    Short,
    /// Perhaps much longer.
    Long,
}

/// The two kinds of thread pool that an operator can choose.
#[derive(Clone, Debug)]
enum Pool {
    /// Blocking threads of a Tokio runtime, started when needed.
    Blocking(Handle),
    /// A Rayon pool.
    Rayon(Arc<rayon::ThreadPool>),
}

/// Runs CPU-bound work on as many threads as the resource manager has permits for.
#[derive(Clone, Debug)]
pub struct Cpu {
    pool: Pool,
    resources: Arc<ResourceManager>,
}

impl Cpu {
    /// Work runs on blocking threads of the Tokio runtime that runs the caller.
    #[must_use]
    pub fn blocking(resources: Arc<ResourceManager>) -> Self {
        Self { pool: Pool::Blocking(Handle::current()), resources }
    }

    /// Work runs on a Rayon pool of `threads` threads.
    ///
    /// # Errors
    /// If the system refuses the threads.
    pub fn rayon(resources: Arc<ResourceManager>, threads: usize) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("reduce-{index}"))
            .build()?;
        Ok(Self { pool: Pool::Rayon(Arc::new(pool)), resources })
    }

    /// Runs `work`: short work here and now, long work when a thread is free. If the caller stops waiting before that,
    /// it never runs. The current span goes with it.
    ///
    /// # Errors
    /// If the work panics.
    pub async fn run<R: Send + 'static>(
        &self,
        client: ClientId,
        effort: Effort,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, CpuError> {
        match effort {
            Effort::Short => catch_unwind(AssertUnwindSafe(work)).map_err(|_| CpuError::Panicked),
            Effort::Long => self.run_on_a_thread(client, work).await,
        }
    }

    async fn run_on_a_thread<R: Send + 'static>(
        &self,
        client: ClientId,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, CpuError> {
        let permit = self.resources.thread(client).await?;
        let (sender, receiver) = oneshot::channel();
        let span = tracing::Span::current();
        let work = move || {
            let _permit = permit;
            // Nothing that the work borrows or owns outlives a panic.
            let result = span.in_scope(|| catch_unwind(AssertUnwindSafe(work)));
            // A caller that has gone needs no answer.
            drop(sender.send(result));
        };
        match &self.pool {
            Pool::Blocking(runtime) => drop(runtime.spawn_blocking(work)),
            Pool::Rayon(pool) => pool.spawn(work),
        }
        receiver.await.ok().and_then(Result::ok).ok_or(CpuError::Panicked)
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, time::Duration};

    use super::*;
    use crate::resources::manager::ResourceLimits;

    fn both() -> [Cpu; 2] {
        let limits = ResourceLimits {
            memory: None,
            s3_connections: None,
            http_connections: None,
            file_reads: NonZeroUsize::MIN,
            threads: NonZeroUsize::MIN,
            queue: 1,
            queue_timeout: Duration::from_secs(10),
        };
        let resources = Arc::new(ResourceManager::new(&limits));
        [Cpu::blocking(Arc::clone(&resources)), Cpu::rayon(resources, 1).expect("threads")]
    }

    #[tokio::test]
    async fn long_work_runs_on_another_thread_and_short_work_here() {
        for cpu in both() {
            let here = std::thread::current().id();
            assert_ne!(
                cpu.run(ClientId(1), Effort::Long, || std::thread::current().id()).await.expect("no panic"),
                here
            );
            assert_eq!(
                cpu.run(ClientId(1), Effort::Short, || std::thread::current().id()).await.expect("no panic"),
                here
            );
        }
    }

    #[tokio::test]
    async fn a_panic_becomes_an_error_and_frees_its_thread() {
        for cpu in both() {
            for effort in [Effort::Short, Effort::Long] {
                let panicked = cpu.run(ClientId(1), effort, || panic!("on purpose")).await;
                assert!(matches!(panicked, Err(CpuError::Panicked)));
            }
            assert_eq!(cpu.run(ClientId(1), Effort::Long, || 1).await.expect("the thread is free again"), 1);
        }
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_never_starts() {
        for cpu in both() {
            let (release, wait) = std::sync::mpsc::channel::<()>();
            let busy = cpu.run(ClientId(1), Effort::Long, move || wait.recv());
            tokio::pin!(busy);
            let abandoned = cpu.run(ClientId(1), Effort::Long, || panic!("must not run"));
            tokio::select! {
                biased;
                _ = &mut busy => unreachable!("it waits for its release"),
                _ = abandoned => unreachable!("the only thread is busy"),
                () = tokio::task::yield_now() => {}
            }
            release.send(()).expect("it waits");
            assert!(busy.await.is_ok());
        }
    }
}
