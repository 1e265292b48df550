//! Exact sums of integers.
//!
//! A chunk has fewer than 2³² elements ([`MAX_ELEMENTS`](crate::array::MAX_ELEMENTS)): 64 bits hold any sum of its integers
//! of up to 32 bits, whatever the order of the additions, and 128 bits any other, of as many chunks as there can be.

use multiversion::multiversion;

use crate::{
    array::Element,
    reduce::{
        operation::{NumOperation, States, Sums},
        rows::{COLUMNS, Columns, PIECE, ROWS_AT_A_TIME, Rows, by_blocks},
    },
};

/// A sum of 64-bit integers, `high` × 2³² + `low`: 2³² of their halves fit 64 bits, and additions of these vectorise.
#[derive(Clone, Copy, Debug)]
pub(super) struct WideTotal<T> {
    high: T,
    low: u64,
}

/// Sums of integers: exact, for as many as a chunk can have.
pub(super) struct IntegerSums<A: Addend> {
    totals: Vec<A::Sum>,
    /// Room for the same as integers of one type.
    widened: Vec<i128>,
}

/// An integer and the sums of it.
pub(super) trait Addend: Element {
    /// Sum of the elements of a piece, or of a few in a column.
    type Partial: Copy + Send;
    /// Sum of all elements of a chunk.
    type Sum: Copy + Send;

    /// The sum of no elements of a piece.
    const NO_PARTIAL: Self::Partial;
    /// The sum of nothing.
    const NO_SUM: Self::Sum;

    /// One element more of a piece.
    fn plus(partial: Self::Partial, element: Self) -> Self::Partial;

    /// One piece more.
    fn add(sum: Self::Sum, partial: Self::Partial) -> Self::Sum;

    /// The same sum.
    fn widened(sum: Self::Sum) -> i128;
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
            fn widened(sum: $sum) -> i128 {
                sum.into()
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
            fn widened(sum: WideTotal<$type>) -> i128 {
                (i128::from(sum.high) << 32) + i128::from(sum.low)
            }
        }
    )*};
}

wide! { i64 u64 }

impl<A: Addend> IntegerSums<A> {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        let results = results.min(COLUMNS);
        Self { totals: vec![A::NO_SUM; results], widened: vec![0; results] }
    }
}

impl<A: Addend> NumOperation<A::Word> for IntegerSums<A> {
    fn neutral(&self) -> A::Word {
        bytemuck::cast(A::NOTHING)
    }

    fn clear(&mut self, width: usize) {
        self.totals.iter_mut().take(width).for_each(|total| *total = A::NO_SUM);
    }

    fn fold_rows(&mut self, first: usize, rows: Rows<'_, A::Word>) {
        add_rows(self.totals.get_mut(first..).unwrap_or_default(), rows.cast::<A>());
    }

    fn fold_columns(&mut self, rows: Rows<'_, A::Word>) {
        add_to_columns(&mut self.totals, rows.cast::<A>());
    }

    fn tell<'a>(&'a mut self, width: usize, states: &mut States<'a>) {
        for (wide, &total) in self.widened.iter_mut().zip(&self.totals).take(width) {
            *wide = A::widened(total);
        }
        states.sums = Sums::Integers(self.widened.get(..width).unwrap_or(&self.widened));
    }
}

#[multiversion(targets = "simd")]
fn add_rows<A: Addend>(totals: &mut [A::Sum], rows: Rows<'_, A>) {
    for (total, row) in totals.iter_mut().zip(rows.iter()) {
        *total = A::add(*total, row.iter().fold(A::NO_PARTIAL, |partial, &element| A::plus(partial, element)));
    }
}

#[multiversion(targets = "simd")]
fn add_to_columns<A: Addend>(totals: &mut [A::Sum], rows: Rows<'_, A>) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(rows.row_len(), add_to_block(totals, rows));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_to_block<A: Addend, const N: usize>(columns: Columns<N>, totals: &mut [A::Sum], rows: Rows<'_, A>) {
    let Some(totals) = columns.of(totals) else { return };
    let mut partials = [A::NO_PARTIAL; N];
    for row in rows.blocks::<N>(columns.first) {
        for i in 0..N {
            partials[i] = A::plus(partials[i], row[i]);
        }
    }
    for i in 0..N {
        totals[i] = A::add(totals[i], partials[i]);
    }
}
