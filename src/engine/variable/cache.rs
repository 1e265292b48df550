//! What is known of objects, kept between requests.

use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::{
    index::{ChunkTable, Description, Variable},
    source::{Location, Version},
};

/// What is known of one version of an object.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) version: Version,
    /// Length of the object in bytes.
    pub(super) object_len: u64,
    pub(super) what: KnownPart,
}

/// A part of what an object says.
#[derive(Clone, Debug)]
pub(super) enum KnownPart {
    /// All but where chunks lie.
    Description(Arc<Description>),
    /// One variable, and where its chunks lie.
    Variable(Arc<Variable>, Arc<ChunkTable>),
}

impl KnownPart {
    /// Bytes that it takes, nearly.
    fn len(&self) -> usize {
        // Names and attributes, which are short.
        const OF_A_VARIABLE: usize = 4 << 10;
        match self {
            Self::Description(description) => (description.variables.len() + 1).saturating_mul(OF_A_VARIABLE),
            Self::Variable(_, table) => table.len().saturating_mul(28).saturating_add(OF_A_VARIABLE),
        }
    }
}

/// An object, and what of it: a variable, or everything.
type Key = (Location, Option<String>);

/// What was lately known of objects, up to a number of bytes; what was not used for longest goes first.
#[derive(Debug)]
pub struct IndexCache {
    most: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug)]
struct Entries {
    len: usize,
    known: LruCache<Key, Known>,
}

impl IndexCache {
    /// Keeps no more than so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, entries: Mutex::new(Entries { len: 0, known: LruCache::unbounded() }) }
    }

    /// What was known. Whether it still holds, and for whom, has to be asked of the store.
    pub(super) fn known(&self, key: &Key) -> Option<Known> {
        self.entries().known.get(key).cloned()
    }

    /// Keeps what is known now.
    pub(super) fn keep(&self, key: Key, known: Known) {
        let mut entries = self.entries();
        let len = known.what.len();
        if len > self.most {
            return;
        }
        entries.len += len;
        if let Some(before) = entries.known.put(key, known) {
            entries.len -= before.what.len();
        }
        while entries.len > self.most {
            let Some((_, oldest)) = entries.known.pop_lru() else { break };
            entries.len -= oldest.what.len();
        }
    }

    /// Bytes that are kept, nearly.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
