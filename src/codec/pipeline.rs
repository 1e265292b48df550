//! What a chunk went through, and its way back.

use std::ops::Range;

use tracing::{Span, field::Empty};

use super::{
    checksum::Checksum,
    contract::{Codec, CodecError, DecodedLen, Fault},
    stage::{Room, Stage},
};
use crate::{
    resources::{Budget, Buffer, Cancelled, memory_units},
    telemetry::attribute,
};

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
        self.leave_last(|codec| codec.shuffled_size() == Some(element_size))
    }

    /// The same if it would reverse the order of the axes: the decoded chunk is in F order then.
    pub fn leave_reversed(&mut self) -> bool {
        let is_left = self.leave_last(|codec| codec.reverses_axes());
        if let (true, Some(Stage::Codec(codec))) = (is_left, self.stages.first_mut()) {
            codec.make_first();
        }
        is_left
    }

    fn leave_last(&mut self, can_be_left: impl Fn(&dyn Codec) -> bool) -> bool {
        let is_left = matches!(self.stages.first(), Some(Stage::Codec(codec)) if can_be_left(codec.as_ref()));
        if is_left {
            self.stages.remove(0);
        }
        is_left
    }

    #[cfg(test)]
    pub(super) fn stages(&self) -> &[Stage] {
        &self.stages
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

    /// How long a chunk of so many bytes is when it has been encoded, where that follows from its length alone.
    #[must_use]
    pub fn encoded_len(&self, decoded: usize) -> Option<usize> {
        self.stages.iter().try_fold(decoded, |len, stage| stage.encoded_len(len))
    }

    /// Length of what `encoded` bytes decode to, where it follows from that alone.
    #[must_use]
    pub fn decoded_len(&self, encoded: usize) -> Option<usize> {
        self.stages.iter().rev().try_fold(encoded, |len, stage| stage.decoded_len(len))
    }

    /// Most memory, in units, that the chunk takes at one time while it is decoded: the input, the output and the scratch
    /// memory of one stage. No stage makes more than `limit` bytes of which nobody knows the number.
    #[must_use]
    pub fn peak_units(&self, encoded_len: usize, decoded: DecodedLen, limit: usize) -> usize {
        // A checksum is passed over, but stays in the buffer.
        let (mut held, mut peak) = (encoded_len, memory_units(encoded_len));
        for (codec, output_len) in self.outputs(encoded_len, decoded, limit) {
            let lens = [held, output_len, codec.scratch_len(output_len)];
            peak = peak.max(lens.into_iter().map(memory_units).fold(0, usize::saturating_add));
            held = output_len;
        }
        peak
    }

    /// Most bytes that all stages together write: what decoding takes in time.
    #[must_use]
    pub fn written_len(&self, encoded_len: usize, decoded: DecodedLen, limit: usize) -> usize {
        self.outputs(encoded_len, decoded, limit).map(|(_, len)| len).fold(0, usize::saturating_add)
    }

    /// The codecs in the order of decoding, and how long the output of each is at most.
    fn outputs(
        &self,
        encoded_len: usize,
        decoded: DecodedLen,
        limit: usize,
    ) -> impl Iterator<Item = (&dyn Codec, usize)> {
        let mut len = encoded_len;
        self.decoding(decoded, limit).filter_map(move |(stage, room)| {
            len = output_len(stage, len, room);
            match stage {
                Stage::Codec(codec) => Some((codec.as_ref(), len)),
                Stage::Checksum(_) => None,
            }
        })
    }

    /// Undoes the stages, last first, each into a fresh buffer of the budget, to which the input of a stage
    /// returns as soon as the stage is done. No stage makes more than `limit` bytes of which nobody knows the number.
    ///
    /// # Errors
    /// If a stage finds its input corrupt, or longer than `len` allows; or if nobody waits any more.
    pub fn decode(
        &self,
        encoded: Buffer,
        len: DecodedLen,
        limit: usize,
        budget: &mut Budget,
    ) -> Result<Buffer, CodecError> {
        self.undo(Held::Whole(encoded), len, limit, budget)
    }

    /// The same for a chunk that lies among other bytes, which stay where they are.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); or if there is no memory for the chunk.
    pub fn decode_part(
        &self,
        encoded: &[u8],
        len: DecodedLen,
        limit: usize,
        budget: &mut Budget,
    ) -> Result<Buffer, CodecError> {
        self.undo(Held::Part(encoded), len, limit, budget)
    }

    fn undo(
        &self,
        encoded: Held<'_>,
        len: DecodedLen,
        limit: usize,
        budget: &mut Budget,
    ) -> Result<Buffer, CodecError> {
        let mut held = encoded;
        let mut part = 0..held.bytes().len();
        for (stage, room) in self.decoding(len, limit) {
            budget.cancellation().check()?;
            let span = span(stage, part.len()).entered();
            match stage {
                Stage::Checksum(checksum) => {
                    part = checked(checksum, held.bytes(), part)?;
                    if part.len() > room.max() {
                        return Err(room.full(checksum.name()));
                    }
                }
                Stage::Codec(codec) => {
                    let len = output_len(stage, part.len(), room);
                    let output = decode_one(codec.as_ref(), part_of(held.bytes(), &part), len, room, budget)?;
                    if let Held::Whole(input) = std::mem::replace(&mut held, Held::Whole(output)) {
                        budget.reclaim(input);
                    }
                    part = 0..held.bytes().len();
                }
            }
            span.record("decoded_bytes", attribute(part.len()));
        }
        held.into_buffer(part, budget)
    }

    /// The stages in the order of decoding, and how long the output of each may be.
    fn decoding(&self, decoded: DecodedLen, limit: usize) -> impl Iterator<Item = (&Stage, Room)> {
        let outputs = self.stages.iter().enumerate().scan(Room::from(decoded), |room, (number, stage)| {
            let output = *room;
            *room = stage.room_before(output, limit);
            // What lies between stages needs no bound where the length of the output follows from that of the input.
            let is_bounded = matches!(output, Room::Exactly(_)) || number == 0 || stage.decoded_len(0).is_none();
            Some((stage, if is_bounded { output } else { Room::Any }))
        });
        outputs.collect::<Vec<_>>().into_iter().rev()
    }
}

