//! Accumulators for elements of each type.

use super::{
    counts::Counts,
    extreme::Ranks,
    firsts::Firsts,
    operation::{Accumulator, NumOperation},
    sum::{ROWS, Square, Summed, WeightSums, WeightedSums},
    weighted_counts::WeightedCounts,
};
use crate::array::Element;

impl Accumulator {
    /// The accumulator for elements of type `T`, with states for so many results.
    pub(super) fn operation<T: Element + Summed>(&self, results: usize) -> Box<dyn NumOperation<T::Word>> {
        match self {
            Self::Sum => T::sums(results),
            Self::Squares => T::squares(results),
            Self::Largest => Box::new(Ranks::<T, false>::new(results)),
            Self::Smallest => Box::new(Ranks::<T, true>::new(results)),
            &Self::FirstLargest(packing) => Box::new(Firsts::<T, false>::new(packing, results)),
            &Self::FirstSmallest(packing) => Box::new(Firsts::<T, true>::new(packing, results)),
            Self::Counts(bins) => Box::new(Counts::<T>::new(bins, results)),
            Self::WeightedSum => Box::new(WeightedSums::<T, T::Term>::new(T::sums(ROWS), results)),
            Self::WeightedSquares => Box::new(WeightedSums::<T, T::Square>::new(T::squares(ROWS), results)),
            Self::Weights => Box::new(WeightSums::<T::Word, f64>::new(neutral::<T>(), results)),
            Self::SquaredWeights => Box::new(WeightSums::<T::Word, Square<f64>>::new(neutral::<T>(), results)),
            Self::WeightedCounts(bins) => Box::new(WeightedCounts::<T>::new(bins, results)),
        }
    }
}

/// What stands for missing elements where weights are added: the same as where elements are.
fn neutral<T: Element>() -> T::Word {
    bytemuck::cast(T::NOTHING)
}
