//! Encoded chunk → raw bytes.

mod bitshuffle;
mod blosc;
mod blosc2;
mod blosclz;
mod bzip2;
mod cast_value;
mod chain;
mod checksum;
mod contract;
mod deflate;
mod elements;
mod hdf5;
mod lz4;
mod lzf;
mod packbits;
mod parts;
mod pipeline;
mod scale_offset;
mod shuffle;
mod spec;
mod stage;
mod transpose;
mod zstd;

pub use bitshuffle::Bitshuffle;
pub use blosc::Blosc;
pub use blosc2::Blosc2;
pub use bzip2::Bzip2;
pub use cast_value::{CastValue, OutOfRange, Rounding, Value};
pub use chain::{Extent, FilterList, MAX_FILTERS, Step, UpTo, ZarrChain, ZarrChunk, ZarrCodec};
pub use checksum::{Algorithm, Checksum, Position};
pub use contract::{Codec, CodecError, DecodedLen, Fault};
pub use deflate::Deflate;
pub use elements::{AsType, Delta, FixedScaleOffset, NumpyType};
pub use hdf5::{Nbit, ScaleOffset, Szip};
pub use lz4::{Hdf5Lz4, Lz4};
pub use lzf::Lzf;
pub use packbits::PackBits;
pub use pipeline::FilterPipeline;
pub use scale_offset::LinearScale;
pub use shuffle::Shuffle;
pub use spec::{Applied, CodecId, CodecSpec, codec_filters, codec_ids, element_types, stages};
pub use stage::Stage;
pub use transpose::Transpose;
pub use zstd::Zstd;

#[cfg(test)]
mod tests;
