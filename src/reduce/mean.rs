//! The mean of elements.

use super::{
    count::COUNT,
    moments::{MOMENT, Moments, write},
    rule::Rule,
    sum::{SUM, WEIGHTED_SUM},
    sum_of_weights::SUM_OF_WEIGHTS,
    total::FloatTotal,
};
use crate::array::Packing;

/// The sum of the elements by their number, or by their weight where each counts as much as it weighs; NaN of none, and of those that
/// weigh nothing. It is rounded once, also if it is unpacked.
pub(super) const RULE: Rule = Rule {
    summary: "Mean of the elements",
    accumulators: |_, elements| std::iter::once(elements.sum()).chain(elements.weights()).collect(),
    finish: |known, spec, results| {
        write(known, spec, results, mean);
        Ok(())
    },
    components: |_, elements| {
        if elements.is_weighted { &[WEIGHTED_SUM, SUM_OF_WEIGHTS] } else { &[SUM, COUNT] }
    },
    ..MOMENT
};

#[inline(always)]
fn mean(moments: Moments, packing: Option<Packing>) -> f64 {
    if !moments.have_weight() {
        return f64::NAN;
    }
    let mean = moments.mean();
    packing.map_or(mean, |packing| unpacked(mean, packing)).rounded()
}

#[inline(always)]
fn unpacked(mean: FloatTotal, packing: Packing) -> FloatTotal {
    mean.times(packing.scale_factor.into()).added(packing.add_offset.into())
}
