//! Chunks that are read together: neighbours in the grid, by one request where they lie near each other in an object.

use super::{
    layout::{ChunkPlace, Layout},
    spans::{Span, Spans},
};
use crate::array::Pick;

/// How chunks are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes between two chunks that are read in vain, rather than by two requests.
    pub gap: u64,
    /// Bytes of the longest range of several chunks.
    pub longest_range: u64,
    /// Requests for one variable at one time.
    pub at_once: usize,
    /// Chunks that one question may touch.
    pub chunks: usize,
}

/// Chunks of one group, whether they are written or not: more are not looked at in one go.
pub(super) const MOST_CHUNKS: usize = 256;

/// Chunks that are passed over in one go, since nothing has to be known of them.
const MOST_PASSED: u64 = 1 << 16;

/// Decoded bytes of a group: some 10 ms of work, so that others have their turns.
const MOST_DECODED: u64 = 16 << 20;

/// The chunks that a question touches, in the order of the grid.
#[derive(Debug)]
pub(super) struct Parts {
    /// For each dimension, what is picked of which chunk.
    pub(super) spans: Vec<Spans>,
    len: usize,
}

/// One chunk, and what is picked of it.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its position in the grid.
    pub(super) position: Vec<u64>,
    /// For each dimension, the number of its span.
    pub(super) spans: Vec<usize>,
    /// Where its bytes are.
    pub(super) bytes: PartBytes,
}

/// Where the bytes of a part are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartBytes {
    /// It was never written.
    Nowhere,
    /// In the description of the variable.
    Inline,
    /// In a range of its group.
    Fetched {
        /// The number of the range.
        range: usize,
        /// Its first byte there.
        start: usize,
        /// How many bytes it takes.
        len: usize,
        /// The filters that were skipped.
        filter_mask: u32,
    },
}

/// Bytes of an object that are read by one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupRange {
    pub(super) object: usize,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// Chunks that are read and folded together, in the order of the grid.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) parts: Vec<Part>,
    pub(super) ranges: Vec<GroupRange>,
    /// Chunks that were never written, of which nothing has to be known.
    pub(super) passed: u64,
    /// Bytes of what is known of the parts, once it is.
    pub(super) found: u64,
}

/// How much a group may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupLimits {
    /// Bytes to be read.
    pub(super) encoded: u64,
    /// Bytes of what is known of the parts.
    pub(super) found: u64,
    /// Chunks.
    pub(super) chunks: usize,
    /// Whether chunks that were never written change nothing.
    pub(super) passes_unwritten: bool,
}

impl GroupLimits {
    /// Most bytes of all ranges, what is read in vain included.
    pub(super) const fn longest(&self) -> u64 {
        self.encoded.saturating_mul(2)
    }
}

impl Parts {
    /// Those that are picked. They may be more than anybody waits for.
    pub(super) fn new(picks: &[Pick], chunk_shape: &[u64]) -> Self {
        let spans: Vec<_> = picks.iter().zip(chunk_shape).map(|(pick, &chunk)| Spans::new(pick, chunk)).collect();
        let len = spans.iter().fold(1_usize, |len, spans| len.saturating_mul(spans.len()));
        Self { spans, len }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// What is picked of each dimension of a part.
    pub(super) fn spans_of<'a>(&'a self, part: &'a Part) -> impl Iterator<Item = Span> + 'a {
        self.spans.iter().zip(&part.spans).filter_map(|(spans, &number)| spans.get(number))
    }

    /// The part of this number.
    fn part(&self, number: usize) -> (Vec<usize>, Vec<u64>) {
        let (mut numbers, mut rest) = (vec![0; self.spans.len()], number);
        for (number, spans) in numbers.iter_mut().zip(&self.spans).rev() {
            let len = spans.len().max(1);
            *number = rest % len;
            rest /= len;
        }
        let position = self.spans.iter().zip(&numbers).filter_map(|(spans, &number)| spans.get(number));
        let position = position.map(|span| span.chunk).collect();
        (numbers, position)
    }

    /// Most positions of a part along dimensions that are kept.
    pub(super) fn largest(&self, kept: &[bool]) -> u64 {
        let axes = self.spans.iter().zip(kept).filter(|(_, kept)| **kept);
        axes.fold(1, |len, (spans, _)| len.saturating_mul(spans.largest() as u64))
    }

    /// Most results of a part.
    pub(super) fn most_results(&self, of: &ResultsOf) -> u64 {
        self.largest(&of.kept).saturating_mul(of.groups.min(self.largest(&of.grouped)))
    }

    /// Most results of the part that has the spans of these numbers.
    fn results(&self, numbers: &[usize], of: &ResultsOf) -> u64 {
        let positions = |dims: &[bool]| {
            let axes = self.spans.iter().zip(numbers).zip(dims).filter(|(_, is)| **is);
            axes.fold(1, |len: u64, ((spans, &number), _)| {
                len.saturating_mul(spans.get(number).map_or(0, |span| span.picked.len() as u64))
            })
        };
        positions(&of.kept).saturating_mul(of.groups.min(positions(&of.grouped)))
    }
}

/// Which results there are of a part: one for each position along some dimensions, and for each group of those along others.
#[derive(Clone, Debug)]
pub(super) struct ResultsOf {
    /// For each dimension, whether results have it.
    pub(super) kept: Vec<bool>,
    /// For each dimension, whether groups go over it.
    pub(super) grouped: Vec<bool>,
    /// How many groups there are.
    pub(super) groups: u64,
}

impl ResultsOf {
    /// Of one for each position along dimensions that are kept.
    pub(super) fn kept(kept: Vec<bool>) -> Self {
        Self { grouped: vec![false; kept.len()], kept, groups: 1 }
    }
}

/// Groups of parts, one after the other.
#[derive(Debug)]
pub(super) struct Grouping {
    /// Which results there are.
    pub(super) results: ResultsOf,
    /// Bytes of what is known of one result.
    pub(super) bytes_per_result: u64,
    pub(super) limits: ReadLimits,
    next: usize,
}

impl Grouping {
    pub(super) const fn new(results: ResultsOf, bytes_per_result: u64, limits: ReadLimits) -> Self {
        Self { results, bytes_per_result, limits, next: 0 }
    }

