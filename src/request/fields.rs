//! Reads a JSON object field by field, so that one field of a wrong type hides no other problem.

use std::{borrow::Cow, fmt, marker::PhantomData, slice};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::problem::Problems;

/// Why a body is not even a request with faults.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAnObject(String);

impl Error for NotAnObject {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self(problem.to_string())
    }
}

/// More fields than any request has: what comes behind them is counted.
const MAX_FIELDS: usize = 128;

/// Longest text of one field, in bytes.
const MAX_FIELD_BYTES: usize = 64 << 10;

/// The field that can be of use at any length: it lists values.
const LONG_FIELD: &str = "missing";

/// The fields of an object that nobody has asked for yet, and what was wrong with those that somebody did.
pub(super) struct Fields<'a> {
    rest: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Fields behind those that are read.
    unread: usize,
    known: Vec<&'static str>,
    problems: Problems,
}

impl<'a> Fields<'a> {
    /// The fields of a body.
    ///
    /// # Errors
    /// If the body is not a JSON object.
    pub(super) fn new(body: &'a [u8]) -> Result<Self, NotAnObject> {
        serde_json::from_slice(body).map_err(NotAnObject::custom)
    }

    /// Takes the fields of a struct, each of which is an `Option`: None if it was not given, or cannot be used, which is a
    /// problem then.
    ///
    /// # Errors
    /// If `T` is no such struct.
    pub(super) fn take<T: Deserialize<'a>>(&mut self) -> Result<T, NotAnObject> {
        T::deserialize(self)
    }

    /// The text of a field that is there once and not too long.
    fn take_text(&mut self, field: &'static str) -> Option<&'a str> {
        self.known.push(field);
        let texts: Vec<_> = self.rest.extract_if(.., |(name, _)| name == field).map(|(_, value)| value.get()).collect();
        match texts.as_slice() {
            [] => return None,
            [text] if text.len() <= MAX_FIELD_BYTES || field == LONG_FIELD => return Some(text),
            [_] => self.problems.note(field, format!("is longer than the {MAX_FIELD_BYTES} bytes that are read of it")),
            _ => self.problems.note(field, "is given more than once"),
        }
        None
    }

    /// What was wrong with the fields that were taken, and every field that was not.
    pub(super) fn into_problems(self) -> Problems {
        let Self { rest, known, mut problems, unread } = self;
        for (name, _) in &rest {
            problems.note(name, "unknown field");
        }
        if !rest.is_empty() {
            problems.note("the fields", format!("are {}", known.join(", ")));
        }
        problems.count(unread);
        problems
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let (mut rest, mut unread) = (Vec::new(), 0);
                while let Some((Name(name), value)) = map.next_entry()? {
                    if rest.len() < MAX_FIELDS {
                        rest.push((name, value));
                    } else {
                        unread += 1;
                    }
                }
                Ok(Fields { rest, unread, known: Vec::new(), problems: Problems::default() })
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A key, borrowed from the body unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserializer<'de> for &mut Fields<'de> {
    type Error = NotAnObject;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotAnObject> {
        Err(NotAnObject::custom("fields make a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotAnObject> {
        visitor.visit_map(Taking { fields: self, names: names.iter(), field: "", text: "null" })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Hands over field after field of a struct, in the order of the struct.
struct Taking<'f, 'de> {
    fields: &'f mut Fields<'de>,
    names: slice::Iter<'static, &'static str>,
    /// The field whose turn it is.
    field: &'static str,
    text: &'de str,
}

impl<'de> MapAccess<'de> for Taking<'_, 'de> {
    type Error = NotAnObject;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NotAnObject> {
        let Self { fields, names, .. } = self;
        let Some((field, text)) = names.find_map(|name| Some((*name, fields.take_text(name)?))) else {
            return Ok(None);
        };
        (self.field, self.text) = (field, text);
        seed.deserialize(field.into_deserializer()).map(Some)
    }

    /// A value that cannot be read is a problem, and stands for none.
    fn next_value<V: Deserialize<'de>>(&mut self) -> Result<V, NotAnObject> {
        serde_json::from_str(self.text).or_else(|error| {
            self.fields.problems.note(self.field, without_position(&error));
            V::deserialize(().into_deserializer())
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NotAnObject> {
        seed.deserialize(&mut serde_json::Deserializer::from_str(self.text)).map_err(NotAnObject::custom)
    }
}

/// The message without "at line 1 column 5", which counts from the start of the field.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
}

/// A JSON object and nothing else: derived implementations would take a list of the same values as well.
pub(super) struct Object<T>(pub(super) T);

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

/// Reads a field that is one object.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(value)| value))
}
