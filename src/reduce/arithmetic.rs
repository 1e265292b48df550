//! What is computed of totals: with some hundred bits, so that what cancels leaves what it should ("double-double", after
//! Dekker, "A floating-point technique for extending the available precision", 1971).

use super::{
    operation::Sums,
    total::{FloatTotal, two_sum},
};

impl FloatTotal {
    /// The sum of two numbers, of which the first is so much larger that the second is what its rounding took off; or the
    /// first where that is ∞ or NaN, and errors mean nothing.
    #[inline(always)]
    fn settled(high: f64, low: f64) -> Self {
        let (sum, rest) = two_sum(high, low);
        if sum.is_finite() { Self { high: sum, low: rest } } else { Self { high, low: 0.0 } }
    }

    /// `carries` × 2¹²⁸ + `low`, as near as a total can be.
    pub(super) fn of_bits(carries: u64, low: u128) -> Self {
        const DIGITS: f64 = 4_294_967_296.0;
        let digits = [96, 64, 32, 0].map(|shift| (low >> shift & u128::from(u32::MAX)) as f64);
        let total = Self { high: carries as f64, low: 0.0 };
        digits
            .into_iter()
            .fold(total, |total, digit| Self { high: total.high * DIGITS, low: total.low * DIGITS }.plus(digit))
    }

    /// The nearest total.
    #[inline(always)]
    pub(super) fn of_integer(integer: i128) -> Self {
        // Most are small, and done with sooner.
        if let Ok(integer) = i32::try_from(integer) {
            return Self { high: integer.into(), low: 0.0 };
        }
        let total = Self::of_bits(0, integer.unsigned_abs());
        if integer < 0 { total.negated() } else { total }
    }

    #[inline(always)]
    fn negated(self) -> Self {
        Self { high: -self.high, low: -self.low }
    }

    /// The sum of both.
    #[inline(always)]
    pub(super) fn added(self, other: Self) -> Self {
        let (high, error) = two_sum(self.high, other.high);
        let (low, rest) = two_sum(self.low, other.low);
        let sum = Self::settled(high, error + low);
        Self::settled(sum.high, sum.low + rest)
    }

    /// What is left if the other one is taken away.
    #[inline(always)]
    pub(super) fn less(self, other: Self) -> Self {
        self.added(other.negated())
    }

    /// The product of both.
    #[inline(always)]
    pub(super) fn times(self, other: Self) -> Self {
        let product = self.high * other.high;
        let error = self.high.mul_add(other.high, -product);
        Self::settled(product, error + (self.high * other.low + self.low * other.high))
    }

    /// The quotient by one that is not 0.
    #[inline(always)]
    pub(super) fn over(self, divisor: Self) -> Self {
        let quotient = self.high / divisor.high;
        let rest = (-quotient).mul_add(divisor.high, self.high) + (self.low - quotient * divisor.low);
        Self::settled(quotient, rest / divisor.high)
    }
}

impl From<f64> for FloatTotal {
    #[inline(always)]
    fn from(number: f64) -> Self {
        Self { high: number, low: 0.0 }
    }
}

impl Sums<'_> {
    /// One of them, where ∞ and NaN stand alone; None if there is none.
    #[inline(always)]
    pub(super) fn total(&self, at: usize) -> Option<FloatTotal> {
        match self {
            Self::None => None,
            Self::Integers(sums) => sums.get(at).map(|&sum| FloatTotal::of_integer(sum)),
            Self::Floats(sums) => sums.get(at).map(|sum| FloatTotal::settled(sum.high, sum.low)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "they were integers")]
    fn integers_of_a_hundred_bits_are_exact() {
        for integer in [0, 1, -1, i64::MAX.into(), (1 << 100) + 1, -(1 << 105) - 1, 3 << 90] {
            let total = FloatTotal::of_integer(integer);
            assert_eq!(total.high as i128 + total.low as i128, integer);
        }
        let most = FloatTotal::of_bits(u64::from(u32::MAX), u128::MAX);
        assert_eq!((most.high, most.low), (2f64.powi(160), -1.0));
    }

    #[test]
    fn what_cancels_leaves_the_last_of_a_hundred_bits() {
        let tiny = 2f64.powi(-100);
        let near_one = FloatTotal { high: 1.0, low: tiny };
        assert_eq!(near_one.less(1.0.into()).rounded(), tiny);
        assert_eq!(near_one.times(near_one).less(1.0.into()).rounded(), 2.0 * tiny);
        let third = FloatTotal::from(1.0).over(3.0.into());
        assert!(third.times(3.0.into()).less(1.0.into()).rounded().abs() <= 2f64.powi(-104));
        assert_eq!(FloatTotal { high: f64::INFINITY, low: f64::NAN }.over(3.0.into()).rounded(), f64::INFINITY);
        assert_eq!(FloatTotal::from(f64::INFINITY).times(2.0.into()).rounded(), f64::INFINITY);
    }
}
