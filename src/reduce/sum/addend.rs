//! What is added to sums of integers.

use bytemuck::Pod;

use crate::{
    array::{Element, Word},
    reduce::{
        operation::State,
        rows::{PIECE, ROWS_AT_A_TIME},
        total::FloatTotal,
    },
};

/// What is added, and the sums of it.
pub(super) trait Addend: Pod + Send {
    /// The bits of an element.
    type Word: Word;
    /// Sum of what there is in a piece, or of a few in a column.
    type Partial: Copy + Send;
    /// Sum of what there is in a chunk.
    type Sum: Copy + Send;
    /// The same for as many chunks as there can be.
    type Told: Told;

    /// Adding this changes nothing.
    const NOTHING: Self;
    /// The sum of nothing in a piece.
    const NO_PARTIAL: Self::Partial;
    /// The sum of nothing.
    const NO_SUM: Self::Sum;

    /// One more of a piece.
    fn plus(partial: Self::Partial, addend: Self) -> Self::Partial;

    /// All of a row of a piece.
    #[inline(always)]
    fn folded(row: &[Self]) -> Self::Partial {
        row.iter().fold(Self::NO_PARTIAL, |partial, &addend| Self::plus(partial, addend))
    }

    /// One piece more.
    fn add(sum: Self::Sum, partial: Self::Partial) -> Self::Sum;

    /// The same sum.
    fn told(sum: Self::Sum) -> Self::Told;
}

/// A sum for as many chunks as there can be.
pub(super) trait Told: Copy + Send {
    /// The sum of nothing.
    const NOTHING: Self;

    /// Many of them.
    fn state(sums: &[Self]) -> State<'_>;
}

impl Told for i128 {
    const NOTHING: Self = 0;

    fn state(sums: &[Self]) -> State<'_> {
        State::Integers(sums)
    }
}

impl Told for FloatTotal {
    const NOTHING: Self = Self::ZERO;

    fn state(sums: &[Self]) -> State<'_> {
        State::Floats(sums)
    }
}

/// No piece has more elements than their sum, or that of their squares, fits the partial sum of 8-bit and 16-bit elements: a
/// larger one does not compile.
const _: () = assert!(PIECE <= 1 << 15 && ROWS_AT_A_TIME <= PIECE);

macro_rules! narrow {
    ($($type:ident by $partial:ident in $sum:ident,)*) => {$(
        impl Addend for $type {
            type Word = <Self as Element>::Word;
            type Partial = $partial;
            type Sum = $sum;
            type Told = i128;

            const NOTHING: Self = 0;
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
            fn told(sum: $sum) -> i128 {
                sum.into()
            }
        }
    )*};
}

narrow! {
    i8 by i32 in i64, i16 by i32 in i64, i32 by i64 in i64,
    u8 by u32 in u64, u16 by u32 in u64, u32 by u64 in u64,
}

/// A sum of 64-bit integers, `high` × 2³² + `low`: 2³² of their halves fit 64 bits, and additions of these vectorise.
#[derive(Clone, Copy, Debug)]
pub(super) struct WideTotal<T> {
    pub(super) high: T,
    pub(super) low: u64,
}

macro_rules! wide {
    ($($type:ident)*) => {$(
        impl WideTotal<$type> {
            #[inline(always)]
            pub(super) fn plus(self, integer: $type) -> Self {
                let low = bytemuck::cast::<$type, u64>(integer) & u64::from(u32::MAX);
                self.merged(WideTotal { high: integer >> 32, low })
            }

            #[inline(always)]
            pub(super) fn merged(self, other: Self) -> Self {
                Self { high: self.high.wrapping_add(other.high), low: self.low.wrapping_add(other.low) }
            }

            #[inline(always)]
            pub(super) fn widened(self) -> i128 {
                (i128::from(self.high) << 32) + i128::from(self.low)
            }
        }

        impl Addend for $type {
            type Word = u64;
            type Partial = WideTotal<$type>;
            type Sum = WideTotal<$type>;
            type Told = i128;

            const NOTHING: Self = 0;
            const NO_PARTIAL: WideTotal<$type> = WideTotal { high: 0, low: 0 };
            const NO_SUM: WideTotal<$type> = Self::NO_PARTIAL;

            #[inline(always)]
            fn plus(partial: WideTotal<$type>, element: Self) -> WideTotal<$type> {
                partial.plus(element)
            }

            #[inline(always)]
            fn add(sum: WideTotal<$type>, partial: WideTotal<$type>) -> WideTotal<$type> {
                sum.merged(partial)
            }

            #[inline(always)]
            fn told(sum: WideTotal<$type>) -> i128 {
                sum.widened()
            }
        }
    )*};
}

wide! { i64 u64 }
