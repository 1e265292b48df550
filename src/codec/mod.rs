//! Encoded chunk → raw bytes.

mod deflate;
mod shuffle;
mod spec;

use crate::array::{Budget, Buffer, BufferError, memory_units};

pub use deflate::Deflate;
pub use shuffle::Shuffle;
pub use spec::{CodecSpec, compression, compression_ids, filter, filter_ids};

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
    /// The same, where no shape said how much to expect.
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
pub trait Codec: Send + Sync + std::fmt::Debug {
    /// Name on the wire, for messages and spans.
    fn name(&self) -> &'static str;

    /// Whether decoded and encoded data have the same length, always.
    fn keeps_length(&self) -> bool;

    /// Size in bytes of the elements whose bytes decoding puts together; None for all codecs but the byte shuffle.
    fn shuffled_size(&self) -> Option<usize> {
        None
    }

    /// Decodes all of `encoded` into the front of `decoded` and returns the number of bytes written. It
    /// never writes, and never allocates, more than `decoded` has room for.
    ///
    /// # Errors
    /// [`Fault::Full`] if there is more to write than room; otherwise what is wrong with the data.
    fn decode(&self, encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault>;
}

/// The codecs that a chunk went through, in the order of writing; decoding runs them in reverse.
#[derive(Debug, Default)]
pub struct FilterPipeline {
    codecs: Vec<Box<dyn Codec>>,
}

impl FilterPipeline {
    /// A pipeline of filters and, after them, the compression; both as they were applied in writing.
    #[must_use]
    pub fn new(filters: Vec<Box<dyn Codec>>, compression: Option<Box<dyn Codec>>) -> Self {
        Self { codecs: filters.into_iter().chain(compression).collect() }
    }

    /// Leaves the last step of decoding out if it would put the bytes of elements of this size together, and nothing else:
    /// true if so. Whoever reads the decoded chunk has to do it then, and is spared a pass over it and a second buffer.
    pub fn leave_shuffled(&mut self, element_size: usize) -> bool {
        let shuffled_size = self.codecs.first().and_then(|codec| codec.shuffled_size());
        let is_left = shuffled_size == Some(element_size);
        if is_left {
            self.codecs.remove(0);
        }
        is_left
    }

    /// Whether there is nothing to decode.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codecs.is_empty()
    }

    /// Whether the encoded chunk is as long as the decoded one.
    #[must_use]
    pub fn keeps_length(&self) -> bool {
        self.codecs.iter().all(|codec| codec.keeps_length())
    }

    /// Most memory, in units, that the chunk takes at one time while it is decoded: the input and the
    /// output of one stage.
    #[must_use]
    pub fn peak_memory_units(&self, encoded_len: usize, decoded_len: usize) -> usize {
        let (encoded, decoded) = (memory_units(encoded_len), memory_units(decoded_len));
        match self.codecs.len() {
            0 => encoded,
            1 => encoded.saturating_add(decoded),
            _ => encoded.max(decoded).saturating_add(decoded),
        }
    }

    /// Undoes the codecs, last first, each into a fresh buffer of the budget, to which the input of a stage
    /// returns as soon as the stage is done.
    ///
    /// # Errors
    /// If a codec finds its input corrupt, or longer than `len` allows.
    pub fn decode(&self, encoded: Buffer, len: DecodedLen, budget: &mut Budget) -> Result<Buffer, CodecError> {
        self.codecs.iter().rev().try_fold(encoded, |input, codec| {
            let span = tracing::info_span!("decode", codec = codec.name(), encoded_bytes = input.bytes().len());
            span.in_scope(|| decode_one(codec.as_ref(), input, len, budget))
        })
    }
}

fn decode_one(codec: &dyn Codec, input: Buffer, len: DecodedLen, budget: &mut Budget) -> Result<Buffer, CodecError> {
    let room = match (codec.keeps_length(), len) {
        (true, _) => input.bytes().len(),
        (false, len) => len.max(),
    };
    let mut output = budget.allocate(room)?;
    let written = codec.decode(input.bytes(), output.bytes_mut()).map_err(|fault| {
        let codec = codec.name();
        match (fault, len) {
            (Fault::Corrupt(problem), _) => CodecError::Corrupt { codec, problem },
            (Fault::Unsuited(problem), _) => CodecError::Unsuited { codec, problem },
            (Fault::Full, DecodedLen::Exactly(expected)) => CodecError::TooLong { codec, expected },
            (Fault::Full, DecodedLen::AtMost(limit)) => CodecError::AboveLimit { codec, limit },
        }
    })?;
    budget.reclaim(input);
    output.truncate(written);
    Ok(output)
}
