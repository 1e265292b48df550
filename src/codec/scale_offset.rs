//! Zarr v3's `scale_offset`: numbers less an offset, times a scale, in their own dtype.
//!
//! Specification: `codecs/scale_offset` of the registry of Zarr extensions.
#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is cast is in range")]

use super::{
    cast_value::Value,
    contract::{Codec, Fault},
    elements::{AsType, Loaded, NumpyType, convert, rounded_to},
};
use crate::array::{Element, Kind, Number, dtype::with_dtype};
use crate::resources::Cancellation;

/// Divides by the scale, and adds the offset.
#[derive(Clone, Copy, Debug)]
pub struct LinearScale {
    numbers: NumpyType,
    scale: Value,
    offset: Value,
}

impl LinearScale {
    /// For numbers of this dtype, which scale and offset have, too.
    ///
    /// # Errors
    /// If one of them is no number of the dtype, or the scale is 0.
    pub fn new(numbers: NumpyType, scale: Number, offset: Number) -> Result<Self, String> {
        let of = |name: &str, number| {
            let value = Value::of(number, numbers.dtype());
            value.ok_or_else(|| format!("the {name} of scale_offset is no {}", numbers.dtype().name()))
        };
        let (scale, offset) = (of("scale", scale)?, of("offset", offset)?);
        match scale {
            Value::Integer(0) | Value::Float(0.0) => Err("a scale of 0 cannot be undone".to_owned()),
            _ => Ok(Self { numbers, scale, offset }),
        }
    }

    /// The integer that became this one, if one did.
    fn unscaled(&self, number: i128) -> Result<i128, Fault> {
        let (Value::Integer(scale), Value::Integer(offset)) = (self.scale, self.offset) else { return Ok(number) };
        let dtype = self.numbers.dtype();
        let whole = (number.checked_rem(scale) == Some(0)).then(|| number.checked_div(scale)).flatten();
        let unscaled = whole.and_then(|whole| whole.checked_add(offset));
        let is_one = |&unscaled: &i128| with_dtype!(dtype, T => T::from_number(Number::Integer(unscaled)).is_some());
        unscaled
            .filter(is_one)
            .ok_or_else(|| Fault::Unsuited(format!("{number} / {scale} + {offset} is no {}", dtype.name())))
    }
}

impl Codec for LinearScale {
    fn name(&self) -> &'static str {
        "scale_offset"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        Some(encoded)
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        Some(decoded)
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let dtypes = AsType { encoded: self.numbers, decoded: self.numbers };
        let dtype = self.numbers.dtype();
        debug_assert_eq!(matches!(self.scale, Value::Float(_)), dtype.kind() == Kind::Float);
        convert(encoded, dtypes, decoded, cancellation, |numbers| match (numbers, self.scale, self.offset) {
            (Loaded::Floats(numbers), Value::Float(scale), Value::Float(offset)) => {
                // NumPy keeps to the dtype, and rounds after each step.
                let unscaled = |number: f64| rounded_to(dtype, rounded_to(dtype, number / scale) + offset);
                Ok(Loaded::Floats(numbers.into_iter().map(unscaled).collect()))
            }
            (Loaded::Signed(numbers), ..) => {
                let unscaled = numbers.into_iter().map(|number| Ok(self.unscaled(number.into())? as i64));
                unscaled.collect::<Result<_, Fault>>().map(Loaded::Signed)
            }
            (Loaded::Unsigned(numbers), ..) => {
                let unscaled = numbers.into_iter().map(|number| Ok(self.unscaled(number.into())? as u64));
                unscaled.collect::<Result<_, Fault>>().map(Loaded::Unsigned)
            }
            (numbers, ..) => Ok(numbers),
        })
    }
}
