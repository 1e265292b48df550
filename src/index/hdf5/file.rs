//! An HDF5 file: how to read from addresses.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use rust_hdf5::format::{
    FormatContext, UNDEF_ADDR, btree_v1::BTreeV1Config, global_heap::GlobalHeapCollection,
    messages::superblock_ext::SharedMessageTableMessage,
};

use super::fields::decoded;
use crate::index::{
    blocks::{Parsed, View},
    error::IndexError,
};

/// An HDF5 file as far as its blocks are there. Addresses count from its base, behind a user block if there is one.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) context: FormatContext,
    pub(super) node_ranks: BTreeV1Config,
    /// Address of the object header of the root group.
    pub(super) root: u64,
    /// Where the table of shared messages is, if there is one.
    pub(super) shared_messages: Option<SharedMessageTableMessage>,
    pub(super) base: u64,
    collections: RefCell<BTreeMap<u64, Rc<Collection>>>,
}

/// The objects of a collection of the global heap, by their index.
type Collection = BTreeMap<u16, Vec<u8>>;

impl<'a> File<'a> {
    /// A file of which no more is known than where it begins.
    pub(super) fn new(view: &'a View<'a>, base: u64) -> Self {
        Self {
            view,
            context: FormatContext::default_v3(),
            node_ranks: BTreeV1Config::default(),
            root: 0,
            shared_messages: None,
            base,
            collections: RefCell::default(),
        }
    }

    /// Whether this is an address at all: all bits set, in as many as addresses have, are none.
    pub(super) fn is_defined(&self, address: u64) -> bool {
        let bits = u32::from(self.context.sizeof_addr).saturating_mul(8);
        address != UNDEF_ADDR && address != u64::MAX.checked_shr(64_u32.saturating_sub(bits)).unwrap_or(0)
    }

    /// Bytes from the beginning of the object to this address.
    pub(super) fn offset(&self, address: u64) -> Parsed<u64> {
        if !self.is_defined(address) {
            return Err(IndexError::malformed("an address", None, "it is undefined where it should not be").into());
        }
        let beyond = || IndexError::malformed("an address", None, format!("{address} is too large for one"));
        Ok(self.base.checked_add(address).ok_or_else(beyond)?)
    }

    /// So many bytes at this address.
    pub(super) fn read(&self, address: u64, len: u64) -> Parsed<Vec<u8>> {
        self.view.read(self.offset(address)?, len)
    }

    /// So many bytes at this address, or what there is of them.
    pub(super) fn read_up_to(&self, address: u64, len: u64) -> Parsed<Vec<u8>> {
        self.view.read_up_to(self.offset(address)?, len)
    }

    /// The object of a collection of the global heap ("Global Heap" of the specification); None if it was deleted.
    pub(super) fn global_object(&self, collection: u64, index: u32) -> Parsed<Option<Vec<u8>>> {
        let known = self.collections.borrow().get(&collection).cloned();
        let objects = match known {
            Some(objects) => objects,
            None => self.read_collection(collection)?,
        };
        let Some(object) = u16::try_from(index).ok().and_then(|index| objects.get(&index)) else { return Ok(None) };
        self.view.spend(u64::try_from(object.len()).unwrap_or(u64::MAX))?;
        Ok(Some(object.clone()))
    }

    fn read_collection(&self, address: u64) -> Parsed<Rc<Collection>> {
        const WHAT: &str = "a collection of the global heap";
        // Collections have 4096 bytes at least, as HDF5 writes them.
        let start = self.read_up_to(address, 4096)?;
        let size = decoded(WHAT, address, GlobalHeapCollection::decode_size(&start, &self.context))?;
        let bytes = self.read(address, u64::try_from(size).unwrap_or(u64::MAX))?;
        let (heap, _) = decoded(WHAT, address, GlobalHeapCollection::decode(&bytes, &self.context))?;
        let objects = Rc::new(heap.objects.into_iter().map(|object| (object.index, object.data)).collect());
        self.collections.borrow_mut().insert(address, Rc::clone(&objects));
        Ok(objects)
    }
}
