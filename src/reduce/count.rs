//! The number of elements that are not missing.

use bytemuck::cast_slice_mut;
use multiversion::multiversion;

use crate::array::{
    Block, Columns, DType, Element, IsValid, ROWS_AT_A_TIME, Rows, Tally, Validity, by_blocks, with_validity,
};

use super::{Overflow, Reduction};

/// The number of elements, NaN included: counts are kept by all reductions, and this is all there is to it.
#[derive(Clone, Copy, Debug)]
pub struct Count;

impl Reduction for Count {
    const NAME: &'static str = "count";
    const KEEPS_ELEMENTS: bool = false;
    const SUMMARY: &'static str = "Number of elements that are not missing";
    const UNPACKS: bool = false;
    type Mirrored = Self;
    type State<T: Element> = ();
    type Columns<T: Element> = Nothing;

    fn identity<T: Element>() {}

    fn fold_rows<T: Element>(_: &mut [()], counts: &mut [u32], rows: Rows<'_, T>, validity: Validity<T>) {
        with_validity!(validity, valid => count_rows(counts, rows, valid));
    }

    fn default_dtype(_: DType) -> DType {
        DType::Int64
    }

    fn finish<T: Element>(_: &[()], counts: &[u32], _: DType, results: &mut [u8]) -> Result<(), Overflow> {
        for (result, &count) in cast_slice_mut::<u8, i64>(results).iter_mut().zip(counts) {
            *result = count.into();
        }
        Ok(())
    }
}

#[multiversion(targets = "simd")]
fn count_rows<T: Element, V: IsValid<T>>(counts: &mut [u32], rows: Rows<'_, T>, valid: V) {
    for (count, row) in counts.iter_mut().zip(rows.iter()) {
        let tally = row.iter().fold(T::Tally::ZERO, |tally, &element| tally.plus(valid.is_valid(element)));
        *count += tally.count();
    }
}

#[multiversion(targets = "simd")]
fn count_columns<T: Element, V: IsValid<T>>(counts: &mut [u32], rows: Rows<'_, T>, valid: V) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(rows.row_len(), count_block(counts, rows, valid));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn count_block<T: Element, V: IsValid<T>, const N: usize>(
    block: Block<N>,
    counts: &mut [u32],
    rows: Rows<'_, T>,
    valid: V,
) {
    let Some(counts) = block.of(counts) else { return };
    let mut tallies = [T::Tally::ZERO; N];
    for row in rows.blocks::<N>(block.first) {
        for i in 0..N {
            tallies[i] = tallies[i].plus(valid.is_valid(row[i]));
        }
    }
    for i in 0..N {
        counts[i] += tallies[i].count();
    }
}

/// All that a count remembers beside the counts.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl<T: Element> Columns<T, ()> for Nothing {
    fn new() -> Self {
        Self
    }

    fn clear(&mut self, _: usize) {}

    fn add_rows(&mut self, counts: &mut [u32], rows: Rows<'_, T>, validity: Validity<T>) {
        with_validity!(validity, valid => count_columns(counts, rows, valid));
    }

    fn write(&mut self, _: &mut [()]) {}
}
