//! What elements add to sums of floats: themselves, or their squares.

use bytemuck::{Pod, Zeroable};

use crate::array::Element;

/// What is added to a sum of floats: a number of up to 106 bits, as a `float64` and what that leaves.
pub(super) trait Term: Pod {
    /// Adding this changes nothing.
    const NOTHING: Self;

    /// Whether the [value](Self::value) leaves nothing.
    const IS_EXACT: bool;

    /// How much larger than the first terms of a row the others are expected to be at most: a row of which one is larger yet
    /// is added once more.
    const HEADROOM: f64;

    /// The nearest `float64`.
    fn value(self) -> f64;

    /// What that, which is given, leaves of the term: by a fused multiplication and addition, or by more steps with the same
    /// result where the CPU has none.
    fn rest<const FUSED: bool>(self, value: f64) -> f64;
}

macro_rules! elements {
    ($($type:ident)*) => {$(
        impl Term for $type {
            const NOTHING: Self = <$type as Element>::NOTHING;
            const IS_EXACT: bool = true;
            const HEADROOM: f64 = 8.0;

            #[inline(always)]
            fn value(self) -> f64 {
                self.into()
            }

            #[inline(always)]
            fn rest<const FUSED: bool>(self, _: f64) -> f64 {
                0.0
            }
        }
    )*};
}

elements! { f32 f64 }

/// The square of an element.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub(super) struct Square<T>(pub(super) T);

impl Term for Square<f32> {
    const NOTHING: Self = Self(<f32 as Element>::NOTHING);
    const IS_EXACT: bool = true;
    const HEADROOM: f64 = 64.0;

    #[inline(always)]
    fn value(self) -> f64 {
        let element = f64::from(self.0);
        element * element
    }

    #[inline(always)]
    fn rest<const FUSED: bool>(self, _: f64) -> f64 {
        0.0
    }
}

impl Term for Square<f64> {
    const NOTHING: Self = Self(<f64 as Element>::NOTHING);
    const IS_EXACT: bool = false;
    const HEADROOM: f64 = 64.0;

    #[inline(always)]
    fn value(self) -> f64 {
        self.0 * self.0
    }

    /// Nothing is said to be left of squares beside which it, or a step on the way to it, would not be exact.
    #[inline(always)]
    fn rest<const FUSED: bool>(self, value: f64) -> f64 {
        let rest = if FUSED { self.0.mul_add(self.0, -value) } else { rest_of_square(self.0, value) };
        if value > LEAST && value < GREATEST { rest } else { 0.0 }
    }
}

/// 2⁻⁹⁰⁰: what larger squares leave is a multiple of 2⁻¹⁰⁰⁵.
const LEAST: f64 = f64::from_bits((1023 - 900) << 52);

/// 2¹⁰⁰⁰: products of parts of elements with smaller squares do not overflow.
const GREATEST: f64 = f64::from_bits((1023 + 1000) << 52);

/// What rounding took off a square, from the products of two halves of the number, which are exact (Dekker, "A floating-point
/// technique for extending the available precision", 1971).
#[inline(always)]
fn rest_of_square(number: f64, square: f64) -> f64 {
    const SPLITTER: f64 = 134_217_729.0;
    let scaled = SPLITTER * number;
    let high = scaled - (scaled - number);
    let low = number - high;
    ((high * high - square) + 2.0 * high * low) + low * low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_square_leaves_is_the_same_with_fused_operations_and_without() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..200_000 {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            let number = f64::from_bits(bits);
            let square = Square(number).value();
            let fused = Square(number).rest::<true>(square);
            assert_eq!(fused.to_bits() << 1, Square(number).rest::<false>(square).to_bits() << 1, "{number:e}");
        }
        let number = 1.0 + f64::EPSILON;
        assert_eq!(Square(number).rest::<false>(number * number), f64::EPSILON * f64::EPSILON);
        for number in [f64::NAN, f64::INFINITY, f64::MAX, 1.340_780_792_994_259_6e154, 1e-160, 0.0] {
            assert_eq!(Square(number).rest::<false>(number * number), 0.0);
        }
    }
}
