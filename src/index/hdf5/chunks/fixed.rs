//! Fixed arrays, which index the chunks of arrays that cannot grow without limit.

use std::ops::Range;

use rust_hdf5::format::chunk_index::fixed_array::FixedArrayHeader;

use super::{
    array::{Elements, Numbering, is_set},
    found::{Found, WHAT},
};
use crate::index::{
    blocks::{Parsed, all},
    error::IndexError,
    hdf5::fields::{Fields, checked, decoded},
};

/// Reads the array at this address ("Fixed Array Index" of the specification): one block, or pages in places that are known.
pub(super) fn read(found: &mut Found<'_>, address: u64) -> Parsed<()> {
    let context = found.file.context;
    let header = decoded(WHAT, address, FixedArrayHeader::decode(&found.file.read_up_to(address, 64)?, &context))?;
    if !found.file.is_defined(header.data_blk_addr) {
        return Ok(());
    }
    let numbering = Numbering::new(found)?;
    if numbering.len() != Some(header.num_elmts) {
        return Err(IndexError::malformed(WHAT, address, "it has not as many elements as there are chunks").into());
    }
    let elements = Elements::new(found, address, header.element_size, header.client_id)?;
    let prefix_len = u64::from(context.sizeof_addr).saturating_add(6);
    if header.is_paged() {
        return read_pages(found, &numbering, elements, &header, prefix_len);
    }
    let len = elements.len(header.num_elmts).saturating_add(prefix_len).saturating_add(4);
    let bytes = found.file.read(header.data_blk_addr, len)?;
    let mut fields = Fields::new(WHAT, header.data_blk_addr, checked(WHAT, header.data_blk_addr, &bytes)?);
    fields.signature(b"FADB")?;
    fields.take(usize::from(context.sizeof_addr).saturating_add(2))?;
    elements.add(found, &numbering, 0..header.num_elmts, &mut fields)
}

fn read_pages(
    found: &mut Found<'_>,
    numbering: &Numbering,
    elements: Elements,
    header: &FixedArrayHeader,
    prefix_len: u64,
) -> Parsed<()> {
    let (address, pages) = (header.data_blk_addr, header.npages());
    let prefix_len = pages.div_ceil(8).saturating_add(prefix_len).saturating_add(4);
    let prefix = found.file.read(address, prefix_len)?;
    let mut fields = Fields::new(WHAT, address, checked(WHAT, address, &prefix)?);
    fields.signature(b"FADB")?;
    fields.take(usize::from(found.file.context.sizeof_addr).saturating_add(2))?;
    let (written, wanted) = (fields.rest(), numbering.range(found));
    let page_len = elements.len(header.dblk_page_nelmts()).saturating_add(4);
    let numbers = |page: u64| {
        page.saturating_mul(header.dblk_page_nelmts())
            ..header.num_elmts.min(page.saturating_add(1).saturating_mul(header.dblk_page_nelmts()))
    };
    let places: Vec<(u64, Range<u64>)> = (0..pages)
        .filter(|&page| is_set(written, page))
        .map(|page| (page_len.saturating_mul(page).saturating_add(prefix_len).saturating_add(address), numbers(page)))
        .filter(|(_, numbers)| numbers.start < wanted.end && wanted.start < numbers.end)
        .collect();
    let read = |(at, numbers): &(u64, Range<u64>)| {
        let count = numbers.end.saturating_sub(numbers.start);
        found.file.read(*at, elements.len(count).saturating_add(4))
    };
    let blocks = all(places.iter().map(read))?;
    for ((at, numbers), bytes) in places.into_iter().zip(&blocks) {
        let mut fields = Fields::new(WHAT, at, checked(WHAT, at, bytes)?);
        elements.add(found, numbering, numbers, &mut fields)?;
    }
    Ok(())
}
