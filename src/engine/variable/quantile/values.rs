//! The values of all results.

use super::batches::Batch;
use crate::{
    array::DType,
    engine::error::OperationError,
    reduce::{Asked, Finished, Quantiles, ReduceError, cells},
    resources::{Budget, Buffer},
};

/// The quantiles of all results, statistic by statistic.
#[derive(Debug, Default)]
pub(super) struct Values {
    statistics: Vec<(Asked, Buffer)>,
    /// Length of each dimension of the results.
    shape: Vec<usize>,
}

impl Values {
    /// Room for results of this shape.
    ///
    /// # Errors
    /// If the budget has none.
    pub(super) fn new(asked: Vec<Asked>, shape: Vec<usize>, budget: &mut Budget) -> Result<Self, OperationError> {
        let all = shape.iter().fold(1, |len: usize, &axis| len.saturating_mul(axis));
        let room = |asked: Asked| {
            let len = all.saturating_mul(asked.parameters.quantiles().len()).saturating_mul(size_of::<f64>());
            Ok((asked, budget.allocate(len)?))
        };
        let statistics = asked.into_iter().map(room).collect::<Result<_, OperationError>>()?;
        Ok(Self { statistics, shape })
    }

    /// Has the quantiles of a batch written, those of all statistics of a result after each other, and puts them where they belong.
    ///
    /// # Errors
    /// If the budget has no room for them, or nobody waits for them.
    pub(super) fn put(
        &mut self,
        batch: &Batch,
        quantiles: &Quantiles,
        write: impl FnOnce(&Quantiles, &mut [f64], &mut Budget) -> Result<(), ReduceError>,
        budget: &mut Budget,
    ) -> Result<(), ReduceError> {
        let (results, of_each) = (batch.shape.iter().product::<usize>(), quantiles.len());
        let mut values = budget.allocate(results.saturating_mul(of_each).saturating_mul(size_of::<f64>()))?;
        write(quantiles, values.elements_mut(), budget)?;
        let mut first = 0;
        for (asked, slots) in &mut self.statistics {
            let len = asked.parameters.quantiles().len();
            let cells = cells(&batch.at, &batch.shape, &self.shape);
            let cells = cells.ok_or(ReduceError::Defect("a batch is not of these results"))?;
            for (cell, values) in cells.zip(values.elements::<f64>().chunks_exact(of_each.max(1))) {
                let slots = slots.elements_mut::<f64>().get_mut(cell * len..(cell + 1) * len);
                let both = slots.zip(values.get(first..first + len));
                let (slots, values) = both.ok_or(ReduceError::Defect("a result is none of these"))?;
                slots.copy_from_slice(values);
            }
            first += len;
        }
        budget.reclaim(values);
        Ok(())
    }

    /// All of them.
    pub(super) fn finished(self) -> Vec<Finished> {
        let finished = |(asked, values)| Finished { asked, dtype: DType::Float64, values };
        self.statistics.into_iter().map(finished).collect()
    }
}
