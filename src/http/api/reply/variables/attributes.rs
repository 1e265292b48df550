//! Attributes with their types.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::shown::ShownNumber;
use crate::index::{Attribute, AttributeValue};

/// Attributes by name: each with its type, and one value or a list.
pub(super) struct Attributes<'a>(pub(super) &'a [Attribute]);

#[derive(Serialize)]
struct AttributeMap<'a, T> {
    dtype: &'a str,
    value: T,
}

/// What an attribute of one value is alone, and others are lists of.
#[derive(Serialize)]
#[serde(untagged)]
enum OneOrSeveral<T> {
    One(T),
    Several(Vec<T>),
}

impl<T> OneOrSeveral<T> {
    fn new(values: impl Iterator<Item = T>) -> Self {
        let mut values: Vec<T> = values.collect();
        match values.pop() {
            Some(value) if values.is_empty() => Self::One(value),
            last => {
                values.extend(last);
                Self::Several(values)
            }
        }
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Attribute { name, value, .. } in self.0 {
            match value {
                AttributeValue::Numbers { dtype, values } => {
                    let value = OneOrSeveral::new(values.iter().copied().map(ShownNumber));
                    map.serialize_entry(name, &AttributeMap { dtype: dtype.name(), value })?;
                }
                AttributeValue::Text(texts) => {
                    let value = OneOrSeveral::new(texts.iter());
                    map.serialize_entry(name, &AttributeMap { dtype: "string", value })?;
                }
                AttributeValue::Other(dtype) => map.serialize_entry(name, &AttributeMap { dtype, value: () })?,
            }
        }
        map.end()
    }
}
