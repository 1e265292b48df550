//! Packed data, after the CF conventions (section 8.1, "Packed data"): what is stored stands for other values.

use super::{
    dtype::{DType, with_dtype},
    element::{Element, Number, Rank, f32_from_f64},
    number::number,
};

/// How packed values become those that they stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Packing {
    /// What packed values are multiplied by: finite, and not 0.
    pub scale_factor: f64,
    /// What is added then: finite.
    pub add_offset: f64,
}

/// A type that unpacked values can have in results.
pub trait Unpacked: Element {
    /// The nearest of this type.
    fn nearest(float: f64) -> Self;
}

impl Unpacked for f32 {
    #[inline(always)]
    fn nearest(float: f64) -> Self {
        f32_from_f64(float)
    }
}

impl Unpacked for f64 {
    #[inline(always)]
    fn nearest(float: f64) -> Self {
        float
    }
}

impl Packing {
    /// The unpacked value. It is rounded after the multiplication and again after the addition, as it is by clients
    /// that unpack for themselves.
    #[inline(always)]
    #[must_use]
    pub fn unpack(self, packed: f64) -> f64 {
        (packed * self.scale_factor + self.add_offset).canonical()
    }

    /// The unpacked value as arithmetic in the type `U` makes it: rounded to that type after the multiplication and again after the
    /// addition.
    #[inline(always)]
    fn unpack_in<U: Unpacked>(self, packed: f64) -> f64 {
        let product = U::nearest(packed * self.scale_factor).to_f64();
        U::nearest(product + self.add_offset).to_f64()
    }

    /// The sum of so many unpacked values, from that of the packed ones. The product is not rounded, since it may nearly
    /// cancel with the offsets.
    #[inline(always)]
    #[must_use]
    pub fn unpack_sum(self, packed: f64, count: u64) -> f64 {
        self.scale_factor.mul_add(packed, self.add_offset * count as f64).canonical()
    }

    /// The least and the largest of the packed values of this dtype whose unpacked ones are not below `min` and not above `max`;
    /// a bound that is absent bounds nothing. Where there is none, the bounds are such that nothing lies within them. Neither
    /// `min` nor `max` is NaN. Where the unpacked values are `float32`, they are compared as such: whoever wrote the bound had
    /// them.
    #[must_use]
    pub fn packed_bounds(
        self,
        dtype: DType,
        unpacked: DType,
        min: Option<f64>,
        max: Option<f64>,
    ) -> (Option<Number>, Option<Number>) {
        with_dtype!(dtype, T => match unpacked {
            DType::Float32 => self.bounds_of::<T, f32>(min, max),
            _ => self.bounds_of::<T, f64>(min, max),
        })
    }

    fn bounds_of<T: Element, U: Unpacked>(
        self,
        min: Option<f64>,
        max: Option<f64>,
    ) -> (Option<Number>, Option<Number>) {
        let unpacked = |rank: i64| self.unpack_in::<U>(T::of_rank(T::Rank::narrowed(rank)).to_f64());
        let is_low = |rank| min.is_some_and(|min| unpacked(rank) < min);
        let is_high = |rank| max.is_some_and(|max| unpacked(rank) > max);
        let (least, most) = (T::LOWEST.rank().widened(), T::HIGHEST.rank().widened());
        // Values keep or reverse their order when they are unpacked.
        let (first, behind) = if self.reverses() {
            (partition(least, most, |rank| !is_high(rank)), partition(least, most, is_low))
        } else {
            (partition(least, most, |rank| !is_low(rank)), partition(least, most, is_high))
        };
        let (min_bounds, max_bounds) = if self.reverses() { (max, min) } else { (min, max) };
        let number = |rank: i128| i64::try_from(rank).ok().map(|rank| number(T::of_rank(T::Rank::narrowed(rank))));
        if first >= behind {
            return (number(most.into()), number(least.into()));
        }
        (min_bounds.and_then(|_| number(first)), max_bounds.and_then(|_| number(behind - 1)))
    }

    /// Whether the larger of two packed values stands for the smaller one.
    #[must_use]
    pub fn reverses(self) -> bool {
        self.scale_factor < 0.0
    }
}

