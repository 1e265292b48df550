//! The fields that every request has, exactly as on the wire, and the rules that they keep one by one.

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use super::{
    axis::AxisData,
    fields::{Object, object},
    missing::MissingData,
    problem::broken,
    slice::SliceData,
    value_schema,
};
use crate::{
    array::{ByteOrder, DType, MAX_DIMENSIONS, Number, Order},
    codec::{CodecSpec, MAX_FILTERS, UpTo, ZarrCodec},
};

/// The fields that both versions of the API share: which bytes, how to decode them and what to make of them. `null` means "not
/// given" for every field.
#[derive(Debug, Deserialize, ToSchema, Validate)]
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
    #[schema(schema_with = value_schema::shape)]
    #[validate(custom(function = check_shape))]
    pub shape: Option<Vec<u64>>,
    /// Layout of the chunk, and of the result.
    pub order: Option<Order>,
    /// One slice per dimension.
    pub selection: Option<Vec<SliceData>>,
    /// The axes to reduce; all of them if absent.
    pub axis: Option<AxisData>,
    /// How the chunk is compressed.
    #[schema(schema_with = value_schema::compression)]
    #[serde(default, deserialize_with = "object")]
    pub compression: Option<CodecSpec>,
    /// What the chunk went through before it was compressed, in that order.
    #[schema(schema_with = value_schema::filters)]
    #[serde(default, deserialize_with = "filters")]
    pub filters: Option<Vec<CodecSpec>>,
    /// Which filters were skipped for this chunk: bit 0 for the first one, and so on; behind them the compression. Bits beyond
    /// them mean nothing, as in HDF5, whose writers set them as well.
    pub filter_mask: Option<u32>,
    /// Zarr v3's list of codecs, instead of `compression`, `filters` and `filter_mask`.
    #[schema(schema_with = value_schema::codecs)]
    #[serde(default, deserialize_with = "codecs")]
    pub codecs: Option<Vec<ZarrCodec>>,
    /// What elements are that were never written.
    pub fill_value: Option<Number>,
    /// Which elements are missing, by their packed values.
    #[serde(default, deserialize_with = "object")]
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
}

impl RequestData {
    /// The shape as lengths in memory.
    pub(super) fn lens(&self) -> Option<Vec<usize>> {
        let shape = self.shape.as_ref()?;
        // Longer dimensions are refused.
        Some(shape.iter().map(|&len| usize::try_from(len).unwrap_or(usize::MAX)).collect())
    }

    /// Whether the chunk was never written: all its elements are the fill value.
    pub(super) fn is_unwritten(&self) -> bool {
        self.size == Some(0)
    }
}

fn filters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<CodecSpec>>, D::Error> {
    let filters = Option::<UpTo<MAX_FILTERS, Object<CodecSpec>>>::deserialize(deserializer)?;
    Ok(filters.map(|UpTo(filters)| filters.into_iter().map(|Object(filter)| filter).collect()))
}

fn codecs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<ZarrCodec>>, D::Error> {
    Ok(Option::<UpTo<MAX_FILTERS, ZarrCodec>>::deserialize(deserializer)?.map(|UpTo(codecs)| codecs))
}

fn check_shape(shape: &[u64]) -> Result<(), ValidationError> {
    if shape.contains(&0) {
        return Err(broken("every dimension must be at least 1"));
    }
    if shape.len() > MAX_DIMENSIONS {
        return Err(broken(format!("has {} dimensions, at most {MAX_DIMENSIONS} are possible", shape.len())));
    }
    if shape.iter().try_fold(1_u64, |elements, &len| elements.checked_mul(len)).is_none() {
        return Err(broken("has more elements than can be counted"));
    }
    if shape.iter().any(|&len| usize::try_from(len).is_err()) {
        return Err(broken("is too large"));
    }
    Ok(())
}
