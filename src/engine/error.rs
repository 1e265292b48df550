//! Why a decoded chunk gave no result.

use crate::{
    array::{Kind, MAX_ELEMENTS},
    reduce::ReduceError,
    resources::{BufferError, Cancelled},
};

/// Why an operation gave no result.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The decoded chunk is not what dtype and shape say.
    #[error("{0}")]
    WrongLength(String),
    /// More elements than the accumulators are proved for.
    #[error("the chunk has {0} elements; at most {MAX_ELEMENTS} can be reduced in one request")]
    TooManyElements(usize),
    /// An integer sum does not fit.
    #[error("integer overflow: the sum does not fit {dtype}; ask for a wider result_dtype, such as {wider}")]
    Overflow {
        /// The dtype that is too narrow.
        dtype: &'static str,
        /// One that is wide enough for anything.
        wider: &'static str,
    },
    /// No memory for the result.
    #[error(transparent)]
    Buffer(#[from] BufferError),
    /// Nobody waits for the result.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Something that checked requests rule out.
    #[error("defect: {0}")]
    Defect(&'static str),
}

impl From<ReduceError> for OperationError {
    fn from(error: ReduceError) -> Self {
        match error {
            ReduceError::Buffer(error) => error.into(),
            ReduceError::Cancelled(error) => error.into(),
            ReduceError::Defect(defect) => Self::Defect(defect),
            ReduceError::Overflow { dtype } => Self::Overflow {
                dtype: dtype.name(),
                wider: match (dtype.kind(), dtype.size()) {
                    (Kind::Signed, ..8) => "int64 or float64",
                    (Kind::Unsigned, ..8) => "uint64 or float64",
                    _ => "float64",
                },
            },
        }
    }
}
