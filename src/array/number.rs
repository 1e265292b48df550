//! Numbers as JSON has them.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use half::f16;
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use super::{
    dtype::Kind,
    element::{Element, Number, Rank},
};

/// The number that an element is.
#[must_use]
pub fn number<T: Element>(element: T) -> Number {
    let rank = || i128::from(element.rank().widened());
    match T::DTYPE.kind() {
        Kind::Float => Number::Float(element.to_f64()),
        Kind::Signed => Number::Integer(rank()),
        Kind::Unsigned => Number::Integer(rank() + (1_i128 << (8 * size_of::<T>() - 1))),
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number, \"NaN\", \"Infinity\", \"-Infinity\", or the bits of a float as \"0x…\" or in base64",
                )
            }

            fn visit_i64<E>(self, integer: i64) -> Result<Number, E> {
                Ok(Number::Integer(integer.into()))
            }

            fn visit_u64<E>(self, integer: u64) -> Result<Number, E> {
                Ok(Number::Integer(integer.into()))
            }

            fn visit_f64<E>(self, float: f64) -> Result<Number, E> {
                Ok(Number::Float(float))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                match text {
                    "NaN" => Ok(Number::Float(f64::NAN)),
                    "Infinity" => Ok(Number::Float(f64::INFINITY)),
                    "-Infinity" => Ok(Number::Float(f64::NEG_INFINITY)),
                    _ => float_of_bits(text)
                        .map(Number::Float)
                        .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

/// A float by its bits: in hexadecimal, as Zarr v3 has fill values of 2, 4 or 8 bytes, or in base64, as xarray writes attributes.
fn float_of_bits(text: &str) -> Option<f64> {
    let Some(digits) = text.strip_prefix("0x") else {
        let mut bytes = [0; 9];
        let len = STANDARD.decode_slice(text, &mut bytes).ok()?;
        return bytes.split_at(len).0.try_into().ok().map(f64::from_le_bytes);
    };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        4 => u16::from_str_radix(digits, 16).ok().map(|bits| f16::from_bits(bits).to_f64()),
        8 => u32::from_str_radix(digits, 16).ok().map(|bits| f32::from_bits(bits).into()),
        16 => u64::from_str_radix(digits, 16).ok().map(f64::from_bits),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_the_numbers_that_they_are_read_from() {
        for integer in [0, 1, u64::MAX] {
            assert_eq!(number(integer), Number::Integer(integer.into()));
        }
        for integer in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(number(integer), Number::Integer(integer.into()));
        }
        assert_eq!([number(0_u8), number(200_u8)], [0, 200].map(Number::Integer));
        assert_eq!([number(0.5_f32), number(f64::INFINITY)], [0.5, f64::INFINITY].map(Number::Float));
    }

    #[test]
    fn a_float_may_be_written_by_its_bits() {
        let read = |text: &str| match serde_json::from_str::<Number>(&format!("{text:?}")) {
            Ok(Number::Float(float)) => Some(float),
            _ => None,
        };
        // Those that zarr-python and xarray write for 1.5, and for infinity.
        for one_and_a_half in ["0x3e00", "0x3fc00000", "0x3ff8000000000000", "AAAAAAAA+D8="] {
            assert_eq!(read(one_and_a_half), Some(1.5), "{one_and_a_half}");
        }
        assert_eq!((read("0x7f800000"), read("AAAAAAAA8H8=")), (Some(f64::INFINITY), Some(f64::INFINITY)));
        for nan in ["0x7e00", "0x7fc00000", "0x7ff8000000000000", "0x7FC00001", "AAAAAAAA+H8=", "NaN"] {
            assert!(read(nan).is_some_and(f64::is_nan), "{nan}");
        }
        for wrong in
            ["0x", "0x7fc0000", "0x+fc00000", "0x7fc0000g", "7fc00000", "AAAAAAAA+H8", "AAAA", "nan", "", "+Infinity"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let long = "A".repeat(1 << 16);
        assert_eq!(read(&long), None);
    }
}
