//! Quantiles: which elements in order they lie between, and where between those.
//!
//! The method is NumPy's `linear`, the seventh of Hyndman and Fan ("Sample Quantiles in Statistical Packages", 1996), and each
//! step is rounded as NumPy's.

use std::sync::Arc;

use super::rule::{Heed, NamedDType, Rule};
use crate::array::{DType, Element, Packing, Rank, dtype::with_dtype};

/// Quantiles; NaN of nothing, or where any element is NaN.
pub(super) const QUANTILE: Rule = Rule { summary: "Quantiles, exact", ..IN_ORDER };

/// The quantile of 0.5.
pub(super) const MEDIAN: Rule = Rule { summary: "Median, exact: the quantile of 0.5", ..IN_ORDER };

/// What both have in common. No accumulator knows them, and nothing is written of what accumulators know.
const IN_ORDER: Rule = Rule {
    summary: "",
    is_of_variables_only: true,
    is_boolean: false,
    named_dtype: NamedDType::Never,
    unpacks: true,
    weights: Heed::Never,
    default_dtype: |_| DType::Float64,
    accumulators: |_, _| Vec::new(),
    finish: |_, _, _| Ok(()),
    components: |_, _| &[],
};

/// Where a quantile lies among elements in order.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Between {
    /// The position of the element below.
    lower: u64,
    /// The position of the element above.
    upper: u64,
    /// How much of the element above there is in it, where there is one.
    weight: f64,
}

impl Between {
    /// That of `quantile` among so many elements, of which there is one at least.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not below 0, and not above what is counted"
    )]
    fn new(quantile: f64, elements: u64) -> Self {
        let last = elements.saturating_sub(1);
        let at = last as f64 * quantile;
        if at >= last as f64 {
            // NumPy counts the last one from behind, as −1.
            return Self { lower: last, upper: last, weight: at + 1.0 };
        }
        let lower = (at.floor() as u64).min(last);
        Self { lower, upper: (lower + 1).min(last), weight: at - at.floor() }
    }

    /// The quantile between two elements, from the one that is nearer.
    fn value(self, lower: f64, upper: f64) -> f64 {
        let step = upper - lower;
        if self.weight >= 0.5 { upper - step * (1.0 - self.weight) } else { lower + step * self.weight }
    }
}

/// Quantiles of elements of one kind.
#[derive(Clone, Debug)]
pub struct Quantiles {
    each: Arc<[f64]>,
    elements: DType,
    packing: Option<Packing>,
}

impl Quantiles {
    /// Those of elements of this dtype, or of what they stand for.
    #[must_use]
    pub fn new(quantiles: impl IntoIterator<Item = f64>, elements: DType, packing: Option<Packing>) -> Self {
        Self { each: quantiles.into_iter().collect(), elements, packing }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.each.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// Type of the elements.
    #[must_use]
    pub const fn elements(&self) -> DType {
        self.elements
    }

    /// The positions of the elements that have to be known of so many in the order of their ranks, in that order, each once.
    pub(super) fn positions(&self, elements: u64) -> Vec<u64> {
        if elements == 0 {
            return Vec::new();
        }
        let both = |&quantile: &f64| {
            let between = Between::new(quantile, elements);
            [between.lower, between.upper].map(|position| self.of_ranks(position, elements))
        };
        let mut positions: Vec<u64> = self.each.iter().flat_map(both).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// Writes those of so many elements, of which the ranks at the [`positions`](Self::positions) are these. NaN if there are no
    /// elements.
    pub(super) fn write(&self, elements: u64, positions: &[u64], ranks: &[i64], values: &mut [f64]) {
        let value = |position: u64| {
            let at = positions.binary_search(&self.of_ranks(position, elements)).ok();
            at.and_then(|at| ranks.get(at)).map_or(f64::NAN, |&rank| self.value(rank))
        };
        for (slot, &quantile) in values.iter_mut().zip(self.each.iter()) {
            let between = Between::new(quantile, elements);
            *slot = between.value(value(between.lower), value(between.upper)).canonical();
        }
    }

    /// The position in the order of ranks of one in the order of values.
    fn of_ranks(&self, position: u64, elements: u64) -> u64 {
        match self.packing {
            Some(packing) if packing.reverses() => elements.saturating_sub(1).saturating_sub(position),
            _ => position,
        }
    }

    /// What an element of this rank stands for.
    fn value(&self, rank: i64) -> f64 {
        let element = with_dtype!(self.elements, T => T::of_rank(<T as Element>::Rank::narrowed(rank)).to_f64());
        self.packing.map_or(element, |packing| packing.unpack(element))
    }
}