/// The length of the output of a stage, or the most that it may be.
fn output_len(stage: &Stage, input: usize, room: Room) -> usize {
    stage.decoded_len(input).unwrap_or(usize::MAX).min(room.max())
}

fn span(stage: &Stage, encoded_len: usize) -> Span {
    tracing::debug_span!(
        "decode",
        otel.name = format!("decode {}", stage.name()),
        codec = stage.name(),
        encoded_bytes = attribute(encoded_len),
        decoded_bytes = Empty,
    )
}

/// What a stage finds: a buffer of its own, or bytes among others.
enum Held<'a> {
    Whole(Buffer),
    Part(&'a [u8]),
}

impl Held<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(buffer) => buffer.bytes(),
            Self::Part(bytes) => bytes,
        }
    }

    /// A part of it in a buffer that begins there: a copy where it is not the buffer's own.
    fn into_buffer(self, part: Range<usize>, budget: &mut Budget) -> Result<Buffer, CodecError> {
        match self {
            Self::Whole(mut buffer) => {
                if part.start > 0 {
                    buffer.bytes_mut().copy_within(part.clone(), 0);
                }
                budget.truncate(&mut buffer, part.len());
                Ok(buffer)
            }
            Self::Part(bytes) => {
                let mut buffer = budget.allocate(part.len())?;
                buffer.bytes_mut().copy_from_slice(part_of(bytes, &part));
                Ok(buffer)
            }
        }
    }
}

fn part_of<'a>(bytes: &'a [u8], part: &Range<usize>) -> &'a [u8] {
    bytes.get(part.clone()).unwrap_or_default()
}

fn checked(checksum: &Checksum, bytes: &[u8], part: Range<usize>) -> Result<Range<usize>, CodecError> {
    let payload = checksum.payload(part_of(bytes, &part));
    let payload = payload.map_err(|problem| CodecError::Corrupt { codec: checksum.name(), problem })?;
    Ok(part.start.saturating_add(payload.start)..part.start.saturating_add(payload.end))
}

fn decode_one(
    codec: &dyn Codec,
    input: &[u8],
    output_len: usize,
    room: Room,
    budget: &mut Budget,
) -> Result<Buffer, CodecError> {
    let mut output = budget.allocate(output_len)?;
    let written = codec.decode(input, output.bytes_mut(), budget.cancellation()).map_err(|fault| {
        let codec = codec.name();
        match fault {
            Fault::Corrupt(problem) => CodecError::Corrupt { codec, problem },
            Fault::Unsuited(problem) => CodecError::Unsuited { codec, problem },
            Fault::Full => room.full(codec),
            Fault::Cancelled => Cancelled.into(),
        }
    })?;
    budget.truncate(&mut output, written);
    Ok(output)
}

#[cfg(test)]
pub(super) mod tests {
    use std::{io::Write, num::NonZeroUsize, sync::Arc};

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;
    use crate::{
        codec::{Algorithm, Bzip2, Deflate, Lzf, Position, Shuffle, Transpose},
        resources::Pool,
    };

