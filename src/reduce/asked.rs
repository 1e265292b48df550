//! One statistic, as it is asked for.

use super::{parameters::Parameters, rule::ComponentForm, statistic::Statistic};
use crate::array::{DType, ValueType};

/// A statistic, and what is said of it beside its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Which.
    pub statistic: Statistic,
    /// What else is said.
    pub parameters: Parameters,
}

impl Asked {
    /// Length of the dimension that its results have beside those that are kept, as their last one; None where they have none.
    #[must_use]
    pub fn last_dimension(&self) -> Option<usize> {
        self.parameters.last_dimension()
    }

    /// Values of each result.
    #[must_use]
    pub fn values(&self) -> usize {
        self.last_dimension().unwrap_or(1)
    }

    /// What results of this dtype are.
    pub(super) fn form(&self, dtype: DType) -> ComponentForm {
        let values = if self.statistic.is_boolean() { ValueType::Bool } else { dtype.into() };
        ComponentForm { values, dimensions: self.last_dimension().into_iter().collect() }
    }
}

impl From<Statistic> for Asked {
    /// The statistic of which nothing else is said.
    fn from(statistic: Statistic) -> Self {
        let parameters = if statistic == Statistic::Median { Parameters::Half } else { Parameters::None };
        Self { statistic, parameters }
    }
}
