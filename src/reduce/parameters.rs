//! What is said of a statistic beside its name.

use std::sync::Arc;

use super::bins::Bins;

/// What is said of a statistic beside its name.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameters {
    /// Nothing.
    None,
    /// Of `var` and `std`: what is taken off the number of elements before it divides ("delta degrees of freedom", as in NumPy).
    Ddof(u32),
    /// Of `histogram`: the bins.
    Bins(Bins),
    /// Of `any` and `all`: the one bin of zeros.
    Zeros(Bins),
    /// Of `argmax` and `argmin`: the length of each dimension that is reduced.
    Reduced(Arc<[usize]>),
    /// Of `quantile`: which, each from 0 to 1.
    Quantiles(Arc<[f64]>),
    /// Of `median`: that it is the quantile of 0.5, without a dimension of its own.
    Half,
}

impl Parameters {
    /// What is taken off the number of elements before it divides.
    pub(super) const fn ddof(&self) -> u32 {
        match self {
            Self::Ddof(ddof) => *ddof,
            _ => 0,
        }
    }

    /// The bins; none where the statistic has none.
    pub(super) fn bins(&self) -> Bins {
        match self {
            Self::Bins(bins) | Self::Zeros(bins) => bins.clone(),
            _ => Bins::none(),
        }
    }

    /// Length of the dimension that results have beside those that are kept, as their last one; None where they have none.
    #[must_use]
    pub fn last_dimension(&self) -> Option<usize> {
        match self {
            Self::Reduced(lens) => Some(lens.len()),
            Self::Bins(bins) => Some(bins.len()),
            Self::Quantiles(quantiles) => Some(quantiles.len()),
            Self::None | Self::Ddof(_) | Self::Zeros(_) | Self::Half => None,
        }
    }

    /// The quantiles that are asked for, each from 0 to 1; none of other statistics.
    #[must_use]
    pub fn quantiles(&self) -> &[f64] {
        match self {
            Self::Half => &[0.5],
            Self::Quantiles(quantiles) => quantiles,
            _ => &[],
        }
    }
}
