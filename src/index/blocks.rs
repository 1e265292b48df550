//! What has been fetched of an object, and what a parser finds missing.
//!
//! Parsers are functions of the bytes that are there. One that comes to bytes that are not notes them, goes on where it can,
//! and stops in the end; its caller fetches all that was noted at once and calls it again. So the number of round trips is
//! that of references followed one after the other, not that of structures.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::error::IndexError;

/// Bytes of a block: objects are read in blocks that begin at multiples of this, of which the last may be shorter. Nodes of the trees of
/// HDF5 have two to eight KiB, and lie among the chunks.
pub const BLOCK_LEN: u64 = 16 << 10;

/// Blocks of the first read, when nothing is known but that there is an object: what many objects say of themselves is there.
const FIRST_BLOCKS: u64 = 4;

/// The most that one structure of an index may take in one piece, in bytes: they take kilobytes, where the file is sound.
const MAX_READ: u64 = 8 << 20;

/// How often what may be held may be gone through for one answer: what bounds its time, and the memory that it takes.
const PASSES: u64 = 8;

/// How much may be read, and held, for the index of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rounds of fetching, one after the other, for one answer.
    pub rounds: usize,
    /// Bytes of blocks that are held.
    pub bytes: u64,
    /// Chunks of a variable, and nodes of their index.
    pub chunks: u64,
    /// Groups, variables and attributes of an object.
    pub objects: usize,
}

impl Default for Limits {
    /// 64 rounds, 64 MiB, 4 million chunks and 100,000 objects.
    fn default() -> Self {
        Self { rounds: 64, bytes: 64 << 20, chunks: 4_000_000, objects: 100_000 }
    }
}

/// Where a parser has got to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<T> {
    /// It has found what it was asked for.
    Done(T),
    /// It needs these byte ranges, which begin at multiples of [`BLOCK_LEN`] and do not touch each other.
    Missing(Vec<Range<u64>>),
}

/// Why a parser stopped.
#[derive(Debug)]
pub(super) enum Halt {
    /// Some of the bytes that it needs are not there; they have been noted.
    Missing,
    /// It cannot go on.
    Failed(IndexError),
}

impl From<IndexError> for Halt {
    fn from(error: IndexError) -> Self {
        Self::Failed(error)
    }
}

/// What a parser found, or why it stopped.
pub(super) type Parsed<T> = Result<T, Halt>;

/// All of these: everything is looked at, so that all that is missing is noted.
pub(super) fn all<T>(parsed: impl Iterator<Item = Parsed<T>>) -> Parsed<Vec<T>> {
    let (mut found, mut is_missing) = (Vec::new(), false);
    for item in parsed {
        match item {
            Ok(item) => found.push(item),
            Err(Halt::Missing) => is_missing = true,
            Err(failed) => return Err(failed),
        }
    }
    if is_missing { Err(Halt::Missing) } else { Ok(found) }
}

/// The blocks of an object that have been fetched.
#[derive(Debug)]
pub struct Blocks {
    limits: Limits,
    len: Option<u64>,
    fetched: BTreeMap<u64, Box<[u8]>>,
    asked: BTreeSet<u64>,
    rounds: usize,
    /// Rounds since the last answer.
    rounds_now: usize,
    /// Bytes gone through since the last answer.
    read: u64,
}

