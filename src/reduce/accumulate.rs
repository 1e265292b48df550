//! Accumulators for elements of each type.

use super::{
    extreme::Ranks,
    operation::{Accumulator, NumOperation},
    sum::Summed,
};
use crate::array::Element;

impl Accumulator {
    /// The accumulator for elements of type `T`, with states for so many results.
    pub(super) fn operation<T: Element + Summed>(self, results: usize) -> Box<dyn NumOperation<T::Word>> {
        match self {
            Self::Sum => T::sums(results),
            Self::Squares => T::squares(results),
            Self::Largest => Box::new(Ranks::<T, false>::new(results)),
            Self::Smallest => Box::new(Ranks::<T, true>::new(results)),
        }
    }
}
