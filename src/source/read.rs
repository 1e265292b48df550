//! One read of an object: what is asked of a source, what comes back, and what a source is.

use tokio::time::Instant;

use super::{error::SourceError, range::ByteRange, version::Version};
use crate::{
    array::{Budget, Buffer},
    credentials::Caller,
};

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

/// Anything that bytes can be read from, by range. A limited or retried source is a source around a source.
pub trait Source: Send + Sync {
    /// What names an object.
    type Location: Send + Sync;

    /// The server that an object is asked for.
    fn store<'a>(&self, location: &'a Self::Location) -> &'a str;

    /// Reads exactly the range of the object into one buffer of the budget, and says which version it is of. A range
    /// without a size ends with the object. All bytes are of one version: that of `read`, if it names one.
    fn fetch(
        &self,
        location: &Self::Location,
        read: &Read<'_>,
        budget: &mut Budget,
    ) -> impl Future<Output = Result<Fetched, SourceError>> + Send;
}
