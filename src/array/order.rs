//! Which axis of an array is stored without a stride.

use serde::{Deserialize, Deserializer, de::Error};

/// Layout of an array in memory, named as NumPy names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Row-major: the last axis varies fastest.
    #[default]
    C,
    /// Column-major: the first axis varies fastest.
    F,
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "C" => Ok(Self::C),
            "F" => Ok(Self::F),
            other => Err(D::Error::unknown_variant(other, &["C", "F"])),
        }
    }
}