    /// The next group, of one chunk at least; None when all have been in one.
    pub(super) fn next(&mut self, parts: &Parts, layout: &Layout, limits: GroupLimits) -> Option<Group> {
        if self.next == parts.len() {
            return None;
        }
        let (mut group, mut wanted) = (Group::default(), Vec::new());
        let (mut encoded, mut decoded) = (0_u64, 0_u64);
        while self.next < parts.len() {
            let (spans, position) = parts.part(self.next);
            let number = layout.grid.number(&position)?;
            let place = layout.find(number, &position);
            if place == ChunkPlace::Nowhere && limits.passes_unwritten {
                group.passed += 1;
                self.next += 1;
                if group.passed >= MOST_PASSED {
                    break;
                }
                continue;
            }
            let size = if let ChunkPlace::Stored { size, .. } = place { size } else { 0 };
            encoded = encoded.saturating_add(size);
            let found = parts.results(&spans, &self.results).saturating_mul(self.bytes_per_result);
            let found = group.found.saturating_add(found);
            decoded = decoded.saturating_add(layout.decoded_len());
            let is_full = encoded > limits.encoded || found > limits.found || decoded > MOST_DECODED;
            if !group.parts.is_empty() && (is_full || group.parts.len() >= limits.chunks) {
                break;
            }
            if let ChunkPlace::Stored { object, offset, size, filter_mask } = place {
                wanted.push(Wanted { part: group.parts.len(), object, offset, size, filter_mask });
            }
            let bytes = if place == ChunkPlace::Inline { PartBytes::Inline } else { PartBytes::Nowhere };
            group.found = found;
            group.parts.push(Part { position, spans, bytes });
            self.next += 1;
        }
        group.read(wanted, self.limits, limits.longest());
        Some(group)
    }
}

/// Bytes that a part needs.
struct Wanted {
    part: usize,
    object: usize,
    offset: u64,
    size: u64,
    filter_mask: u32,
}

impl Group {
    /// Makes ranges of what is wanted, and tells each part where it is.
    fn read(&mut self, mut wanted: Vec<Wanted>, limits: ReadLimits, longest: u64) {
        let mut left_in_vain =
            longest.saturating_sub(wanted.iter().fold(0, |len: u64, wanted| len.saturating_add(wanted.size)));
        wanted.sort_unstable_by_key(|wanted| (wanted.object, wanted.offset));
        for Wanted { part, object, offset, size, filter_mask } in wanted {
            let end = offset.saturating_add(size);
            let gap = |range: &GroupRange| offset.saturating_sub(range.offset.saturating_add(range.len));
            let is_near = |range: &&mut GroupRange| {
                range.object == object
                    && gap(range) <= limits.gap.min(left_in_vain)
                    && end.saturating_sub(range.offset) <= limits.longest_range.max(range.len)
            };
            let start = if let Some(range) = self.ranges.last_mut().filter(is_near) {
                left_in_vain = left_in_vain.saturating_sub(gap(range));
                range.len = range.len.max(end.saturating_sub(range.offset));
                offset.saturating_sub(range.offset)
            } else {
                self.ranges.push(GroupRange { object, offset, len: size });
                0
            };
            let bytes = PartBytes::Fetched {
                range: self.ranges.len().saturating_sub(1),
                start: usize::try_from(start).unwrap_or(usize::MAX),
                len: usize::try_from(size).unwrap_or(usize::MAX),
                filter_mask,
            };
            if let Some(part) = self.parts.get_mut(part) {
                part.bytes = bytes;
            }
        }
    }

