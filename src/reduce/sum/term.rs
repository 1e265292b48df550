//! What elements add to sums of floats: themselves, or their squares. So do weights.

use bytemuck::{Pod, Zeroable};

use crate::array::Element;

/// What is added to a sum of floats: a number of up to 106 bits, as a `float64` and what that leaves.
pub(in crate::reduce) trait Term: Pod + Send {
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

/// Integers of so few bits that `float64` holds them, and sums of the squares of which are made elsewhere.
macro_rules! integers {
    ($($type:ident)*) => {$(
        impl Term for $type {
            const NOTHING: Self = 0;
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

        impl Term for Square<$type> {
            const NOTHING: Self = Self(0);
            const IS_EXACT: bool = size_of::<$type>() <= 2;
            const HEADROOM: f64 = 64.0;

            #[inline(always)]
            fn value(self) -> f64 {
                let element = self.0.value();
                element * element
            }

            #[inline(always)]
            fn rest<const FUSED: bool>(self, value: f64) -> f64 {
                let element = self.0.value();
                rest_of_product::<FUSED>(element, element, value)
            }
        }
    )*};
}

integers! { i8 u8 i16 u16 i32 u32 }

/// Integers of 64 bits, as the nearest `float64` and what that leaves.
macro_rules! long_integers {
    ($($type:ident below $end:literal;)*) => {$(
        impl Term for $type {
            const NOTHING: Self = 0;
            const IS_EXACT: bool = false;
            const HEADROOM: f64 = 8.0;

            #[inline(always)]
            fn value(self) -> f64 {
                self as f64
            }

            /// At most 2¹⁰ from zero, so that it fits even where the nearest `float64` does not fit the integer.
            #[inline(always)]
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_possible_wrap,
                clippy::cast_sign_loss,
                reason = "a float near this integer"
            )]
            fn rest<const FUSED: bool>(self, value: f64) -> f64 {
                let beyond = i64::from(value >= $end);
                (self.wrapping_sub(value as $type) as i64 - beyond) as f64
            }
        }

        impl Term for Square<$type> {
            const NOTHING: Self = Self(0);
            const IS_EXACT: bool = false;
            const HEADROOM: f64 = 64.0;

            #[inline(always)]
            fn value(self) -> f64 {
                let element = self.0.value();
                element * element
            }

            #[inline(always)]
            fn rest<const FUSED: bool>(self, value: f64) -> f64 {
                let element = self.0.value();
                let rest = self.0.rest::<FUSED>(element);
                rest_of_product::<FUSED>(element, element, value) + (2.0 * element + rest) * rest
            }
        }
    )*};
}

long_integers! { i64 below 9_223_372_036_854_775_808.0; u64 below 18_446_744_073_709_551_616.0; }

/// A term that a weight is.
pub(in crate::reduce) trait WeightTerm: Term {
    /// That of this weight.
    fn of_weight(weight: f64) -> Self;
}

impl WeightTerm for f64 {
    fn of_weight(weight: f64) -> Self {
        weight
    }
}

impl WeightTerm for Square<f64> {
    fn of_weight(weight: f64) -> Self {
        Self(weight)
    }
}

/// The square of an element.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub(in crate::reduce) struct Square<T>(pub(super) T);

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
        let rest = if FUSED { self.0.mul_add(self.0, -value) } else { rest_of_halves(self.0, self.0, value) };
        if value > LEAST && value < GREATEST { rest } else { 0.0 }
    }
}

/// 2⁻⁹⁰⁰: what larger squares leave is a multiple of 2⁻¹⁰⁰⁵.
const LEAST: f64 = f64::from_bits((1023 - 900) << 52);

/// 2¹⁰⁰⁰: products of parts of elements with smaller squares do not overflow.
const GREATEST: f64 = f64::from_bits((1023 + 1000) << 52);

/// 2⁹⁹⁰: smaller numbers have halves.
const GREATEST_HALVED: f64 = f64::from_bits((1023 + 990) << 52);

/// What rounding took off a product, as a fused multiplication and addition has it.
#[inline(always)]
pub(super) fn rest_of_product<const FUSED: bool>(a: f64, b: f64, product: f64) -> f64 {
    // Halves are as good where nothing on the way is too large, or too small.
    let are_small = |numbers: [f64; 2]| numbers.iter().all(|number| number.abs() < GREATEST_HALVED);
    let have_halves = product.abs() > LEAST && product.abs() < GREATEST && are_small([a, b]);
    if FUSED || !have_halves { a.mul_add(b, -product) } else { rest_of_halves(a, b, product) }
}

/// What rounding took off a product, from the products of two halves of each number, which are exact (Dekker, "A floating-point
/// technique for extending the available precision", 1971).
#[inline(always)]
fn rest_of_halves(a: f64, b: f64, product: f64) -> f64 {
    let ((a_high, a_low), (b_high, b_low)) = (halves(a), halves(b));
    (((a_high * b_high - product) + a_low * b_high) + a_high * b_low) + a_low * b_low
}

#[inline(always)]
fn halves(number: f64) -> (f64, f64) {
    const SPLITTER: f64 = 134_217_729.0;
    let scaled = SPLITTER * number;
    let high = scaled - (scaled - number);
    (high, number - high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::total::FloatTotal;

    #[test]
    fn what_a_product_leaves_is_the_same_with_fused_operations_and_without() {
        let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            bits ^= bits << 13;
            bits ^= bits >> 7;
            bits ^= bits << 17;
            bits
        };
        let near_one = |bits: u64| f64::from_bits(bits >> 12 | 1023 << 52);
        for number in 0..200_000 {
            let (a, b) = match number % 2 {
                0 => (f64::from_bits(random()), f64::from_bits(random())),
                _ => (near_one(random()), near_one(random())),
            };
            let [fused, other] = [rest_of_product::<true>(a, b, a * b), rest_of_product::<false>(a, b, a * b)];
            assert!(fused.to_bits() << 1 == other.to_bits() << 1 || fused.is_nan() && other.is_nan(), "{a:e} {b:e}");
        }
        let (a, b) = (f64::MAX, 2f64.powi(-1000));
        assert_eq!(rest_of_product::<false>(a, b, a * b), 0.0, "a half of the first would be too large");
    }

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "they are integers")]
    fn a_long_integer_is_a_float_and_what_that_leaves() {
        let parts = |value: f64, rest: f64| value as i128 + rest as i128;
        for integer in
            [0, 1, -1, 1000, i64::MAX, i64::MIN, i64::MAX - 511, i64::MAX - 512, (1 << 53) + 1, -(1 << 60) - 3]
        {
            let value = integer.value();
            assert_eq!(parts(value, integer.rest::<false>(value)), integer.into());
        }
        for integer in [0, 1, u64::MAX, u64::MAX - 1023, u64::MAX - 1024, (1 << 63) + 1, (1 << 63) - 1] {
            let value = integer.value();
            assert_eq!(parts(value, integer.rest::<false>(value)), integer.into());
            let square = Square(integer).value();
            let exact = u128::from(integer) * u128::from(integer);
            let near = FloatTotal::of_bits(0, exact).less(FloatTotal { high: square, low: 0.0 });
            let rest = Square(integer).rest::<false>(square);
            assert!((near.rounded() - rest).abs() <= exact as f64 * 2f64.powi(-102), "{integer}");
        }
    }

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
