//! What is asked of a source, what comes back, and what a source is.

use tokio::time::Instant;

use super::{error::SourceError, locate::Locate, location::Location, range::Range, version::Version};
use crate::{
    credentials::Caller,
    resources::{Budget, SharedBytes},
};

/// Which bytes of an object to read, of which version, for whom, and how long that may take.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a, L = Location> {
    /// The object.
    pub location: &'a L,
    /// The bytes.
    pub range: Range,
    /// Most bytes, where the object decides how many the range has.
    pub max_len: usize,
    /// The version that the object has to have; any if None.
    pub version: Option<&'a Version>,
    /// Who asks.
    pub caller: &'a Caller,
    /// When whoever awaits the read gives up. Nothing is waited for that comes later.
    pub deadline: Instant,
}

impl<'a, L> Read<'a, L> {
    /// The same read, of an object that is named in another way.
    pub(crate) const fn of<M>(&self, location: &'a M) -> Read<'a, M> {
        let Self { range, max_len, version, caller, deadline, .. } = *self;
        Read { location, range, max_len, version, caller, deadline }
    }

    pub(crate) const fn asked(&self) -> Asked {
        Asked { range: self.range, has_credentials: self.caller.authorization.is_some() }
    }
}

/// What a message about a failed read says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) range: Range,
    pub(crate) has_credentials: bool,
}

/// The bytes of a range, and what they are of.
#[derive(Debug)]
pub struct Fetched {
    /// The range and nothing else.
    pub bytes: SharedBytes,
    /// The version that they are of, if the store says anything about it.
    pub version: Option<Version>,
    /// Length of the object in bytes, if the store says it.
    pub object_len: Option<u64>,
}

/// Anything that bytes can be read from, by range. What is done around reading, such as trying again, is a source around a
/// source.
pub trait Source: Send + Sync {
    /// What names an object.
    type Location: Locate;

    /// Reads exactly the range of the object into memory of the budget, and says which version of the object it is of. All
    /// bytes are of one version: that of `read`, if it names one.
    fn fetch(
        &self,
        read: &Read<'_, Self::Location>,
        budget: &mut Budget,
    ) -> impl Future<Output = Result<Fetched, SourceError>> + Send;
}
