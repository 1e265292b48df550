//! Memory for chunks and results: aligned, and owning the permit that admitted it.

use std::sync::Arc;

use bytemuck::Pod;

use super::{
    cancellation::{Cancellation, Waiting},
    pool::{Memory, Pool},
    turns::{Permit, Shares},
};

/// Memory is admitted in units of this many bytes: small parts are not worth being counted.
pub const MEMORY_UNIT: usize = 1024;

/// Memory units that `len` bytes take.
#[must_use]
pub const fn memory_units(len: usize) -> usize {
    len.div_ceil(MEMORY_UNIT)
}

/// Why a buffer could not be had. Neither is the client's fault.
#[derive(Debug, thiserror::Error)]
pub enum BufferError {
    /// A request asked for more than it had itself admitted with: a defect.
    #[error("a buffer of {len} bytes does not fit what is left of the memory admitted for this request")]
    NotAdmitted {
        /// Bytes asked for.
        len: usize,
    },
    /// The allocator refused.
    #[error("no memory for a buffer of {len} bytes")]
    OutOfMemory {
        /// Bytes asked for.
        len: usize,
    },
}

/// What one request may still use: memory that has been admitted for it and not yet been handed out as buffers, for as long as
/// somebody waits for its result.
#[derive(Debug)]
pub struct Budget {
    permit: Permit,
    pool: Arc<Pool>,
    cancellation: Cancellation,
}

impl Budget {
    /// The budget that a memory permit, counted in [`MEMORY_UNIT`]s, allows. Buffers get their memory from the pool,
    /// and return it there.
    #[must_use]
    pub fn new(permit: Permit, pool: Arc<Pool>) -> Self {
        Self { permit, pool, cancellation: Cancellation::never() }
    }

    /// Has what is done with the budget end soon after the result is dropped.
    pub fn waiting(&mut self) -> Waiting {
        let (cancellation, waiting) = Cancellation::with_waiting();
        self.cancellation = cancellation;
        waiting
    }

    /// Whether somebody still waits for what is done with the budget.
    #[must_use]
    pub const fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// A budget of so many units that are nobody else's.
    #[must_use]
    pub fn unshared(units: usize, pool: Arc<Pool>) -> Self {
        Self::new(Shares::new(units, 0).all(), pool)
    }

    /// A buffer of `len` bytes, which takes its part of the permit with it. It holds anything, perhaps what another
    /// request left there: whoever asks for it writes all of it, or truncates it to what has been written.
    ///
    /// # Errors
    /// If the budget is spent, or the system has no memory.
    pub fn allocate(&mut self, len: usize) -> Result<Buffer, BufferError> {
        let permit = self.permit.split(memory_units(len)).ok_or(BufferError::NotAdmitted { len })?;
        let memory = Memory::of(len, &self.pool).ok_or(BufferError::OutOfMemory { len })?;
        Ok(Buffer { memory, len, permit })
    }

    /// A part of it, of so many units, for work of the same request that goes on beside this; None if there is not as much.
    #[must_use]
    pub fn split(&mut self, units: usize) -> Option<Self> {
        let permit = self.permit.split(units)?;
        Some(Self { permit, pool: Arc::clone(&self.pool), cancellation: self.cancellation.clone() })
    }

    /// Takes back what is left of a part.
    pub fn merge(&mut self, part: Self) {
        self.permit.merge(part.permit);
    }

    /// Memory units that have not been handed out.
    #[must_use]
    pub fn units(&self) -> usize {
        self.permit.units()
    }

    /// Has what is done with this budget end when other work does.
    pub fn end_with(&mut self, cancellation: &Cancellation) {
        self.cancellation = cancellation.clone();
    }

    /// Gives back what exceeds `units` when a buffer that is part of them has been handed out.
    pub fn shrink_around(&mut self, buffer: &Buffer, units: usize) {
        let left = units.saturating_sub(buffer.permit.units());
        drop(self.permit.split(self.permit.units().saturating_sub(left)));
    }

    /// Forgets all but the first `len` bytes of a buffer and takes the permit of the rest back.
    pub fn truncate(&mut self, buffer: &mut Buffer, len: usize) {
        if let Some(permit) = buffer.cut(len) {
            self.permit.merge(permit);
        }
    }

    /// Frees a buffer and takes its permit back, for the next one of the same request.
    pub fn reclaim(&mut self, buffer: Buffer) {
        let Buffer { memory, permit, .. } = buffer;
        drop(memory);
        self.permit.merge(permit);
    }
}

/// Bytes, aligned for every dtype, that hold their memory permit until they are dropped.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    len: usize,
    permit: Permit,
}

