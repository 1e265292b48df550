//! What a chunk went through, and its way back.

use std::ops::Range;

use tracing::field::Empty;

use super::{Checksum, Codec, CodecError, DecodedLen, Fault};
use crate::{
    array::{Budget, Buffer, Cancelled, memory_units},
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

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        match self {
            Self::Codec(codec) => codec.encoded_len(decoded),
            Self::Checksum(_) => Some(decoded.saturating_add(Checksum::LEN)),
        }
    }

    /// How long the input of this step may have been, whose output has this room; `limit` is the operator's.
    fn room_before(&self, room: Room, limit: usize) -> Room {
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
enum Room {
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
    const fn max(self) -> usize {
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
    const fn full(self, codec: &'static str) -> CodecError {
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
    pub fn peak_memory_units(&self, encoded_len: usize, decoded: DecodedLen, limit: usize) -> usize {
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
        let mut buffer = encoded;
        let mut part = 0..buffer.bytes().len();
        for (stage, room) in self.decoding(len, limit) {
            budget.cancellation().check()?;
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
                        return Err(room.full(checksum.name()));
                    }
                }
                Stage::Codec(codec) => {
                    let len = output_len(stage, part.len(), room);
                    let output = decode_one(codec.as_ref(), part_of(&buffer, &part), len, room, budget)?;
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
mod tests {
    use std::{io::Write, num::NonZeroUsize, sync::Arc};

    use flate2::{Compression, write::ZlibEncoder};

    use super::*;
    use crate::{
        array::{Cancellation, Kind, Number, Pool},
        codec::{
            Algorithm, AsType, Bitshuffle, Blosc, Bzip2, CastValue, Deflate, Delta, Hdf5Lz4, LinearScale, Lz4, Lzf,
            Nbit, NumpyType, OutOfRange, PackBits, Place, Rounding, Shuffle, Transpose, Zstd, bitshuffle::Inner,
        },
    };

    fn zlib(data: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    const LIMIT: usize = 1 << 20;

    /// Decodes in exactly what is planned for a chunk of this length.
    fn decode(stages: Vec<Stage>, encoded: &[u8], len: DecodedLen) -> Result<Vec<u8>, CodecError> {
        let pipeline = FilterPipeline::new(stages);
        let units = pipeline.peak_memory_units(encoded.len(), len, LIMIT);
        let mut budget = Budget::unshared(units, Arc::new(Pool::new(1, 0)));
        let mut buffer = budget.allocate(encoded.len()).expect("it was planned");
        buffer.bytes_mut().copy_from_slice(encoded);
        pipeline.decode(buffer, len, LIMIT, &mut budget).map(|chunk| chunk.bytes().to_vec())
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

    /// Each byte encoded by itself.
    fn each(data: &[u8], encode: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
        data.chunks(1).flat_map(encode).collect()
    }

    /// Blocks as HDF5's filters for LZ4 and bitshuffle frame them: as they were, or as literals of LZ4.
    fn blocks(data: &[u8], len: u8, are_stored: bool) -> Vec<u8> {
        let block = |block: &[u8]| {
            let len = u8::try_from(block.len()).unwrap();
            let token = if are_stored { vec![] } else { vec![len << 4] };
            [&(u32::from(len) + u32::from(!are_stored)).to_be_bytes(), token.as_slice(), block].concat()
        };
        let head = [(data.len() as u64).to_be_bytes().as_slice(), &u32::from(len).to_be_bytes()].concat();
        head.into_iter().chain(data.chunks(len.into()).flat_map(block)).collect()
    }

    fn blosc_of_bytes(data: &[u8]) -> Vec<u8> {
        let count = u32::try_from(data.len()).unwrap();
        let mut chunk = vec![2, 1, 16, 1];
        chunk.extend([count, 1, 16 + 9 * count].into_iter().flat_map(u32::to_le_bytes));
        chunk.extend((0..count).flat_map(|block| (16 + 4 * count + 5 * block).to_le_bytes()));
        chunk.extend(data.iter().flat_map(|byte| [1, 0, 0, 0, *byte]));
        chunk
    }

    fn flushed_zlib(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        for byte in data {
            encoder.write_all(&[*byte]).unwrap();
            encoder.flush().unwrap();
        }
        encoder.finish().unwrap()
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(data: &[u8]) -> Vec<u8> {
        let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        ::zstd::bulk::compress(data, 1).unwrap()
    }

    /// `encoded`, the last stage of which is made by `last`, is decoded whatever came behind it.
    fn check_behind_others(last: impl Fn() -> Stage, data: &[u8], encoded: &[u8]) {
        let name = last().name();
        assert!(encoded.len() > data.len() * 5 / 4, "{name}: it is longer than its data");
        let checksum = || Stage::Checksum(Checksum { algorithm: Algorithm::Fletcher32, place: Place::End });
        let summed = [encoded, &fletcher32(encoded).to_le_bytes()].concat();
        let (zipped, both) = (zlib(encoded, 1), zlib(&summed, 1));
        for len in [DecodedLen::Exactly(data.len()), DecodedLen::AtMost(data.len())] {
            assert!(decode(vec![last(), checksum()], &summed, len).unwrap() == data, "{name}, checksum");
            assert!(decode(vec![last(), Deflate::Zlib.into()], &zipped, len).unwrap() == data, "{name}, zlib");
            let stages = vec![last(), checksum(), Deflate::Zlib.into()];
            assert!(decode(stages, &both, len).unwrap() == data, "{name}, checksum, zlib");
        }
    }

    #[test]
    fn chunks_in_the_shortest_frames_are_decoded_behind_whatever_came_next() {
        // Zeros, of which the bits are the same however they are shuffled.
        let data = vec![0; 20_000];
        for (len, are_stored) in [(1, true), (3, true), (1, false), (3, false)] {
            check_behind_others(|| Hdf5Lz4.into(), &data, &blocks(&data, len, are_stored));
        }
        check_behind_others(|| Bitshuffle::new(1, 8, Inner::Lz4).unwrap().into(), &data, &blocks(&data, 8, false));
        check_behind_others(|| Lzf.into(), &data, &each(&data, |byte| [&[0], byte].concat()));
        check_behind_others(|| Blosc.into(), &data, &blosc_of_bytes(&data));
        check_behind_others(|| Zstd.into(), &data, &each(&data, zstd));
        let skippable = [&0x184d_2a50_u32.to_le_bytes()[..], &9000_u32.to_le_bytes(), &[7; 9000]].concat();
        check_behind_others(|| Zstd.into(), &data[..5000], &[&skippable, &zstd(&data[..5000])[..]].concat());
        check_behind_others(|| Deflate::Zlib.into(), &data, &flushed_zlib(&data));
        check_behind_others(|| Deflate::Gzip.into(), &data[..5000], &each(&data[..5000], gzip));
        // Each stream takes a millisecond.
        check_behind_others(|| Bzip2.into(), &data[..2000], &each(&data[..2000], bzip2));
    }

    fn fletcher32(data: &[u8]) -> u32 {
        let (mut a, mut b) = (0, 0);
        for word in data.chunks(2) {
            a = (a + (u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or_default()))) % 65_535;
            b = (a + b) % 65_535;
        }
        b << 16 | a
    }

    /// Something long for each codec, and what it decodes to in bytes.
    fn long_work() -> Vec<(Box<dyn Codec>, Vec<u8>, usize)> {
        const LEN: usize = 4 << 20;
        let zeros = || vec![0; LEN];
        let size = |size| NonZeroUsize::new(size).unwrap();
        let of = |text: &str| NumpyType::parse(text).unwrap();
        let as_type = |from, to| AsType { encoded: of(from), decoded: of(to) };
        let lz4 = |data: &[u8]| ::lz4::block::compress(data, None, true).unwrap();
        let long_lz4 = lz4(&(0..5_u64 << 19).flat_map(u64::to_le_bytes).collect::<Vec<_>>());
        let cast = CastValue {
            dtypes: as_type("<i4", "<f4"),
            rounding: Rounding::default(),
            out_of_range: OutOfRange::Clamp,
            map: vec![],
        };
        let transpose =
            |shape: Vec<usize>| Transpose { order: (0..shape.len()).rev().collect(), shape, element_size: 1 };
        vec![
            (Box::new(Shuffle { element_size: size(4), is_whole: true }), zeros(), LEN),
            (Box::new(Shuffle { element_size: size(1000), is_whole: false }), zeros(), LEN),
            (Box::new(transpose(vec![2; 22])), zeros(), LEN),
            (Box::new(transpose(vec![LEN / 2, 2])), zeros(), LEN),
            (Box::new(as_type("<i4", ">i4")), zeros(), LEN),
            (Box::new(as_type("<i2", "<f8")), zeros(), 4 * LEN),
            (Box::new(Delta { numbers: of("<i8") }), zeros(), LEN),
            (Box::new(LinearScale::new(of("<f4"), Number::Integer(2), Number::Integer(1)).unwrap()), zeros(), LEN),
            (Box::new(cast), zeros(), LEN),
            (Box::new(PackBits), vec![0; LEN / 8 + 1], LEN),
            (Box::new(Bitshuffle::new(4, LEN / 4, Inner::None).unwrap()), zeros(), LEN),
            (Box::new(Zstd), zstd(&zeros()), LEN),
            (Box::new(Bzip2), bzip2(&vec![0; LEN]), LEN),
            (Box::new(Lz4), long_lz4, 20 << 20),
            (Box::new(Lzf), [vec![0, 0], [0xe0, 0xff, 0].repeat(LEN / 264)].concat(), LEN / 264 * 264 + 1),
            (
                Box::new(Nbit::new(&[8, 0, 1 << 20, 1, 4, 0, 13, 3], Kind::Signed).unwrap()),
                vec![0; (13 << 20) / 8 + 1],
                LEN,
            ),
        ]
    }

    #[test]
    fn every_codec_looks_whether_somebody_waits() {
        for (codec, encoded, len) in long_work() {
            let name = codec.name();
            let (mut decoded, cancellation) = (vec![0; len], Cancellation::never());
            assert_eq!(codec.decode(&encoded, &mut decoded, &cancellation).unwrap(), len, "{name}");
            assert!(cancellation.looks() >= len >> 20, "{name}: once for each MiB");
            let (cancellation, waiting) = Cancellation::with_waiting();
            drop(waiting);
            assert!(matches!(codec.decode(&encoded, &mut decoded, &cancellation), Err(Fault::Cancelled)), "{name}");
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
        let (inner, checksum) = (zlib(&data, 6), Checksum { algorithm: Algorithm::Adler32, place: Place::Start });
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
