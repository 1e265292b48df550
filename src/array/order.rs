//! Which axis of an array is stored without a stride.

use serde::{Deserialize, Serialize};

/// Layout of an array in memory, named as NumPy names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Row-major: the last axis varies fastest.
    #[default]
    C,
    /// Column-major: the first axis varies fastest.
    F,
}