impl Buffer {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let bytes = self.memory.bytes();
        bytes.get(..self.len).unwrap_or(bytes)
    }

    /// The bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes = self.memory.bytes_mut();
        let len = self.len.min(bytes.len());
        bytes.split_at_mut(len).0
    }

    /// The bytes as elements; what is left over of a last, incomplete element is not part of them.
    #[must_use]
    pub fn elements<T: Pod>(&self) -> &[T] {
        let bytes = self.bytes();
        let whole = bytes.len() - bytes.len() % size_of::<T>();
        // It is aligned, and there is no other reason to fail.
        bytemuck::try_cast_slice(bytes.split_at(whole).0).unwrap_or_default()
    }

    /// The bytes as elements, to be written.
    pub fn elements_mut<T: Pod>(&mut self) -> &mut [T] {
        let bytes = self.bytes_mut();
        let whole = bytes.len() - bytes.len() % size_of::<T>();
        bytemuck::try_cast_slice_mut(bytes.split_at_mut(whole).0).unwrap_or_default()
    }

    /// Forgets all but the first `len` bytes and gives the memory permit of the rest back. The
    /// allocation stays: memory behind `len` that was never written was never really taken, unless it came from the pool.
    pub fn truncate(&mut self, len: usize) {
        drop(self.cut(len));
    }

    /// Forgets all but the first `len` bytes: the permit of the rest.
    fn cut(&mut self, len: usize) -> Option<Permit> {
        self.len = self.len.min(len);
        let excess = self.permit.units().saturating_sub(memory_units(self.len));
        self.permit.split(excess)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Arc<Pool> {
        Arc::new(Pool::new(1 << 16, 1 << 20))
    }

    fn budget(shares: &Arc<Shares>, units: usize) -> Budget {
        Budget::new(shares.try_acquire(units).expect("enough are free"), pool())
    }

    #[test]
    fn buffers_take_their_permits_with_them_and_give_them_back() {
        let shares = Shares::new(10, 0);
        let mut budget = budget(&shares, 6);
        let mut a = budget.allocate(3 * MEMORY_UNIT).expect("admitted");
        let b = budget.allocate(1).expect("admitted");
        assert!(matches!(budget.allocate(3 * MEMORY_UNIT), Err(BufferError::NotAdmitted { .. })));
        drop(budget);
        assert_eq!(shares.free(), 6);
        a.truncate(MEMORY_UNIT + 1);
        assert_eq!(shares.free(), 7);
        drop((a, b));
        assert_eq!(shares.free(), 10);
    }

    #[test]
    fn a_budget_shrinks_to_what_a_buffer_leaves_of_it() {
        let shares = Shares::new(10, 0);
        let mut budget = budget(&shares, 10);
        let buffer = budget.allocate(2 * MEMORY_UNIT).expect("admitted");
        budget.shrink_around(&buffer, 5);
        assert_eq!(shares.free(), 5);
        assert!(budget.allocate(3 * MEMORY_UNIT).is_ok());
    }

    #[test]
    fn parts_of_a_budget_end_with_it_and_come_back() {
        let mut budget = budget(&Shares::new(10, 0), 10);
        let waiting = budget.waiting();
        let part = budget.split(4).expect("there is as much");
        assert!(budget.split(7).is_none());
        assert_eq!((budget.units(), part.units()), (6, 4));
        drop(waiting);
        assert!(part.cancellation().check().is_err());
        budget.merge(part);
        assert_eq!(budget.units(), 10);
    }

    #[test]
    fn a_reclaimed_buffer_makes_room_for_another() {
        let mut budget = budget(&Shares::new(2, 0), 2);
        let first = budget.allocate(2 * MEMORY_UNIT).expect("admitted");
        budget.reclaim(first);
        assert!(budget.allocate(2 * MEMORY_UNIT).is_ok());
    }

    #[test]
    fn what_a_budget_cuts_off_a_buffer_makes_room_for_another() {
        let mut budget = budget(&Shares::new(3, 0), 3);
        let mut buffer = budget.allocate(3 * MEMORY_UNIT).expect("admitted");
        budget.truncate(&mut buffer, 1);
        assert_eq!(buffer.bytes().len(), 1);
        assert!(budget.allocate(2 * MEMORY_UNIT).is_ok());
    }

    #[test]
    fn elements_leave_an_incomplete_last_one_out() {
        let mut budget = budget(&Shares::new(1, 0), 1);
        let mut buffer = budget.allocate(11).expect("admitted");
        buffer.bytes_mut().fill(1);
        assert_eq!(buffer.bytes().len(), 11);
        assert_eq!(buffer.elements::<u32>(), [0x0101_0101; 2]);
        assert_eq!(buffer.elements::<u64>().as_ptr().align_offset(16), 0);
    }

    /// Resident memory of this process in bytes.
    #[cfg(target_os = "linux")]
    fn resident_bytes() -> usize {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_not_written_is_not_taken() {
        let before = resident_bytes();
        let mut budget = budget(&Shares::new(1 << 20, 0), 1 << 20);
        let mut buffer = budget.allocate(1 << 30).expect("admitted");
        buffer.bytes_mut()[..1000].fill(1);
        assert!(resident_bytes() < before + (200 << 20), "other tests run at the same time, but none takes that much");
    }
}