impl Blocks {
    /// None so far.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, len: None, fetched: BTreeMap::new(), asked: BTreeSet::new(), rounds: 0, rounds_now: 0, read: 0 }
    }

    /// The limits that it keeps to.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Rounds of fetching that have been asked for.
    #[must_use]
    pub const fn rounds(&self) -> usize {
        self.rounds
    }

    /// Length of the object, once something of it has come.
    #[must_use]
    pub const fn object_len(&self) -> Option<u64> {
        self.len
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.fetched.values().fold(0, |sum, block| sum.saturating_add(len_of(block)))
    }

    /// Keeps bytes of the object, which is `object_len` bytes long, from `offset` on: whole blocks, or up to its end.
    /// An offset that is no multiple of [`BLOCK_LEN`], and a rest that is no whole block, are passed over.
    ///
    /// # Errors
    /// If the object has changed its length, or more is held than the limit allows.
    pub fn insert(&mut self, offset: u64, bytes: &[u8], object_len: u64) -> Result<(), IndexError> {
        if self.len.is_some_and(|len| len != object_len) {
            return Err(IndexError::malformed("its length", None, "it changed while the object was read"));
        }
        self.len = Some(object_len);
        if !offset.is_multiple_of(BLOCK_LEN) {
            return Ok(());
        }
        let (mut at, mut held) = (offset, self.held_bytes());
        for block in bytes.chunks(usize::try_from(BLOCK_LEN).unwrap_or(usize::MAX)) {
            if len_of(block) != BLOCK_LEN.min(object_len.saturating_sub(at)) {
                break;
            }
            if !self.fetched.contains_key(&(at / BLOCK_LEN)) {
                held = held.saturating_add(len_of(block));
                self.check_held(held)?;
                self.fetched.insert(at / BLOCK_LEN, block.into());
            }
            at = at.saturating_add(BLOCK_LEN);
        }
        Ok(())
    }

    /// Runs a parser over what there is.
    ///
    /// # Errors
    /// Those of the parser; or if it asks for what did not come, or more than the limits allow.
    pub(super) fn step<T>(&mut self, parse: impl FnOnce(&View<'_>) -> Parsed<T>) -> Result<Step<T>, IndexError> {
        let Some(len) = self.len else { return self.ask((0..FIRST_BLOCKS).collect()) };
        let view = View { blocks: self, len, missing: RefCell::default(), read: Cell::new(self.read) };
        match parse(&view) {
            Ok(found) => {
                (self.rounds_now, self.read) = (0, 0);
                Ok(Step::Done(found))
            }
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::Missing) => {
                let (missing, read) = (view.missing.into_inner(), view.read.get());
                self.read = read;
                self.ask(missing)
            }
        }
    }

    fn ask<T>(&mut self, missing: BTreeSet<u64>) -> Result<Step<T>, IndexError> {
        let ranges = merged(&missing, self.len.unwrap_or(u64::MAX));
        if let (Some(first), true) = (ranges.first(), missing.is_subset(&self.asked)) {
            return Err(IndexError::Unanswered { start: first.start, end: first.end });
        }
        (self.rounds, self.rounds_now) = (self.rounds.saturating_add(1), self.rounds_now.saturating_add(1));
        if self.rounds_now > self.limits.rounds {
            let limit = u64::try_from(self.limits.rounds).unwrap_or(u64::MAX);
            return Err(IndexError::TooLarge {
                what: "the number of rounds in which the index is read".to_owned(),
                limit,
            });
        }
        let more = ranges.iter().fold(0_u64, |sum, range| sum.saturating_add(range.end.saturating_sub(range.start)));
        self.check_held(self.held_bytes().saturating_add(more))?;
        self.asked.extend(missing);
        Ok(Step::Missing(ranges))
    }

    fn check_held(&self, bytes: u64) -> Result<(), IndexError> {
        let limit = self.limits.bytes;
        if bytes <= limit {
            return Ok(());
        }
        Err(IndexError::TooLarge { what: "the size of the index in bytes".to_owned(), limit })
    }
}

/// Blocks as byte ranges, neighbours as one.
fn merged(blocks: &BTreeSet<u64>, object_len: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::<Range<u64>>::new();
    for block in blocks {
        let start = block.saturating_mul(BLOCK_LEN);
        let end = start.saturating_add(BLOCK_LEN).min(object_len.max(start));
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    ranges
}

fn len_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// What one step of a parser sees of the blocks, and notes as missing.
#[derive(Debug)]
pub(super) struct View<'a> {
    blocks: &'a Blocks,
    len: u64,
    missing: RefCell<BTreeSet<u64>>,
    read: Cell<u64>,
}

