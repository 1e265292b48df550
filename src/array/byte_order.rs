//! Endianness of elements.

use multiversion::multiversion;
use serde::{Deserialize, Deserializer, de::Error};

use super::word::Word;

/// The order in which the bytes of one element are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl ByteOrder {
    /// The order of the machine that this runs on, and of every result.
    pub const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };

    /// Whether elements of this width stored in this order are as the machine wants them.
    #[must_use]
    pub fn is_native<W: Word>(self) -> bool {
        self == Self::NATIVE || size_of::<W>() == 1
    }

    /// `little` or `big`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Little => "little",
            Self::Big => "big",
        }
    }
}

impl<'de> Deserialize<'de> for ByteOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "little" => Ok(Self::Little),
            "big" => Ok(Self::Big),
            other => Err(D::Error::unknown_variant(other, &["little", "big"])),
        }
    }
}

/// Brings elements stored in `from` into the machine's own order, in place.
pub fn to_native<W: Word>(elements: &mut [W], from: ByteOrder) {
    if !from.is_native::<W>() {
        swap(elements);
    }
}

/// Copies elements stored in `from`, in the machine's own order; both slices have the same length.
pub fn copy_to_native<W: Word>(elements: &[W], native: &mut [W], from: ByteOrder) {
    if from.is_native::<W>() {
        native.iter_mut().zip(elements).for_each(|(native, &element)| *native = element);
    } else {
        copy_swapped(elements, native);
    }
}

#[multiversion(targets = "simd")]
fn swap<W: Word>(elements: &mut [W]) {
    for element in elements {
        *element = element.swap_bytes();
    }
}

#[multiversion(targets = "simd")]
fn copy_swapped<W: Word>(elements: &[W], swapped: &mut [W]) {
    for (swapped, element) in swapped.iter_mut().zip(elements) {
        *swapped = element.swap_bytes();
    }
}
