//! Work that nobody waits for any more.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Bytes that fast work takes between two looks at its [`Cancellation`]: some 100 µs.
pub const STEP: usize = 1 << 20;

/// Whether somebody still waits for the result of some work. A look costs a nanosecond: work that may be long takes one
/// between its steps, so that its thread is soon free for others.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    is_cancelled: Arc<AtomicBool>,
    #[cfg(test)]
    looks: Arc<std::sync::atomic::AtomicUsize>,
}

/// Held by who waits for the result of some work. The work is cancelled when it is dropped: when the deadline has passed, or
/// the client is gone.
#[derive(Debug)]
#[must_use = "work is cancelled when nobody holds this any more"]
pub struct Waiting {
    is_cancelled: Arc<AtomicBool>,
}

/// Nobody waits any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for the result any more")]
pub struct Cancelled;

impl Cancellation {
    /// Of work that is wanted as long as the other part is held.
    pub fn with_waiting() -> (Self, Waiting) {
        let cancellation = Self::default();
        let waiting = Waiting { is_cancelled: Arc::clone(&cancellation.is_cancelled) };
        (cancellation, waiting)
    }

    /// Of work that is always wanted.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// Looks whether somebody waits.
    ///
    /// # Errors
    /// If nobody does.
    pub fn check(&self) -> Result<(), Cancelled> {
        #[cfg(test)]
        self.looks.fetch_add(1, Ordering::Relaxed);
        if self.is_cancelled.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }

    /// Looks that work has taken so far.
    #[cfg(test)]
    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }
}

/// As many bytes as a [`STEP`] has of whole elements of this size, at least one element.
#[must_use]
pub const fn step_of(element_size: usize) -> usize {
    match STEP.checked_div(element_size) {
        None => STEP,
        Some(0) => element_size,
        Some(elements) => elements * element_size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_cancelled_when_nobody_waits_any_more() {
        let (cancellation, waiting) = Cancellation::with_waiting();
        let other = cancellation.clone();
        assert_eq!((cancellation.check(), other.check()), (Ok(()), Ok(())));
        drop(waiting);
        assert_eq!((cancellation.check(), other.check()), (Err(Cancelled), Err(Cancelled)));
        assert_eq!(Cancellation::never().check(), Ok(()));
    }

    #[test]
    fn steps_are_of_whole_elements() {
        assert_eq!([1, 8, 3, 1 << 21, 0].map(step_of), [STEP, STEP, STEP / 3 * 3, 1 << 21, STEP]);
    }
}
