//! What an answer holds, and what is known of it before anything is read.

use crate::{
    array::{DType, MAX_ELEMENTS, Order},
    index::ChunkRef,
    operation::Operation,
    reduce::Question,
    resources::Buffer,
};

/// What an operation answers: an array in the native byte order and the order of the request.
#[derive(Debug)]
pub struct OperationResult {
    /// Type of the values.
    pub dtype: DType,
    /// Shape of the values.
    pub shape: Vec<usize>,
    /// Layout of the values and counts.
    pub order: Order,
    /// The values.
    pub values: Buffer,
    /// Non-missing elements behind each value, as `i64`; for `select`, one number for all of them.
    pub counts: Buffer,
    /// Whether one count stands for the whole request.
    pub one_count: bool,
    /// Lengths of the nested lists that the counts make: the shape of the values where reduced axes stay, otherwise
    /// one list of all.
    pub nesting: Vec<usize>,
}

/// The counts of a result, before anything is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountsShape {
    /// Lengths of the nested lists that the counts make.
    pub nesting: Vec<usize>,
    /// No count is larger.
    pub max_count: usize,
}

impl CountsShape {
    /// Of what the operation answers to the question.
    #[must_use]
    pub fn new(operation: Operation, question: &Question, chunk: &ChunkRef) -> Self {
        match operation {
            Operation::Select => Self { nesting: vec![1], max_count: MAX_ELEMENTS },
            Operation::Reduce(_) => {
                Self { nesting: nesting(question, chunk), max_count: elements_per_result(question, chunk) }
            }
        }
    }

    /// Number of counts.
    #[must_use]
    pub fn results(&self) -> usize {
        self.nesting.iter().copied().fold(1, usize::saturating_mul)
    }
}

/// Number of results of a reduction of a decoded chunk of at most `decoded_len` bytes.
pub(super) fn results_len(question: &Question, chunk: &ChunkRef, decoded_len: usize) -> usize {
    let selected = chunk.selected_shape(decoded_len);
    let axes = selected.iter().zip(question.reduced.as_deref().unwrap_or_default());
    axes.filter(|(_, reduced)| !**reduced).fold(1, |len, (&dimension, _)| len.saturating_mul(dimension))
}

/// Most elements behind one result of a reduction.
fn elements_per_result(question: &Question, chunk: &ChunkRef) -> usize {
    let (Some(_), Some(reduced)) = (&chunk.encoding.shape, &question.reduced) else { return MAX_ELEMENTS };
    let selected = chunk.selected_shape(0);
    let axes = selected.iter().zip(reduced);
    axes.filter(|(_, reduced)| **reduced).fold(1, |len, (&dimension, _)| len.saturating_mul(dimension))
}

/// Lengths of the nested lists that the counts of a reduction make.
pub(super) fn nesting(question: &Question, chunk: &ChunkRef) -> Vec<usize> {
    match (&chunk.encoding.shape, &question.reduced) {
        _ if !question.keepdims => vec![results_len(question, chunk, 0)],
        (Some(shape), None) if !shape.is_empty() => vec![1; shape.len()],
        (Some(shape), Some(reduced)) if !shape.is_empty() => {
            let selected = chunk.selected_shape(0).into_iter();
            selected.zip(reduced).map(|(len, &reduced)| if reduced { 1 } else { len }).collect()
        }
        _ => vec![1],
    }
}
