//! What the kernels may ask of one element, whatever its dtype.

use std::fmt::Debug;

use bytemuck::Pod;
use half::f16;

use super::{dtype::HasDType, word::Word};

/// A number as a client writes it, before it is known to fit a dtype.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Written without fraction or exponent.
    Integer(i128),
    /// Written with one of them, or as `"NaN"`, `"Infinity"`, `"-Infinity"`.
    Float(f64),
}

/// A signed integer that elements are compared by.
pub trait Rank: Ord + Pod + Debug + Send + Sync {
    /// No rank is lower.
    const LOWEST: Self;

    /// The same number.
    fn widened(self) -> i64;

    /// The rank that was [widened](Self::widened).
    fn narrowed(rank: i64) -> Self;
}

macro_rules! ranks {
    ($($type:ident)*) => {$(
        impl Rank for $type {
            const LOWEST: Self = Self::MIN;

            #[inline(always)]
            fn widened(self) -> i64 {
                self.into()
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, reason = "it was one before")]
            fn narrowed(rank: i64) -> Self {
                rank as Self
            }
        }
    )*};
}

ranks! { i8 i16 i32 i64 }

/// The bits of a float as an integer.
trait FloatBits {
    /// Number of NaNs of either sign: all that a mantissa can hold, but zero.
    const NANS: Self;

    /// Bits of a float → an integer in the order of the floats, and back: NaNs, −∞, … −0, 0, … ∞, NaNs.
    fn in_order(bits: Self) -> Self;
}

macro_rules! float_bits {
    ($($type:ident: $mantissa_bits:literal;)*) => {$(
        impl FloatBits for $type {
            const NANS: Self = (1 << $mantissa_bits) - 1;

            #[inline(always)]
            fn in_order(bits: Self) -> Self {
                bits ^ ((bits >> (Self::BITS - 1)) & Self::MAX)
            }
        }
    )*};
}

float_bits! {
    i16: 10;
    i32: 23;
    i64: 52;
}

/// One element of a chunk.
pub trait Element: HasDType + Pod + PartialOrd + Debug + Send + Sync {
    /// Its bits.
    type Word: Word;
    /// Integer of the same width that elements are compared by.
    type Rank: Rank;
    /// Whether elements are their own [ranks](Self::rank).
    const IS_RANK: bool;
    /// No element is below this one: −∞ in floating dtypes.
    const LOWEST: Self;
    /// No element is above this one: +∞ in floating dtypes.
    const HIGHEST: Self;
    /// Adding this changes nothing, not even the sign of a zero: −0.0 in floating dtypes.
    const NOTHING: Self;

    /// True for a floating NaN.
    fn is_nan(self) -> bool;

    /// An integer in the order of the elements, [`Rank::LOWEST`] for [`LOWEST`](Self::LOWEST): NaN is above +∞ and
    /// +0.0 above −0.0, so that the largest does not depend on the order of the elements (`maximum` of IEEE
    /// 754-2019).
    fn rank(self) -> Self::Rank;

    /// An integer in the reverse order, [`Rank::LOWEST`] for [`HIGHEST`](Self::HIGHEST): NaN has the largest here,
    /// too, and −0.0 a larger one than +0.0 (`minimum` of IEEE 754-2019).
    fn reverse_rank(self) -> Self::Rank;

    /// The element of this [`rank`](Self::rank).
    fn of_rank(rank: Self::Rank) -> Self;

    /// The element of this [`reverse_rank`](Self::reverse_rank).
    fn of_reverse_rank(rank: Self::Rank) -> Self;

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

    /// An integer as this dtype, rounded in floating dtypes; None if it does not fit.
    fn from_integer(integer: i128) -> Option<Self>;

    /// The nearest of this floating dtype, with the one NaN; None in others.
    fn from_float(float: f64) -> Option<Self>;

    /// The nearest `float64`: the same number in all dtypes but 64-bit integers.
    fn to_f64(self) -> f64;
}

