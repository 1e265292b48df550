//! Values as they stand in answers: alike in CBOR and JSON, but for what JSON has no words for.

use bytemuck::pod_read_unaligned;
use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::array::{ByteOrder, DType, Number, ValueType, dtype::with_dtype, number};

/// A number. What is no finite one is a text where there are no others.
pub(super) struct ShownNumber(pub(super) Number);

impl Serialize for ShownNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Number::Integer(integer) => match (i64::try_from(integer), u64::try_from(integer)) {
                (Ok(integer), _) => serializer.serialize_i64(integer),
                (_, Ok(integer)) => serializer.serialize_u64(integer),
                _ => serializer.serialize_i128(integer),
            },
            Number::Float(float) if float.is_finite() || !serializer.is_human_readable() => {
                serializer.serialize_f64(float)
            }
            Number::Float(float) => serializer.serialize_str(match float {
                _ if float.is_nan() => "NaN",
                _ if float > 0.0 => "Infinity",
                _ => "-Infinity",
            }),
        }
    }
}

/// An array of elements in the native byte order: `bytes`, or in JSON `values` as nested lists.
pub(super) struct ShownArray<'a> {
    pub(super) values: ValueType,
    pub(super) shape: &'a [usize],
    pub(super) bytes: &'a [u8],
}

#[derive(Serialize)]
struct ArrayMap<'a> {
    dtype: &'static str,
    byte_order: &'static str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<ByteString<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<NestedLists<'a>>,
}

impl Serialize for ShownArray<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let &Self { values, shape, bytes } = self;
        let is_text = serializer.is_human_readable();
        ArrayMap {
            dtype: values.name(),
            byte_order: ByteOrder::NATIVE.name(),
            shape,
            bytes: (!is_text).then_some(ByteString(bytes)),
            values: is_text.then_some(NestedLists { values, shape, bytes }),
        }
        .serialize(serializer)
    }
}

struct ByteString<'a>(&'a [u8]);

impl Serialize for ByteString<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// Elements as a list of lists of these lengths, or one of them alone.
#[derive(Clone, Copy)]
pub(super) struct NestedLists<'a> {
    pub(super) values: ValueType,
    pub(super) shape: &'a [usize],
    pub(super) bytes: &'a [u8],
}

impl Serialize for NestedLists<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((&len, inner)) = self.shape.split_first() else {
            return value(self.values, self.bytes, serializer);
        };
        let step = inner.iter().product::<usize>().saturating_mul(self.values.size());
        let mut list = serializer.serialize_seq(Some(len))?;
        for entry in 0..len {
            let bytes = self.bytes.get(entry.saturating_mul(step)..).unwrap_or_default();
            list.serialize_element(&Self { shape: inner, bytes: bytes.get(..step).unwrap_or_default(), ..*self })?;
        }
        list.end()
    }
}

/// The value that bytes begin with.
fn value<S: Serializer>(values: ValueType, bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match values {
        ValueType::Number(dtype) => shown(dtype, bytes).serialize(serializer),
        ValueType::Bool => bytes.first().map(|&byte| byte != 0).serialize(serializer),
        ValueType::Int128 => {
            let integer = bytes.get(..size_of::<i128>()).map(pod_read_unaligned::<i128>);
            integer.map(|integer| ShownNumber(Number::Integer(integer))).serialize(serializer)
        }
    }
}

/// The element that bytes begin with.
pub(super) fn shown(dtype: DType, bytes: &[u8]) -> Option<ShownNumber> {
    let bytes = bytes.get(..dtype.size())?;
    Some(ShownNumber(with_dtype!(dtype, T => number(pod_read_unaligned::<T>(bytes)))))
}
