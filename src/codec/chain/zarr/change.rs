//! What one codec made of an array, and how it is undone.

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    array::{DType, Kind, Number},
    codec::{
        cast_value::{CastValue, OutOfRange, Rounding, Value},
        chain::up_to::UpTo,
        elements::{AsType, NumpyType},
        scale_offset::LinearScale,
        stage::Stage,
        transpose::Transpose,
    },
};

/// What a codec made of an array.
pub(super) enum Change {
    /// Another order of the axes of this shape.
    Transpose { shape: Vec<usize>, order: Vec<usize> },
    /// What a codec of numcodecs makes of the bytes of elements, whose dtypes it says itself.
    Bytes { stages: Vec<Stage>, dtypes: AsType },
    /// Scaled elements, in their own dtype.
    Scaled(ScaleOffset),
    /// Elements cast from the dtype `decoded`.
    Cast { cast: Cast, decoded: NumpyType },
}

/// The configuration of `scale_offset`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleOffset {
    #[serde(default = "zero")]
    offset: Number,
    #[serde(default = "one")]
    scale: Number,
}

const fn zero() -> Number {
    Number::Integer(0)
}

const fn one() -> Number {
    Number::Integer(1)
}

/// The configuration of `cast_value`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cast {
    /// The dtype that elements are cast to.
    pub(super) data_type: DType,
    #[serde(default)]
    rounding: Rounding,
    #[serde(default)]
    out_of_range: Option<OutOfRange>,
    #[serde(default)]
    scalar_map: Option<ScalarMap>,
}

/// Most pairs of a `scalar_map`: each element is compared with all of them. Writers have a handful, for NaN and the like.
const MAX_PAIRS: usize = 64;

/// Pairs of what values are and what they become.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScalarMap {
    /// Nobody encodes here.
    #[serde(default, rename = "encode")]
    _encode: IgnoredAny,
    #[serde(default)]
    decode: Option<UpTo<MAX_PAIRS, (Number, Number)>>,
}

impl Change {
    /// Appends what undoes it to `stages`, which are in the order of decoding, and returns what elements of `read` become.
    pub(super) fn undo(self, read: NumpyType, stages: &mut Vec<Stage>) -> Result<NumpyType, String> {
        match self {
            Self::Transpose { shape, order } => {
                if !order.iter().copied().eq(0..shape.len()) {
                    stages.push(Transpose { shape, order, element_size: read.size() }.into());
                }
                Ok(read)
            }
            Self::Bytes { stages: of_codec, dtypes } => {
                stages.extend(of_codec.into_iter().rev());
                Ok(dtypes.decoded)
            }
            Self::Scaled(ScaleOffset { offset, scale }) => {
                stages.push(LinearScale::new(read, scale, offset)?.into());
                Ok(read)
            }
            Self::Cast { cast, decoded } => {
                stages.push(cast.codec(AsType { encoded: read, decoded })?.into());
                Ok(decoded)
            }
        }
    }
}

impl Cast {
    fn codec(self, dtypes: AsType) -> Result<CastValue, String> {
        let (from, to) = (self.data_type, dtypes.decoded.dtype());
        let found = dtypes.encoded.dtype();
        if found != from {
            return Err(format!("cast_value finds {}, not the {} that it says", found.name(), from.name()));
        }
        let out_of_range = self.out_of_range.unwrap_or_default();
        if out_of_range == OutOfRange::Wrap && from.kind() == Kind::Float {
            return Err("cast_value wraps integers only".to_owned());
        }
        let pairs = self.scalar_map.and_then(|map| map.decode).map_or_else(Vec::new, |UpTo(pairs)| pairs);
        let value = |number, dtype: DType| {
            Value::of(number, dtype).ok_or_else(|| format!("scalar_map has a value that is no {}", dtype.name()))
        };
        let map = pairs.into_iter().map(|(key, mapped)| Ok((value(key, from)?, value(mapped, to)?)));
        Ok(CastValue { dtypes, rounding: self.rounding, out_of_range, map: map.collect::<Result<_, String>>()? })
    }
}
