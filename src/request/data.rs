//! The body of a request exactly as on the wire, and the rules that its fields keep one by one.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    fields::{Fields, Object},
    rules, schema,
};
use crate::{
    array::{ByteOrder, DType, Kind, MAX_DIMENSIONS, Number, Order},
    codec::{CodecSpec, MAX_FILTERS, UpTo, ZarrCodec},
};

/// Where the chunk is, as `/v1` says it.
#[derive(Debug, Default, ToSchema, Validate)]
pub struct PlaceV1 {
    /// URL of the S3 endpoint.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = rules::source))]
    pub source: Option<String>,
    /// Name of the bucket; slashes around it mean nothing.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = rules::bucket))]
    pub bucket: Option<String>,
    /// Key of the object.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = rules::object))]
    pub object: Option<String>,
}

/// Where the chunk is, and how the answer is to be written, as `/v2` says it.
#[derive(Debug, Default, ToSchema, Validate)]
pub struct PlaceV2 {
    /// How the object is read.
    #[schema(value_type = InterfaceType)]
    #[validate(required(message = "is required"))]
    pub interface_type: Option<InterfaceType>,
    /// URL of the object.
    #[schema(value_type = String)]
    #[validate(required(message = "is required"), custom(function = rules::url))]
    pub url: Option<String>,
    /// The shape as bytes (u64) instead of a list.
    pub option_shape_as_bytes: Option<bool>,
    /// The counts as bytes (i64) instead of a list.
    pub option_count_as_bytes: Option<bool>,
    /// Read the object even if its chunk is in the cache.
    pub option_disable_chunk_cache: Option<bool>,
}

/// The kinds of servers, or none, that an object can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InterfaceType {
    /// An S3 store.
    S3,
    /// A web server. Clients say `https` for `http` URLs as well; the URL decides.
    Http,
    /// A file below the operator's root.
    File,
}

/// The fields that both dialects share: which bytes, how to decode them and what to make of them. `null` means "not
/// given" for every field.
#[derive(Debug, Default, ToSchema, Validate)]
#[validate(context = rules::Rules)]
#[validate(schema(function = rules::size, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::range_end, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::codecs, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::fill_value, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::strides, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::selection, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::axis, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::missing, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::packing, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::unsigned, use_context, skip_on_field_errors = false))]
#[validate(schema(function = rules::result_dtype, use_context, skip_on_field_errors = false))]
pub struct RequestData {
    /// Type of the elements.
    #[schema(value_type = DType)]
    #[validate(required(message = "is required"))]
    pub dtype: Option<DType>,
    /// Byte order of the elements; the server's own if absent.
    pub byte_order: Option<ByteOrder>,
    /// First byte of the chunk in the object; 0 if absent.
    pub offset: Option<u64>,
    /// Length of the chunk in bytes, before decoding; to the end of the object if absent. 0 for a chunk that was never
    /// written, whose elements are all the `fill_value`.
    #[schema(minimum = 0)]
    pub size: Option<u64>,
    /// Version that the object must have: its `ETag`, as whoever looked up the offset got it.
    pub etag: Option<String>,
    /// Length of each dimension; one dimension of as many elements as there are if absent.
    #[schema(schema_with = schema::shape)]
    #[validate(custom(function = rules::shape))]
    pub shape: Option<Vec<u64>>,
    /// Layout of the chunk, and of the result.
    pub order: Option<Order>,
    /// One slice per dimension.
    pub selection: Option<Vec<SliceData>>,
    /// The axes to reduce; all of them if absent.
    pub axis: Option<AxisData>,
    /// How the chunk is compressed.
    #[schema(schema_with = schema::compression)]
    pub compression: Option<CodecSpec>,
    /// What the chunk went through before it was compressed, in that order.
    #[schema(schema_with = schema::filters)]
    pub filters: Option<Vec<CodecSpec>>,
    /// Which filters were skipped for this chunk: bit 0 for the first one, and so on; behind them the compression. Bits beyond
    /// them mean nothing, as in HDF5, whose writers set them as well.
    pub filter_mask: Option<u32>,
    /// Zarr v3's list of codecs, instead of `compression`, `filters` and `filter_mask`.
    #[schema(schema_with = schema::codecs)]
    pub codecs: Option<Vec<ZarrCodec>>,
    /// What elements are that were never written.
    pub fill_value: Option<Number>,
    /// Which elements are missing, by their packed values.
    pub missing: Option<MissingData>,
    /// What packed values are multiplied by to unpack them; 1 if absent.
    pub scale_factor: Option<f64>,
    /// What is added to packed values then; 0 if absent.
    pub add_offset: Option<f64>,
    /// Whether to read signed integers as unsigned ones of the same width.
    pub unsigned: Option<bool>,
    /// dtype of the result of a sum, or of unpacked values.
    pub result_dtype: Option<DType>,
    /// Whether reduced axes stay, with length one.
    pub keepdims: Option<bool>,
    /// Type of the elements as they are stored.
    #[schema(ignore)]
    pub stored_dtype: Option<DType>,
    /// The fields that were given, rightly or wrongly: what other fields rest on.
    #[schema(ignore)]
    pub given: Vec<&'static str>,
}

/// Missing data as on the wire; an element is missing if any of the rules says so.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingData {
    /// Equal to this.
    #[serde(default)]
    pub missing_value: Option<Number>,
    /// Equal to one of these.
    #[serde(default, deserialize_with = "distinct")]
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

