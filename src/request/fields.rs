//! Reads a JSON object field by field, so that one field of a wrong type hides no other problem.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use super::Problem;

/// Why a body is not even a request with faults.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAnObject(String);

/// More fields than any request has: what comes behind them is counted.
const MAX_FIELDS: usize = 128;

/// Longest text of one field, in bytes, unless it can be of use at any length.
const MAX_FIELD_BYTES: usize = 64 << 10;

/// The fields of an object that have not been taken yet, and what was wrong with those that have.
pub(super) struct Fields<'a> {
    rest: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Fields behind those that are read.
    unread: usize,
    known: Vec<&'static str>,
    given: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// The fields of a body.
    ///
    /// # Errors
    /// If the body is not a JSON object.
    pub(super) fn of(body: &'a [u8]) -> Result<Self, NotAnObject> {
        serde_json::from_slice(body).map_err(|error| NotAnObject(error.to_string()))
    }

    /// The fields taken so far that were given, rightly or wrongly.
    pub(super) fn given(&self) -> &[&'static str] {
        &self.given
    }

    /// The number of fields that nobody has looked at, as there are too many.
    pub(super) const fn unread(&self) -> usize {
        self.unread
    }

    /// The value of a field; None, with a problem noted where there is one, if it cannot be used.
    pub(super) fn take<T: DeserializeOwned>(&mut self, field: &'static str) -> Option<T> {
        self.take_up_to(MAX_FIELD_BYTES, field)
    }

    /// The same, of a field that may be as long as the body.
    pub(super) fn take_long<T: DeserializeOwned>(&mut self, field: &'static str) -> Option<T> {
        self.take_up_to(usize::MAX, field)
    }

    fn take_up_to<T: DeserializeOwned>(&mut self, bytes: usize, field: &'static str) -> Option<T> {
        self.known.push(field);
        let values: Vec<_> = self.rest.extract_if(.., |(name, _)| name == field).map(|(_, value)| value).collect();
        let value = match values.as_slice() {
            [] => return None,
            [value] if value.get().len() > bytes => {
                return self.refuse(field, format!("is longer than the {bytes} bytes that are read of it"));
            }
            [value] => value,
            _ => return self.refuse(field, "is given more than once"),
        };
        match serde_json::from_str::<Option<T>>(value.get()) {
            Ok(None) => None,
            Ok(value) => {
                self.given.push(field);
                value
            }
            Err(error) => self.refuse(field, without_position(&error)),
        }
    }

    /// Notes what is wrong with a field that was given.
    fn refuse<T>(&mut self, field: &'static str, problem: impl Into<String>) -> Option<T> {
        self.given.push(field);
        self.problems.push(Problem::new(field, problem));
        None
    }

    /// What was wrong with the fields taken, and every field that was not.
    pub(super) fn into_problems(self) -> Vec<Problem> {
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
                let (mut rest, mut unread) = (Vec::new(), 0);
                while let Some((Name(name), value)) = map.next_entry()? {
                    if rest.len() < MAX_FIELDS {
                        rest.push((name, value));
                    } else {
                        unread += 1;
                    }
                }
                Ok(Fields { rest, unread, known: Vec::new(), given: Vec::new(), problems: Vec::new() })
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
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

/// A key, borrowed from the body unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
