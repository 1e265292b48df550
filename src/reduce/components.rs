//! Results in the forms that merge with those of other parts, wherever they were computed.

use super::{
    asked::Asked,
    error::{Overflow, ReduceError},
    fold::Sink,
    operation::States,
    question::Question,
    results::part,
    rule::{Component, ComponentForm, Known, ResultSpec},
};
use crate::{
    array::{DType, ValueType},
    resources::{Budget, Buffer},
};

/// One component of a statistic, of all results.
#[derive(Debug)]
pub struct ComponentValues {
    /// Its name, such as `sum`; that of the statistic where it has no other component.
    pub name: &'static str,
    /// Type of the values.
    pub dtype: ValueType,
    /// Lengths of the dimensions that it has behind those of results.
    pub dimensions: Vec<usize>,
    /// In the native byte order.
    pub values: Buffer,
}

/// What merges of the results of a question, in the C order of the axes that were kept. It is told by statistic, and what a
/// statistic is made of by its components:
///
/// - a `sum` of integers as `i128`, and as a pair where they are unpacked;
/// - other sums as pairs of `float64`: the nearest one, and what its rounding left. Those of no elements are both −0.0, which
///   leaves even the sign of another zero alone;
/// - `value` and `position` of first elements: the value as an extreme has it, and an index for each axis that was reduced;
/// - all else as it is.
#[derive(Debug)]
pub struct Components {
    /// In the order of the question.
    pub statistics: Vec<Vec<ComponentValues>>,
    asked: Vec<Told>,
    elements: DType,
}

/// A statistic, and what is told of it.
#[derive(Debug)]
struct Told {
    asked: Asked,
    spec: ResultSpec,
    components: &'static [Component],
}

impl Told {
    fn new(asked: &Asked, question: &Question, elements: DType) -> Self {
        let components = (asked.statistic.rule().components)(&asked.parameters, question.spec_of_elements());
        Self { asked: asked.clone(), spec: question.result_of(asked.statistic, elements), components }
    }

    /// What the values of each component are.
    fn forms(&self, elements: DType) -> impl Iterator<Item = (&Component, ComponentForm)> {
        let form = move |component: &Component| match component.own {
            Some(own) => (own.form)(&self.asked.parameters, elements, self.spec),
            None => self.asked.form(self.spec.dtype),
        };
        self.components.iter().map(move |component| (component, form(component)))
    }
}

impl Components {
    /// Room for so many results of elements of this dtype.
    pub(super) fn new(
        question: &Question,
        elements: DType,
        len: usize,
        budget: &mut Budget,
    ) -> Result<Self, ReduceError> {
        let asked: Vec<_> = question.statistics.iter().map(|asked| Told::new(asked, question, elements)).collect();
        let statistics = asked.iter().map(|told| {
            let components = told.forms(elements).map(|(component, form)| {
                let values = budget.allocate(len.saturating_mul(form.size()))?;
                let name = component.name.unwrap_or(told.asked.statistic.name());
                Ok(ComponentValues { name, dtype: form.values, dimensions: form.dimensions, values })
            });
            components.collect()
        });
        Ok(Self { statistics: statistics.collect::<Result<_, ReduceError>>()?, asked, elements })
    }

    /// For each component of what is asked of elements of this dtype, the bytes of one result.
    #[must_use]
    pub fn sizes(question: &Question, elements: DType) -> Vec<usize> {
        let told = question.statistics.iter().map(|asked| Told::new(asked, question, elements));
        told.flat_map(|told| told.forms(elements).map(|(_, form)| form.size()).collect::<Vec<_>>()).collect()
    }
}

impl Sink for Components {
    fn take(&mut self, first: usize, counts: &[u64], states: &States<'_>) -> Result<(), ReduceError> {
        for (told, values) in self.asked.iter().zip(&mut self.statistics) {
            let known = Known { elements: self.elements, counts, parameters: &told.asked.parameters, states };
            for ((component, form), values) in told.forms(self.elements).zip(values) {
                let size = form.size();
                let values = part(values.values.bytes_mut(), first.saturating_mul(size), counts.len() * size);
                let write = component.own.map_or(told.asked.statistic.rule().finish, |own| own.write);
                let written = write(known, told.spec, values);
                written.map_err(|Overflow| ReduceError::Overflow { dtype: told.spec.dtype })?;
            }
        }
        Ok(())
    }
}
