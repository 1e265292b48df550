//! What a chunk went through, and its way back.

use std::ops::Range;

use tracing::field::Empty;

use super::{Checksum, Codec, CodecError, DecodedLen, Fault};
use crate::{
    array::{Budget, Buffer, memory_units},
    telemetry::attribute,
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
    fn name(&self) -> &'static str {
        match self {
            Self::Codec(codec) => codec.name(),
            Self::Checksum(checksum) => checksum.name(),
        }
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        match self {
            Self::Codec(codec) => codec.decoded_len(encoded),
            Self::Checksum(_) => Some(encoded.saturating_sub(Checksum::LEN)),
        }
    }

    fn encoded_len(&self, decoded: DecodedLen) -> DecodedLen {
        let exact = match self {
            Self::Codec(codec) => codec.encoded_len(decoded.max()),
            Self::Checksum(_) => Some(decoded.max().saturating_add(Checksum::LEN)),
        };
        match (exact, decoded) {
            (Some(len), DecodedLen::Exactly(_)) => DecodedLen::Exactly(len),
            (Some(len), DecodedLen::AtMost(_)) => DecodedLen::AtMost(len),
            (None, _) => DecodedLen::AtMost(longest_encoded(decoded.max())),
        }
    }
}

/// No compression that is used makes more of data that it cannot compress.
const fn longest_encoded(decoded: usize) -> usize {
    decoded.saturating_add(decoded / 8).saturating_add(64 << 10)
}

/// What a chunk went through, in the order of writing; decoding goes backwards.
#[derive(Debug, Default)]
pub struct FilterPipeline {
    stages: Vec<Stage>,
}

impl FilterPipeline {
    /// A pipeline of these stages, in the order of writing.
    #[must_use]
    pub const fn new(stages: Vec<Stage>) -> Self {
        Self { stages }
    }

    /// Leaves the last step of decoding out if it would put the bytes of elements of this size together, and nothing else:
    /// true if so. Whoever reads the decoded chunk has to do it then, and is spared a pass over it and a second buffer.
    pub fn leave_shuffled(&mut self, element_size: usize) -> bool {
        let Some(Stage::Codec(codec)) = self.stages.first() else { return false };
        let is_left = codec.shuffled_size() == Some(element_size);
        if is_left {
            self.stages.remove(0);
        }
        is_left
    }

    /// Name of what compressed the chunk last, or did anything else with it; `none` if nothing did.
    #[must_use]
    pub fn compression(&self) -> &'static str {
        let codec = |stage: &Stage| matches!(stage, Stage::Codec(_)).then(|| stage.name());
        self.stages.iter().rev().find_map(codec).unwrap_or("none")
    }

    /// Whether there is nothing to decode.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// How long a chunk is when it has been encoded.
    #[must_use]
    pub fn encoded_len(&self, decoded: DecodedLen) -> DecodedLen {
        self.stages.iter().fold(decoded, |len, stage| stage.encoded_len(len))
    }

    /// Length of what `encoded` bytes decode to, where it follows from that alone.
    #[must_use]
    pub fn decoded_len(&self, encoded: usize) -> Option<usize> {
        self.stages.iter().rev().try_fold(encoded, |len, stage| stage.decoded_len(len))
    }

    /// Most memory, in units, that the chunk takes at one time while it is decoded: the input, the output and the scratch
    /// memory of one stage.
    #[must_use]
    pub fn peak_memory_units(&self, encoded_len: usize, decoded: DecodedLen) -> usize {
        let (mut len, mut peak) = (encoded_len, memory_units(encoded_len));
        // A checksum is passed over, but stays in the buffer.
        let mut held = encoded_len;
        for (stage, room) in self.decoding(decoded) {
            len = output_len(stage, len, room);
            if let Stage::Codec(codec) = stage {
                let lens = [held, len, codec.scratch_len(len)];
                peak = peak.max(lens.into_iter().map(memory_units).fold(0, usize::saturating_add));
                held = len;
            }
        }
        peak
    }

    /// Undoes the stages, last first, each into a fresh buffer of the budget, to which the input of a stage
    /// returns as soon as the stage is done.
    ///
    /// # Errors
    /// If a stage finds its input corrupt, or longer than `len` allows.
    pub fn decode(&self, encoded: Buffer, len: DecodedLen, budget: &mut Budget) -> Result<Buffer, CodecError> {
        let mut buffer = encoded;
        let mut part = 0..buffer.bytes().len();
        for (stage, room) in self.decoding(len) {
            let span = tracing::debug_span!(
                "decode",
                otel.name = format!("decode {}", stage.name()),
                codec = stage.name(),
                encoded_bytes = attribute(part.len()),
                decoded_bytes = Empty,
            )
            .entered();
            match stage {
                Stage::Checksum(checksum) => {
                    part = checked(checksum, &buffer, part)?;
                    if part.len() > room.max() {
                        return Err(full(checksum.name(), room));
                    }
                }
                Stage::Codec(codec) => {
                    let output = decode_one(
                        codec.as_ref(),
                        part_of(&buffer, &part),
                        output_len(stage, part.len(), room),
                        room,
                        budget,
                    )?;
                    budget.reclaim(std::mem::replace(&mut buffer, output));
                    part = 0..buffer.bytes().len();
                }
            }
            span.record("decoded_bytes", attribute(part.len()));
        }
        if part.start > 0 {
            buffer.bytes_mut().copy_within(part.clone(), 0);
        }
        budget.truncate(&mut buffer, part.len());
        Ok(buffer)
    }

    /// The stages in the order of decoding, and how long the output of each may be.
    fn decoding(&self, decoded: DecodedLen) -> impl Iterator<Item = (&Stage, DecodedLen)> {
        let outputs = self.stages.iter().scan(decoded, |len, stage| {
            let output = *len;
            *len = stage.encoded_len(output);
            Some((stage, output))
        });
        outputs.collect::<Vec<_>>().into_iter().rev()
    }
}

