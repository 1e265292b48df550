//! What a statistic is made of.

use super::{
    error::Overflow,
    operation::{Accumulator, States, Sums},
    parameters::Parameters,
};
use crate::array::{DType, Packing, ValueType};

/// What a statistic is, and how it is computed.
pub(super) struct Rule {
    /// What it is, in a few words.
    pub(super) summary: &'static str,
    /// Whether only questions about whole variables ask for it, and no chunk route does.
    pub(super) is_of_variables_only: bool,
    /// Whether its results are true or false, as 1 or 0.
    pub(super) is_boolean: bool,
    /// Which of its results may have a dtype that a request names.
    pub(super) named_dtype: NamedDType,
    /// Whether packed values and those that they stand for have different results.
    pub(super) unpacks: bool,
    /// Whether weights of elements change its results, which are `float64` then where a request names no other.
    pub(super) weights: Heed,
    /// The dtype of its results for elements of this one, where a request names none.
    pub(super) default_dtype: fn(DType) -> DType,
    /// What it has to know of such elements beside their number.
    pub(super) accumulators: fn(&Parameters, ElementSpec) -> Vec<Accumulator>,
    /// Writes its results.
    pub(super) finish: fn(Known<'_>, ResultSpec, &mut [u8]) -> Result<(), Overflow>,
    /// What is told of it where it is to be merged with others; nothing where it does not merge.
    pub(super) components: fn(&Parameters, ElementSpec) -> &'static [Component],
}

/// What is told of a statistic, or a part of it, that merges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    /// Its name; None where that is the statistic's own.
    pub(super) name: Option<&'static str>,
    /// What it is; None for the results themselves.
    pub(super) own: Option<Own>,
}

/// What a component is that is not the results themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    /// What its values are, of elements of this dtype.
    pub(super) form: fn(&Parameters, DType, ResultSpec) -> ComponentForm,
    /// Writes it for consecutive results.
    pub(super) write: fn(Known<'_>, ResultSpec, &mut [u8]) -> Result<(), Overflow>,
}

/// What the values of a component are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ComponentForm {
    pub(super) values: ValueType,
    /// Lengths of the dimensions that it has behind those of results.
    pub(super) dimensions: Vec<usize>,
}

impl ComponentForm {
    /// Bytes of one result.
    pub(super) fn size(&self) -> usize {
        self.dimensions.iter().fold(self.values.size(), |size, &len| size.saturating_mul(len))
    }
}

impl From<ValueType> for ComponentForm {
    /// One value of each result.
    fn from(values: ValueType) -> Self {
        Self { values, dimensions: Vec::new() }
    }
}

/// What elements stand for, and whether each counts once.
#[derive(Clone, Copy, Debug)]
pub(super) struct ElementSpec {
    /// How to unpack them.
    pub(super) packing: Option<Packing>,
    /// Whether they have weights.
    pub(super) is_weighted: bool,
}

impl ElementSpec {
    /// What knows their sum.
    pub(super) const fn sum(self) -> Accumulator {
        if self.is_weighted { Accumulator::WeightedSum } else { Accumulator::Sum }
    }

    /// What knows the sum of their squares.
    pub(super) const fn squares(self) -> Accumulator {
        if self.is_weighted { Accumulator::WeightedSquares } else { Accumulator::Squares }
    }

    /// What knows the sum of their weights, where that is not their number.
    pub(super) fn weights(self) -> Option<Accumulator> {
        self.is_weighted.then_some(Accumulator::Weights)
    }

    /// What knows the sum of the squares of their weights, where that is not their number.
    pub(super) fn squared_weights(self) -> Option<Accumulator> {
        self.is_weighted.then_some(Accumulator::SquaredWeights)
    }

    /// What knows the sum of what they stand for: an offset is added as often as elements weigh.
    pub(super) fn unpacked_sum(self) -> Vec<Accumulator> {
        let weights = self.weights().filter(|_| self.packing.is_some());
        std::iter::once(self.sum()).chain(weights).collect()
    }
}

/// Whether something changes results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// It does not.
    Never,
    /// It does, where there is any.
    Always,
}

/// Which results may have a dtype that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedDType {
    /// None.
    Never,
    /// Those of unpacked values.
    Unpacked,
    /// All.
    Always,
}

/// What is known of consecutive results.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// The type of the elements.
    pub(super) elements: DType,
    /// How many are not missing.
    pub(super) counts: &'a [u64],
    /// What is asked of them.
    pub(super) parameters: &'a Parameters,
    pub(super) states: &'a States<'a>,
}

impl<'a> Known<'a> {
    /// The sums of the elements, each as often as it weighs: a question has but one kind.
    pub(super) fn sums(&self) -> Sums<'a> {
        self.either(&Accumulator::WeightedSum, &Accumulator::Sum)
    }

    /// The sums of their squares.
    pub(super) fn squares(&self) -> Sums<'a> {
        self.either(&Accumulator::WeightedSquares, &Accumulator::Squares)
    }

    fn either(&self, weighted: &Accumulator, plain: &Accumulator) -> Sums<'a> {
        match self.states.sums(weighted) {
            Sums::None => self.states.sums(plain),
            sums => sums,
        }
    }
}

/// What results are to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResultSpec {
    /// Their dtype: that of the [statistic](super::Statistic) or, for sums, another; `float32` or `float64` if they are to be
    /// unpacked.
    pub dtype: DType,
    /// How to unpack them; None for results of the elements as they are.
    pub packing: Option<Packing>,
}