    pub(in crate::codec) fn zlib(data: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    const LIMIT: usize = 1 << 20;

    /// Decodes in exactly what is planned for a chunk of this length, and once more where it lies among other bytes.
    pub(in crate::codec) fn decode(stages: Vec<Stage>, encoded: &[u8], len: DecodedLen) -> Result<Vec<u8>, CodecError> {
        let pipeline = FilterPipeline::new(stages);
        let units = pipeline.peak_units(encoded.len(), len, LIMIT);
        let mut budget = Budget::unshared(units, Arc::new(Pool::new(1, 0)));
        let mut buffer = budget.allocate(encoded.len()).expect("it was planned");
        buffer.bytes_mut().copy_from_slice(encoded);
        let decoded = pipeline.decode(buffer, len, LIMIT, &mut budget).map(|chunk| chunk.bytes().to_vec());
        let mut budget = Budget::unshared(units, Arc::new(Pool::new(1, 0)));
        let part = pipeline.decode_part(encoded, len, LIMIT, &mut budget).map(|chunk| chunk.bytes().to_vec());
        assert_eq!(part.as_ref().map_err(ToString::to_string), decoded.as_ref().map_err(ToString::to_string));
        decoded
    }

    #[test]
    fn a_checksum_stays_in_the_buffer_and_is_planned_for() {
        let checksum = || Stage::Checksum(Checksum { algorithm: Algorithm::Crc32, place: Position::End });
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
        let stages = || vec![Stage::Checksum(Checksum { algorithm: Algorithm::Fletcher32, place: Position::End })];
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
    fn no_stage_begins_when_nobody_waits() {
        let pipeline = FilterPipeline::new(vec![Deflate::Zlib.into()]);
        let mut budget = Budget::unshared(100, Arc::new(Pool::new(1, 0)));
        let buffer = budget.allocate(10).unwrap();
        drop(budget.waiting());
        let given_up = pipeline.decode(buffer, DecodedLen::Exactly(10), LIMIT, &mut budget);
        assert!(matches!(given_up, Err(CodecError::Cancelled(_))));
    }

    #[test]
    fn what_no_chunk_of_that_size_can_have_become_is_refused_with_the_limit_that_it_passed() {
        let (bomb, len) = (zlib(&vec![0; 900_000], 9), DecodedLen::Exactly(1000));
        let told = |stages, len| decode(stages, &bomb, len).unwrap_err().to_string();
        let lzf = told(vec![Lzf.into(), Deflate::Zlib.into()], len);
        assert_eq!(lzf, "zlib: the data decodes to more than the 2000 bytes that lzf makes of such a chunk at most");
        let exact = told(vec![Deflate::Zlib.into()], len);
        assert_eq!(exact, "zlib: the data decodes to more than the 1000 bytes that shape and dtype need");
        // What bzip2 could have made of it is more than the operator's limit.
        let bomb = zlib(&vec![0; 2 << 20], 9);
        let stages = vec![Bzip2.into(), Deflate::Zlib.into()];
        let limit = decode(stages, &bomb, DecodedLen::Exactly(100_000)).unwrap_err().to_string();
        assert_eq!(limit, "zlib: the data decodes to more than the limit of 1048576 bytes (--max-decoded-size)");
    }

    #[test]
    fn a_shuffle_behind_axes_that_stay_reversed_is_one_of_whole_elements() {
        let turned = |order| Transpose { order, shape: vec![2, 5], element_size: 1 }.into();
        let shuffle = || Shuffle { element_size: NonZeroUsize::new(3).unwrap(), is_whole: false }.into();
        let mut kept = FilterPipeline::new(vec![turned(vec![0, 1]), shuffle()]);
        assert!(!kept.leave_reversed());
        let mut reversed = FilterPipeline::new(vec![turned(vec![1, 0]), shuffle()]);
        assert!(reversed.leave_reversed());
        assert!(!reversed.leave_reversed(), "there is one");
        let refused = decode(reversed.stages, &[0; 10], DecodedLen::Exactly(10)).unwrap_err();
        assert!(matches!(refused, CodecError::Unsuited { codec: "shuffle", .. }));
        assert_eq!(decode(kept.stages, &[0; 10], DecodedLen::Exactly(10)).unwrap(), [0; 10]);
    }

    #[test]
    fn stages_are_undone_backwards_and_their_lengths_are_known() {
        let data = [7_u8; 100];
        let (inner, checksum) = (zlib(&data, 6), Checksum { algorithm: Algorithm::Adler32, place: Position::Start });
        let summed = [&simd_adler32::adler32(&&inner[..]).to_le_bytes()[..], &inner].concat();
        let stages = || vec![Deflate::Zlib.into(), Stage::Checksum(checksum), Deflate::Zlib.into()];
        assert_eq!(decode(stages(), &zlib(&summed, 6), DecodedLen::Exactly(100)).unwrap(), data);
        let pipeline = FilterPipeline::new(vec![Stage::Checksum(checksum)]);
        assert_eq!(pipeline.encoded_len(100), Some(104));
        assert_eq!(pipeline.decoded_len(104), Some(100));
        // What is left of a buffer whose beginning was a checksum.
        let first = [&simd_adler32::adler32(&&data[..]).to_le_bytes()[..], &data].concat();
        assert_eq!(decode(vec![Stage::Checksum(checksum)], &first, DecodedLen::Exactly(100)).unwrap(), data);
    }
}
