//! What is asked of an array.

use super::{
    asked::Asked,
    operation::Accumulator,
    rule::{NamedDType, ResultSpec},
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
        ResultSpec { dtype: named.unwrap_or(default_dtype(packing, statistic.default_dtype(elements))), packing }
    }

    /// What the elements themselves are to be.
    #[must_use]
    pub fn elements(&self, elements: DType) -> ResultSpec {
        let dtype = self.result_dtype.unwrap_or(default_dtype(self.packing, elements));
        ResultSpec { dtype, packing: self.packing }
    }

    /// What has to be known of the elements beside their number, each once.
    pub(super) fn accumulators(&self) -> Vec<Accumulator> {
        let mut accumulators = Vec::new();
        let of_each = self.statistics.iter().map(|asked| (asked.statistic.rule().accumulators)(self.packing));
        for accumulator in of_each.flatten() {
            if !accumulators.contains(accumulator) {
                accumulators.push(*accumulator);
            }
        }
        accumulators
    }
}

/// The dtype of results that have `default` if they are not unpacked.
fn default_dtype(packing: Option<Packing>, default: DType) -> DType {
    if packing.is_some() { DType::Float64 } else { default }
}
