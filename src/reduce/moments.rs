//! Statistics that follow from what elements weigh, their sum and the sum of their squares.

use bytemuck::cast_slice_mut;
use multiversion::multiversion;

use super::{
    operation::{Accumulator, Sums},
    rule::{Heed, Known, NamedDType, ResultSpec, Rule},
    total::FloatTotal,
};
use crate::array::{DType, Element, Packing};

/// What is known of the elements of one result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    /// How many there are.
    pub(super) count: u64,
    /// The sum of their weights: their number, where they have none.
    pub(super) weight: FloatTotal,
    /// The sum of the squares of their weights: their number, where they have none.
    pub(super) squared_weights: FloatTotal,
    /// How many degrees of freedom are taken off what divides.
    pub(super) ddof: u32,
    /// Their sum, each as often as it weighs; 0 where nobody asked for it.
    pub(super) sum: FloatTotal,
    /// The sum of their squares, each as often as it weighs; 0 where nobody asked for it.
    pub(super) squares: FloatTotal,
}

impl Moments {
    /// Whether there are elements that weigh something, and not more than can be said.
    #[inline(always)]
    pub(super) fn have_weight(&self) -> bool {
        self.weight.high > 0.0 && self.weight.high.is_finite()
    }

    /// The sum by the weight, of which there must be some.
    #[inline(always)]
    pub(super) fn mean(&self) -> FloatTotal {
        self.sum.over(self.weight)
    }
}

/// What is known of the moments of consecutive results.
pub(super) struct AllMoments<'a> {
    sums: Sums<'a>,
    squares: Sums<'a>,
    weights: Sums<'a>,
    squared_weights: Sums<'a>,
    ddof: u32,
}

impl<'a> AllMoments<'a> {
    /// All that is known of them.
    pub(super) fn new(known: &Known<'a>) -> Self {
        let [weights, squared_weights] =
            [Accumulator::Weights, Accumulator::SquaredWeights].map(|weights| known.states.sums(&weights));
        Self { sums: known.sums(), squares: known.squares(), weights, squared_weights, ddof: known.parameters.ddof() }
    }

    /// Those of the result of this number, which is of so many elements.
    #[inline(always)]
    pub(super) fn at(&self, at: usize, count: u64) -> Moments {
        let total = |sums: &Sums<'_>| sums.total(at).unwrap_or(FloatTotal { high: 0.0, low: 0.0 });
        let weight = |weights: &Sums<'_>| weights.total(at).unwrap_or(FloatTotal::from(count as f64));
        Moments {
            count,
            weight: weight(&self.weights),
            squared_weights: weight(&self.squared_weights),
            ddof: self.ddof,
            sum: total(&self.sums),
            squares: total(&self.squares),
        }
    }
}

/// What they have in common.
pub(super) const MOMENT: Rule = Rule {
    summary: "",
    is_of_variables_only: true,
    is_boolean: false,
    named_dtype: NamedDType::Never,
    unpacks: true,
    weights: Heed::Always,
    default_dtype: |_| DType::Float64,
    accumulators: |_, _| Vec::new(),
    finish: |_, _, _| Ok(()),
    components: |_, _| &[],
};

/// Writes what follows from the moments of each result, with the one NaN.
#[multiversion(targets = "simd")]
pub(super) fn write<F: Fn(Moments, Option<Packing>) -> f64>(
    known: Known<'_>,
    spec: ResultSpec,
    results: &mut [u8],
    value: F,
) {
    let all = AllMoments::new(&known);
    let results = cast_slice_mut::<u8, f64>(results).iter_mut();
    for (at, (result, &count)) in results.zip(known.counts).enumerate() {
        *result = value(all.at(at, count), spec.packing).canonical();
    }
}