impl View<'_> {
    /// Length of the object in bytes.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    pub(super) const fn limits(&self) -> Limits {
        self.blocks.limits
    }

    /// These bytes of the object.
    ///
    /// # Errors
    /// If some are missing, are too many for a structure of an index, or lie beyond the end of the object.
    pub(super) fn read(&self, offset: u64, len: u64) -> Parsed<Vec<u8>> {
        if len > MAX_READ {
            let what = format!("the size of the structure at byte {offset}, {len} bytes,");
            return Err(IndexError::TooLarge { what, limit: MAX_READ }.into());
        }
        let end = offset.checked_add(len).filter(|&end| end <= self.len).ok_or_else(|| {
            let problem = format!("{len} bytes there lie beyond the end of the object, which has {}", self.len);
            IndexError::malformed("what should be read", offset, problem)
        })?;
        self.spend(len)?;
        self.note_missing(offset, end)?;
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        let mut at = offset;
        while at < end {
            let block = self.blocks.fetched.get(&(at / BLOCK_LEN)).ok_or(Halt::Missing)?;
            let (start, stop) = (at % BLOCK_LEN, len_of(block).min(at % BLOCK_LEN + (end - at)));
            let part = usize::try_from(start).ok().zip(usize::try_from(stop).ok()).and_then(|(a, b)| block.get(a..b));
            let part = part.filter(|part| !part.is_empty()).ok_or(Halt::Missing)?;
            bytes.extend_from_slice(part);
            at = at.saturating_add(len_of(part));
        }
        Ok(bytes)
    }

    /// These bytes, or as many of them as there are before the end of the object.
    ///
    /// # Errors
    /// As [`read`](Self::read); an offset beyond the end is none.
    pub(super) fn read_up_to(&self, offset: u64, len: u64) -> Parsed<Vec<u8>> {
        self.read(offset, len.min(self.len.saturating_sub(offset)))
    }

    fn note_missing(&self, offset: u64, end: u64) -> Parsed<()> {
        let blocks = offset / BLOCK_LEN..end.div_ceil(BLOCK_LEN);
        let missing: Vec<_> = blocks.filter(|block| !self.blocks.fetched.contains_key(block)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.missing.borrow_mut().extend(missing);
        Err(Halt::Missing)
    }

    /// Counts what is read and copied, so that references to one and the same place, many times over, come to an end.
    pub(super) fn spend(&self, bytes: u64) -> Parsed<()> {
        let limit = self.blocks.limits.bytes.saturating_mul(PASSES);
        self.read.set(self.read.get().saturating_add(bytes));
        if self.read.get() <= limit {
            return Ok(());
        }
        Err(IndexError::TooLarge { what: "the number of bytes gone through for one answer".to_owned(), limit }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Limits {
        Limits { rounds: 3, bytes: 4 * BLOCK_LEN, ..Limits::default() }
    }

    fn object(blocks: u8, rest: usize) -> Vec<u8> {
        let len = usize::try_from(BLOCK_LEN).unwrap();
        (0..blocks).flat_map(|block| vec![block; len]).chain(vec![blocks; rest]).collect()
    }

    fn fetch(blocks: &mut Blocks, object: &[u8], range: &Range<u64>) {
        let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
        blocks.insert(range.start, &object[start..end.min(object.len())], len_of(object)).unwrap();
    }

    #[test]
    fn what_is_missing_is_asked_for_at_once_and_neighbours_as_one() {
        let (object, mut blocks) = (object(9, 10), Blocks::new(Limits::default()));
        let reads = |view: &View<'_>| {
            all([(5 * BLOCK_LEN - 1, 2), (8 * BLOCK_LEN, 3), (9 * BLOCK_LEN + 2, 8)]
                .iter()
                .map(|&(at, len)| view.read(at, len)))
        };
        let Step::Missing(first) = blocks.step(reads).unwrap() else { panic!("nothing is there") };
        assert_eq!((first.len(), &first[0]), (1, &(0..FIRST_BLOCKS * BLOCK_LEN)));
        fetch(&mut blocks, &object, &first[0]);
        let Step::Missing(ranges) = blocks.step(reads).unwrap() else { panic!("more is needed") };
        assert_eq!(ranges, [4 * BLOCK_LEN..6 * BLOCK_LEN, 8 * BLOCK_LEN..9 * BLOCK_LEN + 10]);
        for range in &ranges {
            fetch(&mut blocks, &object, range);
        }
        assert_eq!(blocks.step(reads).unwrap(), Step::Done(vec![vec![4, 5], vec![8; 3], vec![9; 8]]));
        assert_eq!((blocks.rounds(), blocks.held_bytes()), (2, 7 * BLOCK_LEN + 10));
    }

    #[test]
    fn steps_that_get_nothing_new_or_ask_for_too_much_end() {
        let mut blocks = Blocks::new(small());
        assert!(matches!(blocks.step(|view| view.read(0, 1)), Ok(Step::Missing(_))));
        let again = blocks.step(|view| view.read(0, 1));
        assert_eq!(again, Err(IndexError::Unanswered { start: 0, end: FIRST_BLOCKS * BLOCK_LEN }));
        blocks.insert(0, &object(1, 0), 10 * BLOCK_LEN).unwrap();
        assert!(matches!(blocks.step(|view| view.read(0, 5 * BLOCK_LEN)), Err(IndexError::TooLarge { .. })));
        let mut rounds = Blocks::new(Limits { bytes: 1 << 30, ..small() });
        rounds.insert(0, &object(1, 0), 10 * BLOCK_LEN).unwrap();
        let mut asked = (1..10).map(|block| rounds.step(move |view| view.read(block * BLOCK_LEN, 1)));
        assert!(matches!(asked.nth(3), Some(Err(IndexError::TooLarge { .. }))));
    }

    #[test]
    fn reads_beyond_the_end_and_endless_ones_are_refused() {
        let (object, mut blocks) = (object(1, 7), Blocks::new(small()));
        fetch(&mut blocks, &object, &(0..BLOCK_LEN + 7));
        assert!(matches!(blocks.step(|view| view.read(BLOCK_LEN, 8)), Err(IndexError::Malformed { .. })));
        assert!(matches!(blocks.step(|view| view.read(u64::MAX, 8)), Err(IndexError::Malformed { .. })));
        assert!(matches!(blocks.step(|view| view.read(0, u64::MAX)), Err(IndexError::TooLarge { .. })));
        assert_eq!(blocks.step(|view| view.read_up_to(BLOCK_LEN + 5, 8)).unwrap(), Step::Done(vec![1, 1]));
        let forever = |view: &View<'_>| loop {
            view.read(0, BLOCK_LEN)?;
        };
        assert!(matches!(blocks.step::<()>(forever), Err(IndexError::TooLarge { .. })));
        assert!(blocks.insert(0, &[], 3).is_err(), "another length");
    }
}
