//! Raw bytes → typed, strided view: what NumPy would call the array.

mod buffer;
mod byte_order;
mod cancellation;
pub(crate) mod dtype;
mod element;
mod missing;
mod order;
mod packing;
mod planes;
mod pool;
mod rows;
mod selection;
mod shared_bytes;
mod storage;
mod total;
mod write_each;

pub use buffer::{Budget, Buffer, BufferError, MEMORY_UNIT, memory_units};
pub use byte_order::{ByteOrder, copy_to_native, to_native};
pub use cancellation::{Cancellation, Cancelled, STEP, Waiting, step_of};
pub use dtype::{DType, Kind};
pub use element::{Element, HasDType, Number, Rank, Tally};
pub use missing::{Missing, MissingRules};
pub use order::Order;
pub use packing::{Packing, Unpacked};
pub use planes::Planes;
pub(crate) use planes::join_planes;
pub use pool::Pool;
pub use rows::{All, Inside, IsValid, NotOutside, Rows, Unequal, Validity};
pub(crate) use rows::{Block, ROWS_AT_A_TIME, by_blocks, with_validity};
pub use selection::{Slice, select};
pub use shared_bytes::SharedBytes;
pub use storage::Storage;
pub use total::{COLUMNS, Columns, FloatTotal, PIECE, Sum, Total, WideTotal};
pub use write_each::write_each;

/// Chunks of more elements than this are refused, so that sums of integers cannot overflow their
/// accumulators.
pub const MAX_ELEMENTS: usize = u32::MAX as usize;

/// NumPy's own limit on the number of dimensions.
pub const MAX_DIMENSIONS: usize = 64;
