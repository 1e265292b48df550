//! A sum of floats and what rounding took off it.

use std::hint::black_box;

use bytemuck::{Pod, Zeroable};

use crate::array::{DType, Element};

/// The unevaluated sum `high + low`: what rounding takes from `high` is collected in `low`
/// (algorithm Sum2 of Ogita, Rump and Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26,
/// 2005). It is not exact, as `low` is rounded too, which shows only where a sum cancels almost completely.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(super) struct FloatTotal {
    pub(super) high: f64,
    pub(super) low: f64,
}

/// `a + b` rounded, and exactly what the rounding took away (Knuth's TwoSum).
#[inline(always)]
pub(super) fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

impl FloatTotal {
    /// Starts at −0.0, which leaves even the sign of a first zero alone.
    pub(super) const ZERO: Self = Self { high: -0.0, low: 0.0 };

    /// As that of no elements stands in answers: what is added to it stays as it is, and both signs are those of no other total.
    pub(super) const NOTHING: Self = Self { high: -0.0, low: -0.0 };

    /// As it stands in answers: the nearest `float64`, and what is left; nothing beside ∞ and NaN. A zero keeps its sign, and what is
    /// left has none if it is 0.
    pub(super) fn told(self) -> Self {
        if self.high.is_nan() {
            return Self { high: f64::NAN, low: 0.0 };
        }
        if self.high.is_infinite() || self.low == 0.0 || !self.low.is_finite() {
            return Self { low: 0.0, ..self };
        }
        let (high, low) = two_sum(self.high, self.low);
        // Where the nearest is ∞, it is what comes of adding them.
        if high.is_finite() { Self { high, low: low + 0.0 } } else { self }
    }

    #[inline(always)]
    pub(super) fn plus(self, float: f64) -> Self {
        let (high, error) = two_sum(self.high, float);
        Self { high, low: self.low + error }
    }

    #[inline(always)]
    pub(super) fn merged(self, other: Self) -> Self {
        let (high, error) = two_sum(self.high, other.high);
        Self { high, low: self.low + other.low + error }
    }

    /// The sum times a number; the error term means nothing where that is beyond `float64`.
    #[inline(always)]
    pub(super) fn scaled(self, by: f64) -> Self {
        let high = self.high * by;
        Self { high, low: self.high.mul_add(by, -high) + self.low * by }
    }

    /// Whether nothing was rounded off.
    #[inline(always)]
    pub(super) fn is_exact(self) -> bool {
        self.low == 0.0
    }

    /// The sum, where it is exact: said for loops that need not look.
    #[inline(always)]
    pub(super) const fn exact(self) -> Self {
        Self { low: 0.0, ..self }
    }

    /// The nearest of a floating dtype; None in others.
    #[inline(always)]
    pub(super) fn nearest<U: Element>(self) -> Option<U> {
        U::from_float(if U::DTYPE == DType::Float64 { self.rounded() } else { self.rounded_to_odd() })
    }

    /// Nearest `float64`, with ∞ and NaN as plain addition gives them. The error term is left out where it means
    /// nothing: beside ∞, and where it overflowed although the sum did not.
    #[inline(always)]
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
    #[inline(always)]
    pub(super) fn rounded_to_odd(self) -> f64 {
        let rounded = self.rounded();
        let (sum, error) = two_sum(self.high, self.low);
        let bits = sum.to_bits();
        // Away from zero or towards it, to the neighbour on the side of the error.
        let odd = bits | 1;
        let towards_zero = odd.wrapping_sub(2);
        let is_further = (error > 0.0) == (sum > 0.0);
        let odd = if is_further || bits & 1 == 1 { odd } else { towards_zero };
        let is_exact = error == 0.0 || self.low == 0.0 || !rounded.is_finite() || !self.low.is_finite();
        if is_exact { rounded } else { f64::from_bits(odd) }
    }
}

/// One of all lanes, a power of two of them, by folding the second half into the first until one is left.
///
/// The compiler is not told what becomes of the lanes: it would let the last halves, of two lanes, decide how wide the
/// vectors are in the loop before.
#[inline(always)]
pub(super) fn fold_lanes<T: Copy, const N: usize>(lanes: [T; N], fold: impl Fn(T, T) -> T) -> T {
    let mut lanes = black_box(lanes);
    let mut len = N / 2;
    while len > 0 {
        let (lanes, more) = lanes.split_at_mut(len);
        for (lane, more) in lanes.iter_mut().zip(more) {
            *lane = fold(*lane, *more);
        }
        len /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(high: f64, low: f64) -> (u64, u64) {
        let FloatTotal { high, low } = FloatTotal { high, low }.told();
        (high.to_bits(), low.to_bits())
    }

    fn bits(high: f64, low: f64) -> (u64, u64) {
        (high.to_bits(), low.to_bits())
    }

    #[test]
    fn a_total_is_told_as_the_nearest_float_and_what_is_left() {
        assert_eq!(told(1.0, 0.75 * f64::EPSILON), bits(1.0 + f64::EPSILON, -0.25 * f64::EPSILON));
        assert_eq!(told(1.0, -1.0), bits(0.0, 0.0));
        assert_eq!((told(-0.0, 0.0), told(-0.0, -0.0)), (bits(-0.0, 0.0), bits(-0.0, 0.0)));
    }

    #[test]
    fn nothing_is_left_beside_what_is_not_finite() {
        assert_eq!(told(f64::INFINITY, f64::NAN), bits(f64::INFINITY, 0.0));
        assert_eq!(told(-f64::NAN, f64::NAN), bits(f64::NAN, 0.0));
        assert_eq!(told(3.0, f64::NAN), bits(3.0, 0.0));
        let rounds_up = (f64::MAX, 2f64.powi(970));
        assert_eq!(told(rounds_up.0, rounds_up.1), bits(rounds_up.0, rounds_up.1));
    }
}
