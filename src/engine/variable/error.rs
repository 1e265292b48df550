//! Why a variable gave no result, beside what can happen to its index and its chunks.

/// What is wrong with a variable, or with reading it.
#[derive(Debug, thiserror::Error)]
pub enum VariableError {
    /// It is not what this reads.
    #[error("the variable cannot be read: {0}")]
    CannotBeRead(String),
    /// A chunk of it was never written, and nothing says what its elements would be.
    #[error(
        "chunk {index:?} was never written, and there is no fill value that says what its elements would be: select a part \
         without it, or give fill_value in a chunk list"
    )]
    NoFillValue {
        /// Its place in the grid of chunks.
        index: Vec<u64>,
    },
    /// The store does not say how long the object is.
    #[error("the store does not say how long the object is, which its index cannot be read without")]
    NoLength,
    /// The index needs more memory than there is to spare.
    #[error("the server is overloaded: there is no memory to read the index of the object")]
    NoMemoryForIndex,
}
