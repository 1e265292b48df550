//! What a chunk went through, as the documents of a format list it → a pipeline.

mod filters;
mod up_to;
mod zarr;

pub use filters::{FilterList, MAX_FILTERS, Step};
pub use up_to::UpTo;
pub use zarr::{Extent, ZarrChain, ZarrChunk, ZarrCodec};
