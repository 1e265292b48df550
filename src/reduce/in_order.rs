//! Parts that come in any order, merged in one.

use std::collections::BTreeMap;

use super::{error::ReduceError, partial::Partial, place::Place};
use crate::resources::Cancellation;

/// Merges partial results in the order of their numbers, whatever the order in which they come: so the bits of sums of
/// floats do not depend on which was first. Those that come early are kept, with their memory: who asks for many at a time bounds
/// how many that can be.
#[derive(Debug)]
pub struct InOrder {
    whole: Partial,
    parts: usize,
    next: usize,
    early: BTreeMap<usize, (Vec<Place>, Partial)>,
}

impl InOrder {
    /// Merges so many parts into this one.
    #[must_use]
    pub const fn new(whole: Partial, parts: usize) -> Self {
        Self { whole, parts, next: 0, early: BTreeMap::new() }
    }

    /// Takes the part of this number, counted from 0, whose results lie [`at`](Partial::merge) this place.
    ///
    /// # Errors
    /// If it does not fit the whole, there is no part of this number, or it has come before.
    pub fn take(
        &mut self,
        number: usize,
        at: Vec<Place>,
        partial: Partial,
        cancellation: &Cancellation,
    ) -> Result<(), ReduceError> {
        if !(self.next..self.parts).contains(&number) || self.early.insert(number, (at, partial)).is_some() {
            return Err(ReduceError::Defect("a part comes twice, or is none"));
        }
        while let Some((at, partial)) = self.early.remove(&self.next) {
            self.whole.merge(&at, &partial, cancellation)?;
            self.next += 1;
        }
        Ok(())
    }

    /// The whole.
    ///
    /// # Errors
    /// If a part has not come.
    pub fn finish(self) -> Result<Partial, ReduceError> {
        if self.next == self.parts { Ok(self.whole) } else { Err(ReduceError::Defect("a part never came")) }
    }
}
