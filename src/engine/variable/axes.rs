//! The axes that chunks are folded along: dimensions of the array, and one for all those that groups go over.

use super::{
    lines::Line,
    members::{Folding, Members},
    spans::Span,
    weights::Along,
};
use crate::{
    engine::error::OperationError,
    reduce::{Parameters, Place, Question},
    resources::Budget,
};

/// An axis that chunks are folded along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// A dimension of the array.
    Dim { number: usize, reduced: bool },
    /// All dimensions that groups go over: to what folds them it is two axes, one of groups and one of the elements of each.
    Groups,
}

/// What groups of positions are.
#[derive(Debug)]
pub(super) struct Grouped {
    /// The dimensions of the array that they go over.
    dims: Vec<usize>,
    /// The label of each position.
    pub(super) labels: Along<i32>,
    /// Whether each element has to have a state of its own.
    each: bool,
}

/// How chunks are folded.
#[derive(Debug)]
pub(super) struct Axes {
    pub(super) order: Vec<Axis>,
    pub(super) groups: Option<Grouped>,
    pub(super) weights: Vec<Along<f64>>,
    /// For each dimension of the array, how far apart neighbouring positions are among all that are reduced, in C order.
    pub(super) strides: Vec<usize>,
    /// Whether anybody asks where elements are.
    pub(super) asks_where: bool,
}

impl Axes {
    /// Of dimensions of these lengths, None for one that goes. The question is changed to one about the axes.
    pub(super) fn new(
        lens: &[Option<usize>],
        question: &mut Question,
        groups: Option<(Vec<bool>, Along<i32>)>,
        weights: Vec<Along<f64>>,
    ) -> Self {
        let is_grouped = |dim: usize| groups.as_ref().is_some_and(|(grouped, _)| grouped.get(dim) == Some(&true));
        let (mut order, mut dims, mut of_question) = (Vec::new(), Vec::new(), Vec::new());
        let mut reduced = question.reduced.take().into_iter().flatten();
        for (number, _) in lens.iter().enumerate().filter(|(_, len)| len.is_some()) {
            let reduced = reduced.next().unwrap_or(true);
            if !is_grouped(number) {
                order.push(Axis::Dim { number, reduced });
                of_question.push(reduced);
                continue;
            }
            if dims.is_empty() {
                order.push(Axis::Groups);
                of_question.extend([false, true]);
            }
            dims.push(number);
        }
        let is_reduced = |dim: usize| is_grouped(dim) || order.contains(&Axis::Dim { number: dim, reduced: true });
        let strides = strides_among(lens, is_reduced);
        let asks_where = question.statistics.iter().any(|asked| matches!(asked.parameters, Parameters::Reduced(_)));
        let groups = groups.map(|(_, labels)| {
            let each = asks_where && folds_between(&order, &dims);
            Grouped { dims, labels, each }
        });
        question.reduced = Some(of_question);
        Self { order, groups, weights, strides, asks_where }
    }

    /// Takes the labels of others, which go over the same dimensions.
    pub(super) fn share_labels(&mut self, others: &Self) {
        if let Some((groups, others)) = self.groups.as_mut().zip(others.groups.as_ref()) {
            groups.labels = others.labels.clone();
        }
    }

    /// The axes, of dimensions whose indices lie on these lines.
    pub(super) fn lines(&self, mut of_dims: Vec<Line>, members: Option<&Members>) -> Vec<Line> {
        let grouped: Vec<Line> = self.groups.iter().flat_map(|groups| some(&groups.dims, &of_dims)).collect();
        let line = |axis: &Axis| match *axis {
            Axis::Dim { number, .. } => {
                of_dims.get_mut(number).map_or(Line::still(0), |line| std::mem::replace(line, Line::still(0)))
            }
            Axis::Groups => members.map_or(Line::still(0), |members| members.line(&grouped)),
        };
        self.order.iter().map(line).collect()
    }

    /// Which elements of a chunk belong to which group.
    pub(super) fn members(&self, groups: &Grouped, spans: &[Span], budget: &Budget) -> Result<Members, OperationError> {
        let mut folding = Folding { elements: 1, results: 1, each: groups.each };
        for axis in &self.order {
            let Axis::Dim { number, reduced } = *axis else { continue };
            let len = spans.get(number).map_or(0, |span| span.picked.len());
            folding.elements = folding.elements.saturating_mul(len);
            folding.results = folding.results.saturating_mul(if reduced { 1 } else { len });
        }
        let lines = some(&groups.dims, &groups.labels.lines(spans));
        Members::new(groups.labels.numbers.as_slice(), &lines, folding, budget)
    }

    /// For each axis that results have: where those of a chunk with these groups belong, and how many there are along it.
    pub(super) fn of_results(&self, spans: &[Span], groups: (&Place, usize)) -> (Vec<Place>, Vec<usize>) {
        let place = |axis: &Axis| match *axis {
            Axis::Dim { reduced: true, .. } => None,
            Axis::Dim { number, .. } => spans.get(number).map(|span| (span.at.clone(), span.picked.len())),
            Axis::Groups => Some((groups.0.clone(), groups.1)),
        };
        self.order.iter().filter_map(place).unzip()
    }
}

/// For each dimension of these lengths, how far apart neighbours are among all positions along those that are reduced.
fn strides_among(lens: &[Option<usize>], is_reduced: impl Fn(usize) -> bool) -> Vec<usize> {
    let (mut strides, mut next) = (vec![0; lens.len()], 1_usize);
    for (dim, (stride, len)) in strides.iter_mut().zip(lens).enumerate().rev() {
        if let Some(len) = len.filter(|_| is_reduced(dim)) {
            *stride = next;
            next = next.saturating_mul(len);
        }
    }
    strides
}

/// Whether others are reduced that lie between dimensions of groups: elements of a group would then not come in the order of the
/// selection.
fn folds_between(order: &[Axis], grouped: &[usize]) -> bool {
    let between = grouped.first().copied().unwrap_or(0)..grouped.last().copied().unwrap_or(0);
    order.iter().any(|axis| matches!(axis, Axis::Dim { number, reduced: true } if between.contains(number)))
}

/// The lines of these dimensions.
fn some(dims: &[usize], lines: &[Line]) -> Vec<Line> {
    dims.iter().filter_map(|&dim| lines.get(dim).cloned()).collect()
}
