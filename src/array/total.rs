//! Accumulators that sum a chunk exactly (integers) or in twice the precision of `float64` (floats).
//!
//! A chunk has fewer than 2³² elements ([`MAX_ELEMENTS`](super::MAX_ELEMENTS)): 64 bits hold any sum of
//! integers of up to 32 bits, 128 bits any other, whatever the order of the additions.

use half::f16;

/// A finished sum, not yet rounded or narrowed to the dtype of the result.
#[derive(Clone, Copy, Debug)]
pub enum Sum {
    /// Of integers: exact.
    Integer(i128),
    /// Of floats.
    Float(FloatTotal),
}

/// A running sum of elements of type `T`.
pub trait Total<T>: Copy + Send + Sync {
    /// The sum of nothing.
    const ZERO: Self;

    /// This sum and one more element.
    #[must_use]
    fn add(self, element: T) -> Self;

    /// The sum of the elements of both.
    #[must_use]
    fn merge(self, other: Self) -> Self;

    /// The sum, its type erased.
    fn sum(self) -> Sum;
}

macro_rules! integer_totals {
    ($($element:ident in $total:ident,)*) => {$(
        impl Total<$element> for $total {
            const ZERO: Self = 0;

            #[inline(always)]
            fn add(self, element: $element) -> Self {
                self.wrapping_add($total::from(element))
            }

            #[inline(always)]
            fn merge(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn sum(self) -> Sum {
                Sum::Integer(self.into())
            }
        }
    )*};
}

integer_totals! {
    i8 in i64, i16 in i64, i32 in i64, i64 in i128,
    u8 in u64, u16 in u64, u32 in u64, u64 in i128,
}

/// The unevaluated sum `high + low`: what rounding takes from `high` is collected in `low`
/// (algorithm Sum2 of Ogita, Rump and Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26,
/// 2005), so that the result is as good as if computed in twice the precision and rounded once.
#[derive(Clone, Copy, Debug)]
pub struct FloatTotal {
    high: f64,
    low: f64,
}

/// `a + b` rounded, and exactly what the rounding took away (Knuth's TwoSum).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

impl FloatTotal {
    /// Starts at −0.0, which leaves even the sign of a first zero alone.
    const ZERO: Self = Self { high: -0.0, low: 0.0 };

    #[inline(always)]
    fn plus(self, float: f64) -> Self {
        let (high, error) = two_sum(self.high, float);
        Self { high, low: self.low + error }
    }

    #[inline(always)]
    fn merged(self, other: Self) -> Self {
        let (high, error) = two_sum(self.high, other.high);
        Self { high, low: self.low + other.low + error }
    }

    /// Nearest `float64`, with ∞ and NaN as plain addition gives them. The error term is left out where it means
    /// nothing: beside ∞, and where it overflowed although the sum did not.
    pub(super) fn rounded(self) -> f64 {
        if self.high.is_nan() {
            f64::NAN
        } else if self.high.is_infinite() || self.low == 0.0 || !self.low.is_finite() {
            self.high
        } else {
            self.high + self.low
        }
    }

    /// The `float64` from which a second rounding, to a narrower type, gives the nearest of that type:
    /// inexact sums get an odd last bit, so that they never look like a tie (Boldo and Melquiond,
    /// "When double rounding is odd", 2005).
    pub(super) fn rounded_to_odd(self) -> f64 {
        let rounded = self.rounded();
        if !rounded.is_finite() || self.low == 0.0 || !self.low.is_finite() {
            return rounded;
        }
        let (sum, error) = two_sum(self.high, self.low);
        let bits = sum.to_bits();
        if error == 0.0 || bits & 1 == 1 {
            sum
        } else if (error > 0.0) == (sum > 0.0) {
            f64::from_bits(bits.wrapping_add(1))
        } else {
            f64::from_bits(bits.wrapping_sub(1))
        }
    }
}

macro_rules! float_totals {
    ($($type:ident)*) => {$(
        impl Total<$type> for FloatTotal {
            const ZERO: Self = FloatTotal::ZERO;

            #[inline(always)]
            fn add(self, element: $type) -> Self {
                self.plus(element.into())
            }

            #[inline(always)]
            fn merge(self, other: Self) -> Self {
                self.merged(other)
            }

            fn sum(self) -> Sum {
                Sum::Float(self)
            }
        }
    )*};
}

float_totals! { f16 f32 f64 }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Element;

    fn sum<T: Element>(elements: &[T]) -> T {
        let total = elements.iter().fold(<T::Total as Total<T>>::ZERO, |total, &x| total.add(x));
        T::from_sum(total.sum()).expect("no overflow")
    }

    #[test]
    fn what_cancels_leaves_the_small_terms() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[1e30_f32, 1.0, -1e30]), 1.0);
    }

    #[test]
    fn infinities_and_nan_are_as_in_plain_addition() {
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(sum(&[1.0, f32::NEG_INFINITY, 2.0]), f32::NEG_INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(sum(&[f64::NAN, 1.0]).is_nan());
    }

    #[test]
    fn a_float16_sum_is_rounded_once() {
        // Half an ulp of 1 is a tie; float32 cannot hold what makes the difference.
        let (half_ulp, tiny) = (f16::from_f32_const(1.0 / 2048.0), f16::from_bits(1));
        assert_eq!(sum(&[f16::ONE, half_ulp]).to_bits(), 0x3c00);
        assert_eq!(sum(&[f16::ONE, half_ulp, tiny]).to_bits(), 0x3c01);
        assert_eq!(sum(&[f16::ONE, half_ulp, -tiny]).to_bits(), 0x3c00);
        assert_eq!(sum(&[-f16::ONE, -half_ulp, -tiny]).to_bits(), 0xbc01);
    }

    #[test]
    fn a_sum_beside_the_largest_float_is_finite_in_any_order() {
        let (large, largest) = (-1.5 * 2f64.powi(971), f64::MAX);
        assert_eq!(sum(&[large, largest]), large + largest);
        assert_eq!(sum(&[largest, large]), large + largest);
    }

    #[test]
    fn negative_zero_alone_stays_negative() {
        assert!(sum(&[-0.0_f64, -0.0]).is_sign_negative());
        assert!(sum(&[-0.0_f32, 0.0]).is_sign_positive());
    }

    #[test]
    fn a_float32_sum_is_rounded_once() {
        // Just above the middle of two float32 neighbours, by less than float64 can show.
        let ulp = f32::EPSILON;
        assert_eq!(sum(&[1.0_f32, ulp / 2.0, 1e-30]), 1.0 + ulp);
        assert_eq!(sum(&[1.0_f32, ulp / 2.0, -1e-30]), 1.0);
        assert_eq!(sum(&[-1.0_f32, -ulp / 2.0, -1e-30]), -1.0 - ulp);
    }
}
