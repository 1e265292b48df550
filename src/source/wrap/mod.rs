//! Sources around a source.

pub(super) mod counted;
pub(super) mod limited;
pub(super) mod retry;
pub(super) mod stores;
pub(super) mod suffixes;
