//! What the kernels may ask of one element, whatever its dtype.

use std::fmt::Debug;

use bytemuck::Pod;
use half::f16;

use super::{
    dtype::DType,
    total::{FloatTotal, Sum, Total},
};

/// A Rust type that stands in the table of dtypes.
pub trait HasDType {
    /// Its row of the table.
    const DTYPE: DType;
}

/// A number as a client writes it, before it is known to fit a dtype.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Written without fraction or exponent.
    Integer(i128),
    /// Written with one of them, or as `"NaN"`, `"Infinity"`, `"-Infinity"`.
    Float(f64),
}

/// One element of a chunk.
pub trait Element: HasDType + Pod + PartialOrd + Debug + Send + Sync {
    /// Accumulator that can sum every element of a chunk without overflow.
    type Total: Total<Self>;
    /// No element is below this one: −∞ in floating dtypes.
    const LOWEST: Self;
    /// No element is above this one: +∞ in floating dtypes.
    const HIGHEST: Self;
    /// Adding this changes nothing, not even the sign of a zero: −0.0 in floating dtypes.
    const NOTHING: Self;

    /// True for a floating NaN.
    fn is_nan(self) -> bool;

    /// The larger of two; NaN if one is NaN, and +0.0 above −0.0, so that the result does not depend
    /// on the order of the elements (`maximum` of IEEE 754-2019).
    #[must_use]
    fn larger(self, other: Self) -> Self;

    /// The smaller of two; NaN if one is NaN, and −0.0 below +0.0 (`minimum` of IEEE 754-2019).
    #[must_use]
    fn smaller(self, other: Self) -> Self;

    /// The one NaN that results carry, whichever NaN the data held; anything else unchanged.
    #[must_use]
    fn canonical(self) -> Self;

    /// The element with its bytes in the opposite order.
    #[must_use]
    fn swap_bytes(self) -> Self;

    /// The element that `number` stands for: of the same kind and inside the range, rounded to the
    /// nearest in floating dtypes, as NumPy does. None if there is no such element, a tiny number that
    /// would round to zero included.
    fn from_number(number: Number) -> Option<Self>;

    /// A sum as this dtype, rounded once in floating dtypes; None if it does not fit.
    fn from_sum(sum: Sum) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ident in $total:ident,)*) => {$(
        impl Element for $type {
            type Total = $total;
            const LOWEST: Self = Self::MIN;
            const HIGHEST: Self = Self::MAX;
            const NOTHING: Self = 0;

            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }

            #[inline(always)]
            fn larger(self, other: Self) -> Self {
                if other > self { other } else { self }
            }

            #[inline(always)]
            fn smaller(self, other: Self) -> Self {
                if other < self { other } else { self }
            }

            #[inline(always)]
            fn canonical(self) -> Self {
                self
            }

            #[inline(always)]
            fn swap_bytes(self) -> Self {
                <$type>::swap_bytes(self)
            }

            fn from_number(number: Number) -> Option<Self> {
                match number {
                    Number::Integer(integer) => integer.try_into().ok(),
                    Number::Float(_) => None,
                }
            }

            fn from_sum(sum: Sum) -> Option<Self> {
                match sum {
                    Sum::Integer(integer) => integer.try_into().ok(),
                    Sum::Float(_) => None,
                }
            }
        }
    )*};
}

integers! {
    i8 in i64, i16 in i64, i32 in i64, i64 in i128,
    u8 in u64, u16 in u64, u32 in u64, u64 in i128,
}

/// The nearest `float32`; rounding is what the cast is for.
#[expect(clippy::cast_possible_truncation, reason = "rounds to nearest, to infinity beyond the range")]
fn f32_from_f64(float: f64) -> f32 {
    float as f32
}

/// The nearest `float16`, by way of a `float32` that was rounded to odd (see [`FloatTotal`]): two roundings to
/// nearest could end up one off, and `half`'s own conversion differs from machine to machine.
fn f16_from_f64(float: f64) -> f16 {
    let nearest = f32_from_f64(float);
    let is_inexact = nearest.is_finite() && f64::from(nearest) != float;
    let towards_zero = nearest.to_bits() - u32::from(is_inexact && f64::from(nearest).abs() > float.abs());
    f16::from_f32(f32::from_bits(towards_zero | u32::from(is_inexact)))
}

