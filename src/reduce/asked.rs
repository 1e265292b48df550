//! One statistic, as it is asked for.

use super::statistic::Statistic;

/// A statistic, and what is said of it beside its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which.
    pub statistic: Statistic,
    /// What is taken off the number of elements before it divides ("delta degrees of freedom", as in NumPy). Only
    /// [`Var`](Statistic::Var) and [`Std`](Statistic::Std) heed it.
    pub ddof: u32,
}

impl From<Statistic> for Asked {
    /// The statistic of all elements as they are: nothing is taken off their number.
    fn from(statistic: Statistic) -> Self {
        Self { statistic, ddof: 0 }
    }
}
