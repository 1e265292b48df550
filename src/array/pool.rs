//! Memory of buffers that are gone, kept for the next ones.
//!
//! The system hands memory out page by page when it is first written. That costs more than to fill it with data from a
//! socket, and more than to reduce it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use super::buffer::Line;

/// Memory kept, in bytes, for buffers of at least the smallest size. What it holds is outside of any memory permit.
pub struct Pool {
    smallest: usize,
    limit: usize,
    /// In the order in which they came.
    idle: Mutex<Vec<Vec<Line>>>,
}

impl Pool {
    /// Keeps up to `limit` bytes, in pieces of no less than `smallest`.
    #[must_use]
    pub const fn new(smallest: usize, limit: usize) -> Self {
        Self { smallest, limit, idle: Mutex::new(Vec::new()) }
    }

    /// The smallest kept memory that has room for `len` bytes and does not waste more than that. It holds what was
    /// last written to it.
    fn take(&self, len: usize) -> Option<Vec<Line>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting =
            idle.iter().enumerate().filter(|(_, lines)| (len..=len.saturating_mul(2)).contains(&bytes(lines)));
        let (best, _) = fitting.min_by_key(|(_, lines)| lines.len())?;
        Some(idle.remove(best))
    }

    /// Keeps memory, and lets go of what came first if that is too much.
    fn keep(&self, lines: Vec<Line>) {
        if !(self.smallest..=self.limit).contains(&bytes(&lines)) {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(lines);
        let mut kept = idle.iter().map(bytes).sum::<usize>();
        let mut freed = Vec::new();
        while kept > self.limit && !idle.is_empty() {
            let first = idle.remove(0);
            kept = kept.saturating_sub(bytes(&first));
            freed.push(first);
        }
        // Freeing takes its time.
        drop(idle);
        drop(freed);
    }
}

fn bytes(lines: &Vec<Line>) -> usize {
    size_of_val(lines.as_slice())
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Memory that returns to its pool.
pub(super) struct Memory {
    pub(super) lines: Vec<Line>,
    pool: Arc<Pool>,
}

impl Memory {
    /// Room for `len` bytes, which hold anything. None if the system has none.
    pub(super) fn of(len: usize, pool: &Arc<Pool>) -> Option<Self> {
        let kept = if len < pool.smallest { None } else { pool.take(len) };
        let lines = match kept {
            Some(lines) => lines,
            // Zeroed, as the system does it: what is never written is never taken.
            None => bytemuck::try_zeroed_vec::<Line>(len.div_ceil(size_of::<Line>())).ok()?,
        };
        Some(Self { lines, pool: Arc::clone(pool) })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.pool.keep(std::mem::take(&mut self.lines));
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
        pool.idle.lock().unwrap().iter().map(bytes).collect()
    }

    #[test]
    fn memory_comes_back_if_it_fits() {
        let pool = Arc::new(Pool::new(1024, 1 << 20));
        let first = Memory::of(4096, &pool).unwrap();
        let address = first.lines.as_ptr();
        drop(first);
        assert_eq!(Memory::of(3000, &pool).unwrap().lines.as_ptr(), address);
        assert_ne!(Memory::of(5000, &pool).unwrap().lines.len(), 4096 / 16, "it is too small");
        drop(Memory::of(2000, &pool).unwrap());
        assert_eq!(kept(&pool), [4096, 5008, 2000], "it would have wasted too much of the others");
    }

    #[test]
    fn the_smallest_that_fits_is_taken() {
        let pool = Arc::new(Pool::new(1024, 1 << 20));
        let three = [6000, 4000, 5008].map(|len| Memory::of(len, &pool).unwrap());
        drop(three);
        assert_eq!(bytes(&Memory::of(3500, &pool).unwrap().lines), 4000);
    }

    #[test]
    fn no_more_is_kept_than_the_limit_and_nothing_small() {
        let pool = Arc::new(Pool::new(1024, 10_000));
        let some = [1008, 2000, 3008, 4000, 5008, 20_000].map(|len| Memory::of(len, &pool).unwrap());
        some.into_iter().for_each(drop);
        assert_eq!(kept(&pool), [4000, 5008]);
    }
}