impl InterfaceType {
    /// What clients can write.
    pub(super) const NAMES: &'static [&'static str] = &["s3", "http", "https", "file"];
}

impl PlaceV1 {
    pub(super) fn take(fields: &mut Fields<'_>) -> Self {
        Self { source: fields.take("source"), bucket: fields.take("bucket"), object: fields.take("object") }
    }
}

impl PlaceV2 {
    pub(super) fn take(fields: &mut Fields<'_>) -> Self {
        Self {
            interface_type: fields.take("interface_type"),
            url: fields.take("url"),
            option_shape_as_bytes: fields.take("option_shape_as_bytes"),
            option_count_as_bytes: fields.take("option_count_as_bytes"),
            option_disable_chunk_cache: fields.take("option_disable_chunk_cache"),
        }
    }
}

impl RequestData {
    pub(super) fn take(fields: &mut Fields<'_>) -> Self {
        let mut data = Self {
            dtype: fields.take("dtype"),
            byte_order: fields.take("byte_order"),
            offset: fields.take("offset"),
            size: fields.take("size"),
            etag: fields.take("etag"),
            shape: fields.take("shape"),
            order: fields.take("order"),
            selection: fields.take("selection"),
            axis: fields.take("axis"),
            compression: fields.take("compression").map(|Object(spec)| spec),
            filters: fields
                .take("filters")
                .map(|UpTo::<MAX_FILTERS, _>(specs)| specs.into_iter().map(|Object(spec)| spec).collect()),
            filter_mask: fields.take("filter_mask"),
            codecs: fields.take("codecs").map(|UpTo::<MAX_FILTERS, _>(codecs)| codecs),
            fill_value: fields.take("fill_value"),
            missing: fields.take_long("missing").map(|Object(missing)| missing),
            scale_factor: fields.take("scale_factor"),
            add_offset: fields.take("add_offset"),
            unsigned: fields.take("unsigned"),
            result_dtype: fields.take("result_dtype"),
            keepdims: fields.take("keepdims"),
            stored_dtype: None,
            given: Vec::new(),
        };
        data.given = fields.given().to_vec();
        data
    }

    /// Makes an unsigned dtype of a signed one, where the request says so, as if the request had named that. Attributes of a
    /// file keep the signed dtype: a negative missing value stands for the unsigned one of the same bits.
    pub(super) fn read_unsigned(&mut self) {
        self.stored_dtype = self.dtype;
        let is_unsigned = self.unsigned == Some(true);
        let Some(signed) = self.dtype.filter(|dtype| is_unsigned && dtype.kind() == Kind::Signed) else { return };
        self.dtype = signed.unsigned();
        let missing = self.missing.iter_mut().flat_map(MissingData::numbers_mut);
        for number in missing.chain(&mut self.fill_value) {
            *number = rules::read_unsigned(*number, signed);
        }
    }

    /// Whether values are to be unpacked, even if it is not known how.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.is_given("scale_factor") || self.is_given("add_offset")
    }

    /// True if other fields may rest on this one, even if its own value is wrong.
    #[must_use]
    pub fn is_given(&self, field: &str) -> bool {
        self.given.contains(&field)
    }
}

impl MissingData {
    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut Number> {
        let Self { missing_value, missing_values, valid_min, valid_max, valid_range } = self;
        let values = missing_value.iter_mut().chain(missing_values.iter_mut().flatten());
        let bounds = valid_min.iter_mut().chain(valid_max).chain(valid_range.iter_mut().flatten());
        values.chain(bounds)
    }
}

impl<'de> Deserialize<'de> for InterfaceType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "s3" => Ok(Self::S3),
            "http" | "https" => Ok(Self::Http),
            "file" => Ok(Self::File),
            other => Err(de::Error::unknown_variant(other, Self::NAMES)),
        }
    }
}

/// A list of numbers that is as long as a client likes is kept as long as it has to be.
fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Number>>, D::Error> {
    Ok(Option::<Distinct>::deserialize(deserializer)?.map(|Distinct(numbers)| numbers))
}

/// Numbers, each once if there are many.
struct Distinct(Vec<Number>);

/// A list that is worth being looked through for what stands there twice.
const MANY: usize = 1024;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DistinctVisitor;

        impl<'de> Visitor<'de> for DistinctVisitor {
            type Value = Distinct;

            // The words of serde's own lists.
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Distinct, A::Error> {
                let (mut numbers, mut many, mut are_many) = (Vec::new(), MANY, false);
                while let Some(number) = list.next_element()? {
                    numbers.push(number);
                    if numbers.len() > many {
                        once_each(&mut numbers);
                        (many, are_many) = (MANY.max(2 * numbers.len()), true);
                    }
                }
                if are_many {
                    once_each(&mut numbers);
                }
                Ok(Distinct(numbers))
            }
        }

        deserializer.deserialize_seq(DistinctVisitor)
    }
}

/// Leaves one of those that are the same to the bit.
fn once_each(numbers: &mut Vec<Number>) {
    let bits = |number: &Number| match *number {
        Number::Integer(integer) => (false, integer),
        Number::Float(float) => (true, float.to_bits().into()),
    };
    numbers.sort_unstable_by_key(bits);
    numbers.dedup_by_key(|number| bits(number));
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

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<AxisData, A::Error> {
                UpTo::<MAX_DIMENSIONS, _>::of(list).map(|UpTo(axes)| AxisData(axes))
            }
        }

        deserializer.deserialize_any(AxisVisitor)
    }
}