macro_rules! integers {
    ($($type:ident of $word:ident ranked as $rank:ident from $lowest:expr;)*) => {$(
        impl Element for $type {
            type Word = $word;
            type Rank = $rank;
            const IS_RANK: bool = $lowest == 0;
            const LOWEST: Self = Self::MIN;
            const HIGHEST: Self = Self::MAX;
            const NOTHING: Self = 0;

            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }

            #[inline(always)]
            fn rank(self) -> $rank {
                bytemuck::cast::<$type, $rank>(self) ^ $lowest
            }

            #[inline(always)]
            fn reverse_rank(self) -> $rank {
                !self.rank()
            }

            #[inline(always)]
            fn of_rank(rank: $rank) -> Self {
                bytemuck::cast::<$rank, $type>(rank ^ $lowest)
            }

            #[inline(always)]
            fn of_reverse_rank(rank: $rank) -> Self {
                Self::of_rank(!rank)
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

            #[inline(always)]
            fn from_integer(integer: i128) -> Option<Self> {
                integer.try_into().ok()
            }

            #[inline(always)]
            fn from_float(_: f64) -> Option<Self> {
                None
            }

            #[inline(always)]
            #[allow(clippy::cast_lossless, reason = "not for all of them")]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

integers! {
    i8 of u8 ranked as i8 from 0;
    i16 of u16 ranked as i16 from 0;
    i32 of u32 ranked as i32 from 0;
    i64 of u64 ranked as i64 from 0;
    u8 of u8 ranked as i8 from i8::MIN;
    u16 of u16 ranked as i16 from i16::MIN;
    u32 of u32 ranked as i32 from i32::MIN;
    u64 of u64 ranked as i64 from i64::MIN;
}

/// The nearest `float32`; rounding is what the cast is for.
#[expect(clippy::cast_possible_truncation, reason = "rounds to nearest, to infinity beyond the range")]
#[inline(always)]
pub(super) fn f32_from_f64(float: f64) -> f32 {
    float as f32
}

/// The nearest `float16`, by way of a `float32` that was rounded to odd (Boldo and Melquiond, "When double
/// rounding is odd", 2005): two roundings to
/// nearest could end up one off, and `half`'s own conversion differs from machine to machine.
fn f16_from_f64(float: f64) -> f16 {
    let nearest = f32_from_f64(float);
    let is_inexact = nearest.is_finite() && f64::from(nearest) != float;
    let towards_zero = nearest.to_bits() - u32::from(is_inexact && f64::from(nearest).abs() > float.abs());
    f16::from_f32(f32::from_bits(towards_zero | u32::from(is_inexact)))
}

macro_rules! floats {
    ($($type:ident of $word:ident ranked as $rank:ident: $from_f64:expr;)*) => {$(
        impl Element for $type {
            type Word = $word;
            type Rank = $rank;
            const IS_RANK: bool = false;
            const LOWEST: Self = Self::NEG_INFINITY;
            const HIGHEST: Self = Self::INFINITY;
            const NOTHING: Self = NEGATIVE_ZERO.$type;

            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }

            #[inline(always)]
            fn rank(self) -> $rank {
                $rank::in_order(self.to_bits().cast_signed()).wrapping_sub($rank::NANS)
            }

            #[inline(always)]
            fn reverse_rank(self) -> $rank {
                !$rank::in_order(self.to_bits().cast_signed()).wrapping_add($rank::NANS)
            }

            #[inline(always)]
            fn of_rank(rank: $rank) -> Self {
                Self::from_bits($rank::in_order(rank.wrapping_add($rank::NANS)).cast_unsigned())
            }

            #[inline(always)]
            fn of_reverse_rank(rank: $rank) -> Self {
                Self::from_bits($rank::in_order((!rank).wrapping_sub($rank::NANS)).cast_unsigned())
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

            #[inline(always)]
            fn from_integer(integer: i128) -> Option<Self> {
                Some($from_f64(integer as f64))
            }

            #[inline(always)]
            fn from_float(float: f64) -> Option<Self> {
                Some($from_f64(float).canonical())
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }
        }
    )*};
}

floats! {
    f16 of u16 ranked as i16: f16_from_f64;
    f32 of u32 ranked as i32: f32_from_f64;
    f64 of u64 ranked as i64: |float: f64| float;
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

    fn check_ranks<T: Element>(in_order: &[T], nans: &[T]) {
        for pair in in_order.windows(2) {
            assert!(pair[0].rank() < pair[1].rank(), "{pair:?}");
            assert!(pair[0].reverse_rank() > pair[1].reverse_rank(), "{pair:?}");
        }
        let (lowest, highest) = (in_order[0], in_order[in_order.len() - 1]);
        assert_eq!((lowest.rank(), highest.reverse_rank()), (Rank::LOWEST, Rank::LOWEST));
        for nan in nans {
            assert!(nan.rank() > highest.rank() && nan.reverse_rank() > lowest.reverse_rank());
        }
        for element in in_order.iter().chain(nans) {
            let same = |other: T| bytemuck::bytes_of(&other) == bytemuck::bytes_of(element);
            assert!(same(T::of_rank(element.rank())) && same(T::of_reverse_rank(element.reverse_rank())));
        }
    }

    #[test]
    fn ranks_order_the_zeros_and_put_nan_first_whichever_it_is() {
        let f32s = [f32::NEG_INFINITY, f32::MIN, -1.0, -1e-45, -0.0, 0.0, 1e-45, 1.0, f32::MAX, f32::INFINITY];
        let nans = [0x7f80_0001, 0x7fff_ffff, 0xff80_0001, 0xffc0_0000, u32::MAX].map(f32::from_bits);
        check_ranks(&f32s, &nans);
        let f64s = [f64::NEG_INFINITY, f64::MIN, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, f64::MAX, f64::INFINITY];
        check_ranks(&f64s, &[f64::NAN, -f64::NAN, f64::from_bits(u64::MAX)]);
        let mut f16s: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let nans: Vec<f16> = f16s.extract_if(.., |float| float.is_nan()).collect();
        f16s.sort_by(f16::total_cmp);
        check_ranks(&f16s, &nans);
        check_ranks(&[i8::MIN, -1, 0, 1, i8::MAX], &[]);
        check_ranks(&[0, 1, u64::MAX], &[]);
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
