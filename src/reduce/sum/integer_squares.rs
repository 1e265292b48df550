//! What is added to sums of squares of integers.

use super::{
    addend::{Addend, WideTotal},
    term::Square,
};
use crate::{array::Element, reduce::total::FloatTotal};

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

            /// In two passes, since loops over one sum vectorise.
            #[inline(always)]
            fn folded(row: &[Self]) -> WideTotal<u64> {
                let squares = row.iter().map(|Square(element)| u64::from(element.abs_diff(0)).pow(2));
                let low = squares.clone().fold(0, |low: u64, square| low.wrapping_add(square & u64::from(u32::MAX)));
                WideTotal { high: squares.fold(0, |high: u64, square| high.wrapping_add(square >> 32)), low }
            }

            #[inline(always)]
            fn add(sum: WideTotal<u64>, partial: WideTotal<u64>) -> WideTotal<u64> {
                sum.merged(partial)
            }

            #[inline(always)]
            fn told(sum: WideTotal<u64>) -> i128 {
                sum.widened()
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
        }
    )*};
}

widest_squares! { i64 u64 }
