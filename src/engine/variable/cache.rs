//! What is known of objects, kept between requests.

use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::{
    index::{Attribute, AttributeValue, ChunkTable, Description, Stored, Variable},
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
        match self {
            Self::Description(description) => {
                let of_groups = attributes_len(&description.attributes)
                    + description.group_attributes.values().map(|of| attributes_len(of)).sum::<usize>();
                let of_variables =
                    description.variables.iter().map(|(path, variable)| path.len() + variable_len(variable));
                of_groups + of_variables.sum::<usize>()
            }
            Self::Variable(variable, table) => variable_len(variable) + table.len().saturating_mul(28),
        }
    }
}

/// What each name, shape and list takes beside what is in it, in bytes.
const OF_EACH: usize = 256;

fn variable_len(variable: &Variable) -> usize {
    let elements = if let Stored::Inline(bytes) = &variable.stored { bytes.len() } else { 0 };
    4 * OF_EACH + elements + attributes_len(&variable.attributes)
}

fn attributes_len(attributes: &[Attribute]) -> usize {
    let len = |attribute: &Attribute| match &attribute.value {
        AttributeValue::Numbers { values, .. } => size_of_val(values.as_slice()),
        AttributeValue::Text(texts) => texts.iter().map(|text| text.len() + size_of::<String>()).sum(),
        AttributeValue::Other(name) => name.len(),
    };
    attributes.iter().map(|attribute| OF_EACH + attribute.name.len() + len(attribute)).sum()
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
