//! Extensible arrays, which index the chunks of arrays with one unlimited dimension.

use std::ops::Range;

use rust_hdf5::format::chunk_index::extensible_array::{
    EaGeometry, EaSblkInfo, ExtensibleArrayDataBlock, ExtensibleArrayHeader,
};

use super::{
    array::{Elements, Numbering, is_set},
    found::{Found, WHAT},
};
use crate::index::{
    blocks::{Parsed, all},
    error::IndexError,
    hdf5::fields::{Fields, checked, decoded},
};

/// An array whose header has been read ("Extensible Array Index" of the specification). First chunks are in its index block,
/// more in data blocks that the index block knows, the rest in data blocks that super blocks know.
struct Array {
    header: ExtensibleArrayHeader,
    geometry: EaGeometry,
    elements: Elements,
    numbering: Numbering,
    wanted: Range<u64>,
}

/// A block of elements.
struct DataBlock {
    address: u64,
    numbers: Range<u64>,
    /// For each of its pages, whether it was written; None if it has no pages.
    pages: Option<Vec<bool>>,
}

/// Elements that lie one after the other: their numbers, and their bytes.
type Part = (Range<u64>, Vec<u8>);

/// A block that says where data blocks are.
struct SuperBlock {
    address: u64,
    info: EaSblkInfo,
    numbers: Range<u64>,
}

/// Reads the array at this address.
pub(super) fn read(found: &mut Found<'_>, address: u64) -> Parsed<()> {
    let bytes = found.file.read_up_to(address, 128)?;
    let header = decoded(WHAT, address, ExtensibleArrayHeader::decode(&bytes, &found.file.context))?;
    if !found.file.is_defined(header.idx_blk_addr) {
        return Ok(());
    }
    let geometry = EaGeometry::new(
        header.idx_blk_elmts,
        header.data_blk_min_elmts,
        header.sup_blk_min_data_ptrs,
        header.max_nelmts_bits,
        header.max_dblk_page_nelmts_bits,
    );
    let geometry = decoded(WHAT, address, geometry)?;
    let elements = Elements::new(found, address, header.raw_elmt_size, header.class_id)?;
    let numbering = Numbering::new(found)?;
    let wanted = numbering.range(found);
    Array { header, geometry, elements, numbering, wanted }.read(found)
}

impl Array {
    fn read(&self, found: &mut Found<'_>) -> Parsed<()> {
        let (mut data_blocks, super_blocks) = self.read_index_block(found)?;
        // Blocks of both kinds are asked for at once.
        let more = all(super_blocks.iter().map(|block| self.read_super_block(found, block)));
        let first = self.read_data_blocks(found, &data_blocks);
        let (more, first) = (more?, first?);
        let more: Vec<_> = more.into_iter().flatten().collect();
        let rest = self.read_data_blocks(found, &more)?;
        data_blocks.extend(more);
        for (block, pages) in data_blocks.iter().zip(first.into_iter().chain(rest)) {
            for (numbers, bytes) in pages {
                let mut fields = Fields::new(WHAT, block.address, &bytes);
                self.elements.add(found, &self.numbering, numbers, &mut fields)?;
            }
        }
        Ok(())
    }

    fn read_index_block(&self, found: &mut Found<'_>) -> Parsed<(Vec<DataBlock>, Vec<SuperBlock>)> {
        let (address, sizeof_addr) = (self.header.idx_blk_addr, found.file.context.sizeof_addr);
        let in_block = u64::from(self.header.idx_blk_elmts);
        let pointers = self.geometry.ndblk_addrs.saturating_add(self.geometry.nsblk_addrs);
        let pointers = u64::try_from(pointers).unwrap_or(u64::MAX).saturating_mul(sizeof_addr.into());
        let len = self.elements.len(in_block).saturating_add(pointers).saturating_add(around(sizeof_addr, 0));
        let bytes = found.file.read(address, len)?;
        let mut fields = Fields::new(WHAT, address, checked(WHAT, address, &bytes)?);
        fields.signature(b"EAIB")?;
        fields.take(usize::from(sizeof_addr).saturating_add(2))?;
        self.elements.add(found, &self.numbering, 0..in_block, &mut fields)?;
        let (mut data_blocks, mut super_blocks) = (Vec::new(), Vec::new());
        for (number, info) in self.geometry.sblk.iter().enumerate() {
            if number < self.geometry.iblock_nsblks {
                self.add_data_blocks(&mut data_blocks, info, sizeof_addr, &mut fields, None)?;
            } else if let Some(address) = fields.address(sizeof_addr)? {
                let numbers = self.numbers(info, 0, info.ndblks.saturating_mul(info.dblk_nelmts));
                super_blocks.push(SuperBlock { address, info: *info, numbers });
            }
        }
        super_blocks.retain(|block| self.is_wanted(&block.numbers));
        Ok((data_blocks, super_blocks))
    }

