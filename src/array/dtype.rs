//! The one table of dtypes: wire name, Rust type and kind, and the dispatch from the one to the other.

use half::f16;
use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// A Rust type that stands in the table of dtypes.
pub trait HasDType {
    /// Its row of the table.
    const DTYPE: DType;
}

/// What kind of number a dtype holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Two's complement integers.
    Signed,
    /// Integers from zero.
    Unsigned,
    /// IEEE 754 binary floating point.
    Float,
}

/// Makes everything that follows from the table: a dtype is one row of it. The first token is a `$`,
/// which a macro needs to be handed to write another macro.
macro_rules! dtype_table {
    ($d:tt $($variant:ident $type:ident $name:literal $kind:ident;)*) => {
        /// Type of the elements of a chunk, named as NumPy names it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        pub enum DType {
            $(#[doc = concat!("`", $name, "`")] #[serde(rename = $name)] $variant,)*
        }

        impl DType {
            /// Every dtype, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Their names.
            const NAMES: &'static [&'static str] = &[$($name,)*];

            /// The name on the wire, such as `float32`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Size of one element in bytes.
            #[must_use]
            pub const fn size(self) -> usize {
                match self { $(Self::$variant => size_of::<$type>(),)* }
            }

            /// Signed, unsigned or floating.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }
        }

        $(impl HasDType for $type {
            const DTYPE: DType = DType::$variant;
        })*

        /// `with_dtype!(dtype, T => body)` runs `body` with `T` standing for the Rust type of a
        /// [`DType`]: the one place where a dtype known at run time becomes a type.
        macro_rules! with_dtype {
            ($d dtype:expr, $d T:ident => $d body:expr) => {
                match $d dtype {
                    $($d crate::array::DType::$variant => {
                        type $d T = $d crate::array::dtype::rust::$type;
                        $d body
                    })*
                }
            };
        }
        pub(crate) use with_dtype;
    };
}

impl DType {
    /// The unsigned dtype of the same width, of an integer one: what the attribute `_Unsigned` makes of it.
    #[must_use]
    pub const fn unsigned(self) -> Option<Self> {
        match self {
            Self::Int8 | Self::UInt8 => Some(Self::UInt8),
            Self::Int16 | Self::UInt16 => Some(Self::UInt16),
            Self::Int32 | Self::UInt32 => Some(Self::UInt32),
            Self::Int64 | Self::UInt64 => Some(Self::UInt64),
            Self::Float16 | Self::Float32 | Self::Float64 => None,
        }
    }
}

impl<'de> Deserialize<'de> for DType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.iter().find(|dtype| dtype.name() == name);
        found.copied().ok_or_else(|| D::Error::unknown_variant(&name, Self::NAMES))
    }
}

/// The Rust types of the table under one path, for `with_dtype!`.
pub(crate) mod rust {
    pub(crate) use core::primitive::{f32, f64, i8, i16, i32, i64, u8, u16, u32, u64};
    pub(crate) use half::f16;
}

dtype_table! { $
    Int8    i8  "int8"    Signed;
    UInt8   u8  "uint8"   Unsigned;
    Int16   i16 "int16"   Signed;
    UInt16  u16 "uint16"  Unsigned;
    Int32   i32 "int32"   Signed;
    UInt32  u32 "uint32"  Unsigned;
    Int64   i64 "int64"   Signed;
    UInt64  u64 "uint64"  Unsigned;
    Float16 f16 "float16" Float;
    Float32 f32 "float32" Float;
    Float64 f64 "float64" Float;
}
