//! What a statistic is made of.

use super::{
    error::Overflow,
    operation::{Accumulator, States},
};
use crate::array::{DType, Packing};

/// What a statistic is, and how it is computed.
pub(super) struct Rule {
    /// What it is, in a few words.
    pub(super) summary: &'static str,
    /// Whether only questions about whole variables ask for it, and no chunk route does.
    pub(super) is_of_variables_only: bool,
    /// Which of its results may have a dtype that a request names.
    pub(super) named_dtype: NamedDType,
    /// Whether packed values and those that they stand for have different results.
    pub(super) unpacks: bool,
    /// The dtype of its results for elements of this one, where a request names none.
    pub(super) default_dtype: fn(DType) -> DType,
    /// What it has to know of elements of this packing beside their number.
    pub(super) accumulators: fn(Option<Packing>) -> &'static [Accumulator],
    /// Writes its results.
    pub(super) finish: fn(Known<'_>, ResultSpec, &mut [u8]) -> Result<(), Overflow>,
}

/// Which results may have a dtype that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedDType {
    /// None.
    Never,
    /// Those of unpacked values.
    Unpacked,
    /// All.
    Always,
}

/// What is known of consecutive results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    /// The type of the elements.
    pub(super) elements: DType,
    /// How many are not missing.
    pub(super) counts: &'a [u64],
    /// What is to be taken off that number before it divides.
    pub(super) ddof: u32,
    pub(super) states: &'a States<'a>,
}

/// What results are to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResultSpec {
    /// Their dtype: that of the [statistic](super::Statistic) or, for sums, another; `float32` or `float64` if they are to be
    /// unpacked.
    pub dtype: DType,
    /// How to unpack them; None for results of the elements as they are.
    pub packing: Option<Packing>,
}
