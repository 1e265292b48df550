//! The mean of elements.

use super::{
    moments::{MOMENT, Moments, write},
    operation::Accumulator,
    rule::Rule,
    total::FloatTotal,
};
use crate::array::Packing;

/// The sum of the elements by their number; NaN of none. It is rounded once, also if it is unpacked.
pub(super) const RULE: Rule = Rule {
    summary: "Mean of the elements",
    accumulators: |_| &[Accumulator::Sum],
    finish: |known, spec, results| {
        write(known, spec, results, mean);
        Ok(())
    },
    ..MOMENT
};

#[inline(always)]
fn mean(moments: Moments, packing: Option<Packing>) -> f64 {
    if moments.count == 0 {
        return f64::NAN;
    }
    let mean = moments.mean();
    packing.map_or(mean, |packing| unpacked(mean, packing)).rounded()
}

#[inline(always)]
fn unpacked(mean: FloatTotal, packing: Packing) -> FloatTotal {
    mean.times(packing.scale_factor.into()).added(packing.add_offset.into())
}
