//! Raw bytes → typed elements: what NumPy would call the array.

mod byte_order;
pub(crate) mod dtype;
mod element;
mod missing;
mod number;
mod order;
mod packing;
mod pick;
mod planes;
mod positions;
mod selection;
mod storage;
mod value_type;
mod word;
mod write_each;

pub use byte_order::{ByteOrder, copy_to_native, to_native};
pub use dtype::{DType, HasDType, Kind};
pub use element::{Element, Number, Rank};
pub use missing::Missing;
pub use number::number;
pub use order::Order;
pub(crate) use packing::partition;
pub use packing::{Packing, Unpacked};
pub use pick::Pick;
pub use planes::Planes;
pub(crate) use planes::join_planes;
pub use positions::{Positions, Stride};
pub use selection::Slice;
pub use storage::Storage;
pub use value_type::ValueType;
pub use word::Word;
pub use write_each::write_each;

/// Chunks of more elements than this are refused, so that sums of integers cannot overflow their
/// accumulators.
pub const MAX_ELEMENTS: usize = u32::MAX as usize;

/// NumPy's own limit on the number of dimensions.
pub const MAX_DIMENSIONS: usize = 64;
