//! One slice of a selection.

use std::fmt;

use serde::{Deserialize, Deserializer, de::Visitor};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{SchemaType, Type},
    },
};

use super::value_schema::list;
use crate::array::Slice;

/// `[start, end, stride]`, each an integer or null; null for the whole axis.
#[derive(Clone, Copy, Debug)]
pub struct SliceData([Option<i128>; 3]);

impl SliceData {
    /// The slice, which need not suit any axis.
    ///
    /// # Errors
    /// If its stride is 0.
    pub(super) fn slice(self) -> Result<Slice, &'static str> {
        match self.0 {
            [_, _, Some(0)] => Err("a stride must not be 0"),
            [start, end, stride] => Ok(Slice { start, end, stride }),
        }
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

impl ToSchema for SliceData {}
impl PartialSchema for SliceData {
    fn schema() -> RefOr<Schema> {
        let index = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
            .description(Some("As in NumPy; null leaves a part out"));
        let slice = list(index, "[start, end, stride] of one dimension; null for all of it");
        slice.min_items(Some(3)).max_items(Some(3)).into()
    }
}
