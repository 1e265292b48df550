//! What an object holds, as a map.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{
    attributes::Attributes,
    columns::Columns,
    filters::FilterMap,
    form::AnswerForm,
    json,
    length::{len_of, written},
    shown::{ShownArray, ShownNumber, shown},
};
use crate::{
    array::{ByteOrder, DType, Order},
    engine::variable::{Described, DescribedVariable},
    error::ActiveStorageError,
    index::{ElementType, Stored, Variable},
};

/// How much is told of the chunks of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::api) enum Listing {
    /// How many there are, and how long they are.
    Totals,
    /// Where each of them lies, too.
    EachChunk,
}

/// A description that is to be written, and how long it will be.
pub(in crate::http::api) struct Description<'a> {
    map: DescriptionMap<'a>,
    form: AnswerForm,
    len: usize,
}

/// What is to be written of an object.
///
/// # Errors
/// If it is too long for JSON.
pub(in crate::http::api) fn describe(
    described: &Described,
    listing: Listing,
    form: AnswerForm,
) -> Result<Description<'_>, ActiveStorageError> {
    if form == AnswerForm::Json {
        json::check(numbers(described, listing))?;
    }
    let map = DescriptionMap::new(described, listing);
    Ok(Description { len: len_of(&map, form)?, map, form })
}

impl Description<'_> {
    /// Bytes that it takes.
    pub(in crate::http::api) const fn len(&self) -> usize {
        self.len
    }

    /// The description itself.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(in crate::http::api) fn write(&self) -> Result<Vec<u8>, ActiveStorageError> {
        written(&self.map, self.form, self.len)
    }
}

/// Numbers of the lists that can be long.
fn numbers(described: &Described, listing: Listing) -> usize {
    let listed = described.variable.as_ref().filter(|_| listing == Listing::EachChunk);
    let of_chunks = listed.map_or(0, |one| one.chunks.len().saturating_mul(one.variable.shape.len().saturating_add(3)));
    let dtype = |path: &String| described.description.variables.get(path).and_then(Variable::dtype);
    let of_values = described.coordinates.iter().map(|(path, bytes)| bytes.len() / dtype(path).map_or(1, DType::size));
    of_values.fold(of_chunks, usize::saturating_add)
}

#[derive(Serialize)]
struct DescriptionMap<'a> {
    format: &'static str,
    etag: Option<String>,
    size: u64,
    dimensions: &'a BTreeMap<String, u64>,
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    group_attributes: BTreeMap<&'a str, Attributes<'a>>,
    variables: BTreeMap<&'a str, VariableMap<'a>>,
}

impl<'a> DescriptionMap<'a> {
    fn new(described: &'a Described, listing: Listing) -> Self {
        let description = &described.description;
        let group_attributes = description.group_attributes.iter();
        let of_all = description.variables.iter().map(|(path, variable)| (path.as_str(), VariableMap::new(variable)));
        let mut variables: BTreeMap<_, _> = of_all.collect();
        if let Some(one) = &described.variable {
            let map = variables.entry(one.path.as_str()).or_insert_with(|| VariableMap::new(&one.variable));
            map.tell_of_chunks(one, listing);
        }
        for (path, bytes) in &described.coordinates {
            if let Some(map) = variables.get_mut(path.as_str()) {
                map.values = map.array(bytes);
            }
        }
        Self {
            format: described.format.name(),
            etag: described.version.as_ref().map(ToString::to_string),
            size: described.size,
            dimensions: &description.dimensions,
            attributes: Attributes(&description.attributes),
            group_attributes: group_attributes.map(|(path, of_group)| (path.as_str(), Attributes(of_group))).collect(),
            variables,
        }
    }
}

#[derive(Serialize)]
struct VariableMap<'a> {
    dims: &'a [String],
    shape: &'a [u64],
    dtype: &'a str,
    byte_order: Option<&'static str>,
    chunk_shape: Option<&'a [u64]>,
    order: &'static str,
    filters: Vec<FilterMap<'a>>,
    fill_value: Option<ShownNumber>,
    attributes: Attributes<'a>,
    obstacle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunks: Option<Columns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<ValuesMap<'a>>,
}

impl<'a> VariableMap<'a> {
    fn new(variable: &'a Variable) -> Self {
        let (dtype, byte_order) = match &variable.elements {
            ElementType::Number { dtype, byte_order } => (dtype.name(), Some(*byte_order)),
            ElementType::Other(name) => (name.as_str(), None),
        };
        let chunk_shape = match &variable.stored {
            Stored::Chunks { shape } => Some(shape.as_slice()),
            Stored::Nowhere | Stored::Inline(_) | Stored::Contiguous { .. } | Stored::Elsewhere => None,
        };
        Self {
            dims: &variable.dims,
            shape: &variable.shape,
            dtype,
            byte_order: byte_order.map(ByteOrder::name),
            chunk_shape,
            order: match variable.order {
                Order::C => "C",
                Order::F => "F",
            },
            filters: variable.filters.iter().map(FilterMap::new).collect(),
            fill_value: fill_value(variable),
            attributes: Attributes(&variable.attributes),
            obstacle: variable.obstacle.as_deref(),
            chunk_count: None,
            stored_bytes: None,
            decoded_bytes: None,
            chunks: None,
            values: None,
        }
    }

    /// Adds how many chunks were written, and how long they are; what is stored in one piece counts as one chunk.
    fn tell_of_chunks(&mut self, one: &'a DescribedVariable, listing: Listing) {
        let columns = Columns::new(one);
        self.chunk_count = Some(columns.size.len() as u64);
        self.stored_bytes = Some(columns.size.iter().fold(0, |all, &size| all.saturating_add(size)));
        let size = one.variable.dtype().map(|dtype| dtype.size() as u64);
        let elements = columns.chunk_shape.iter().copied().fold(1, u64::saturating_mul);
        let of_chunk = size.map(|size| size.saturating_mul(elements));
        self.decoded_bytes = of_chunk.map(|len| len.saturating_mul(columns.size.len() as u64));
        self.chunks = Some(columns).filter(|_| listing == Listing::EachChunk);
    }

    /// The values of a coordinate.
    fn array(&self, bytes: &'a [u8]) -> Option<ValuesMap<'a>> {
        let dtype = DType::ALL.iter().find(|dtype| dtype.name() == self.dtype)?;
        Some(ValuesMap {
            dtype: *dtype,
            shape: self.shape.iter().map_while(|&len| usize::try_from(len).ok()).collect(),
            bytes,
        })
    }
}

fn fill_value(variable: &Variable) -> Option<ShownNumber> {
    let ElementType::Number { dtype, byte_order } = variable.elements else { return None };
    let bytes = variable.fill_value.as_ref()?;
    if byte_order == ByteOrder::NATIVE {
        return shown(dtype, bytes);
    }
    let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
    shown(dtype, &bytes)
}

struct ValuesMap<'a> {
    dtype: DType,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

impl Serialize for ValuesMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ShownArray { values: self.dtype.into(), shape: &self.shape, bytes: self.bytes }.serialize(serializer)
    }
}
