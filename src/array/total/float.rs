//! Sums of floats, as good as in twice the precision of `float64`.
//!
//! Sums of `float32` need the trouble only where they are not exact anyway: if the exponents of a piece are close
//! enough to each other, plain additions of its elements, or of their halves, do not round at all.

use std::hint::black_box;

use half::f16;
use multiversion::multiversion;

use super::{
    PIECE, Sum, Total,
    float_columns::{NarrowColumns, WideColumns},
    float_rows,
};
use crate::array::rows::{Rows, Validity};

/// The unevaluated sum `high + low`: what rounding takes from `high` is collected in `low`
/// (algorithm Sum2 of Ogita, Rump and Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26,
/// 2005), so that the result is as good as if computed in twice the precision and rounded once.
#[derive(Clone, Copy, Debug)]
pub struct FloatTotal {
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

    /// Nearest `float64`, with ∞ and NaN as plain addition gives them. The error term is left out where it means
    /// nothing: beside ∞, and where it overflowed although the sum did not.
    #[inline(always)]
    pub(in crate::array) fn rounded(self) -> f64 {
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
    pub(in crate::array) fn rounded_to_odd(self) -> f64 {
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

/// The same numbers as `float32`, of a piece at most.
#[multiversion(targets = "simd")]
pub(super) fn widen<'a>(rows: Rows<'_, f16>, room: &'a mut [f32; PIECE]) -> Rows<'a, f32> {
    let room = room.split_at_mut((rows.len() * rows.row_len()).min(PIECE)).0;
    for (row, widened) in rows.iter().zip(room.chunks_exact_mut(rows.row_len())) {
        for (wide, element) in widened.iter_mut().zip(row) {
            *wide = widened_one(*element);
        }
    }
    Rows::dense(room, rows.row_len())
}

/// By integer operations and one multiplication that is exact, so that the loop vectorises everywhere: the exponent
/// moves from a bias of 15 to one of 127.
#[inline(always)]
fn widened_one(element: f16) -> f32 {
    const REBIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
    let bits = u32::from(element.to_bits());
    let magnitude = (bits & 0x7fff) << 13;
    let is_finite = bits & 0x7c00 != 0x7c00;
    let finite = f32::from_bits(magnitude) * REBIAS;
    let wide = if is_finite { finite.to_bits() } else { magnitude | f32::INFINITY.to_bits() };
    f32::from_bits(wide | (bits & 0x8000) << 16)
}

macro_rules! totals {
    ($($type:ident in $columns:ident by $add_rows:expr;)*) => {$(
        impl Total<$type> for FloatTotal {
            type Columns = $columns;
            const ZERO: Self = Self::ZERO;

            fn add_rows(totals: &mut [Self], counts: &mut [u32], rows: Rows<'_, $type>, validity: Validity<$type>) {
                $add_rows(totals, counts, rows, validity);
            }

            #[inline(always)]
            fn sum(self) -> Sum {
                Sum::Float(self)
            }

            #[inline(always)]
            fn is_exact(self) -> bool {
                self.low == 0.0
            }

            #[inline(always)]
            fn exact_sum(self) -> Sum {
                Sum::Float(Self { low: 0.0, ..self })
            }
        }
    )*};
}

totals! {
    f16 in NarrowColumns by add_half_rows;
    f32 in NarrowColumns by float_rows::add_narrow_rows;
    f64 in WideColumns by float_rows::add_wide_rows;
}

fn add_half_rows(totals: &mut [FloatTotal], counts: &mut [u32], rows: Rows<'_, f16>, validity: Validity<f16>) {
    let mut room = [0.0; PIECE];
    float_rows::add_narrow_rows(totals, counts, widen(rows, &mut room), validity.map(f16::to_f32));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_float16_is_the_same_as_a_float32() {
        for first in (0..=u16::MAX).step_by(PIECE) {
            let elements: Vec<f16> = (0..=u16::MAX).skip(first.into()).take(PIECE).map(f16::from_bits).collect();
            let mut widened = [0.0; PIECE];
            let widened = widen(Rows::dense(&elements, 64), &mut widened);
            for (wide, element) in widened.iter().flatten().zip(&elements) {
                assert!(wide.to_bits() == element.to_f32().to_bits() || wide.is_nan() && element.is_nan());
            }
        }
    }
}
