//! The dtype of a chunk's elements, and which numbers they can be.

use super::problem::{Noted, Problems};
use crate::array::{DType, Element, Number, dtype::with_dtype};

/// The dtype of elements as they are stored, and as they are read: an unsigned one of the same width, if the request says so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements {
    pub(super) stored: DType,
    pub(super) read: DType,
}

impl Elements {
    /// From the fields of these names.
    pub(super) fn of(dtype: Option<DType>, unsigned: Option<bool>, problems: &mut Problems) -> Result<Self, Noted> {
        let stored = dtype.ok_or(Noted)?;
        let read = if unsigned == Some(true) { stored.unsigned() } else { Some(stored) };
        let read = read.ok_or_else(|| format!("is for integers, which {} has none of", stored.name()));
        // Other fields can be checked all the same.
        let read = problems.checked("unsigned", read).unwrap_or(stored);
        Ok(Self { stored, read })
    }

    /// The number that an element is read as where a client writes `number`. Attributes of a file keep the signed dtype: a
    /// negative number stands for the unsigned one of the same bits.
    pub(super) fn as_read(self, number: Number) -> Number {
        match number {
            Number::Integer(integer) if self.read != self.stored && integer < 0 && holds(self.stored, number) => {
                Number::Integer(integer.saturating_add(1_i128 << (8 * self.stored.size())))
            }
            _ => number,
        }
    }

    /// Whether an element can have this value.
    pub(super) fn can_be(self, number: Number) -> bool {
        holds(self.read, number)
    }

    /// What is wrong if none can.
    pub(super) fn refusal(self, number: Number) -> String {
        format!("{} is not a value of {}", shown(number), self.read.name())
    }

    /// Whether one element is no larger than another one.
    pub(super) fn are_ordered(self, low: Number, high: Number) -> bool {
        with_dtype!(self.read, T => T::from_number(low) <= T::from_number(high))
    }
}

fn holds(dtype: DType, number: Number) -> bool {
    with_dtype!(dtype, T => T::from_number(number).is_some())
}

/// The number as a person writes it.
pub(super) fn shown(number: Number) -> String {
    match number {
        Number::Integer(integer) => integer.to_string(),
        Number::Float(float) => format!("{float:?}"),
    }
}
