//! The components that more than one statistic is told by where it is to be merged.

use bytemuck::cast_slice_mut;

use super::{
    rule::{Component, ComponentForm},
    total::FloatTotal,
};
use crate::array::DType;

/// The results themselves.
pub(super) const ITSELF: Component = Component { name: None, own: None };

/// A float64, and what its rounding left.
pub(super) fn pair() -> ComponentForm {
    ComponentForm { values: DType::Float64.into(), dimensions: vec![2] }
}

/// Writes the total of each result as a [`pair`], from its number and how many elements it has.
pub(super) fn write_pairs(counts: &[u64], results: &mut [u8], total: impl Fn(usize, u64) -> Option<FloatTotal>) {
    let results = cast_slice_mut::<u8, FloatTotal>(results).iter_mut();
    for (at, (result, &count)) in results.zip(counts).enumerate() {
        let total = if count == 0 { None } else { total(at, count) };
        *result = total.map_or(FloatTotal::NOTHING, FloatTotal::told);
    }
}
