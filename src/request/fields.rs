//! Reads an object of JSON, or a map of CBOR, field by field, so that one field of a wrong type hides no other problem.

use std::{borrow::Cow, collections::HashSet, fmt, marker::PhantomData, slice};

use minicbor_serde::Deserializer as CborDeserializer;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::{
    cbor,
    problem::{Problems, THE_FIELDS},
};
use crate::codec::UpTo;

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

/// The forms that a body can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// A JSON object.
    Json,
    /// A CBOR map.
    Cbor,
}

/// A value as it was written.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Json(&'a str),
    Cbor(&'a [u8]),
}

/// The fields of an object that nobody has asked for yet, and what was wrong with those that somebody did.
#[derive(Default)]
pub(super) struct Fields<'a> {
    rest: Vec<(Cow<'a, str>, Raw<'a>)>,
    /// Those that can be of use at any length, as they list values.
    long: &'static [&'static str],
    /// Fields behind those that are read.
    unread: usize,
    known: Vec<&'static str>,
    problems: Problems,
}

impl<'a> Fields<'a> {
    /// The fields of a body, of which these may be long.
    ///
    /// # Errors
    /// If the body is not what it is said to be.
    pub(super) fn new(body: &'a [u8], form: BodyForm, long: &'static [&'static str]) -> Result<Self, NotAnObject> {
        let fields = match form {
            BodyForm::Json => serde_json::from_slice(body).map_err(NotAnObject::custom)?,
            BodyForm::Cbor => cbor::check(body).and_then(|()| Self::of_map(body)).map_err(NotAnObject)?,
        };
        Ok(Self { long, ..fields })
    }

    fn of_map(map: &'a [u8]) -> Result<Self, String> {
        let mut fields = Self::default();
        cbor::entries(map, |name, value| fields.add(name.into(), Raw::Cbor(value)))?;
        Ok(fields)
    }

    fn add(&mut self, name: Cow<'a, str>, value: Raw<'a>) {
        if self.rest.len() < MAX_FIELDS {
            self.rest.push((name, value));
        } else {
            self.unread = self.unread.saturating_add(1);
        }
    }

    /// The fields of a field that is an object of its own; None if it was not given, or is none, which is a problem then.
    pub(super) fn nested(&mut self, field: &'static str, long: &'static [&'static str]) -> Option<Self> {
        let nested = self.take_raw(field).filter(|raw| !raw.is_null())?.fields();
        nested.map(|nested| Self { long, ..nested }).map_err(|problem| self.problems.note(field, problem)).ok()
    }

    /// The entries of a field that is a list of no more than `MOST`; None if it was not given, or is none, which is a problem then.
    pub(super) fn entries<const MOST: usize>(&mut self, field: &'static str) -> Option<Vec<Entry<'a>>> {
        let entries = match self.take_raw(field).filter(|raw| !raw.is_null())? {
            Raw::Json(text) => match serde_json::from_str::<UpTo<MOST, &RawValue>>(text) {
                Ok(UpTo(values)) => Ok(values.into_iter().map(|value| Entry(Raw::Json(value.get()))).collect()),
                Err(error) => Err(without_position(&error)),
            },
            Raw::Cbor(list) => match cbor::items::<MOST>(list) {
                Ok(items) => Ok(items.into_iter().map(|item| Entry(Raw::Cbor(item))).collect()),
                Err(problem) => Err(problem),
            },
        };
        entries.map_err(|problem| self.problems.note(field, problem)).ok()
    }

    /// What was wrong so far.
    pub(super) const fn problems(&mut self) -> &mut Problems {
        &mut self.problems
    }

    /// Takes over what was wrong with the fields of the field `field`.
    pub(super) fn absorb(&mut self, field: &str, nested: Self) {
        self.problems.absorb(field, nested.into_problems());
    }

    /// Takes the fields of a struct, each of which is an `Option`: None if it was not given, or cannot be used, which is a
    /// problem then.
    ///
    /// # Errors
    /// If `T` is no such struct.
    pub(super) fn take<T: Deserialize<'a>>(&mut self) -> Result<T, NotAnObject> {
        T::deserialize(self)
    }

    /// Whether there is a field of this name that nobody has asked for yet.
    pub(super) fn has(&self, field: &str) -> bool {
        self.rest.iter().any(|(name, _)| name == field)
    }

    /// All fields that nobody has asked for yet, of any length and by the names that the client gave them: None for one that cannot be
    /// used, which is a problem then.
    pub(super) fn take_rest<T: Deserialize<'a>>(&mut self) -> Vec<(String, Option<T>)> {
        let mut taken = Vec::with_capacity(self.rest.len());
        let mut seen = HashSet::new();
        for (name, value) in std::mem::take(&mut self.rest) {
            let name = name.into_owned();
            let value =
                if seen.insert(name.clone()) { value.read() } else { Err("is given more than once".to_owned()) };
            let value = value.map_err(|problem| self.problems.note(&name, problem)).ok();
            taken.push((name, value));
        }
        taken
    }

    /// A field that is there once and not too long, as it was written.
    fn take_raw(&mut self, field: &'static str) -> Option<Raw<'a>> {
        self.known.push(field);
        let values: Vec<_> = self.rest.extract_if(.., |(name, _)| name == field).map(|(_, value)| value).collect();
        match values.as_slice() {
            [] => return None,
            [value] if value.len() <= MAX_FIELD_BYTES || self.long.contains(&field) => return Some(*value),
            [_] => self.problems.note(field, format!("is longer than the {MAX_FIELD_BYTES} bytes that are read of it")),
            _ => self.problems.note(field, "is given more than once"),
        }
        None
    }

    /// What was wrong with the fields that were taken, and every field that was not.
    pub(super) fn into_problems(self) -> Problems {
        let Self { rest, known, mut problems, unread, .. } = self;
        for (name, _) in &rest {
            problems.note(name, "unknown field");
        }
        if !rest.is_empty() {
            problems.note(THE_FIELDS, format!("are {}", known.join(", ")));
        }
        problems.count(unread);
        problems
    }
}

/// One entry of a list.
pub(super) struct Entry<'a>(Raw<'a>);

impl<'a> Entry<'a> {
    /// The text that it is, if it is one.
    pub(super) fn text(&self) -> Option<String> {
        self.0.read().ok()
    }