macro_rules! floats {
    ($($type:ident: $from_f64:expr, $from_total:expr;)*) => {$(
        impl Element for $type {
            type Total = FloatTotal;
            const LOWEST: Self = Self::NEG_INFINITY;
            const HIGHEST: Self = Self::INFINITY;
            const NOTHING: Self = NEGATIVE_ZERO.$type;

            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }

            #[inline(always)]
            fn larger(self, other: Self) -> Self {
                if other > self || other.is_nan() {
                    other
                } else if other == self {
                    // Equal numbers differ at most in the sign of zero.
                    Self::from_bits(other.to_bits() & self.to_bits())
                } else {
                    self
                }
            }

            #[inline(always)]
            fn smaller(self, other: Self) -> Self {
                if other < self || other.is_nan() {
                    other
                } else if other == self {
                    Self::from_bits(other.to_bits() | self.to_bits())
                } else {
                    self
                }
            }

            #[inline(always)]
            fn canonical(self) -> Self {
                if self.is_nan() { Self::NAN } else { self }
            }

            #[inline(always)]
            fn swap_bytes(self) -> Self {
                Self::from_bits(self.to_bits().swap_bytes())
            }

            fn from_number(number: Number) -> Option<Self> {
                let float = match number {
                    Number::Integer(integer) => integer as f64,
                    Number::Float(float) => float,
                };
                let element = $from_f64(float);
                let overflows = float.is_finite() && !element.is_finite();
                let underflows = float != 0.0 && element == $from_f64(0.0);
                (!overflows && !underflows).then_some(element)
            }

            fn from_sum(sum: Sum) -> Option<Self> {
                Some(match sum {
                    Sum::Integer(integer) => $from_f64(integer as f64),
                    Sum::Float(total) => $from_total(total),
                })
            }
        }
    )*};
}

floats! {
    f16: f16_from_f64, |total: FloatTotal| f16_from_f64(total.rounded_to_odd()).canonical();
    f32: f32_from_f64, |total: FloatTotal| f32_from_f64(total.rounded_to_odd()).canonical();
    f64: |float: f64| float, |total: FloatTotal| total.rounded();
}

/// −0.0 of each floating type, under the type's name: `half` gives it another name than the language.
struct NegativeZeros {
    f16: f16,
    f32: f32,
    f64: f64,
}

const NEGATIVE_ZERO: NegativeZeros = NegativeZeros { f16: f16::NEG_ZERO, f32: -0.0, f64: -0.0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maximum_and_minimum_order_the_zeros_and_keep_nan() {
        for (a, b) in [(-0.0_f32, 0.0), (0.0, -0.0)] {
            assert!(a.larger(b).is_sign_positive());
            assert!(a.smaller(b).is_sign_negative());
        }
        assert!(f32::NAN.larger(1.0).is_nan() && 1.0_f32.larger(f32::NAN).is_nan());
        assert!(f16::NAN.smaller(f16::ONE).is_nan() && f16::ONE.smaller(f16::NAN).is_nan());
    }

    #[test]
    fn a_float16_is_rounded_once() {
        // Half an ulp of 1 is a tie; anything more rounds up, however little.
        let half_ulp = 2f64.powi(-11);
        for (float, bits) in [
            (1.0 + half_ulp, 0x3c00),
            (1.0 + half_ulp + 2f64.powi(-40), 0x3c01),
            (1.0 + half_ulp - 2f64.powi(-40), 0x3c00),
            (1.0 + 3.0 * half_ulp - 2f64.powi(-52), 0x3c01),
            (-1.0 - half_ulp - 2f64.powi(-52), 0xbc01),
            (65519.999, 0x7bff),
            (65520.0, 0x7c00),
            (1e300, 0x7c00),
            (1e-300, 0),
            (2f64.powi(-25), 0),
            (2f64.powi(-25) * 1.000_001, 1),
        ] {
            assert_eq!(f16_from_f64(float).to_bits(), bits, "{float}");
        }
        for bits in 0..=u16::MAX {
            let float = f16::from_bits(bits);
            assert!(float.is_nan() || f16_from_f64(float.to_f64()).to_bits() == bits);
        }
    }

    #[test]
    fn a_number_fits_by_kind_and_range() {
        assert_eq!(i8::from_number(Number::Integer(-128)), Some(-128));
        assert_eq!(i8::from_number(Number::Integer(128)), None);
        assert_eq!(u64::from_number(Number::Integer(u64::MAX.into())), Some(u64::MAX));
        assert_eq!(i32::from_number(Number::Float(1.0)), None);
        assert_eq!(f32::from_number(Number::Float(1e20)), Some(1e20));
        assert_eq!(f32::from_number(Number::Float(1e39)), None);
        assert_eq!(f32::from_number(Number::Float(1e-60)), None);
        assert_eq!(f32::from_number(Number::Integer(-9999)), Some(-9999.0));
        assert_eq!(f16::from_number(Number::Float(65519.0)), Some(f16::MAX));
        assert_eq!(f16::from_number(Number::Float(65520.0)), None);
        assert_eq!(f64::from_number(Number::Float(f64::INFINITY)), Some(f64::INFINITY));
    }
}
