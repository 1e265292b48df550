//! The numbers: one driver over axes, a file for each statistic, states that merge.
//!
//! The driver (`fold.rs`) cuts the positions of elements into *rows* along one axis and takes *pieces* of them. A piece that
//! is strided, shuffled or in another byte order is first written to scratch memory (`pieces.rs`), as is one of which elements
//! are missing, with others in their place that change nothing (`screen.rs`), and so are the weights of elements (`weighing.rs`). What is to be known of the elements then folds
//! the piece by a loop over plain memory (`operation.rs`). Each of these steps is compiled for the types that it tells apart,
//! and for no other's: they add up, and do not multiply. Rows lie along a reduced axis (each folds into one state) or along a
//! kept one (each element folds into a state of its own).
//!
//! All of that depends on shape and strides alone, and each loop gives the same bits however wide the vectors are that
//! it is compiled for, so that the same question gives the same bits everywhere.

mod accumulate;
mod arithmetic;
mod asked;
mod bins;
mod component;
mod components;
mod count;
mod counts;
mod error;
mod extreme;
mod finder;
mod first;
mod firsts;
mod fold;
mod histogram;
mod in_order;
mod inside;
mod layout;
mod mean;
mod moments;
mod operation;
mod parameters;
mod partial;
mod pieces;
mod place;
mod quantile;
mod question;
mod results;
mod rows;
mod rule;
mod scratch;
mod screen;
mod sorted;
mod statistic;
mod sum;
mod sum_of_squares;
mod sum_of_weights;
mod tally;
mod total;
mod variance;
mod weighing;
mod weighted_counts;
mod weights;

pub use asked::Asked;
pub use bins::Bins;
pub use components::{ComponentValues, Components};
pub use error::ReduceError;
pub use in_order::InOrder;
pub use parameters::Parameters;
pub use partial::Partial;
pub use place::{Place, cells, put};
pub use quantile::Quantiles;
pub use question::Question;
pub use results::{Finished, Results};
pub use rule::ResultSpec;
pub use scratch::scratch_units;
pub use sorted::{Collected, DigitCounts, Digits, Gathered, Narrowed, OtherElements};
pub use statistic::Statistic;
pub use weights::Factor;

use fold::{Fold, Sink};
use pieces::Pieces;
use sum::Summed;

use crate::{
    array::{DType, Order, Positions, Storage, dtype::with_dtype},
    resources::{Budget, Buffer, Cancellation},
};

/// Elements of a chunk, and the part of them that a question is about.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The decoded chunk.
    pub bytes: &'a Buffer,
    /// Type of its elements.
    pub dtype: DType,
    /// How their bytes lie.
    pub storage: Storage,
    /// Where the elements lie that are asked about.
    pub positions: &'a Positions,
    /// The order in which results are written.
    pub order: Order,
    /// What weighs its elements; nothing where each counts once.
    pub weights: &'a [Factor<'a>],
}

/// What a question has for an answer. Axes of length zero are allowed: of no elements, sums are 0, and so are counts.
///
/// # Errors
/// If a result does not fit its dtype, the budget has no room for the results, or nobody waits for them.
pub fn reduce(question: &Question, chunk: Chunk<'_>, budget: &mut Budget) -> Result<Results, ReduceError> {
    let part = Part::new(question, chunk);
    let mut results = Results::new(question, chunk.dtype, part.shape().iter().product(), budget)?;
    part.fold(question, &mut results, budget.cancellation())?;
    Ok(results)
}

/// The same for a chunk that is not all of the array. Its results are in the order of the chunk: the axes of a partial result in F
/// order are those that are kept, the last one first.
///
/// # Errors
/// If the budget has no room for it, or nobody waits for it.
pub fn partial(question: &Question, chunk: Chunk<'_>, budget: &mut Budget) -> Result<Partial, ReduceError> {
    let part = Part::new(question, chunk);
    let mut partial = Partial::new(question, chunk.dtype, part.shape(), budget)?;
    part.fold(question, &mut partial, budget.cancellation())?;
    Ok(partial)
}

/// A chunk whose axes are in the order of the results.
struct Part<'a> {
    chunk: Chunk<'a>,
    positions: Positions,
    /// For each axis, whether it is reduced.
    reduced: Vec<bool>,
    /// For each factor of the weights, its steps along each axis; nothing where each element counts once.
    steps: Vec<Vec<usize>>,
}

impl<'a> Part<'a> {
    fn new(question: &Question, chunk: Chunk<'a>) -> Self {
        let positions = chunk.positions.clone();
        let mut reduced = question.reduced.clone().unwrap_or_else(|| vec![true; positions.axes.len()]);
        let factors = chunk.weights.iter().filter(|_| question.is_weighted);
        let mut steps: Vec<_> = factors.map(|factor| factor.steps.to_vec()).collect();
        if chunk.order == Order::C {
            return Self { chunk, positions, reduced, steps };
        }
        reduced.reverse();
        for steps in &mut steps {
            steps.reverse();
        }
        Self { chunk, positions: positions.reversed(), reduced, steps }
    }

    /// The factors of the weights, which must have a value for each element.
    fn factors(&self) -> Result<Vec<Factor<'_>>, ReduceError> {
        let factors = self.chunk.weights.iter().zip(&self.steps);
        let factors = factors.map(|(&Factor { values, .. }, steps)| {
            let factor = Factor { values, steps };
            let fits = factor.fits(self.positions.axes.iter().map(|axis| axis.len));
            fits.then_some(factor).ok_or(ReduceError::Defect("weights do not fit the chunk"))
        });
        factors.collect()
    }

    /// Lengths of the axes that are kept.
    fn shape(&self) -> Vec<usize> {
        let axes = self.positions.axes.iter().zip(&self.reduced);
        axes.filter(|(_, reduced)| !**reduced).map(|(axis, _)| axis.len).collect()
    }

    fn fold(&self, question: &Question, sink: &mut dyn Sink, cancellation: &Cancellation) -> Result<(), ReduceError> {
        with_dtype!(self.chunk.dtype, T => self.fold_typed::<T>(question, sink, cancellation))
    }

    fn fold_typed<T: Summed>(
        &self,
        question: &Question,
        sink: &mut dyn Sink,
        cancellation: &Cancellation,
    ) -> Result<(), ReduceError> {
        let results = self.shape().iter().product();
        let mut fold = Fold::<T::Word>::new::<T>(question.accumulators(), results, sink);
        if self.positions.is_empty() {
            return fold.fold_nothing(results, cancellation);
        }
        let missing = question.missing.typed::<T>();
        let screen = screen::screen(missing.ok_or(ReduceError::Defect("a missing value does not fit the dtype"))?);
        let mut pieces = Pieces::new(self.chunk.bytes.elements(), self.chunk.storage, screen.as_deref(), cancellation);
        fold.run(&mut pieces, &self.positions, &self.factors()?, &self.reduced)
    }
}

#[cfg(test)]
mod tests;
