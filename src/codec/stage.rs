//! One step of writing a chunk, and the room that undoing it has.

use super::{
    checksum::Checksum,
    contract::{Codec, CodecError, DecodedLen},
};

/// One step of writing a chunk.
#[derive(Debug)]
pub enum Stage {
    /// Other bytes took the place of those before.
    Codec(Box<dyn Codec>),
    /// A checksum was put before or behind them.
    Checksum(Checksum),
}

impl<C: Codec + 'static> From<C> for Stage {
    fn from(codec: C) -> Self {
        Self::Codec(Box::new(codec))
    }
}

impl Stage {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Codec(codec) => codec.name(),
            Self::Checksum(checksum) => checksum.name(),
        }
    }

    pub(super) fn decoded_len(&self, encoded: usize) -> Option<usize> {
        match self {
            Self::Codec(codec) => codec.decoded_len(encoded),
            Self::Checksum(_) => Some(encoded.saturating_sub(Checksum::LEN)),
        }
    }

    pub(super) fn encoded_len(&self, decoded: usize) -> Option<usize> {
        match self {
            Self::Codec(codec) => codec.encoded_len(decoded),
            Self::Checksum(_) => Some(decoded.saturating_add(Checksum::LEN)),
        }
    }

    /// How long the input of this step may have been, whose output has this room; `limit` is the operator's.
    pub(super) fn room_before(&self, room: Room, limit: usize) -> Room {
        let Self::Codec(codec) = self else { return room.map(|len| len.saturating_add(Checksum::LEN)) };
        if codec.encoded_len(0).is_some() {
            return room.map(|len| codec.encoded_len(len).unwrap_or(usize::MAX));
        }
        let longest = codec.longest_encoded(room.max());
        // Data that cannot be compressed gets a little longer, and so does a chunk as large as the limit.
        let limit = limit.max(longest_of_incompressible(room.max()));
        if longest <= limit { Room::Format(longest, codec.name()) } else { Room::Limit(limit) }
    }
}

const fn longest_of_incompressible(decoded: usize) -> usize {
    decoded.saturating_add(decoded / 8).saturating_add(64 << 10)
}

/// How long the output of one step of decoding may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Room {
    /// As long as shape and dtype say.
    Exactly(usize),
    /// No longer than the operator allows.
    Limit(usize),
    /// No longer than what a chunk can have become by the codec of this name.
    Format(usize, &'static str),
    /// As long as it is: that follows from the input, which is there.
    Any,
}

impl Room {
    pub(super) const fn max(self) -> usize {
        match self {
            Self::Exactly(len) | Self::Limit(len) | Self::Format(len, _) => len,
            Self::Any => usize::MAX,
        }
    }

    fn map(self, longer: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::Exactly(len) => Self::Exactly(longer(len)),
            Self::Limit(len) => Self::Limit(longer(len)),
            Self::Format(len, codec) => Self::Format(longer(len), codec),
            Self::Any => Self::Any,
        }
    }

    /// There is more than the room for it.
    pub(super) const fn full(self, codec: &'static str) -> CodecError {
        match self {
            Self::Exactly(expected) => CodecError::TooLong { codec, expected },
            Self::Format(limit, inner) => CodecError::Implausible { codec, limit, inner },
            Self::Limit(limit) => CodecError::AboveLimit { codec, limit },
            Self::Any => CodecError::AboveLimit { codec, limit: usize::MAX },
        }
    }
}

impl From<DecodedLen> for Room {
    fn from(len: DecodedLen) -> Self {
        match len {
            DecodedLen::Exactly(len) => Self::Exactly(len),
            DecodedLen::AtMost(limit) => Self::Limit(limit),
        }
    }
}