/// The first of the ranks from `least` to `most` that has a property which all behind it have; the one behind `most` if none has.
pub(crate) fn partition(least: i64, most: i64, has: impl Fn(i64) -> bool) -> i128 {
    let (mut first, mut behind) = (i128::from(least), i128::from(most) + 1);
    while first < behind {
        let middle = first + (behind - first) / 2;
        match i64::try_from(middle) {
            Ok(rank) if !has(rank) => first = middle + 1,
            _ => behind = middle,
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bounds_of_unpacked_values_let_the_same_elements_pass_as_bounds_of_packed_ones(
            scale_factor in prop_oneof![-3.0..-0.001, 0.001..3.0, Just(0.01), Just(-0.1)],
            add_offset in -50.0..50.0_f64,
            min in proptest::option::of(prop_oneof![-500.0..500.0, Just(f64::NEG_INFINITY), Just(0.3)]),
            max in proptest::option::of(prop_oneof![-500.0..500.0, Just(f64::INFINITY), Just(1.7)]),
        ) {
            let packing = Packing { scale_factor, add_offset };
            let passes = |unpacked: f64| !min.is_some_and(|min| unpacked < min) && !max.is_some_and(|max| unpacked > max);
            for dtype in [DType::Int8, DType::UInt8] {
                let (low, high) = packing.packed_bounds(dtype, DType::Float64, min, max);
                for packed in if dtype == DType::Int8 { -128..128 } else { 0..256 } {
                    let is_within = [low, high].into_iter().zip([1, -1]).all(|(bound, sign)| match bound {
                        Some(Number::Integer(bound)) => sign * (packed - bound) >= 0,
                        _ => bound.is_none(),
                    });
                    prop_assert_eq!(is_within, passes(packing.unpack(packed as f64)), "{} {:?} {:?}", packed, low, high);
                }
            }
            let (low, high) = packing.packed_bounds(DType::Float16, DType::Float64, min, max);
            for bits in 0..=u16::MAX {
                let packed = half::f16::from_bits(bits).to_f64();
                let is_beyond = |bound: Option<Number>, beyond: fn(&f64, &f64) -> bool| match bound {
                    Some(Number::Float(bound)) => beyond(&packed, &bound),
                    _ => false,
                };
                let is_within = !is_beyond(low, f64::lt) && !is_beyond(high, f64::gt);
                prop_assert_eq!(is_within || packed.is_nan(), passes(packing.unpack(packed)), "{}", packed);
            }
        }
    }

    #[test]
    fn packed_bounds_of_wide_integers_are_exact() {
        let packing = Packing { scale_factor: 2.0, add_offset: 0.0 };
        let bounds = |dtype| packing.packed_bounds(dtype, DType::Float64, Some(3.0), Some(7.0));
        let expected = (Some(Number::Integer(2)), Some(Number::Integer(3)));
        assert_eq!((bounds(DType::Int64), bounds(DType::UInt64)), (expected, expected));
        let none = packing.packed_bounds(DType::Int16, DType::Float64, Some(3.0), Some(3.5));
        assert_eq!(none, (Some(Number::Integer(32767)), Some(Number::Integer(-32768))));
    }

    #[test]
    fn every_element_lies_within_bounds_that_are_its_own_float32_value() {
        let (scale, offset) = (0.01_f32, 273.15_f32);
        let packing = Packing { scale_factor: scale.into(), add_offset: offset.into() };
        for packed in i16::MIN..=i16::MAX {
            let value = f64::from(f32::from(packed) * scale + offset);
            let (min, max) = packing.packed_bounds(DType::Int16, DType::Float32, Some(value), Some(value));
            let is_at_or_beyond = |bound: Option<Number>, sign: i128| match bound {
                Some(Number::Integer(bound)) => sign * (bound - i128::from(packed)) >= 0,
                _ => false,
            };
            assert!(is_at_or_beyond(min, -1) && is_at_or_beyond(max, 1), "{packed}: {min:?} {max:?}");
        }
    }

    #[test]
    fn values_are_unpacked_as_numpy_does_it() {
        let packing = Packing { scale_factor: 0.1, add_offset: 1.0 };
        // Not what one rounding gives.
        assert_eq!(packing.unpack(7.0), 1.700_000_000_000_000_2);
        assert_eq!(0.1_f64.mul_add(7.0, 1.0), 1.7);
        assert_eq!(packing.unpack(f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert_eq!(packing.unpack(-f64::NAN).to_bits(), f64::NAN.to_bits());
    }

    #[test]
    fn a_sum_is_rounded_once_after_the_multiplication() {
        let packing = Packing { scale_factor: 1.0 + f64::EPSILON, add_offset: -1.0 };
        // Of one value: the product's last bits are what is left.
        let packed = 1.0 + f64::EPSILON;
        assert_eq!(packing.unpack_sum(packed, 1), 2.0 * f64::EPSILON + f64::EPSILON * f64::EPSILON);
        assert_eq!(packing.unpack_sum(f64::INFINITY, 5), f64::INFINITY);
    }

    #[test]
    fn a_float32_is_the_nearest_to_the_unpacked_value() {
        assert_eq!(f32::nearest(1.0 + f64::from(f32::EPSILON) * 0.75), 1.0 + f32::EPSILON);
        assert_eq!(f32::nearest(1e39), f32::INFINITY);
        assert_eq!(f64::nearest(1e39), 1e39);
    }
}
