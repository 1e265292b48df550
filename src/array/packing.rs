//! Packed data, after the CF conventions (section 8.1, "Packed data"): what is stored stands for other values.

use super::element::{Element, f32_from_f64};

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

    /// The sum of so many unpacked values, from that of the packed ones. The product is not rounded, since it may nearly
    /// cancel with the offsets.
    #[inline(always)]
    #[must_use]
    pub fn unpack_sum(self, packed: f64, count: u64) -> f64 {
        self.scale_factor.mul_add(packed, self.add_offset * count as f64).canonical()
    }

    /// Whether the larger of two packed values stands for the smaller one.
    #[must_use]
    pub fn reverses(self) -> bool {
        self.scale_factor < 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
