//! The body of a request exactly as on the wire, and the rules that its fields keep one by one.

use std::borrow::Cow;
use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;
use validator::Validate;

use super::{Problem, rules};
use crate::{
    array::{ByteOrder, DType, Number, Order},
    codec::CodecSpec,
};

/// Body of a `/v1` request. `null` means "not given" for every field.
#[derive(Debug, Default, Validate)]
#[validate(context = rules::Rules)]
#[validate(schema(function = rules::size, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::range_end, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::filters, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::strides, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::selection, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::axis, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::missing, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::result_dtype, use_context, skip_on_field_errors = false))]
pub struct RequestData {
    /// URL of the S3 endpoint.
    #[validate(required(message = "is required"), custom(function = rules::source))]
    pub source: Option<String>,
    /// Name of the bucket; slashes around it mean nothing.
    #[validate(required(message = "is required"), custom(function = rules::bucket))]
    pub bucket: Option<String>,
    /// Key of the object.
    #[validate(required(message = "is required"), custom(function = rules::object))]
    pub object: Option<String>,
    /// Type of the elements.
    #[validate(required(message = "is required"))]
    pub dtype: Option<DType>,
    /// Byte order of the elements; the server's own if absent.
    pub byte_order: Option<ByteOrder>,
    /// First byte of the chunk in the object; 0 if absent.
    pub offset: Option<u64>,
    /// Length of the chunk in bytes, before decoding; to the end of the object if absent.
    #[validate(range(min = 1, message = "must be at least 1 byte"))]
    pub size: Option<u64>,
    /// Length of each dimension; one dimension of as many elements as there are if absent.
    #[validate(custom(function = rules::shape))]
    pub shape: Option<Vec<u64>>,
    /// Layout of the chunk, and of the result.
    pub order: Option<Order>,
    /// One slice per dimension.
    pub selection: Option<Vec<SliceData>>,
    /// The axes to reduce; all of them if absent.
    pub axis: Option<AxisData>,
    /// How the chunk is compressed.
    pub compression: Option<CodecSpec>,
    /// What the chunk went through before it was compressed, in that order.
    pub filters: Option<Vec<CodecSpec>>,
    /// Which elements are missing.
    pub missing: Option<MissingData>,
    /// dtype of the result of a sum.
    pub result_dtype: Option<DType>,
    /// Whether reduced axes stay, with length one.
    pub keepdims: Option<bool>,
    /// The fields that were given, rightly or wrongly: what other fields rest on.
    pub given: Vec<&'static str>,
}

/// Missing data as on the wire; an element is missing if any of the rules says so.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingData {
    /// Equal to this.
    #[serde(default)]
    pub missing_value: Option<Number>,
    /// Equal to one of these.
    #[serde(default)]
    pub missing_values: Option<Vec<Number>>,
    /// Less than this.
    #[serde(default)]
    pub valid_min: Option<Number>,
    /// Greater than this.
    #[serde(default)]
    pub valid_max: Option<Number>,
    /// Outside this range.
    #[serde(default)]
    pub valid_range: Option<[Number; 2]>,
}

/// `[start, end, stride]`, each an integer or null; null for the whole axis.
#[derive(Clone, Copy, Debug, Default)]
pub struct SliceData(pub [Option<i128>; 3]);

/// One axis or a list of them.
#[derive(Clone, Debug)]
pub struct AxisData(pub Vec<i64>);

/// Why a body is not even a request with faults.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAnObject(String);

impl RequestData {
    /// Reads a body field by field, so that one field of a wrong type hides no other problem.
    ///
    /// # Errors
    /// If the body is not a JSON object.
    pub fn from_json(body: &[u8]) -> Result<(Self, Vec<Problem>), NotAnObject> {
        let mut fields: Fields = serde_json::from_slice(body).map_err(|error| NotAnObject(error.to_string()))?;
        let data = Self {
            source: fields.take("source"),
            bucket: fields.take("bucket"),
            object: fields.take("object"),
            dtype: fields.take("dtype"),
            byte_order: fields.take("byte_order"),
            offset: fields.take("offset"),
            size: fields.take("size"),
            shape: fields.take("shape"),
            order: fields.take("order"),
            selection: fields.take("selection"),
            axis: fields.take("axis"),
            compression: fields.take("compression").map(|Object(spec)| spec),
            filters: fields.take("filters").map(|specs: Vec<_>| specs.into_iter().map(|Object(spec)| spec).collect()),
            missing: fields.take("missing").map(|Object(missing)| missing),
            result_dtype: fields.take("result_dtype"),
            keepdims: fields.take("keepdims"),
            given: fields.given.clone(),
        };
        Ok((data, fields.into_problems()))
    }

