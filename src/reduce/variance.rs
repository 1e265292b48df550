//! How far elements are from their mean.

use super::{
    moments::{MOMENT, Moments, write},
    rule::Rule,
};
use crate::array::Packing;

/// The mean square of the distances of elements from their mean; NaN of no more elements than `ddof`, and where the sum of squares
/// is not finite.
pub(super) const VAR: Rule = Rule {
    summary: "Variance of the elements",
    finish: |known, spec, results| {
        write(known, spec, results, unpacked_variance);
        Ok(())
    },
    ..MOMENT
};

/// The square root of the [variance](VAR).
pub(super) const STD: Rule = Rule {
    summary: "Standard deviation of the elements",
    finish: |known, spec, results| {
        write(known, spec, results, unpacked_deviation);
        Ok(())
    },
    ..MOMENT
};

#[inline(always)]
fn unpacked_variance(moments: Moments, packing: Option<Packing>) -> f64 {
    let scale = packing.map_or(1.0, |packing| packing.scale_factor);
    variance(moments) * scale * scale
}

#[inline(always)]
fn unpacked_deviation(moments: Moments, packing: Option<Packing>) -> f64 {
    let scale = packing.map_or(1.0, |packing| packing.scale_factor);
    variance(moments).sqrt() * scale.abs()
}

/// (Σx² − mean × Σx) / (n − ddof). Both products have twice the bits of what they are made of, so that the difference is exact where
/// elements are equal, and as good as they are where they nearly are.
#[inline(always)]
fn variance(moments: Moments) -> f64 {
    let freedom = moments.count.saturating_sub(moments.ddof.into());
    if freedom == 0 || !moments.squares.high.is_finite() {
        return f64::NAN;
    }
    let spread = moments.squares.less(moments.mean().times(moments.sum));
    if spread.high < 0.0 { 0.0 } else { spread.over(freedom as f64).rounded() }
}
