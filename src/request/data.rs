//! The body of a request exactly as on the wire, and the rules that its fields keep one by one.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use half::f16;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use utoipa::ToSchema;
use validator::Validate;

use super::{
    fields::{Fields, Object, UpTo},
    rules::{self, MAX_FILTERS},
    schema,
    zarr::ZarrCodec,
};
use crate::{
    array::{ByteOrder, DType, Kind, MAX_DIMENSIONS, Number, Order},
    codec::CodecSpec,
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

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number, \"NaN\", \"Infinity\", \"-Infinity\", or the bits of a float as \"0x…\" or in base64",
                )
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
                    _ => float_of_bits(text)
                        .map(Number::Float)
                        .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(NumberVisitor)
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

/// A float by its bits: in hexadecimal, as Zarr v3 has fill values of 2, 4 or 8 bytes, or in base64, as xarray writes attributes.
fn float_of_bits(text: &str) -> Option<f64> {
    let Some(digits) = text.strip_prefix("0x") else {
        let mut bytes = [0; 9];
        let len = STANDARD.decode_slice(text, &mut bytes).ok()?;
        return bytes.split_at(len).0.try_into().ok().map(f64::from_le_bytes);
    };
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    match digits.len() {
        4 => u16::from_str_radix(digits, 16).ok().map(|bits| f16::from_bits(bits).to_f64()),
        8 => u32::from_str_radix(digits, 16).ok().map(|bits| f32::from_bits(bits).into()),
        16 => u64::from_str_radix(digits, 16).ok().map(f64::from_bits),
        _ => None,
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

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<AxisData, A::Error> {
                UpTo::<MAX_DIMENSIONS, _>::of(list).map(|UpTo(axes)| AxisData(axes))
            }
        }

        deserializer.deserialize_any(AxisVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_may_be_written_by_its_bits() {
        let read = |text: &str| match serde_json::from_str::<Number>(&format!("{text:?}")) {
            Ok(Number::Float(float)) => Some(float),
            _ => None,
        };
        // Those that zarr-python and xarray write for 1.5, and for infinity.
        for one_and_a_half in ["0x3e00", "0x3fc00000", "0x3ff8000000000000", "AAAAAAAA+D8="] {
            assert_eq!(read(one_and_a_half), Some(1.5), "{one_and_a_half}");
        }
        assert_eq!((read("0x7f800000"), read("AAAAAAAA8H8=")), (Some(f64::INFINITY), Some(f64::INFINITY)));
        for nan in ["0x7e00", "0x7fc00000", "0x7ff8000000000000", "0x7FC00001", "AAAAAAAA+H8=", "NaN"] {
            assert!(read(nan).is_some_and(f64::is_nan), "{nan}");
        }
        for wrong in
            ["0x", "0x7fc0000", "0x+fc00000", "0x7fc0000g", "7fc00000", "AAAAAAAA+H8", "AAAA", "nan", "", "+Infinity"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let long = "A".repeat(1 << 16);
        assert_eq!(read(&long), None);
    }
}
