//! Fractal heaps, in which new groups and objects with many attributes keep them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use rust_hdf5::format::fractal_heap::{FractalHeapHeader, HeapId};

use super::{
    btree2,
    fields::{Fields, checked, decoded},
    file::File,
};
use crate::index::{
    blocks::{Parsed, all},
    error::IndexError,
};

const WHAT: &str = "a fractal heap";

/// The most levels of indirect blocks: more address space than there is.
const MAX_DEPTH: usize = 16;

/// A heap whose blocks have been found ("Fractal Heap" of the specification).
#[derive(Debug)]
pub(super) struct Heap<'a> {
    file: &'a File<'a>,
    header: FractalHeapHeader,
    /// Direct blocks by where they begin in the heap: (start, length, address).
    blocks: Vec<(u64, u64, u64)>,
    /// Objects that have a place of their own: their addresses and lengths.
    huge: BTreeMap<u64, (u64, u64)>,
    /// Direct blocks that have been read, by their address.
    read: RefCell<BTreeMap<u64, Rc<[u8]>>>,
}

impl<'a> Heap<'a> {
    /// Finds the blocks of the heap at this address.
    pub(super) fn read(file: &'a File<'a>, address: u64) -> Parsed<Self> {
        let bytes = file.read_up_to(address, 256)?;
        // The library takes it for granted that identifiers have a length.
        if bytes.get(5..7).is_none_or(|id_len| id_len == [0, 0]) {
            return Err(IndexError::malformed(WHAT, address, "its identifiers have no length").into());
        }
        let header = decoded(WHAT, address, FractalHeapHeader::decode(&bytes, &file.context))?;
        if header.filter_len > 0 {
            return Err(IndexError::unsupported("a fractal heap with filters").into());
        }
        let mut heap = Self { file, header, blocks: Vec::new(), huge: BTreeMap::new(), read: RefCell::default() };
        heap.find_blocks()?;
        heap.find_huge()?;
        Ok(heap)
    }

