//! Statistics that follow from the number of elements, their sum and the sum of their squares.

use bytemuck::cast_slice_mut;
use multiversion::multiversion;

use super::{
    operation::Accumulator,
    rule::{Known, NamedDType, ResultSpec, Rule},
    total::FloatTotal,
};
use crate::array::{DType, Element, Packing};

/// What is known of the elements of one result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// How many there are.
    pub(super) count: u64,
    /// What is taken off that before it divides.
    pub(super) ddof: u32,
    /// Their sum, 0 where nobody asked for it.
    pub(super) sum: FloatTotal,
    /// The sum of their squares, 0 where nobody asked for it.
    pub(super) squares: FloatTotal,
}

impl Moments {
    /// The sum by the number, of which there is one if there are elements.
    #[inline(always)]
    pub(super) fn mean(&self) -> FloatTotal {
        self.sum.over(self.count as f64)
    }
}

/// What they have in common.
pub(super) const MOMENT: Rule = Rule {
    summary: "",
    is_of_variables_only: true,
    named_dtype: NamedDType::Never,
    unpacks: true,
    default_dtype: |_| DType::Float64,
    accumulators: |_| &[Accumulator::Sum, Accumulator::Squares],
    finish: |_, _, _| Ok(()),
};

/// Writes what follows from the moments of each result, with the one NaN.
#[multiversion(targets = "simd")]
pub(super) fn write<F: Fn(Moments, Option<Packing>) -> f64>(
    known: Known<'_>,
    spec: ResultSpec,
    results: &mut [u8],
    value: F,
) {
    let results = cast_slice_mut::<u8, f64>(results).iter_mut();
    for (at, (result, &count)) in results.zip(known.counts).enumerate() {
        let total = |sums: Option<FloatTotal>| sums.unwrap_or(FloatTotal { high: 0.0, low: 0.0 });
        let (sum, squares) = (total(known.states.sums.total(at)), total(known.states.squares.total(at)));
        *result = value(Moments { count, ddof: known.ddof, sum, squares }, spec.packing).canonical();
    }
}
