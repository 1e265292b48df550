//! What can keep elements from being reduced.

use crate::{
    array::DType,
    resources::{BufferError, Cancelled},
};

/// An integer result is outside the range of its dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// Why a chunk could not be reduced.
#[derive(Debug, thiserror::Error)]
pub enum ReduceError {
    /// A result does not fit its dtype.
    #[error("integer overflow: a result does not fit {}", dtype.name())]
    Overflow {
        /// The dtype of the results.
        dtype: DType,
    },
    /// No room for the results.
    #[error(transparent)]
    Buffer(#[from] BufferError),
    /// Nobody waits for the results.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Something that checked requests rule out.
    #[error("defect: {0}")]
    Defect(&'static str),
}
