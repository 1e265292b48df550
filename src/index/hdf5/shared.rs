//! Messages that are not where they are used: committed datatypes, and what a file keeps once for many objects.

use rust_hdf5::format::sohm::{SharedLocation, SharedMessagePointer, SohmMasterTable};

use super::{
    fields::decoded,
    file::File,
    heap::Heap,
    object_header::{Kind, Message, ObjectHeader},
};
use crate::index::{blocks::Parsed, error::IndexError};

const WHAT: &str = "a shared message";

/// The body of a message, wherever it is.
pub(super) fn body(file: &File<'_>, message: &Message) -> Parsed<Vec<u8>> {
    if message.is_shared { resolve(file, message.kind, &message.body) } else { Ok(message.body.clone()) }
}

/// The body that a pointer leads to ("Shared Message" of the specification).
pub(super) fn resolve(file: &File<'_>, kind: Kind, pointer: &[u8]) -> Parsed<Vec<u8>> {
    let pointer = decoded(WHAT, 0, SharedMessagePointer::decode(pointer, &file.context))?;
    match pointer.location {
        SharedLocation::Committed => {
            let header = ObjectHeader::read(file, pointer.oh_addr)?;
            let message = header.first(kind).filter(|message| !message.is_shared);
            Ok(message.ok_or_else(|| IndexError::malformed(WHAT, pointer.oh_addr, "it is not there"))?.body.clone())
        }
        SharedLocation::Sohm => in_heap(file, kind, &pointer.heap_id),
        SharedLocation::Here | SharedLocation::Unshared => {
            Err(IndexError::malformed(WHAT, None, "it is said to be in the object that uses it").into())
        }
    }
}

/// The body of a message of this kind in the heap that the file keeps for them.
pub(super) fn in_heap(file: &File<'_>, kind: Kind, id: &[u8]) -> Parsed<Vec<u8>> {
    let no_heap = || IndexError::malformed(WHAT, None, "the file has no heap of such messages");
    let place = file.shared_messages.as_ref().ok_or_else(no_heap)?;
    let len = SohmMasterTable::encoded_size(&file.context, place.nindexes);
    let bytes = file.read(place.table_address, u64::try_from(len).unwrap_or(u64::MAX))?;
    let table = SohmMasterTable::decode(&bytes, &file.context, place.nindexes);
    let table = decoded("the table of shared messages", place.table_address, table)?;
    let address = u8::try_from(kind.0).ok().and_then(|kind| table.heap_addr(kind)).ok_or_else(no_heap)?;
    let objects = Heap::read(file, address)?.objects(std::iter::once(id))?;
    Ok(objects.into_iter().next().ok_or_else(no_heap)?)
}
