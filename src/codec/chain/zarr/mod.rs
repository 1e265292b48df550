//! Codecs as Zarr v3 lists them in `zarr.json` (Zarr core specification 3.1, "Codecs").

mod array;
mod chain;
mod change;
mod document;

pub use chain::{Extent, ZarrChain, ZarrChunk};
pub use document::ZarrCodec;
