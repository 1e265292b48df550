//! Zarr v3's `cast_value`: numbers in another dtype, by their values.
//!
//! Specification: `codecs/cast_value` of the registry of Zarr extensions. In turn, a value is mapped as the codec says, or it is
//! one of the other dtype, or it is rounded, and brought into range if the codec says how.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is cast is in range, or rounding is what the cast is for"
)]

use std::cmp::Ordering;

use half::f16;

use super::{
    contract::{Codec, Fault},
    elements::{AsType, Loaded, NumpyType, convert},
};
use crate::array::{DType, Element, Kind, Number, dtype::with_dtype};
use crate::resources::Cancellation;

/// Casts values back to what they were.
#[derive(Clone, Debug)]
pub struct CastValue {
    /// As they are encoded, and as they were.
    pub dtypes: AsType,
    /// How values between two of the other dtype are rounded.
    pub rounding: Rounding,
    /// What becomes of values outside the range.
    pub out_of_range: OutOfRange,
    /// Values that become other ones; the first of those that are the same counts.
    pub map: Vec<(Value, Value)>,
}

/// Rounding modes, in the names of the specification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest, of two the even one.
    #[default]
    NearestEven,
    /// Towards zero.
    TowardsZero,
    /// Up.
    TowardsPositive,
    /// Down.
    TowardsNegative,
    /// To the nearest, of two the one farther from zero.
    NearestAway,
}

/// What becomes of values that the other dtype does not reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutOfRange {
    /// They are an error.
    #[default]
    #[serde(skip)]
    Error,
    /// The nearest there is: infinity in floating dtypes.
    Clamp,
    /// The integer that is the same modulo 2ⁿ.
    Wrap,
}

/// A number of any dtype, exactly.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// Of an integer dtype.
    Integer(i128),
    /// Of a floating one.
    Float(f64),
}

impl Value {
    /// The element of this dtype that is written like this; None if there is none.
    #[must_use]
    pub fn of(number: Number, dtype: DType) -> Option<Self> {
        if dtype.kind() == Kind::Float {
            return with_dtype!(dtype, T => T::from_number(number).map(|element| Self::Float(element.to_f64())));
        }
        let integer = match number {
            Number::Integer(integer) => integer,
            // Integers may be written with a point.
            Number::Float(float) if float.fract() == 0.0 && float.abs() < 2f64.powi(64) => float as i128,
            Number::Float(_) => return None,
        };
        let is_one = with_dtype!(dtype, T => T::from_number(Number::Integer(integer)).is_some());
        is_one.then_some(Self::Integer(integer))
    }

    fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b || a.is_nan() && b.is_nan(),
            _ => false,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(integer) => integer.fmt(f),
            Self::Float(float) => write!(f, "{float:?}"),
        }
    }
}

impl Codec for CastValue {
    fn name(&self) -> &'static str {
        "cast_value"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        self.dtypes.decoded_len(encoded)
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        self.dtypes.encoded_len(decoded)
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let AsType { encoded: from, decoded: to } = self.dtypes;
        if self.map.is_empty() && holds_all(to.dtype(), from.dtype()) {
            return self.dtypes.decode(encoded, decoded, cancellation);
        }
        convert(encoded, self.dtypes, decoded, cancellation, |numbers| self.cast_all(&numbers, to))
    }
}