    /// True if other fields may rest on this one, even if its own value is wrong.
    #[must_use]
    pub fn is_given(&self, field: &str) -> bool {
        self.given.contains(&field)
    }
}

/// The fields of an object that have not been taken yet, and what was wrong with those that have.
struct Fields<'a> {
    rest: Vec<(Cow<'a, str>, &'a RawValue)>,
    known: Vec<&'static str>,
    given: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Fields<'_> {
    /// The value of a field; None, with a problem noted where there is one, if it cannot be used.
    fn take<T: DeserializeOwned>(&mut self, field: &'static str) -> Option<T> {
        self.known.push(field);
        let values: Vec<_> = self.rest.extract_if(.., |(name, _)| name == field).map(|(_, value)| value).collect();
        let value = match values.as_slice() {
            [] => return None,
            [value] => value,
            _ => {
                self.given.push(field);
                self.problems.push(Problem::new(field, "is given more than once"));
                return None;
            }
        };
        match serde_json::from_str::<Option<T>>(value.get()) {
            Ok(None) => None,
            Ok(value) => {
                self.given.push(field);
                value
            }
            Err(error) => {
                self.given.push(field);
                self.problems.push(Problem::new(field, without_position(&error)));
                None
            }
        }
    }

    fn into_problems(self) -> Vec<Problem> {
        let Self { rest, known, mut problems, .. } = self;
        problems.extend(rest.iter().map(|(name, _)| Problem::new(name, "unknown field")));
        if !rest.is_empty() {
            problems.push(Problem::new("the fields", format!("are {}", known.join(", "))));
        }
        problems
    }
}

/// The message without "at line 1 column 5", which counts from the start of the field.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut rest = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    rest.push((name, value));
                }
                Ok(Fields { rest, known: Vec::new(), given: Vec::new(), problems: Vec::new() })
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A JSON object and nothing else: derived implementations would take a list of the same values as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A key, borrowed from the body unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
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
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

impl<'de> Deserialize<'de> for SliceData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parts = Option::<[Option<Index>; 3]>::deserialize(deserializer)?;
        Ok(Self(parts.unwrap_or_default().map(|part| part.map(|Index(index)| index))))
    }
}

/// Any integer that JSON libraries write: slices are clamped to their axis later.
struct Index(i128);

impl<'de> Deserialize<'de> for Index {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IndexVisitor;

        impl Visitor<'_> for IndexVisitor {
            type Value = Index;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or null")
            }

            fn visit_i64<E>(self, index: i64) -> Result<Index, E> {
                Ok(Index(index.into()))
            }

            fn visit_u64<E>(self, index: u64) -> Result<Index, E> {
                Ok(Index(index.into()))
            }
        }

        deserializer.deserialize_any(IndexVisitor)
    }
}

impl<'de> Deserialize<'de> for AxisData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AxisVisitor;

        impl<'de> Visitor<'de> for AxisVisitor {
            type Value = AxisData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or a list of integers")
            }

            fn visit_i64<E>(self, axis: i64) -> Result<AxisData, E> {
                Ok(AxisData(vec![axis]))
            }

            fn visit_u64<E: de::Error>(self, axis: u64) -> Result<AxisData, E> {
                // Any axis that large is outside any shape.
                Ok(AxisData(vec![i64::try_from(axis).unwrap_or(i64::MAX)]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AxisData, A::Error> {
                let mut axes = Vec::new();
                while let Some(axis) = list.next_element()? {
                    axes.push(axis);
                }
                Ok(AxisData(axes))
            }
        }

        deserializer.deserialize_any(AxisVisitor)
    }
}
