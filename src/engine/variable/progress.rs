//! How far the work on a question is.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// How far the work on one question is: written by who works, read by who waits.
#[derive(Debug, Default)]
pub struct Progress {
    chunks_done: AtomicU64,
    chunks: AtomicU64,
    bytes: AtomicU64,
    planned: Notify,
}

/// What has been done at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Chunks that are merged into the result.
    pub chunks_done: u64,
    /// Chunks that there are to be; 0 as long as that is not known.
    pub chunks: u64,
    /// Bytes that stores have sent, those of the index included.
    pub bytes: u64,
}

impl Progress {
    /// Says that nothing is left to be refused before so many more chunks are read.
    pub fn plan(&self, chunks: u64) {
        self.chunks.fetch_add(chunks, Ordering::Relaxed);
        self.planned.notify_one();
    }

    /// Says that so many chunks are merged into the result.
    pub fn finish(&self, chunks: u64) {
        self.chunks_done.fetch_add(chunks, Ordering::Relaxed);
    }

    /// Says that a store has sent so many bytes.
    pub fn receive(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What has been done.
    #[must_use]
    pub fn done(&self) -> Done {
        let [chunks_done, chunks, bytes] =
            [&self.chunks_done, &self.chunks, &self.bytes].map(|number| number.load(Ordering::Relaxed));
        Done { chunks_done, chunks, bytes }
    }

    /// Waits until it is [planned](Self::plan). For one who waits.
    pub async fn planned(&self) {
        self.planned.notified().await;
    }
}