/// The length of the output of a stage, or the most that it may be.
fn output_len(stage: &Stage, input: usize, room: DecodedLen) -> usize {
    stage.decoded_len(input).unwrap_or(usize::MAX).min(room.max())
}

fn part_of<'a>(buffer: &'a Buffer, part: &Range<usize>) -> &'a [u8] {
    buffer.bytes().get(part.clone()).unwrap_or_default()
}

fn checked(checksum: &Checksum, buffer: &Buffer, part: Range<usize>) -> Result<Range<usize>, CodecError> {
    let payload = checksum.payload(part_of(buffer, &part));
    let payload = payload.map_err(|problem| CodecError::Corrupt { codec: checksum.name(), problem })?;
    Ok(part.start.saturating_add(payload.start)..part.start.saturating_add(payload.end))
}

fn decode_one(
    codec: &dyn Codec,
    input: &[u8],
    output_len: usize,
    len: DecodedLen,
    budget: &mut Budget,
) -> Result<Buffer, CodecError> {
    let mut output = budget.allocate(output_len)?;
    let written = codec.decode(input, output.bytes_mut()).map_err(|fault| {
        let codec = codec.name();
        match fault {
            Fault::Corrupt(problem) => CodecError::Corrupt { codec, problem },
            Fault::Unsuited(problem) => CodecError::Unsuited { codec, problem },
            Fault::Full => full(codec, len),
        }
    })?;
    budget.truncate(&mut output, written);
    Ok(output)
}

/// There is more than the room for it.
const fn full(codec: &'static str, room: DecodedLen) -> CodecError {
    match room {
        DecodedLen::Exactly(expected) => CodecError::TooLong { codec, expected },
        DecodedLen::AtMost(limit) => CodecError::AboveLimit { codec, limit },
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Arc};

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;
    use crate::{
        array::Pool,
        codec::{Algorithm, Deflate, Place},
    };

    fn zlib(data: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    /// Decodes in exactly what is planned for a chunk of this length.
    fn decode(stages: Vec<Stage>, encoded: &[u8], len: DecodedLen) -> Result<Vec<u8>, CodecError> {
        let pipeline = FilterPipeline::new(stages);
        let units = pipeline.peak_memory_units(encoded.len(), len);
        let mut budget = Budget::unshared(units, Arc::new(Pool::new(1, 0)));
        let mut buffer = budget.allocate(encoded.len()).expect("it was planned");
        buffer.bytes_mut().copy_from_slice(encoded);
        pipeline.decode(buffer, len, &mut budget).map(|chunk| chunk.bytes().to_vec())
    }

    #[test]
    fn a_checksum_stays_in_the_buffer_and_is_planned_for() {
        let checksum = || Stage::Checksum(Checksum { algorithm: Algorithm::Crc32, place: Place::End });
        let crc = |data: &[u8]| u32::try_from(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, data)).unwrap();
        // Stored blocks make an encoded chunk of any length, whole memory units and the few bytes around them included.
        for len in 2000..2100 {
            let data: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let stored = zlib(&data, 0);
            let encoded = [&stored[..], &crc(&stored).to_le_bytes()].concat();
            for decoded in [DecodedLen::Exactly(len), DecodedLen::AtMost(len)] {
                let stages = vec![Deflate::Zlib.into(), checksum()];
                assert_eq!(decode(stages, &encoded, decoded).unwrap(), data, "{len}");
            }
        }
    }

    #[test]
    fn what_is_behind_a_checksum_keeps_to_its_room_as_well() {
        let stages = || vec![Stage::Checksum(Checksum { algorithm: Algorithm::Fletcher32, place: Place::End })];
        // Zeros, whose checksum is 0: three bytes of them.
        let encoded = [0; 7];
        assert_eq!(decode(stages(), &encoded, DecodedLen::Exactly(3)).unwrap(), [0; 3]);
        for room in [0, 2] {
            let exactly = decode(stages(), &encoded, DecodedLen::Exactly(room));
            assert!(matches!(exactly, Err(CodecError::TooLong { codec: "fletcher32", expected }) if expected == room));
            let at_most = decode(stages(), &encoded, DecodedLen::AtMost(room));
            assert!(matches!(at_most, Err(CodecError::AboveLimit { codec: "fletcher32", limit }) if limit == room));
        }
    }

    #[test]
    fn stages_are_undone_backwards_and_their_lengths_are_known() {
        let data = [7_u8; 100];
        let (inner, checksum) = (zlib(&data, 6), Checksum { algorithm: Algorithm::Adler32, place: Place::Start });
        let summed = [&simd_adler32::adler32(&&inner[..]).to_le_bytes()[..], &inner].concat();
        let stages = || vec![Deflate::Zlib.into(), Stage::Checksum(checksum), Deflate::Zlib.into()];
        assert_eq!(decode(stages(), &zlib(&summed, 6), DecodedLen::Exactly(100)).unwrap(), data);
        let pipeline = FilterPipeline::new(vec![Stage::Checksum(checksum)]);
        assert!(matches!(pipeline.encoded_len(DecodedLen::Exactly(100)), DecodedLen::Exactly(104)));
        assert_eq!(pipeline.decoded_len(104), Some(100));
        // What is left of a buffer whose beginning was a checksum.
        let first = [&simd_adler32::adler32(&&data[..]).to_le_bytes()[..], &data].concat();
        assert_eq!(decode(vec![Stage::Checksum(checksum)], &first, DecodedLen::Exactly(100)).unwrap(), data);
    }
}
