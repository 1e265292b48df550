//! Memory of buffers that are gone, kept for the next ones.
//!
//! The system hands memory out page by page when it is first written. That costs more than to fill it with data from a
//! socket, and more than to reduce it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use bytemuck::{Pod, Zeroable};
use memmap2::MmapMut;

/// The unit of allocation, aligned for every dtype.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(16))]
pub(super) struct Line([u8; 16]);

/// Memory kept, in bytes, for buffers of at least the smallest size. What it holds is outside of any memory permit.
pub struct Pool {
    smallest: usize,
    limit: usize,
    /// In the order in which they came.
    idle: Mutex<Vec<MmapMut>>,
}

impl Pool {
    /// Keeps up to `limit` bytes, in pieces of no less than `smallest`.
    #[must_use]
    pub const fn new(smallest: usize, limit: usize) -> Self {
        Self { smallest, limit, idle: Mutex::new(Vec::new()) }
    }

    /// The smallest kept memory that has room for `len` bytes and does not waste more than that. It holds what was
    /// last written to it.
    fn take(&self, len: usize) -> Option<MmapMut> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = idle.iter().enumerate().filter(|(_, map)| (len..=len.saturating_mul(2)).contains(&map.len()));
        let (best, _) = fitting.min_by_key(|(_, map)| map.len())?;
        Some(idle.remove(best))
    }

    /// Keeps memory, and lets go of what came first if that is too much.
    fn keep(&self, map: MmapMut) {
        if map.len() > self.limit {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(map);
        let mut kept = idle.iter().map(|map| map.len()).sum::<usize>();
        let mut freed = Vec::new();
        while kept > self.limit && !idle.is_empty() {
            let first = idle.remove(0);
            kept = kept.saturating_sub(first.len());
            freed.push(first);
        }
        // Freeing takes its time.
        drop(idle);
        drop(freed);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Memory of one buffer.
pub(super) enum Memory {
    /// Little enough to be left to the allocator.
    Small(Vec<Line>),
    /// Pages of its own, which return to their pool, and from there to the system. Among other memory of the allocator
    /// they would leave holes, which count as taken.
    Large {
        /// None only once it is dropped.
        map: Option<MmapMut>,
        /// Where it returns to.
        pool: Arc<Pool>,
    },
}

impl Memory {
    /// Room for `len` bytes, which hold anything. None if the system has none. What is
    /// never written is never taken, unless it is kept memory.
    pub(super) fn of(len: usize, pool: &Arc<Pool>) -> Option<Self> {
        if len < pool.smallest {
            let lines = bytemuck::try_zeroed_vec(len.div_ceil(size_of::<Line>()));
            return lines.ok().map(Self::Small);
        }
        let map = match pool.take(len) {
            Some(map) => map,
            None => MmapMut::map_anon(len).ok()?,
        };
        Some(Self::Large { map: Some(map), pool: Arc::clone(pool) })
    }

    /// All bytes, aligned for every dtype.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Small(lines) => bytemuck::cast_slice(lines),
            Self::Large { map, .. } => map.as_deref().unwrap_or_default(),
        }
    }

    /// The same, to be written.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Small(lines) => bytemuck::cast_slice_mut(lines),
            Self::Large { map, .. } => map.as_deref_mut().unwrap_or_default(),
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Self::Large { map, pool } = self
            && let Some(map) = map.take()
        {
            pool.keep(map);
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pool: &Pool) -> Vec<usize> {
        pool.idle.lock().unwrap().iter().map(|map| map.len()).collect()
    }

    fn address(memory: &Memory) -> *const u8 {
        memory.bytes().as_ptr()
    }

    #[test]
    fn memory_comes_back_if_it_fits() {
        let pool = Arc::new(Pool::new(1024, 1 << 20));
        let first = Memory::of(4096, &pool).unwrap();
        let first_address = address(&first);
        drop(first);
        assert_eq!(address(&Memory::of(3000, &pool).unwrap()), first_address);
        assert_eq!(Memory::of(5000, &pool).unwrap().bytes().len(), 5000, "the other is too small");
        drop(Memory::of(2000, &pool).unwrap());
        assert_eq!(kept(&pool), [4096, 5000, 2000], "it would have wasted too much of the others");
    }

    #[test]
    fn the_smallest_that_fits_is_taken() {
        let pool = Arc::new(Pool::new(1024, 1 << 20));
        let three = [6000, 4000, 5000].map(|len| Memory::of(len, &pool).unwrap());
        drop(three);
        assert_eq!(Memory::of(3500, &pool).unwrap().bytes().len(), 4000);
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_nothing_small() {
        let pool = Arc::new(Pool::new(1024, 10_000));
        let some = [1000, 2000, 3000, 4000, 5000, 20_000].map(|len| Memory::of(len, &pool).unwrap());
        some.into_iter().for_each(drop);
        assert_eq!(kept(&pool), [4000, 5000]);
    }

    #[test]
    fn memory_is_aligned_for_every_dtype() {
        let pool = Arc::new(Pool::new(1024, 10_000));
        for len in [1, 17, 1023, 1024, 5001] {
            assert_eq!(address(&Memory::of(len, &pool).unwrap()).align_offset(16), 0);
        }
    }
}
