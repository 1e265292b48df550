//! Encoded chunk → raw bytes.

mod bitshuffle;
mod blosc;
mod blosc2;
mod blosclz;
mod bzip2;
mod cast_value;
mod chain;
mod checksum;
mod deflate;
mod elements;
mod hdf5;
mod lz4;
mod lzf;
mod packbits;
mod pipeline;
mod scale_offset;
mod shuffle;
mod spec;
mod transpose;
mod zstd;

use std::fmt::Debug;

use crate::array::{BufferError, Cancellation, Cancelled};

pub use bitshuffle::Bitshuffle;
pub use blosc::Blosc;
pub use blosc2::Blosc2;
pub use bzip2::Bzip2;
pub use cast_value::{CastValue, OutOfRange, Rounding, Value};
pub use chain::{Extent, FilterList, MAX_FILTERS, Step, UpTo, ZarrChain, ZarrChunk, ZarrCodec};
pub use checksum::{Algorithm, Checksum, Place};
pub use deflate::Deflate;
pub use elements::{AsType, Delta, FixedScaleOffset, NumpyType};
pub use hdf5::{Nbit, ScaleOffset, Szip};
pub use lz4::{Hdf5Lz4, Lz4};
pub use lzf::Lzf;
pub use packbits::PackBits;
pub use pipeline::{FilterPipeline, Stage};
pub use scale_offset::LinearScale;
pub use shuffle::Shuffle;
pub use spec::{Applied, CodecId, CodecSpec, codec_filters, codec_ids, element_types, stages};
pub use transpose::Transpose;
pub use zstd::Zstd;

