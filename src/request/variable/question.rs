//! What is asked of a variable, checked against it.

use super::varying::Varying;
use crate::{
    array::{DType, Pick},
    reduce::{Parameters, Question},
    source::Location,
};

/// Groups that are counted each by itself: of more, some are counted as one.
const COUNTED: usize = 1 << 16;

/// A part of a variable, and what is asked of it.
#[derive(Clone, Debug)]
pub struct VariableQuestion {
    /// What elements are read as: the dtype that they are stored in, or the unsigned one of the same width.
    pub dtype: DType,
    /// What is picked of each dimension of the array.
    pub picks: Vec<Pick>,
    /// Which statistics, over which of the dimensions that are left after [`Pick::One`] dropped some, and what is missing. A
    /// selection has no statistics and reduces nothing; what is missing of it is NaN where it is unpacked.
    pub question: Question,
    /// The name of the result of each statistic, in their order; none of a selection.
    pub names: Vec<String>,
    /// Names of the dimensions of the results.
    pub dims: Vec<String>,
    /// Which elements belong together, if not all that are reduced.
    pub groups: Option<Groups>,
    /// What elements weigh.
    pub weights: Weights,
}

/// Groups of positions within the selection. The dimensions over which they go are reduced, and results have one for all of them in
/// the place of the first: a result for each group.
#[derive(Clone, Debug)]
pub struct Groups {
    /// For each dimension of the array, whether they go over it; none as long as that is not known.
    pub grouped: Vec<bool>,
    /// How many there are.
    pub size: usize,
    /// Which group each position belongs to.
    pub labels: Labels,
    /// What the dimension of the results is called where several become one.
    pub name: String,
}

/// Which group positions belong to: −1 is none.
#[derive(Clone, Debug)]
pub enum Labels {
    /// These labels, all of which are below the number of groups.
    Given(Varying<i32>),
    /// The elements of the variable of this path in the same object.
    Variable(String),
}

/// What elements weigh.
#[derive(Clone, Debug, Default)]
pub enum Weights {
    /// Each counts once.
    #[default]
    None,
    /// The product of these, all of which are finite and not negative.
    Given(Vec<Varying<f64>>),
    /// The elements of a variable.
    Variable(WeightVariable),
}

/// A variable whose elements are weights.
#[derive(Clone, Debug)]
pub struct WeightVariable {
    /// Its path.
    pub path: String,
    /// The object; that of the request if None.
    pub location: Option<Location>,
}

/// Bytes of an edge of a bin, as a number and as a bound of ranks.
const OF_A_BIN: usize = size_of::<f64>() + size_of::<i128>();

impl VariableQuestion {
    /// Whether the groups go over this dimension of the array.
    pub(super) fn is_grouped(&self, dim: usize) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.grouped.get(dim) == Some(&true))
    }

    /// For each dimension of the array that is left, its number and whether it is reduced.
    fn left(&self) -> impl Iterator<Item = (usize, bool)> {
        let left = self.picks.iter().enumerate().filter(|(_, pick)| pick.kept_len().is_some());
        left.enumerate().map(|(number, (dim, _))| {
            let reduced = self.question.reduced.as_ref();
            (dim, reduced.is_none_or(|reduced| reduced.get(number).copied().unwrap_or(true)))
        })
    }

    /// The dimensions of the array that results have, and how long each is.
    fn of_results(&self) -> Vec<(usize, usize)> {
        let mut groups = self.groups.as_ref().map(|groups| groups.size);
        let mut of_results = Vec::new();
        for (dim, reduced) in self.left() {
            let len = if self.is_grouped(dim) {
                groups.take()
            } else if reduced {
                self.question.keepdims.then_some(1)
            } else {
                self.picks.get(dim).and_then(Pick::kept_len)
            };
            of_results.extend(len.map(|len| (dim, len)));
        }
        of_results
    }

    /// Lengths of the dimensions of the results.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.of_results().into_iter().map(|(_, len)| len).collect()
    }

    /// A number of positions, along the dimensions that groups go over, than which no group has more: all, as long as labels are still
    /// to be read. 1 without groups.
    #[must_use]
    pub fn largest_group(&self) -> usize {
        let Some(Groups { size, labels, .. }) = &self.groups else { return 1 };
        let Labels::Given(Varying { values, .. }) = labels else {
            let grouped = self.picks.iter().enumerate().filter(|(dim, _)| self.is_grouped(*dim));
            return grouped.fold(1, |len, (_, pick)| len.saturating_mul(pick.kept_len().unwrap_or(1)));
        };
        let mut counts = vec![0; (*size).clamp(1, COUNTED)];
        for label in values.iter().filter_map(|&label| usize::try_from(label).ok()) {
            if let Some(count) = counts.get_mut(label % COUNTED) {
                *count += 1;
            }
        }
        counts.into_iter().max().unwrap_or(0)
    }

    /// Bytes of the labels, the weights and the edges of bins that it lists.
    #[must_use]
    pub fn listed_len(&self) -> usize {
        let labels = match &self.groups {
            Some(Groups { labels: Labels::Given(labels), .. }) => size_of_val(labels.values.as_slice()),
            _ => 0,
        };
        let edges = self.question.statistics.iter().map(|asked| match &asked.parameters {
            Parameters::Bins(bins) => bins.len().saturating_mul(OF_A_BIN),
            _ => 0,
        });
        let listed = edges.fold(labels, usize::saturating_add);
        let Weights::Given(weights) = &self.weights else { return listed };
        weights.iter().fold(listed, |len, weights| len.saturating_add(size_of_val(weights.values.as_slice())))
    }

    /// Has the dimensions of the groups be reduced, and says what those of the results are called, of an array with dimensions of
    /// these names.
    pub(super) fn arranged(mut self, names: &[String]) -> Self {
        let reduced: Vec<(usize, bool)> =
            self.left().map(|(dim, reduced)| (dim, reduced || self.is_grouped(dim))).collect();
        self.question.reduced = Some(reduced.iter().map(|&(_, reduced)| reduced).collect());
        let lens = reduced.iter().filter(|(_, reduced)| *reduced);
        let lens: Vec<usize> = lens.filter_map(|&(dim, _)| self.picks.get(dim)?.kept_len()).collect();
        for asked in &mut self.question.statistics {
            if let Parameters::Reduced(reduced) = &mut asked.parameters {
                *reduced = lens.as_slice().into();
            }
        }
        let several = self.groups.as_ref().filter(|groups| groups.grouped.iter().filter(|is| **is).count() > 1);
        let name = |(dim, _): (usize, usize)| match several {
            Some(groups) if self.is_grouped(dim) => Some(groups.name.clone()),
            _ => names.get(dim).cloned(),
        };
        self.dims = self.of_results().into_iter().filter_map(name).collect();
        self
    }
}
