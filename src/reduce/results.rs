//! Results of which all elements have been seen.

use super::{
    asked::Asked,
    error::{Overflow, ReduceError},
    fold::Sink,
    operation::States,
    question::Question,
    rule::{Known, ResultSpec},
};
use crate::{
    array::DType,
    resources::{Budget, Buffer},
};

/// The results of one statistic.
#[derive(Debug)]
pub struct Finished {
    /// Which.
    pub asked: Asked,
    /// Type of the values.
    pub dtype: DType,
    /// For each result one element, or as many as its [last dimension](Asked::last_dimension) has.
    pub values: Buffer,
}

/// Results in the C order of the axes that were kept.
#[derive(Debug)]
pub struct Results {
    /// In the order of the question.
    pub statistics: Vec<Finished>,
    /// Number of elements behind each result that are not missing, as `i64`.
    pub counts: Buffer,
    elements: DType,
    specs: Vec<ResultSpec>,
}

impl Results {
    /// Room for so many results of elements of this dtype.
    pub(super) fn new(
        question: &Question,
        elements: DType,
        len: usize,
        budget: &mut Budget,
    ) -> Result<Self, ReduceError> {
        if !question.is_of_one_pass() {
            return Err(ReduceError::Defect("one pass does not tell what is asked"));
        }
        let specs: Vec<_> =
            question.statistics.iter().map(|asked| question.result_of(asked.statistic, elements)).collect();
        let finished = question.statistics.iter().zip(&specs).map(|(asked, spec)| {
            let of_each = spec.dtype.size().saturating_mul(asked.values());
            let values = budget.allocate(len.saturating_mul(of_each))?;
            Ok(Finished { asked: asked.clone(), dtype: spec.dtype, values })
        });
        let statistics = finished.collect::<Result<_, ReduceError>>()?;
        let counts = budget.allocate(len.saturating_mul(size_of::<i64>()))?;
        Ok(Self { statistics, counts, elements, specs })
    }
}

impl Sink for Results {
    fn take(&mut self, first: usize, counts: &[u64], states: &States<'_>) -> Result<(), ReduceError> {
        for (Finished { asked, dtype, values }, &spec) in self.statistics.iter_mut().zip(&self.specs) {
            let known = Known { elements: self.elements, counts, parameters: &asked.parameters, states };
            let size = dtype.size().saturating_mul(asked.values());
            let values = part(values.bytes_mut(), first * size, counts.len() * size);
            let finished = (asked.statistic.rule().finish)(known, spec, values);
            finished.map_err(|Overflow| ReduceError::Overflow { dtype: *dtype })?;
        }
        let slots = part(self.counts.elements_mut::<i64>(), first, counts.len());
        // A chunk, and as far as it is known an array, has no more elements than that.
        slots.iter_mut().zip(counts).for_each(|(slot, &count)| *slot = count.cast_signed());
        Ok(())
    }
}

/// `len` entries from `first` on, or as many as there are.
pub(super) fn part<T>(slice: &mut [T], first: usize, len: usize) -> &mut [T] {
    let rest = slice.get_mut(first..).unwrap_or_default();
    let len = len.min(rest.len());
    rest.split_at_mut(len).0
}
