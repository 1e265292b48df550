//! What every codec promises, and how it may fail.

use std::fmt::Debug;

use crate::resources::{BufferError, Cancellation, Cancelled};

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
    fn decoded_len(&self, _encoded: usize) -> Option<usize> {
        None
    }

    /// Length of what `decoded` bytes were encoded to, where it follows from that alone; None if it lies in the data.
    fn encoded_len(&self, _decoded: usize) -> Option<usize> {
        None
    }

    /// Most bytes that `decoded` ones were encoded to, however short the blocks, members or frames are that somebody cut them
    /// into: one for each byte where the format allows that, and some KiB for what else a header may hold.
    fn longest_encoded(&self, decoded: usize) -> usize {
        self.encoded_len(decoded).unwrap_or(usize::MAX)
    }

    /// Memory in bytes that decoding takes beside input and output, for an output of at most `decoded` bytes.
    fn scratch_len(&self, _decoded: usize) -> usize {
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

    /// Tells the codec that it is the first step of writing now: what it encoded were the elements of the chunk themselves.
    fn make_first(&mut self) {}

    /// Decodes all of `encoded` into the front of `decoded` and returns the number of bytes written. It
    /// never writes, and never allocates, more than `decoded` has room for, beside its scratch memory. Whatever the data
    /// is, it looks at `cancellation` every ten milliseconds or so.
    ///
    /// # Errors
    /// [`Fault::Full`] if there is more to write than room; [`Fault::Cancelled`] if nobody waits for it; otherwise what is
    /// wrong with the data.
    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault>;
}
