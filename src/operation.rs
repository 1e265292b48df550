//! What a chunk route runs: its table.

use crate::reduce::Statistic;

/// What is done with a decoded chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A statistic of its elements is computed.
    Reduce(Statistic),
    /// Its elements are selected.
    Select,
}

/// Which optional fields of a request an operation heeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepts {
    /// `axis`; ignored otherwise.
    pub axis: bool,
    /// `result_dtype`; refused otherwise.
    pub result_dtype: bool,
    /// `scale_factor` and `add_offset`, and with them `result_dtype`; ignored otherwise.
    pub packing: bool,
}

impl Operation {
    /// Every operation, by name.
    pub const ALL: &'static [Self] = &[
        Self::Reduce(Statistic::Count),
        Self::Reduce(Statistic::Max),
        Self::Reduce(Statistic::Min),
        Self::Select,
        Self::Reduce(Statistic::Sum),
    ];

    /// The last part of its route.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reduce(statistic) => statistic.name(),
            Self::Select => "select",
        }
    }

    /// The statistic that it computes; a selection is counted.
    #[must_use]
    pub const fn statistic(self) -> Statistic {
        match self {
            Self::Reduce(statistic) => statistic,
            Self::Select => Statistic::Count,
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Reduce(statistic) => statistic.summary(),
            Self::Select => "The selected elements themselves",
        }
    }

    /// What it heeds.
    #[must_use]
    pub const fn accepts(self) -> Accepts {
        match self {
            Self::Reduce(statistic) => {
                Accepts { axis: true, result_dtype: statistic.takes_result_dtype(), packing: statistic.unpacks() }
            }
            Self::Select => Accepts { axis: false, result_dtype: false, packing: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statistic_is_an_operation_or_of_variables_only_and_all_are_in_the_order_of_their_names() {
        for &statistic in Statistic::ALL {
            let is_operation = Operation::ALL.contains(&Operation::Reduce(statistic));
            assert_ne!(is_operation, statistic.is_of_variables_only(), "{statistic:?}");
        }
        assert!(Operation::ALL.is_sorted_by_key(|operation| operation.name()));
    }
}