    fn read_super_block(&self, found: &Found<'_>, block: &SuperBlock) -> Parsed<Vec<DataBlock>> {
        let (info, sizeof_addr) = (&block.info, found.file.context.sizeof_addr);
        let bits_len = self.pages(info).map_or(0, |pages| pages.div_ceil(8)).saturating_mul(info.ndblks);
        let pointers = info.ndblks.saturating_mul(sizeof_addr.into());
        let len = bits_len.saturating_add(pointers).saturating_add(around(sizeof_addr, self.offset_len()));
        let bytes = found.file.read(block.address, len)?;
        let mut fields = Fields::new(WHAT, block.address, checked(WHAT, block.address, &bytes)?);
        fields.signature(b"EASB")?;
        fields.take(usize::from(sizeof_addr).saturating_add(2).saturating_add(self.offset_len()))?;
        let bits = fields.take(usize::try_from(bits_len).unwrap_or(usize::MAX))?;
        let mut data_blocks = Vec::new();
        self.add_data_blocks(&mut data_blocks, info, sizeof_addr, &mut fields, Some(bits))?;
        Ok(data_blocks)
    }

    /// Adds the data blocks of a super block whose addresses come next, if they are wanted.
    fn add_data_blocks(
        &self,
        data_blocks: &mut Vec<DataBlock>,
        info: &EaSblkInfo,
        sizeof_addr: u8,
        fields: &mut Fields<'_>,
        written: Option<&[u8]>,
    ) -> Parsed<()> {
        for block in 0..info.ndblks {
            let Some(address) = fields.address(sizeof_addr)? else { continue };
            let numbers = self.numbers(info, block.saturating_mul(info.dblk_nelmts), info.dblk_nelmts);
            if !self.is_wanted(&numbers) {
                continue;
            }
            let bits = |pages: u64| {
                let is_written =
                    |page| is_set(written.unwrap_or_default(), block.saturating_mul(pages).saturating_add(page));
                (0..pages).map(is_written).collect()
            };
            let pages = self.pages(info);
            if pages.is_some() && written.is_none() {
                return Err(IndexError::unsupported("an index block with pages of chunks").into());
            }
            data_blocks.push(DataBlock { address, numbers, pages: pages.map(bits) });
        }
        Ok(())
    }

    /// The elements of each block, in parts that have their numbers.
    fn read_data_blocks(&self, found: &Found<'_>, blocks: &[DataBlock]) -> Parsed<Vec<Vec<Part>>> {
        all(blocks.iter().map(|block| {
            let sizeof_addr = found.file.context.sizeof_addr;
            let prefix_len = around(sizeof_addr, self.offset_len());
            let count = block.numbers.end.saturating_sub(block.numbers.start);
            let Some(pages) = &block.pages else {
                let len = self.elements.len(count).saturating_add(prefix_len);
                let bytes = found.file.read(block.address, len)?;
                let mut fields = Fields::new(WHAT, block.address, checked(WHAT, block.address, &bytes)?);
                fields.signature(b"EADB")?;
                fields.take(usize::from(sizeof_addr).saturating_add(2).saturating_add(self.offset_len()))?;
                return Ok(vec![(block.numbers.clone(), fields.rest().to_vec())]);
            };
            let (per_page, first) = (self.geometry.dblk_page_nelmts, block.address.saturating_add(prefix_len));
            let page_len = self.elements.len(per_page).saturating_add(4);
            let place = |(page, _): (u64, &bool)| {
                let start = block.numbers.start.saturating_add(page.saturating_mul(per_page));
                (first.saturating_add(page.saturating_mul(page_len)), start..start.saturating_add(per_page))
            };
            let written = (0..).zip(pages).filter(|(_, is_written)| **is_written).map(place);
            all(written.filter(|(_, numbers)| self.is_wanted(numbers)).map(|(at, numbers)| {
                let bytes = found.file.read(at, page_len)?;
                Ok((numbers, checked(WHAT, at, &bytes)?.to_vec()))
            }))
        }))
    }

    /// Pages of each data block of a super block; None if it has none.
    fn pages(&self, info: &EaSblkInfo) -> Option<u64> {
        let pages = info.dblk_nelmts / self.geometry.dblk_page_nelmts.max(1);
        (info.dblk_nelmts > self.geometry.dblk_page_nelmts).then_some(pages)
    }

    /// The numbers of so many elements, from this one of a super block on.
    fn numbers(&self, info: &EaSblkInfo, skipped: u64, count: u64) -> Range<u64> {
        let start = u64::from(self.header.idx_blk_elmts).saturating_add(info.start_idx).saturating_add(skipped);
        start..start.saturating_add(count)
    }

    fn is_wanted(&self, numbers: &Range<u64>) -> bool {
        numbers.start < self.wanted.end && self.wanted.start < numbers.end
    }

    fn offset_len(&self) -> usize {
        ExtensibleArrayDataBlock::block_offset_size(self.header.max_nelmts_bits)
    }
}

/// Bytes of a block beside what it holds: signature, version, class, address of the header, checksum, and so many more.
fn around(sizeof_addr: u8, more: usize) -> u64 {
    u64::from(sizeof_addr).saturating_add(10).saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
}
