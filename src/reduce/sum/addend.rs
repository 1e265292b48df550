//! What is added to sums of integers: elements, or their squares.

use bytemuck::Pod;

use super::term::Square;
use crate::{
    array::{Element, Word},
    reduce::{
        operation::{States, Sums},
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

    /// One piece more.
    fn add(sum: Self::Sum, partial: Self::Partial) -> Self::Sum;

    /// The same sum.
    fn told(sum: Self::Sum) -> Self::Told;

    /// Where such sums are told.
    fn among<'s, 'a>(states: &'s mut States<'a>) -> &'s mut Sums<'a>;
}

/// A sum for as many chunks as there can be.
pub(super) trait Told: Copy + Send {
    /// The sum of nothing.
    const NOTHING: Self;

    /// Many of them.
    fn sums(sums: &[Self]) -> Sums<'_>;
}

impl Told for i128 {
    const NOTHING: Self = 0;

    fn sums(sums: &[Self]) -> Sums<'_> {
        Sums::Integers(sums)
    }
}

impl Told for FloatTotal {
    const NOTHING: Self = Self::ZERO;

    fn sums(sums: &[Self]) -> Sums<'_> {
        Sums::Floats(sums)
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

            fn among<'s, 'a>(states: &'s mut States<'a>) -> &'s mut Sums<'a> {
                &mut states.sums
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
    high: T,
    low: u64,
}

macro_rules! wide {
    ($($type:ident)*) => {$(
        impl WideTotal<$type> {
            #[inline(always)]
            fn plus(self, integer: $type) -> Self {
                let low = bytemuck::cast::<$type, u64>(integer) & u64::from(u32::MAX);
                self.merged(WideTotal { high: integer >> 32, low })
            }

            #[inline(always)]
            fn merged(self, other: Self) -> Self {
                Self { high: self.high.wrapping_add(other.high), low: self.low.wrapping_add(other.low) }
            }

            #[inline(always)]
            fn widened(self) -> i128 {
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

            fn among<'s, 'a>(states: &'s mut States<'a>) -> &'s mut Sums<'a> {
                &mut states.sums
            }
        }
    )*};
}

wide! { i64 u64 }

/// Squares of so few bits that 64 hold their sums: 2³² squares of 32 bits are below 2⁶⁴.
macro_rules! narrow_squares {
    ($($type:ident by $partial:ident,)*) => {$(
        impl Addend for Square<$type> {
            type Word = <$type as Element>::Word;
            type Partial = $partial;
            type Sum = u64;
            type Told = i128;

            const NOTHING: Self = Self(0);
            const NO_PARTIAL: $partial = 0;
            const NO_SUM: u64 = 0;

            #[inline(always)]
            #[allow(clippy::unnecessary_cast, trivial_numeric_casts, reason = "not for all of them")]
            fn plus(partial: $partial, Square(element): Self) -> $partial {
                let magnitude = u32::from(element.abs_diff(0));
                partial.wrapping_add((magnitude * magnitude).into())
            }

            #[inline(always)]
            fn add(sum: u64, partial: $partial) -> u64 {
                sum.wrapping_add(partial.into())
            }

            #[inline(always)]
            fn told(sum: u64) -> i128 {
                sum.into()
            }

            fn among<'s, 'a>(states: &'s mut States<'a>) -> &'s mut Sums<'a> {
                &mut states.squares
            }
        }
    )*};
}

narrow_squares! { i8 by u32, u8 by u32, i16 by u64, u16 by u64, }

/// Squares of 64 bits.
macro_rules! wide_squares {
    ($($type:ident)*) => {$(
        impl Addend for Square<$type> {
            type Word = u32;
            type Partial = WideTotal<u64>;
            type Sum = WideTotal<u64>;
            type Told = i128;

            const NOTHING: Self = Self(0);
            const NO_PARTIAL: WideTotal<u64> = WideTotal { high: 0, low: 0 };
            const NO_SUM: WideTotal<u64> = Self::NO_PARTIAL;

            #[inline(always)]
            fn plus(partial: WideTotal<u64>, Square(element): Self) -> WideTotal<u64> {
                let magnitude = u64::from(element.abs_diff(0));
                partial.plus(magnitude * magnitude)
            }

            #[inline(always)]
            fn add(sum: WideTotal<u64>, partial: WideTotal<u64>) -> WideTotal<u64> {
                sum.merged(partial)
            }

            #[inline(always)]
            fn told(sum: WideTotal<u64>) -> i128 {
                sum.widened()
            }

            fn among<'s, 'a>(states: &'s mut States<'a>) -> &'s mut Sums<'a> {
                &mut states.squares
            }
        }
    )*};
}

wide_squares! { i32 u32 }

/// A sum of squares of 128 bits: `carries` × 2¹²⁸ + `low`.
#[derive(Clone, Copy, Debug)]
pub(super) struct WidestTotal {
    carries: u64,
    low: u128,
}

impl WidestTotal {
    const ZERO: Self = Self { carries: 0, low: 0 };

    #[inline(always)]
    fn merged(self, other: Self) -> Self {
        let (low, is_more) = self.low.overflowing_add(other.low);
        Self { carries: self.carries.wrapping_add(other.carries).wrapping_add(is_more.into()), low }
    }
}

macro_rules! widest_squares {
    ($($type:ident)*) => {$(
        impl Addend for Square<$type> {
            type Word = u64;
            type Partial = WidestTotal;
            type Sum = WidestTotal;
            type Told = FloatTotal;

            const NOTHING: Self = Self(0);
            const NO_PARTIAL: WidestTotal = WidestTotal::ZERO;
            const NO_SUM: WidestTotal = WidestTotal::ZERO;

            #[inline(always)]
            fn plus(partial: WidestTotal, Square(element): Self) -> WidestTotal {
                let magnitude = u128::from(element.abs_diff(0));
                partial.merged(WidestTotal { carries: 0, low: magnitude * magnitude })
            }

            #[inline(always)]
            fn add(sum: WidestTotal, partial: WidestTotal) -> WidestTotal {
                sum.merged(partial)
            }

            #[inline(always)]
            fn told(sum: WidestTotal) -> FloatTotal {
                FloatTotal::of_bits(sum.carries, sum.low)
            }

            fn among<'s, 'a>(states: &'s mut States<'a>) -> &'s mut Sums<'a> {
                &mut states.squares
            }
        }
    )*};
}

widest_squares! { i64 u64 }
