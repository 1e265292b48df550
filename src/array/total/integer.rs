//! Exact sums of integers.

use multiversion::multiversion;

use super::{COLUMNS, Columns, PIECE, Sum, Total};

/// A sum of 64-bit integers, `high` × 2³² + `low`: 2³² of their halves fit 64 bits, and additions of these vectorise.
#[derive(Clone, Copy, Debug)]
pub struct WideTotal<T> {
    high: T,
    low: u64,
}

/// One total per column.
pub struct TotalColumns<S>([S; COLUMNS]);

/// [`WideTotal`]s side by side.
pub struct WideTotalColumns<T> {
    high: [T; COLUMNS],
    low: [u64; COLUMNS],
}

/// An integer and the sums of it. Rows are at most a piece, the sum of which fits `Partial`.
trait Addend: Copy {
    /// Sum of the elements of a row.
    type Partial: Into<Self::Total>;
    /// Sum of all elements of a chunk.
    type Total: Copy;

    fn sum(row: &[Self]) -> Self::Partial;
    fn add(total: Self::Total, partial: impl Into<Self::Total>) -> Self::Total;
}

/// No piece has more elements than their sum fits the partial sum of 16-bit elements: a larger one does not compile.
const _: () = assert!(PIECE <= 1 << 15);

macro_rules! narrow {
    ($($type:ident by $partial:ident in $total:ident,)*) => {$(
        impl Addend for $type {
            type Partial = $partial;
            type Total = $total;

            #[inline(always)]
            fn sum(row: &[Self]) -> $partial {
                row.iter().fold(0, |sum: $partial, &element| sum.wrapping_add(element.into()))
            }

            #[inline(always)]
            fn add(total: $total, partial: impl Into<$total>) -> $total {
                total.wrapping_add(partial.into())
            }
        }

        impl Total<$type> for $total {
            type Columns = TotalColumns<Self>;
            const ZERO: Self = 0;

            fn add_rows(totals: &mut [Self], elements: &[$type], row_len: usize) {
                add_rows(totals, elements, row_len);
            }

            #[inline(always)]
            fn sum(self) -> Sum {
                Sum::Integer(self.into())
            }
        }

        impl Columns<$type, $total> for TotalColumns<$total> {
            fn new() -> Self {
                Self([0; COLUMNS])
            }

            fn clear(&mut self, width: usize) {
                self.0.iter_mut().take(width).for_each(|total| *total = 0);
            }

            fn add_rows(&mut self, rows: &[$type], width: usize) {
                add_to_columns(&mut self.0, rows, width);
            }

            fn write(&mut self, states: &mut [$total]) {
                states.iter_mut().zip(&self.0).for_each(|(state, &total)| *state = total);
            }
        }
    )*};
}

narrow! {
    i8 by i32 in i64, i16 by i32 in i64, i32 by i64 in i64,
    u8 by u32 in u64, u16 by u32 in u64, u32 by u64 in u64,
}

#[multiversion(targets = "simd")]
fn add_rows<A: Addend>(totals: &mut [A::Total], elements: &[A], row_len: usize) {
    for (total, row) in totals.iter_mut().zip(elements.chunks_exact(row_len.max(1))) {
        *total = A::add(*total, A::sum(row));
    }
}

#[multiversion(targets = "simd")]
fn add_to_columns<A: Addend + Into<A::Total>>(totals: &mut [A::Total], rows: &[A], width: usize) {
    for row in rows.chunks_exact(width.max(1)) {
        for (total, &element) in totals.iter_mut().zip(row) {
            *total = A::add(*total, element);
        }
    }
}

macro_rules! wide {
    ($($type:ident: $add_rows:ident, $add_to_columns:ident;)*) => {$(
        impl WideTotal<$type> {
            #[inline(always)]
            fn plus(self, element: $type) -> Self {
                let low = bytemuck::cast::<$type, u64>(element) & u64::from(u32::MAX);
                Self { high: self.high.wrapping_add(element >> 32), low: self.low.wrapping_add(low) }
            }
        }

        #[multiversion(targets = "simd")]
        fn $add_rows(totals: &mut [WideTotal<$type>], elements: &[$type], row_len: usize) {
            for (total, row) in totals.iter_mut().zip(elements.chunks_exact(row_len.max(1))) {
                for &element in row {
                    *total = total.plus(element);
                }
            }
        }

        #[multiversion(targets = "simd")]
        fn $add_to_columns(columns: &mut WideTotalColumns<$type>, rows: &[$type], width: usize) {
            for row in rows.chunks_exact(width.max(1)) {
                for ((high, low), &element) in columns.high.iter_mut().zip(&mut columns.low).zip(row) {
                    let total = WideTotal { high: *high, low: *low }.plus(element);
                    (*high, *low) = (total.high, total.low);
                }
            }
        }

        impl Total<$type> for WideTotal<$type> {
            type Columns = WideTotalColumns<$type>;
            const ZERO: Self = Self { high: 0, low: 0 };

            fn add_rows(totals: &mut [Self], elements: &[$type], row_len: usize) {
                $add_rows(totals, elements, row_len);
            }

            #[inline(always)]
            fn sum(self) -> Sum {
                Sum::Integer((i128::from(self.high) << 32) + i128::from(self.low))
            }
        }

        impl Columns<$type, WideTotal<$type>> for WideTotalColumns<$type> {
            fn new() -> Self {
                Self { high: [0; COLUMNS], low: [0; COLUMNS] }
            }

            fn clear(&mut self, width: usize) {
                self.high.iter_mut().take(width).for_each(|high| *high = 0);
                self.low.iter_mut().take(width).for_each(|low| *low = 0);
            }

            fn add_rows(&mut self, rows: &[$type], width: usize) {
                $add_to_columns(self, rows, width);
            }

            fn write(&mut self, states: &mut [WideTotal<$type>]) {
                for ((state, &high), &low) in states.iter_mut().zip(&self.high).zip(&self.low) {
                    *state = WideTotal { high, low };
                }
            }
        }
    )*};
}

wide! {
    i64: add_signed_rows, add_to_signed_columns;
    u64: add_unsigned_rows, add_to_unsigned_columns;
}
