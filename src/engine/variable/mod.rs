//! Questions about whole variables: index → plan → groups of chunks (fetch → decode → fold) → merge → finish.
//!
//! The path of a variable, or a list of chunks, and what is asked of it come in; results go out. Memory is planned for groups of
//! chunks, never for the variable.

mod answer;
mod answering;
mod ask;
mod axes;
mod beside;
mod cache;
mod elements;
mod error;
mod fold;
mod groups;
mod layout;
mod lines;
mod look;
mod lookup;
mod members;
mod progress;
mod quantile;
mod reading;
mod reduce;
mod run;
mod select;
mod spans;
mod task;
mod weights;
mod work;

use std::time::Duration;

pub use answer::{Described, DescribedVariable, NamedResult, ReadSummary, VariableAnswer};
pub use answering::Variables;
pub use cache::IndexCache;
pub use error::VariableError;
pub use groups::ReadLimits;
pub use progress::{Done, Progress};

use crate::index::Limits;

/// How whole variables are read, and what is known of them from earlier requests.
#[derive(Debug)]
pub struct VariableSettings {
    /// How chunks are read.
    pub read_limits: ReadLimits,
    /// How much of an index is read.
    pub index_limits: Limits,
    /// What is known of objects.
    pub known: IndexCache,
    /// Longest time in which nothing happens.
    pub patience: Duration,
}

impl VariableSettings {
    /// Reads within these limits, and keeps so many bytes of what is known. Nothing may happen for no longer than `patience`.
    #[must_use]
    pub fn new(read_limits: ReadLimits, known_len: usize, patience: Duration) -> Self {
        Self { read_limits, index_limits: Limits::default(), known: IndexCache::new(known_len), patience }
    }
}