impl CastValue {
    fn cast_all(&self, numbers: &Loaded, to: NumpyType) -> Result<Loaded, Fault> {
        let values: Box<dyn Iterator<Item = Value> + '_> = match numbers {
            Loaded::Signed(numbers) => Box::new(numbers.iter().map(|&number| Value::Integer(number.into()))),
            Loaded::Unsigned(numbers) => Box::new(numbers.iter().map(|&number| Value::Integer(number.into()))),
            Loaded::Floats(numbers) => Box::new(numbers.iter().map(|&number| Value::Float(number))),
        };
        let values = values.map(|value| self.cast(value, to.dtype()));
        match to.dtype().kind() {
            Kind::Signed => values
                .map(|value| value.map(|value| integer(value) as i64))
                .collect::<Result<_, _>>()
                .map(Loaded::Signed),
            Kind::Unsigned => values
                .map(|value| value.map(|value| integer(value) as u64))
                .collect::<Result<_, _>>()
                .map(Loaded::Unsigned),
            Kind::Float => values.map(|value| value.map(float)).collect::<Result<_, _>>().map(Loaded::Floats),
        }
    }

    /// A value of `dtype`.
    fn cast(&self, value: Value, dtype: DType) -> Result<Value, Fault> {
        if let Some((_, mapped)) = self.map.iter().find(|(key, _)| key.is_same(value)) {
            return Ok(*mapped);
        }
        let cast = match (value, dtype.kind()) {
            (Value::Float(float), Kind::Float) if !float.is_finite() => Some(value),
            (_, Kind::Float) => self.to_float(value, dtype).map(Value::Float),
            (Value::Integer(integer), _) => self.to_range(integer, dtype).map(Value::Integer),
            (Value::Float(float), _) if !float.is_finite() => None,
            (Value::Float(float), _) => self.to_integer(self.round(float), dtype).map(Value::Integer),
        };
        cast.ok_or_else(|| Fault::Unsuited(format!("{value} is outside the range of {}", dtype.name())))
    }

    /// The integer that a float is rounded to, which a float is again.
    fn round(&self, float: f64) -> f64 {
        match self.rounding {
            Rounding::NearestEven => float.round_ties_even(),
            Rounding::TowardsZero => float.trunc(),
            Rounding::TowardsPositive => float.ceil(),
            Rounding::TowardsNegative => float.floor(),
            Rounding::NearestAway => float.round(),
        }
    }

    fn to_integer(&self, float: f64, dtype: DType) -> Option<i128> {
        // Beyond 2¹²⁷, floats are multiples of 2⁷⁵.
        let is_beyond = float.abs() >= 2f64.powi(127);
        if is_beyond && self.out_of_range == OutOfRange::Wrap { Some(0) } else { self.to_range(float as i128, dtype) }
    }

    /// The integer, if the dtype has it, or what comes in its place.
    fn to_range(&self, integer: i128, dtype: DType) -> Option<i128> {
        let bits = 8 * dtype.size();
        let (low, high) = match dtype.kind() {
            Kind::Signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            _ => (0, (1 << bits) - 1),
        };
        match self.out_of_range {
            _ if (low..=high).contains(&integer) => Some(integer),
            OutOfRange::Error => None,
            OutOfRange::Clamp => Some(integer.clamp(low, high)),
            OutOfRange::Wrap => Some(integer.saturating_sub(low).rem_euclid(1 << bits) + low),
        }
    }

    /// The nearest float of the dtype in the direction of rounding.
    fn to_float(&self, value: Value, dtype: DType) -> Option<f64> {
        let format = Format::of(dtype);
        let nearest = format.nearest(value);
        let (low, high) = match compare(value, nearest) {
            Ordering::Equal => return Some(nearest),
            Ordering::Less => (format.below(nearest), nearest),
            Ordering::Greater => (nearest, format.above(nearest)),
        };
        let is_negative = compare(value, 0.0) == Ordering::Less;
        let (inner, outer) = if is_negative { (high, low) } else { (low, high) };
        let rounded = match self.rounding {
            Rounding::TowardsZero => inner,
            Rounding::TowardsPositive => high,
            Rounding::TowardsNegative => low,
            Rounding::NearestAway if format.is_middle(value, low, high) => outer,
            Rounding::NearestEven | Rounding::NearestAway => nearest,
        };
        // Rounding has no bounds: a value farther than the next one that there would be is outside, wherever it is rounded to.
        let is_outside = rounded.is_infinite() || outer.is_infinite() && format.is_far(value);
        match self.out_of_range {
            _ if !is_outside => Some(rounded),
            OutOfRange::Clamp => Some(if is_negative { f64::NEG_INFINITY } else { f64::INFINITY }),
            OutOfRange::Error | OutOfRange::Wrap => None,
        }
    }
}

