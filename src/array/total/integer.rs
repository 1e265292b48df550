//! Exact sums of integers.

use multiversion::multiversion;

use super::{COLUMNS, Columns, PIECE, Sum, Total};
use crate::array::{
    Element, Tally,
    rows::{Block, IsValid, ROWS_AT_A_TIME, Rows, Validity, by_blocks, with_validity},
};

/// A sum of 64-bit integers, `high` × 2³² + `low`: 2³² of their halves fit 64 bits, and additions of these vectorise.
#[derive(Clone, Copy, Debug)]
pub struct WideTotal<T> {
    high: T,
    low: u64,
}

/// One total per column.
pub struct TotalColumns<S>([S; COLUMNS]);

/// An integer and the sums of it.
pub trait Addend: Element {
    /// Sum of the elements of a piece, or of a few in a column.
    type Partial: Copy;
    /// Sum of all elements of a chunk.
    type Sum: Copy;

    /// The sum of no elements of a piece.
    const NO_PARTIAL: Self::Partial;
    /// The sum of nothing.
    const NO_SUM: Self::Sum;

    /// One element more of a piece.
    fn plus(partial: Self::Partial, element: Self) -> Self::Partial;

    /// One piece more.
    fn add(sum: Self::Sum, partial: Self::Partial) -> Self::Sum;

    /// The sum, its type erased.
    fn erased(sum: Self::Sum) -> Sum;
}

/// No piece has more elements than their sum fits the partial sum of 16-bit elements: a larger one does not compile.
const _: () = assert!(PIECE <= 1 << 15 && ROWS_AT_A_TIME <= PIECE);

macro_rules! narrow {
    ($($type:ident by $partial:ident in $sum:ident,)*) => {$(
        impl Addend for $type {
            type Partial = $partial;
            type Sum = $sum;

            const NO_PARTIAL: $partial = 0;
            const NO_SUM: $sum = 0;

            #[inline(always)]
            fn plus(partial: $partial, element: Self) -> $partial {
                partial.wrapping_add(element.into())
            }

            #[inline(always)]
            fn add(sum: $sum, partial: $partial) -> $sum {
                sum.wrapping_add(partial.into())
            }

            #[inline(always)]
            fn erased(sum: $sum) -> Sum {
                Sum::Integer(sum.into())
            }
        }
    )*};
}

narrow! {
    i8 by i32 in i64, i16 by i32 in i64, i32 by i64 in i64,
    u8 by u32 in u64, u16 by u32 in u64, u32 by u64 in u64,
}

macro_rules! wide {
    ($($type:ident)*) => {$(
        impl Addend for $type {
            type Partial = WideTotal<$type>;
            type Sum = WideTotal<$type>;

            const NO_PARTIAL: WideTotal<$type> = WideTotal { high: 0, low: 0 };
            const NO_SUM: WideTotal<$type> = Self::NO_PARTIAL;

            #[inline(always)]
            fn plus(partial: WideTotal<$type>, element: Self) -> WideTotal<$type> {
                let low = bytemuck::cast::<$type, u64>(element) & u64::from(u32::MAX);
                <Self as Addend>::add(partial, WideTotal { high: element >> 32, low })
            }

            #[inline(always)]
            fn add(sum: WideTotal<$type>, partial: WideTotal<$type>) -> WideTotal<$type> {
                WideTotal { high: sum.high.wrapping_add(partial.high), low: sum.low.wrapping_add(partial.low) }
            }

            #[inline(always)]
            fn erased(sum: WideTotal<$type>) -> Sum {
                Sum::Integer((i128::from(sum.high) << 32) + i128::from(sum.low))
            }
        }
    )*};
}

wide! { i64 u64 }

macro_rules! totals {
    ($($type:ident in $sum:ty,)*) => {$(
        impl Total<$type> for $sum {
            type Columns = TotalColumns<Self>;
            const ZERO: Self = <$type>::NO_SUM;

            fn add_rows(totals: &mut [Self], counts: &mut [u32], rows: Rows<'_, $type>, validity: Validity<$type>) {
                with_validity!(validity, valid => add_rows(totals, counts, rows, valid));
            }

            #[inline(always)]
            fn sum(self) -> Sum {
                <$type>::erased(self)
            }

            #[inline(always)]
            fn is_exact(self) -> bool {
                true
            }

            #[inline(always)]
            fn exact_sum(self) -> Sum {
                <$type>::erased(self)
            }
        }
    )*};
}

totals! {
    i8 in i64, i16 in i64, i32 in i64, i64 in WideTotal<i64>,
    u8 in u64, u16 in u64, u32 in u64, u64 in WideTotal<u64>,
}

impl<A: Addend> Columns<A, A::Sum> for TotalColumns<A::Sum> {
    fn new() -> Self {
        Self([A::NO_SUM; COLUMNS])
    }

    fn clear(&mut self, width: usize) {
        self.0.iter_mut().take(width).for_each(|total| *total = A::NO_SUM);
    }

    fn add_rows(&mut self, counts: &mut [u32], rows: Rows<'_, A>, validity: Validity<A>) {
        with_validity!(validity, valid => add_to_columns(&mut self.0, counts, rows, valid));
    }

    fn write(&mut self, states: &mut [A::Sum]) {
        states.iter_mut().zip(&self.0).for_each(|(state, &total)| *state = total);
    }
}

#[multiversion(targets = "simd")]
fn add_rows<A: Addend, V: IsValid<A>>(totals: &mut [A::Sum], counts: &mut [u32], rows: Rows<'_, A>, valid: V) {
    for ((total, count), row) in totals.iter_mut().zip(counts).zip(rows.iter()) {
        let (mut partial, mut tally) = (A::NO_PARTIAL, A::Tally::ZERO);
        for &element in row {
            let is_valid = valid.is_valid(element);
            partial = A::plus(partial, if is_valid { element } else { A::NOTHING });
            tally = tally.plus(is_valid);
        }
        *total = A::add(*total, partial);
        *count += tally.count();
    }
}

#[multiversion(targets = "simd")]
fn add_to_columns<A: Addend, V: IsValid<A>>(totals: &mut [A::Sum], counts: &mut [u32], rows: Rows<'_, A>, valid: V) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(rows.row_len(), add_to_block(totals, counts, rows, valid));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_to_block<A: Addend, V: IsValid<A>, const N: usize>(
    block: Block<N>,
    totals: &mut [A::Sum],
    counts: &mut [u32],
    rows: Rows<'_, A>,
    valid: V,
) {
    let (Some(totals), Some(counts)) = (block.of(totals), block.of(counts)) else { return };
    let (mut partials, mut tallies) = ([A::NO_PARTIAL; N], [A::Tally::ZERO; N]);
    for row in rows.blocks::<N>(block.first) {
        for i in 0..N {
            let is_valid = valid.is_valid(row[i]);
            partials[i] = A::plus(partials[i], if is_valid { row[i] } else { A::NOTHING });
            tallies[i] = tallies[i].plus(is_valid);
        }
    }
    for i in 0..N {
        totals[i] = A::add(totals[i], partials[i]);
        counts[i] += tallies[i].count();
    }
}
