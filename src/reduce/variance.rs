//! How far elements are from their mean.

use super::{
    count::COUNT,
    moments::{MOMENT, Moments, write},
    operation::Accumulator,
    parameters::Parameters,
    rule::{Component, ElementSpec, Rule},
    sum::{SUM, WEIGHTED_SUM},
    sum_of_squares::SUM_OF_SQUARES,
    sum_of_weights::{SUM_OF_SQUARED_WEIGHTS, SUM_OF_WEIGHTS},
    total::FloatTotal,
};
use crate::array::Packing;

/// The mean square of the distances of elements from their mean, each as often as it weighs; NaN of no more elements than `ddof`, and
/// where the sum of squares is not finite.
pub(super) const VAR: Rule = Rule {
    summary: "Variance of the elements",
    accumulators,
    finish: |known, spec, results| {
        write(known, spec, results, unpacked_variance);
        Ok(())
    },
    ..SPREAD
};

/// The square root of the [variance](VAR).
pub(super) const STD: Rule = Rule {
    summary: "Standard deviation of the elements",
    accumulators,
    finish: |known, spec, results| {
        write(known, spec, results, unpacked_deviation);
        Ok(())
    },
    ..SPREAD
};

/// What both have in common.
const SPREAD: Rule = Rule { components, ..MOMENT };

fn components(parameters: &Parameters, elements: ElementSpec) -> &'static [Component] {
    match (elements.is_weighted, parameters.ddof()) {
        (false, _) => &[SUM, SUM_OF_SQUARES, COUNT],
        (true, 0) => &[WEIGHTED_SUM, SUM_OF_SQUARES, COUNT, SUM_OF_WEIGHTS],
        (true, _) => &[WEIGHTED_SUM, SUM_OF_SQUARES, COUNT, SUM_OF_WEIGHTS, SUM_OF_SQUARED_WEIGHTS],
    }
}

fn accumulators(parameters: &Parameters, elements: ElementSpec) -> Vec<Accumulator> {
    let squared_weights = elements.squared_weights().filter(|_| parameters.ddof() > 0);
    let weights = elements.weights().into_iter().chain(squared_weights);
    [elements.sum(), elements.squares()].into_iter().chain(weights).collect()
}

#[inline(always)]
fn unpacked_variance(moments: Moments, packing: Option<Packing>) -> f64 {
    let scale = scale(moments, packing);
    variance(moments) * scale * scale
}

#[inline(always)]
fn unpacked_deviation(moments: Moments, packing: Option<Packing>) -> f64 {
    variance(moments).sqrt() * scale(moments, packing).abs()
}

/// What distances are multiplied by; NaN where the squares of what elements stand for are not finite, as without packing.
#[inline(always)]
fn scale(moments: Moments, packing: Option<Packing>) -> f64 {
    let Some(Packing { scale_factor, .. }) = packing else { return 1.0 };
    if (moments.squares.high * scale_factor * scale_factor).is_finite() { scale_factor } else { f64::NAN }
}

/// (Σwx² − mean × Σwx) / freedom. Both products have twice the bits of what they are made of, so that the difference is exact where
/// elements are equal, and as good as they are where they nearly are.
#[inline(always)]
fn variance(moments: Moments) -> f64 {
    let freedom = freedom(moments);
    // A smaller difference is what rounding leaves of none.
    let is_none = moments.count <= moments.ddof.into()
        || freedom.high.is_nan()
        || freedom.high <= moments.weight.high * LEAST_FREEDOM;
    if is_none || !moments.have_weight() || !moments.squares.high.is_finite() {
        return f64::NAN;
    }
    let spread = moments.squares.less(moments.mean().times(moments.sum));
    if spread.high < 0.0 { 0.0 } else { spread.over(freedom).rounded() }
}

/// 2⁻⁹⁶, by which totals may be off relative to themselves.
const LEAST_FREEDOM: f64 = f64::from_bits((1023 - 96) << 52);

/// Sums of squares of weights below this, 2⁻¹⁰⁰⁰, have lost digits to underflow.
const LEAST_SQUARES: f64 = f64::from_bits((1023 - 1000) << 52);

/// Σw − ddof × Σw² / Σw, where weights say how reliable an element is (as cf-python has it for a `ddof` of 1). It is n − ddof where
/// they are 1; NaN where squares of weights underflow.
#[inline(always)]
fn freedom(moments: Moments) -> FloatTotal {
    if moments.ddof == 0 {
        return moments.weight;
    }
    if moments.squared_weights.high < LEAST_SQUARES {
        return f64::NAN.into();
    }
    let lost = moments.squared_weights.over(moments.weight).times(f64::from(moments.ddof).into());
    moments.weight.less(lost)
}