/// A floating dtype, whose values are given as `f64`, which has them all.
#[derive(Clone, Copy, Debug)]
struct Format {
    dtype: DType,
    /// The first power of two that it does not have.
    end: f64,
}

impl Format {
    fn of(dtype: DType) -> Self {
        let end = match dtype.size() {
            2 => 2f64.powi(16),
            4 => 2f64.powi(128),
            _ => f64::INFINITY,
        };
        Self { dtype, end }
    }

    /// To the nearest, of two the even one.
    fn nearest(self, value: Value) -> f64 {
        match (self.dtype.size(), value) {
            (4, Value::Integer(integer)) => f64::from(integer as f32),
            (4, Value::Float(float)) => f64::from(float as f32),
            (2, value) => {
                let float = float(value);
                // None for what is rounded to infinity, or to zero.
                let nearest = f16::from_number(Number::Float(float)).map(f16::to_f64);
                nearest.unwrap_or(if float.abs() > 1.0 { f64::INFINITY } else { 0.0 }).copysign(float)
            }
            (_, value) => float(value),
        }
    }

    /// The next one above.
    fn above(self, float: f64) -> f64 {
        match self.dtype.size() {
            2 => -self.below(-float),
            4 => f64::from((float as f32).next_up()),
            _ => float.next_up(),
        }
    }

    /// The next one below.
    fn below(self, float: f64) -> f64 {
        match self.dtype.size() {
            2 => {
                let half = f16::from_f64(float);
                let bits = half.to_bits();
                let next = match half.to_f64() {
                    0.0 => 0x8001,
                    half if half > 0.0 => bits.wrapping_sub(1),
                    _ => bits.wrapping_add(1),
                };
                f16::from_bits(next).to_f64()
            }
            4 => f64::from((float as f32).next_down()),
            _ => float.next_down(),
        }
    }

    /// Whether the value is as far from the one as from the other, its neighbours.
    fn is_middle(self, value: Value, low: f64, high: f64) -> bool {
        let bound = |float: f64| if float.is_infinite() { self.end.copysign(float) } else { float };
        let (low, high) = (bound(low), bound(high));
        match value {
            Value::Float(float) => float - low == high - float,
            Value::Integer(integer) => integer - (low as i128) == high as i128 - integer,
        }
    }

    /// Whether the value is so far out that none of the dtype is next to it.
    fn is_far(self, value: Value) -> bool {
        float(value).abs() >= self.end
    }
}

/// Compares exactly; a float next to an integer that it is not is an integer, too.
fn compare(value: Value, float: f64) -> Ordering {
    let other = match value {
        Value::Float(value) => return value.partial_cmp(&float).unwrap_or(Ordering::Equal),
        Value::Integer(_) if float == f64::INFINITY => return Ordering::Less,
        Value::Integer(_) if float == f64::NEG_INFINITY => return Ordering::Greater,
        Value::Integer(integer) => integer,
    };
    other.cmp(&(float as i128))
}

fn float(value: Value) -> f64 {
    match value {
        Value::Integer(integer) => integer as f64,
        Value::Float(float) => float,
    }
}

fn integer(value: Value) -> i128 {
    match value {
        Value::Integer(integer) => integer,
        Value::Float(float) => float as i128,
    }
}

/// Whether all values of `of` are some of `dtype`.
fn holds_all(dtype: DType, of: DType) -> bool {
    let bits = |dtype: DType| match (dtype.kind(), dtype.size()) {
        (Kind::Float, 2) => 11,
        (Kind::Float, 4) => 24,
        (Kind::Float, _) => 53,
        (_, size) => 8 * size,
    };
    match (dtype.kind(), of.kind()) {
        (Kind::Float, Kind::Float) => dtype.size() >= of.size(),
        (Kind::Float, _) => bits(of) <= bits(dtype),
        (_, Kind::Float) | (Kind::Unsigned, Kind::Signed) => false,
        (Kind::Signed, Kind::Unsigned) => dtype.size() > of.size(),
        _ => dtype.size() >= of.size(),
    }
}