/// What an operator and a client should know of a chunk that cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The stream breaks the rules of its format.
    #[error("{codec}: the data is corrupt: {problem}")]
    Corrupt {
        /// Name of the codec.
        codec: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The stream goes on although everything expected has been decoded.
    #[error("{codec}: the data decodes to more than the {expected} bytes that shape and dtype need")]
    TooLong {
        /// Name of the codec.
        codec: &'static str,
        /// Size of the output, in bytes.
        expected: usize,
    },
    /// The stream goes on although no chunk of that size is encoded to more.
    #[error("{codec}: the data decodes to more than the {limit} bytes that {inner} makes of such a chunk at most")]
    Implausible {
        /// Name of the codec.
        codec: &'static str,
        /// Most bytes that there can be.
        limit: usize,
        /// Name of the codec that made them.
        inner: &'static str,
    },
    /// The stream goes on beyond what the operator allows, where nothing said how much to expect.
    #[error("{codec}: the data decodes to more than the limit of {limit} bytes (--max-decoded-size)")]
    AboveLimit {
        /// Name of the codec.
        codec: &'static str,
        /// The limit in bytes.
        limit: usize,
    },
    /// The codec's parameters do not suit the data.
    #[error("{codec}: {problem}")]
    Unsuited {
        /// Name of the codec.
        codec: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// No room for the output.
    #[error(transparent)]
    Buffer(#[from] BufferError),
    /// Nobody waits for the output.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Why one codec stopped.
#[derive(Debug)]
pub enum Fault {
    /// The input is not valid.
    Corrupt(String),
    /// The output is full and the input not at its end.
    Full,
    /// The parameters do not suit the data.
    Unsuited(String),
    /// Nobody waits for the output.
    Cancelled,
}

impl From<Cancelled> for Fault {
    fn from(Cancelled: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// How long the decoded chunk is.
#[derive(Clone, Copy, Debug)]
pub enum DecodedLen {
    /// Known from shape and dtype: exactly this many bytes.
    Exactly(usize),
    /// Unknown: any length up to this many bytes.
    AtMost(usize),
}

impl DecodedLen {
    /// The longest length possible.
    #[must_use]
    pub const fn max(self) -> usize {
        match self {
            Self::Exactly(len) | Self::AtMost(len) => len,
        }
    }
}

/// One decoder of bytes into bytes.
pub trait Codec: Send + Sync + Debug {
    /// Name on the wire, for messages and spans.
    fn name(&self) -> &'static str;

    /// Length of what `encoded` bytes decode to, where it follows from that alone; None if it lies in the data.
    fn decoded_len(&self, encoded: usize) -> Option<usize>;

    /// Length of what `decoded` bytes were encoded to, where it follows from that alone.
    fn encoded_len(&self, decoded: usize) -> Option<usize>;

    /// Most bytes that `decoded` ones were encoded to, however short the blocks, members or frames are that somebody cut them
    /// into: one for each byte where the format allows that, and some KiB for what else a header may hold.
    fn longest_encoded(&self, decoded: usize) -> usize {
        self.encoded_len(decoded).unwrap_or(usize::MAX)
    }

    /// Memory in bytes that decoding takes beside input and output, for an output of at most `decoded` bytes.
    fn scratch_len(&self, decoded: usize) -> usize {
        let _ = decoded;
        0
    }

    /// Size in bytes of the elements whose bytes decoding puts together; None for all codecs but the byte shuffle.
    fn shuffled_size(&self) -> Option<usize> {
        None
    }

    /// Whether decoding puts axes that were written in reverse order back in theirs, and does nothing else.
    fn reverses_axes(&self) -> bool {
        false
    }

    /// Tells it that nothing comes before it any more: its input was the elements of the chunk themselves.
    fn make_first(&mut self) {}

    /// Decodes all of `encoded` into the front of `decoded` and returns the number of bytes written. It
    /// never writes, and never allocates, more than `decoded` has room for, beside its scratch memory. Whatever the data
    /// is, it looks at `cancellation` every some ten milliseconds.
    ///
    /// # Errors
    /// [`Fault::Full`] if there is more to write than room; [`Fault::Cancelled`] if nobody waits for it; otherwise what is
    /// wrong with the data.
    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault>;
}

/// What every decoder reads and writes by: parts of slices that may be too short.
mod parts {
    use super::Fault;

    /// The first `N` bytes, which are then gone from `bytes`.
    pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Fault> {
        let (first, rest) = bytes.split_first_chunk().ok_or_else(early_end)?;
        *bytes = rest;
        Ok(*first)
    }

    /// The first `len` bytes, which are then gone from `bytes`.
    pub(super) fn take_slice<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Fault> {
        let (first, rest) = bytes.split_at_checked(len).ok_or_else(early_end)?;
        *bytes = rest;
        Ok(first)
    }

    /// As many bytes as there are, at most `len`.
    pub(super) fn first(bytes: &[u8], len: usize) -> &[u8] {
        bytes.split_at(len.min(bytes.len())).0
    }

    /// The same, to be written.
    pub(super) fn first_mut(bytes: &mut [u8], len: usize) -> &mut [u8] {
        let len = len.min(bytes.len());
        bytes.split_at_mut(len).0
    }

    /// Bytes that headers may have beside what they need.
    const HEADERS: usize = 64 << 10;

    /// `each` bytes for each of `decoded`, and some for headers.
    pub(super) const fn for_each_byte(each: usize, decoded: usize) -> usize {
        decoded.saturating_mul(each).saturating_add(HEADERS)
    }

    /// A length of 32 bits.
    pub(super) fn len(number: u32) -> Result<usize, Fault> {
        usize::try_from(number).map_err(|_| Fault::Full)
    }

    /// Streams that may decode to nothing, where several make a chunk: each costs as much as one of some hundred bytes.
    pub(super) const MAX_EMPTY: usize = 100;

    pub(super) fn too_many_empty() -> Fault {
        Fault::Corrupt(format!("more than {MAX_EMPTY} streams of nothing"))
    }

    pub(super) fn early_end() -> Fault {
        Fault::Corrupt("the data ends early".to_owned())
    }
}
