//! One read of an object: what is asked of a source, and what comes back.

use tokio::time::Instant;

use super::{ByteRange, Version};
use crate::{array::Buffer, credentials::Caller};

/// Which bytes to read, of which version, for whom, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// The bytes.
    pub range: ByteRange,
    /// Most bytes, where the range does not say how many: the rest of the object may be no longer.
    pub max_len: usize,
    /// The version that the object has to have; any if None.
    pub version: Option<&'a Version>,
    /// Who asks.
    pub caller: &'a Caller,
    /// Whoever awaits the read gives it up then. Nothing is waited for that comes later.
    pub deadline: Instant,
}

/// The bytes of a range, and what they are of.
#[derive(Debug)]
pub struct Fetched {
    /// The range and nothing else.
    pub bytes: Buffer,
    /// The version that they are of, if the store says anything about it.
    pub version: Option<Version>,
}
