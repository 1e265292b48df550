//! Which part of an array is asked about.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    array::{MAX_DIMENSIONS, Pick, Slice},
    codec::UpTo,
};

/// What to pick of the dimensions of an array, before its shape is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// One entry for each dimension.
    Each(Vec<DimensionSelection>),
    /// Entries for dimensions of these names, and all of the others.
    Named(BTreeMap<String, DimensionSelection>),
}

/// What to pick of one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DimensionSelection {
    /// A slice, with NumPy's meaning.
    Slice(Slice),
    /// These indices, in this order; negative ones count from the end.
    Indices(Vec<i64>),
    /// This index, and the dimension goes.
    One(i64),
}

impl Selection {
    /// What it picks of dimensions of these names and lengths.
    ///
    /// # Errors
    /// What is wrong: as many entries as there are no dimensions, names of none, indices outside them.
    pub(super) fn picks(&self, dims: &[String], lens: &[usize]) -> Result<Vec<Pick>, String> {
        let entries = match self {
            Self::Each(entries) if entries.len() != dims.len() => {
                let (entries, dims) = (entries.len(), listed(dims));
                return Err(format!("has {entries} entries, but the dimensions are {dims}: one entry is for each"));
            }
            Self::Each(entries) => entries.iter().map(Some).collect(),
            Self::Named(entries) => named(entries, dims)?,
        };
        let picks = entries.iter().zip(lens).zip(dims).map(|((entry, &len), dim)| match entry {
            None => Ok(Pick::all(len)),
            Some(entry) => entry.pick(len).map_err(|problem| format!("{problem} of {dim:?}")),
        });
        picks.collect()
    }
}

/// The entry for each dimension, or none.
fn named<'a>(
    entries: &'a BTreeMap<String, DimensionSelection>,
    dims: &[String],
) -> Result<Vec<Option<&'a DimensionSelection>>, String> {
    for name in entries.keys() {
        position(name, dims)?;
    }
    Ok(dims.iter().map(|dim| entries.get(dim)).collect())
}

/// The number of the dimension of this name.
///
/// # Errors
/// If there is none, or there are two.
pub(super) fn position(name: &str, dims: &[String]) -> Result<usize, String> {
    let mut found = dims.iter().enumerate().filter(|(_, dim)| *dim == name).map(|(position, _)| position);
    match (found.next(), found.next()) {
        (Some(position), None) => Ok(position),
        (None, _) => Err(format!("{name:?} is no dimension; those are {}", listed(dims))),
        (Some(_), Some(_)) => Err(format!("{name:?} is the name of several dimensions: use their numbers")),
    }
}

fn listed(dims: &[String]) -> String {
    if dims.is_empty() { "none".to_owned() } else { dims.join(", ") }
}

impl DimensionSelection {
    fn pick(&self, len: usize) -> Result<Pick, String> {
        match self {
            Self::Slice(slice) => Ok(Pick::of_slice(*slice, len)),
            Self::One(index) => within(*index, len).map(Pick::One),
            Self::Indices(indices) => {
                indices.iter().map(|&index| within(index, len)).collect::<Result<_, _>>().map(Pick::Indices)
            }
        }
    }
}

/// The index from the start of a dimension.
pub(super) fn within(index: i64, len: usize) -> Result<usize, String> {
    let from_start = if index < 0 { i128::from(index) + len as i128 } else { index.into() };
    let from_start = usize::try_from(from_start).ok().filter(|&from_start| from_start < len);
    from_start.ok_or_else(|| format!("index {index} is outside the length {len}"))
}

impl<'de> Deserialize<'de> for Selection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SelectionVisitor;

        impl<'de> Visitor<'de> for SelectionVisitor {
            type Value = Selection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list with one entry for each dimension, or a map from names of dimensions")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Selection, A::Error> {
                UpTo::<MAX_DIMENSIONS, _>::of(list).map(|UpTo(entries)| Selection::Each(entries))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Selection, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((name, entry)) = map.next_entry::<String, DimensionSelection>()? {
                    if entries.len() == MAX_DIMENSIONS {
                        return Err(A::Error::custom(format_args!("has more than {MAX_DIMENSIONS} entries")));
                    }
                    if entries.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("{name:?} is there more than once")));
                    }
                    entries.insert(name, entry);
                }
                Ok(Selection::Named(entries))
            }
        }

        deserializer.deserialize_any(SelectionVisitor)
    }
}

/// The map that lists indices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IndicesData {
    indices: Vec<i64>,
}

impl<'de> Deserialize<'de> for DimensionSelection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = DimensionSelection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("null, [start, stop, step], an integer, or {\"indices\": [...]}")
            }

            fn visit_none<E: Error>(self) -> Result<DimensionSelection, E> {
                Ok(DimensionSelection::Slice(Slice::default()))
            }

            fn visit_unit<E: Error>(self) -> Result<DimensionSelection, E> {
                self.visit_none()
            }

            fn visit_i64<E>(self, index: i64) -> Result<DimensionSelection, E> {
                Ok(DimensionSelection::One(index))
            }

            fn visit_u64<E: Error>(self, index: u64) -> Result<DimensionSelection, E> {
                // Any index that large is outside any dimension.
                Ok(DimensionSelection::One(i64::try_from(index).unwrap_or(i64::MAX)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<DimensionSelection, A::Error> {
                let UpTo(parts) = UpTo::<3, Option<Bound>>::of(list)?;
                match parts.as_slice() {
                    &[_, _, Some(Bound(0))] => Err(A::Error::custom("a step must not be 0")),
                    &[start, end, stride] => {
                        let [start, end, stride] = [start, end, stride].map(|part| part.map(|Bound(part)| part));
                        Ok(DimensionSelection::Slice(Slice { start, end, stride }))
                    }
                    parts => Err(A::Error::invalid_length(parts.len(), &"[start, stop, step]")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DimensionSelection, A::Error> {
                let IndicesData { indices } = IndicesData::deserialize(MapAccessDeserializer::new(map))?;
                Ok(DimensionSelection::Indices(indices))
            }
        }

        deserializer.deserialize_any(EntryVisitor)
    }
}

/// A part of a slice: any integer, as slices are clamped to their dimension.
#[derive(Clone, Copy)]
struct Bound(i128);

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoundVisitor;

        impl Visitor<'_> for BoundVisitor {
            type Value = Bound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or null")
            }

            fn visit_i64<E>(self, bound: i64) -> Result<Bound, E> {
                Ok(Bound(bound.into()))
            }

            fn visit_u64<E>(self, bound: u64) -> Result<Bound, E> {
                Ok(Bound(bound.into()))
            }
        }

        deserializer.deserialize_any(BoundVisitor)
    }
}
