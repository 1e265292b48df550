//! What is asked of a variable, checked against it.

use crate::{
    array::{DType, Pick},
    reduce::Question,
};

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
}
