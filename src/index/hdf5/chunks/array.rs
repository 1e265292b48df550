//! What indexes have in common that are arrays: chunks have a number in them, and elements say where a chunk is.

use std::ops::Range;

use super::found::{Found, WHAT};
use crate::index::{blocks::Parsed, error::IndexError, grid::Grid, hdf5::fields::Fields};

/// How an array numbers chunks: in C order over as many as there may ever be, an unlimited dimension first.
#[derive(Debug)]
pub(super) struct Numbering {
    /// Dimensions in the order of the numbering, with the number of chunks that there may be.
    axes: Vec<(usize, u64)>,
}

impl Numbering {
    /// That of the dataset, whose only unlimited dimension is the first of the numbering, wherever it is.
    pub(super) fn new(found: &Found<'_>) -> Parsed<Self> {
        let lens = found.layout.max_shape.iter().zip(found.grid.chunk_shape());
        let counts: Vec<_> = lens.map(|(max, &chunk)| max.map(|max| max.div_ceil(chunk))).collect();
        let mut axes: Vec<_> =
            counts.iter().enumerate().map(|(axis, count)| (axis, count.unwrap_or(u64::MAX))).collect();
        if counts.len() != found.shape.len() || counts.iter().filter(|count| count.is_none()).count() > 1 {
            return Err(IndexError::malformed(WHAT, None, "it does not suit the dimensions").into());
        }
        axes.sort_by_key(|(axis, _)| counts.get(*axis).is_some_and(Option::is_some));
        Ok(Self { axes })
    }

    /// How many chunks there may be; None if that is unlimited, or beyond counting.
    pub(super) fn len(&self) -> Option<u64> {
        self.axes.iter().try_fold(1_u64, |len, (_, count)| len.checked_mul(*count))
    }

    /// The position in the grid of the chunk of this number; None if there is no such number.
    pub(super) fn position(&self, number: u64) -> Option<Vec<u64>> {
        let (mut position, mut rest) = (vec![0; self.axes.len()], number);
        for &(axis, count) in self.axes.iter().rev() {
            *position.get_mut(axis)? = rest.checked_rem(count)?;
            rest = rest.checked_div(count)?;
        }
        (rest == 0).then_some(position)
    }

    fn number(&self, position: &[u64]) -> Option<u64> {
        self.axes.iter().try_fold(0_u64, |number, &(axis, count)| {
            number.checked_mul(count)?.checked_add(position.get(axis).copied()?)
        })
    }

    /// Numbers between which all chunks of the region lie.
    pub(super) fn range(&self, found: &Found<'_>) -> Range<u64> {
        let ranges = found.region.ranges();
        if ranges.iter().any(Range::is_empty) {
            return 0..0;
        }
        let corner = |of: fn(&Range<u64>) -> u64| self.number(&ranges.iter().map(of).collect::<Vec<_>>());
        let first = corner(|range| range.start).unwrap_or(0);
        first..corner(|range| range.end.saturating_sub(1)).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// The elements of an array: addresses of chunks, with sizes and filter masks if chunks have filters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements {
    sizeof_addr: u8,
    /// Bytes of a size; None without filters.
    sizeof_size: Option<u8>,
}

impl Elements {
    /// Those of this length and class: 0 without filters, 1 with.
    pub(super) fn new(found: &Found<'_>, address: u64, len: u8, class: u8) -> Parsed<Self> {
        let sizeof_addr = found.file.context.sizeof_addr;
        let around = sizeof_addr.saturating_add(4);
        let elements = match (class, len.checked_sub(around)) {
            (0, _) if len == sizeof_addr => Some(Self { sizeof_addr, sizeof_size: None }),
            (1, Some(size @ 1..=8)) => Some(Self { sizeof_addr, sizeof_size: Some(size) }),
            _ => None,
        };
        let suited = elements.filter(|elements| elements.sizeof_size.is_some() == (found.layout.filters > 0));
        Ok(suited.ok_or_else(|| IndexError::malformed(WHAT, address, "its elements do not suit the filters"))?)
    }

    /// Bytes of so many elements.
    pub(super) fn len(self, count: u64) -> u64 {
        let around = self.sizeof_size.map_or(0, |size| size.saturating_add(4));
        u64::from(self.sizeof_addr.saturating_add(around)).saturating_mul(count)
    }

    /// Adds the chunks of elements from this number on.
    pub(super) fn add(
        self,
        found: &mut Found<'_>,
        numbering: &Numbering,
        numbers: Range<u64>,
        fields: &mut Fields<'_>,
    ) -> Parsed<()> {
        for number in numbers {
            let address = fields.address(self.sizeof_addr)?;
            let mut stored = None;
            if let Some(len) = self.sizeof_size {
                stored = Some((fields.number(len)?, fields.u32()?));
            }
            let Some(address) = address else { continue };
            // Beyond the last chunk that there may be, arrays have room.
            if let Some(position) = numbering.position(number) {
                found.add(&position, address, stored)?;
            }
        }
        Ok(())
    }
}

/// Whether a bit is set, counted from the highest one of the first byte.
pub(super) fn is_set(bits: &[u8], at: u64) -> bool {
    let byte = usize::try_from(at / 8).ok().and_then(|byte| bits.get(byte));
    byte.is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
}

/// Chunks that lie one after the other: their numbers alone say where.
pub(super) fn read_implicit(found: &mut Found<'_>, address: u64) -> Parsed<()> {
    let (numbering, ranges) = (Numbering::new(found)?, found.region.ranges());
    let lens: Vec<_> = ranges.iter().map(|range| range.end.saturating_sub(range.start)).collect();
    let wanted = Grid::new(&lens, &vec![1; lens.len()])?;
    let limit = found.file.view.limits().chunks;
    if wanted.len() > limit {
        return Err(IndexError::TooLarge { what: "the number of chunks".to_owned(), limit }.into());
    }
    for position in (0..wanted.len()).filter_map(|number| wanted.position(number)) {
        let position: Vec<_> = position.iter().zip(ranges).map(|(at, range)| range.start.saturating_add(*at)).collect();
        let skipped = numbering.number(&position).and_then(|number| number.checked_mul(found.layout.chunk_size));
        let at = skipped.and_then(|skipped| address.checked_add(skipped));
        let beyond = || IndexError::malformed(WHAT, address, "it goes beyond the end of the object");
        found.add(&position, at.ok_or_else(beyond)?, None)?;
    }
    Ok(())
}