    /// Chunks that were written.
    pub(super) fn written(&self) -> u64 {
        self.parts.iter().filter(|part| part.bytes != PartBytes::Nowhere).count() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        array::{ByteOrder, DType, Order},
        index::{ChunkTable, ElementType, Grid, Stored, StoredChunk, Variable},
    };

    /// An array of so many chunks of one element, of which some are stored at these distances from each other.
    fn layout(chunks: &[Option<(u64, u64)>]) -> Layout {
        let shape = vec![chunks.len() as u64];
        let (mut end, mut stored) = (0, Vec::new());
        for (number, chunk) in chunks.iter().enumerate() {
            if let Some((gap, size)) = *chunk {
                stored.push(StoredChunk { number: number as u64, offset: end + gap, size, filter_mask: 0 });
                end += gap + size;
            }
        }
        let grid = Grid::new(&shape, &[1]).unwrap();
        let variable = Variable {
            dims: vec!["x".to_owned()],
            shape,
            elements: ElementType::Number { dtype: DType::Int8, byte_order: ByteOrder::NATIVE },
            order: Order::C,
            stored: Stored::Chunks { shape: vec![1] },
            filters: Vec::new(),
            fill_value: None,
            attributes: Vec::new(),
            obstacle: None,
        };
        Layout::new(Arc::new(variable), Arc::new(ChunkTable::new(stored, &grid, end).unwrap()), None, Vec::new())
            .unwrap()
    }

    fn all_groups(chunks: &[Option<(u64, u64)>], limits: ReadLimits, group: GroupLimits) -> Vec<Group> {
        let (layout, pick) = (layout(chunks), Pick::Slice { first: 0, step: 1, len: chunks.len() });
        let parts = Parts::new(&[pick], &[1]);
        let mut grouping = Grouping::new(ResultsOf::kept(vec![true]), 10, limits);
        std::iter::from_fn(|| grouping.next(&parts, &layout, group)).collect()
    }

    fn chunks() -> impl Strategy<Value = Vec<Option<(u64, u64)>>> {
        prop::collection::vec(prop::option::weighted(0.8, (0..50_u64, 1..40_u64)), 0..60)
    }

    proptest! {
        #[test]
        fn each_chunk_is_in_one_group_and_finds_its_bytes_in_a_range(
            chunks in chunks(),
            (gap, longest_range) in (0..60_u64, 1..200_u64),
            (encoded, found, most) in (40..200_u64, 10..100_u64, 1..20_usize),
            passes_unwritten: bool,
        ) {
            let limits = ReadLimits { gap, longest_range, at_once: 16, chunks: 1000 };
            let of_group = GroupLimits { encoded, found, chunks: most, passes_unwritten };
            let groups = all_groups(&chunks, limits, of_group);
            let layout = layout(&chunks);
            let mut seen = Vec::new();
            for group in &groups {
                let (mut stored, mut one) = (0, 0);
                for part in &group.parts {
                    let number = part.position[0];
                    seen.push(number);
                    match (layout.find(number, &part.position), part.bytes) {
                        (ChunkPlace::Nowhere, PartBytes::Nowhere) => prop_assert!(!passes_unwritten),
                        (ChunkPlace::Stored { offset, size, .. }, PartBytes::Fetched { range, start, len, .. }) => {
                            let range = group.ranges[range];
                            prop_assert_eq!((range.offset + start as u64, len as u64), (offset, size));
                            prop_assert!(start as u64 + size <= range.len);
                            (stored, one) = (stored + size, one.max(size));
                        }
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
                prop_assert!(group.parts.len() <= most && (group.parts.len() == 1 || stored <= encoded));
                prop_assert!(group.parts.len() <= 1 || group.found <= found);
                prop_assert!(group.ranges.iter().map(|range| range.len).sum::<u64>() <= of_group.longest().max(stored), "what is read in vain is bounded");
                prop_assert!(group.ranges.iter().all(|range| range.len <= longest_range.max(one)));
            }
            let written = |number: &u64| chunks[usize::try_from(*number).unwrap()].is_some();
            let expected: Vec<u64> = (0..chunks.len() as u64).filter(|number| !passes_unwritten || written(number)).collect();
            let passed = groups.iter().map(|group| group.passed).sum::<u64>();
            prop_assert_eq!(seen.len() as u64 + passed, chunks.len() as u64);
            prop_assert_eq!(seen, expected, "in the order of the grid");
        }
    }

    #[test]
    fn neighbours_are_read_by_one_request_and_others_are_not() {
        let limits = ReadLimits { gap: 10, longest_range: 1000, at_once: 16, chunks: 1000 };
        let of_group = GroupLimits { encoded: 1000, found: 1000, chunks: 100, passes_unwritten: true };
        let groups = all_groups(&[Some((0, 20)), Some((10, 20)), None, Some((11, 5)), Some((0, 5))], limits, of_group);
        let range = |offset, len| GroupRange { object: 0, offset, len };
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].ranges, [range(0, 50), range(61, 10)]);
    }
}
