//! What is asked of an array.

use super::{
    asked::Asked,
    operation::Accumulator,
    rule::{ElementSpec, Heed, NamedDType, ResultSpec},
    statistic::Statistic,
};
use crate::array::{DType, Missing, Number, Packing};

/// Which statistics, over which axes, and what is missing.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// All of them are learned in one pass.
    pub statistics: Vec<Asked>,
    /// For each dimension, whether to reduce it; None for all.
    pub reduced: Option<Vec<bool>>,
    /// Which elements are missing, by their packed values.
    pub missing: Missing<Number>,
    /// How to unpack results; None for results of the elements as they are.
    pub packing: Option<Packing>,
    /// dtype of results where the question names one.
    pub result_dtype: Option<DType>,
    /// Whether reduced dimensions stay, with length one.
    pub keepdims: bool,
    /// Whether elements have weights.
    pub is_weighted: bool,
    /// Whether the [components](super::Components) of results are wanted, which merge, and not what is final.
    pub is_partial: bool,
}

impl Question {
    /// What results of a statistic of elements of this dtype are to be.
    #[must_use]
    pub fn result_of(&self, statistic: Statistic, elements: DType) -> ResultSpec {
        let packing = self.packing.filter(|_| statistic.unpacks());
        let named = self.result_dtype.filter(|_| match statistic.rule().named_dtype {
            NamedDType::Never => false,
            // Beside a sum, it is that of the sum alone.
            NamedDType::Unpacked => {
                packing.is_some() && !self.statistics.iter().any(|asked| asked.statistic.takes_result_dtype())
            }
            NamedDType::Always => true,
        });
        // Where no dtype can be named, there is but one.
        let unpacked = packing.filter(|_| statistic.rule().named_dtype != NamedDType::Never);
        let is_weighted = self.is_weighted && statistic.rule().weights == Heed::Always;
        let default = if is_weighted { DType::Float64 } else { statistic.default_dtype(elements) };
        ResultSpec { dtype: named.unwrap_or(default_dtype(unpacked, default)), packing }
    }

    /// What the elements themselves are to be.
    #[must_use]
    pub fn elements(&self, elements: DType) -> ResultSpec {
        let dtype = self.result_dtype.unwrap_or(default_dtype(self.packing, elements));
        ResultSpec { dtype, packing: self.packing }
    }

    /// What the elements stand for, and whether each counts once.
    pub(super) const fn spec_of_elements(&self) -> ElementSpec {
        ElementSpec { packing: self.packing, is_weighted: self.is_weighted }
    }

    /// Whether one pass over the elements tells all statistics.
    #[must_use]
    pub fn is_of_one_pass(&self) -> bool {
        self.statistics.iter().all(|asked| asked.statistic.is_of_one_pass())
    }

    /// What has to be known of the elements beside their number, each once.
    pub(super) fn accumulators(&self) -> Vec<Accumulator> {
        let elements = self.spec_of_elements();
        let mut accumulators = Vec::new();
        for asked in &self.statistics {
            for accumulator in (asked.statistic.rule().accumulators)(&asked.parameters, elements) {
                if !accumulators.contains(&accumulator) {
                    accumulators.push(accumulator);
                }
            }
        }
        accumulators
    }
}

/// The dtype of results that have `default` if they are not unpacked.
fn default_dtype(packing: Option<Packing>, default: DType) -> DType {
    if packing.is_some() { DType::Float64 } else { default }
}