    /// The objects of these identifiers.
    pub(super) fn objects<'b>(&self, ids: impl Iterator<Item = &'b [u8]>) -> Parsed<Vec<Vec<u8>>> {
        all(ids.map(|id| self.object(id)))
    }

    fn object(&self, id: &[u8]) -> Parsed<Vec<u8>> {
        match decoded("an object of a fractal heap", 0, HeapId::parse(id, &self.header, &self.file.context))? {
            HeapId::Tiny { data } => Ok(data),
            HeapId::HugeDirect { address, length } => self.file.read(address, length),
            HeapId::HugeIndirect { id } => {
                let huge = self.huge.get(&id).copied();
                let (address, length) =
                    huge.ok_or_else(|| IndexError::malformed(WHAT, None, "it has no such object"))?;
                self.file.read(address, length)
            }
            HeapId::Managed { offset, length } => self.managed(offset, length),
        }
    }

    fn managed(&self, offset: u64, length: u64) -> Parsed<Vec<u8>> {
        let at = self.blocks.partition_point(|&(start, ..)| start <= offset);
        let block = at.checked_sub(1).and_then(|at| self.blocks.get(at));
        let inside = |&&(start, len, _): &&(u64, u64, u64)| {
            let end = offset.checked_sub(start).and_then(|skipped| skipped.checked_add(length));
            end.is_some_and(|end| end <= len)
        };
        let &(start, len, address) = block
            .filter(inside)
            .ok_or_else(|| IndexError::malformed(WHAT, None, format!("it has nothing at {offset}")))?;
        let bytes = self.block(address, len)?;
        self.file.view.spend(length)?;
        let skipped = usize::try_from(offset.saturating_sub(start)).ok();
        let range = skipped.zip(usize::try_from(length).ok()).and_then(|(at, len)| Some(at..at.checked_add(len)?));
        let object = range.and_then(|range| bytes.get(range));
        Ok(object.ok_or_else(|| IndexError::malformed(WHAT, address, "an object is cut off"))?.to_vec())
    }

    fn block(&self, address: u64, len: u64) -> Parsed<Rc<[u8]>> {
        if let Some(block) = self.read.borrow().get(&address) {
            return Ok(Rc::clone(block));
        }
        let bytes = self.file.read(address, len)?;
        self.check_block(&bytes, address)?;
        let block = Rc::<[u8]>::from(bytes);
        self.read.borrow_mut().insert(address, Rc::clone(&block));
        Ok(block)
    }

    fn check_block(&self, bytes: &[u8], address: u64) -> Parsed<()> {
        let mut fields = Fields::new(WHAT, address, bytes);
        fields.signature(b"FHDB")?;
        if !self.header.checksum_dblocks {
            return Ok(());
        }
        // The checksum counts as zero itself.
        fields.take(1)?;
        fields.number(self.file.context.sizeof_addr)?;
        fields.take(self.header.heap_off_size.into())?;
        let at = bytes.len().saturating_sub(fields.rest().len());
        let checksum = fields.u32()?;
        let mut summed = bytes.to_vec();
        summed.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0);
        summed.extend(checksum.to_le_bytes());
        checked(WHAT, address, &summed).map(|_| ())
    }

    fn find_blocks(&mut self) -> Parsed<()> {
        if !self.file.is_defined(self.header.table_addr) {
            return Ok(());
        }
        let rows = u64::from(self.header.curr_root_rows);
        if rows == 0 {
            self.blocks.push((0, self.header.start_block_size, self.header.table_addr));
            return Ok(());
        }
        let (mut level, mut seen) = (vec![(0, rows, self.header.table_addr)], BTreeSet::new());
        for _ in 0..MAX_DEPTH {
            if level.iter().any(|(.., address)| !seen.insert(*address)) {
                return Err(IndexError::malformed(WHAT, self.header.table_addr, "two blocks are one").into());
            }
            let read = |&(_, rows, address): &_| self.file.read(address, self.indirect_len(rows));
            let blocks = all(level.iter().map(read))?;
            let mut below = Vec::new();
            for (&(start, rows, address), bytes) in level.iter().zip(&blocks) {
                below.extend(self.add_indirect(start, rows, address, bytes)?);
            }
            level = below;
            if level.is_empty() {
                self.blocks.sort_unstable();
                return Ok(());
            }
        }
        Err(IndexError::malformed(WHAT, self.header.table_addr, "its blocks are nested too deeply").into())
    }

    fn indirect_len(&self, rows: u64) -> u64 {
        let addresses = rows.saturating_mul(self.header.table_width.into());
        let sizeof_addr = u64::from(self.file.context.sizeof_addr);
        let around = u64::from(self.header.heap_off_size).saturating_add(sizeof_addr).saturating_add(9);
        addresses.saturating_mul(sizeof_addr).saturating_add(around)
    }

    /// Adds the direct blocks of an indirect one; returns the indirect blocks below it: (start, rows, address).
    fn add_indirect(&mut self, start: u64, rows: u64, address: u64, bytes: &[u8]) -> Parsed<Vec<(u64, u64, u64)>> {
        let mut fields = Fields::new(WHAT, address, checked(WHAT, address, bytes)?);
        fields.signature(b"FHIB")?;
        fields.take(1)?;
        fields.number(self.file.context.sizeof_addr)?;
        fields.take(self.header.heap_off_size.into())?;
        let (mut at, mut below) = (start, Vec::new());
        for row in 0..rows {
            let size = usize::try_from(row).ok().and_then(|row| self.header.row_block_size.get(row)).copied();
            let size = size.ok_or_else(|| fields.wrong("it has too many rows"))?;
            for _ in 0..self.header.table_width {
                if let Some(child) = fields.address(self.file.context.sizeof_addr)? {
                    if row < u64::from(self.header.max_direct_rows) {
                        self.blocks.push((at, size, child));
                    } else {
                        below.push((at, self.rows_of(size), child));
                    }
                }
                at = at.checked_add(size).ok_or_else(|| fields.wrong("it is too large"))?;
            }
        }
        Ok(below)
    }

    /// Rows of an indirect block that spans so much of the heap: its own blocks make up all of it.
    fn rows_of(&self, size: u64) -> u64 {
        let first_row = self.header.start_block_size.saturating_mul(self.header.table_width.into()).max(1);
        u64::from((size / first_row).checked_ilog2().unwrap_or(0)).saturating_add(1)
    }

    fn find_huge(&mut self) -> Parsed<()> {
        if self.header.huge_nobjs == 0 || self.header.huge_ids_direct {
            return Ok(());
        }
        let records = btree2::all_records(self.file, self.header.huge_bt2_addr, &[1])?;
        for record in records.iter() {
            let mut fields = Fields::new(WHAT, self.header.huge_bt2_addr, record);
            let address = fields.number(self.file.context.sizeof_addr)?;
            let [length, id] =
                [fields.number(self.file.context.sizeof_size)?, fields.number(self.file.context.sizeof_size)?];
            self.huge.insert(id, (address, length));
        }
        Ok(())
    }
}