    /// Its fields, if it is an object.
    pub(super) fn fields(self) -> Option<Fields<'a>> {
        self.0.fields().ok()
    }
}

impl<'a> Raw<'a> {
    fn is_null(self) -> bool {
        match self {
            Self::Json(text) => text == "null",
            Self::Cbor(item) => cbor::is_null(item),
        }
    }

    /// The fields of an object.
    fn fields(self) -> Result<Fields<'a>, String> {
        match self {
            Self::Json(text) => serde_json::from_str(text).map_err(|error| without_position(&error)),
            Self::Cbor(map) => Fields::of_map(map),
        }
    }

    const fn len(self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Cbor(item) => item.len(),
        }
    }

    fn read<T: Deserialize<'a>>(self) -> Result<T, String> {
        match self {
            Self::Json(text) => serde_json::from_str(text).map_err(|error| without_position(&error)),
            Self::Cbor(item) => cbor::read(item),
        }
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
                let mut fields = Fields::default();
                while let Some((Name(name), value)) = map.next_entry::<_, &RawValue>()? {
                    fields.add(name, Raw::Json(value.get()));
                }
                Ok(fields)
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
        visitor.visit_map(Taking { fields: self, names: names.iter(), field: "", value: Raw::Json("null") })
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
    value: Raw<'de>,
}

impl<'de> MapAccess<'de> for Taking<'_, 'de> {
    type Error = NotAnObject;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NotAnObject> {
        let Self { fields, names, .. } = self;
        let Some((field, value)) = names.find_map(|name| Some((*name, fields.take_raw(name)?))) else {
            return Ok(None);
        };
        (self.field, self.value) = (field, value);
        seed.deserialize(field.into_deserializer()).map(Some)
    }

    /// A value that cannot be read is a problem, and stands for none.
    fn next_value<V: Deserialize<'de>>(&mut self) -> Result<V, NotAnObject> {
        self.value.read().or_else(|problem| {
            self.fields.problems.note(self.field, problem);
            V::deserialize(().into_deserializer())
        })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NotAnObject> {
        match self.value {
            Raw::Json(text) => {
                seed.deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(NotAnObject::custom)
            }
            Raw::Cbor(item) => seed.deserialize(&mut CborDeserializer::new(item)).map_err(NotAnObject::custom),
        }
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
