//! The sum of the squares of elements.

use super::{
    moments::{MOMENT, Moments, write},
    operation::Accumulator,
    rule::Rule,
    total::FloatTotal,
};
use crate::array::Packing;

/// The sum of the squares of the elements, or of the values that they stand for; 0 of none.
pub(super) const RULE: Rule = Rule {
    summary: "Sum of the squares of the elements",
    accumulators: |packing| match packing {
        None => &[Accumulator::Squares],
        Some(_) => &[Accumulator::Sum, Accumulator::Squares],
    },
    finish: |known, spec, results| {
        write(known, spec, results, sum_of_squares);
        Ok(())
    },
    ..MOMENT
};

#[inline(always)]
fn sum_of_squares(moments: Moments, packing: Option<Packing>) -> f64 {
    match packing {
        _ if moments.count == 0 => 0.0,
        None => moments.squares.rounded(),
        Some(packing) => unpacked(moments, packing),
    }
}

/// Σ(sx + o)² = s²Σx² + 2soΣx + no².
#[inline(always)]
fn unpacked(moments: Moments, Packing { scale_factor, add_offset }: Packing) -> f64 {
    let (scale, offset) = (FloatTotal::from(scale_factor), FloatTotal::from(add_offset));
    let squares = moments.squares.times(scale).times(scale);
    if add_offset == 0.0 || !squares.high.is_finite() {
        return squares.rounded();
    }
    let mixed = moments.sum.times(scale).times(offset).times(2.0.into());
    let offsets = offset.times(offset).times((moments.count as f64).into());
    let sum = squares.added(mixed).added(offsets).rounded();
    if sum < 0.0 { 0.0 } else { sum }
}
