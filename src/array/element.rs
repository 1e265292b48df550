//! What the kernels may ask of one element, whatever its dtype.

use std::fmt::Debug;

use bytemuck::Pod;
use half::f16;

use super::{
    dtype::DType,
    total::{FloatTotal, Sum, Total, WideTotal},
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

/// An integer that elements are compared by.
pub trait Rank: Ord + Copy + Debug + Send + Sync {
    /// No rank is lower.
    const LOWEST: Self;
}

macro_rules! ranks {
    ($($type:ident)*) => {$(
        impl Rank for $type {
            const LOWEST: Self = Self::MIN;
        }
    )*};
}

ranks! { i8 i16 i32 i64 u8 u16 u32 u64 }

/// Counts elements of a piece, in an integer as wide as they are (or 16 bits) so that comparisons and counts go through
/// vectors of the same width.
pub trait Tally: Copy {
    /// None so far.
    const ZERO: Self;

    /// One more, if there is one.
    #[must_use]
    fn plus(self, one: bool) -> Self;

    /// All of two counts.
    #[must_use]
    fn add(self, other: Self) -> Self;

    /// How many there were.
    fn count(self) -> u32;
}

macro_rules! tallies {
    ($($type:ident)*) => {$(
        impl Tally for $type {
            const ZERO: Self = 0;

            #[inline(always)]
            fn plus(self, one: bool) -> Self {
                self.wrapping_add(one.into())
            }

            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation, clippy::cast_lossless, reason = "no more elements than a piece has")]
            fn count(self) -> u32 {
                self as u32
            }
        }
    )*};
}

tallies! { u16 u32 u64 }

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
    /// Accumulator that can sum every element of a chunk without overflow.
    type Total: Total<Self>;
    /// Integer of the same width that elements are compared by.
    type Rank: Rank;
    /// Integer that elements of a piece are counted in.
    type Tally: Tally;
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

    /// A sum as this dtype, rounded once in floating dtypes; None if it does not fit.
    fn from_sum(sum: Sum) -> Option<Self>;

    /// The nearest `float64`: the same number in all dtypes but 64-bit integers.
    fn to_f64(self) -> f64;
}

macro_rules! integers {
    ($($type:ident in $total:ty, counted by $tally:ident;)*) => {$(
        impl Element for $type {
            type Total = $total;
            type Rank = $type;
            type Tally = $tally;
            const LOWEST: Self = Self::MIN;
            const HIGHEST: Self = Self::MAX;
            const NOTHING: Self = 0;

            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }

            #[inline(always)]
            fn rank(self) -> Self {
                self
            }

            #[inline(always)]
            fn reverse_rank(self) -> Self {
                !self
            }

            #[inline(always)]
            fn of_rank(rank: Self) -> Self {
                rank
            }

            #[inline(always)]
            fn of_reverse_rank(rank: Self) -> Self {
                !rank
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
            fn from_sum(sum: Sum) -> Option<Self> {
                match sum {
                    Sum::Integer(integer) => integer.try_into().ok(),
                    Sum::Float(_) => None,
                }
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
    i8 in i64, counted by u16;
    i16 in i64, counted by u16;
    i32 in i64, counted by u32;
    i64 in WideTotal<i64>, counted by u64;
    u8 in u64, counted by u16;
    u16 in u64, counted by u16;
    u32 in u64, counted by u32;
    u64 in WideTotal<u64>, counted by u64;
}

/// The nearest `float32`; rounding is what the cast is for.
#[expect(clippy::cast_possible_truncation, reason = "rounds to nearest, to infinity beyond the range")]
#[inline(always)]
pub(super) fn f32_from_f64(float: f64) -> f32 {
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
    ($($type:ident ranked as $rank:ident, counted by $tally:ident: $from_f64:expr, $from_total:expr;)*) => {$(
        impl Element for $type {
            type Total = FloatTotal;
            type Rank = $rank;
            type Tally = $tally;
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
            fn from_sum(sum: Sum) -> Option<Self> {
                Some(match sum {
                    Sum::Integer(integer) => $from_f64(integer as f64),
                    Sum::Float(total) => $from_total(total),
                })
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.into()
            }
        }
    )*};
}

floats! {
    f16 ranked as i16, counted by u16: f16_from_f64, |total: FloatTotal| f16_from_f64(total.rounded_to_odd()).canonical();
    f32 ranked as i32, counted by u32: f32_from_f64, |total: FloatTotal| f32_from_f64(total.rounded_to_odd()).canonical();
    f64 ranked as i64, counted by u64: |float: f64| float, |total: FloatTotal| total.rounded();
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
