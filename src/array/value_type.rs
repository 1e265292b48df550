//! Types of values that are results, and never elements of chunks.

use super::dtype::DType;

/// The type of the values of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Numbers, as chunks have them.
    Number(DType),
    /// True or false: 1 or 0, a byte each.
    Bool,
    /// Integers of 16 bytes, two's complement.
    Int128,
}

impl ValueType {
    /// The name on the wire, such as `bool`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number(dtype) => dtype.name(),
            Self::Bool => "bool",
            Self::Int128 => "int128",
        }
    }

    /// Bytes of one value.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::Number(dtype) => dtype.size(),
            Self::Bool => 1,
            Self::Int128 => size_of::<i128>(),
        }
    }
}

impl From<DType> for ValueType {
    fn from(dtype: DType) -> Self {
        Self::Number(dtype)
    }
}
