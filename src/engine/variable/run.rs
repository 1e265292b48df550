//! The chunks of a variable, several groups at a time: fetch → decode → fold, and merged in the order of the grid.
//!
//! A request always has memory for one group. It takes more for others as long as there is some to spare, so that requests never
//! wait for each other with memory in their hands.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{StreamExt, future::try_join_all, stream::FuturesOrdered};
use tokio::sync::Semaphore;

use super::{
    answer::ReadSummary,
    groups::{Group, GroupLimits, GroupRange, Grouping, MOST_CHUNKS, Parts},
    layout::Decoding,
    reading::Reading,
    work::{Located, Work},
};
use crate::{
    codec::DecodedLen,
    engine::{Engine, error::OperationError},
    error::ActiveStorageError,
    reduce::{Partial, Question, scratch_units},
    resources::{Budget, Cancellation, Effort, SharedBytes, memory_units},
    source::Range,
};

/// Bytes of a group, where chunks are smaller.
const GROUP_LEN: u64 = 1 << 20;

/// Bytes of what is known of the parts of a group, where that of one part is less.
const FOUND_LEN: u64 = 1 << 20;

/// Buffers of what is known of a part, or of its elements and what they are unpacked to: each takes a whole number of units.
pub(super) fn buffers(question: &Question) -> usize {
    Partial::buffers(question).max(2)
}

/// Bytes that are merged so fast that nobody notices.
const SHORT_MERGE: u64 = 64 << 10;

/// What is made of each chunk, and of all.
pub(super) trait Goal: Send + Sync + 'static {
    /// What is known of a part.
    type Found: Send + 'static;
    /// What is known of all.
    type Whole: Send + 'static;

    /// What is known of each chunk of a group.
    fn find(
        &self,
        work: &Work,
        parts: &Parts,
        group: &Group,
        ranges: &[SharedBytes],
        budget: &mut Budget,
    ) -> Result<Vec<Located<Self::Found>>, ActiveStorageError>;

    /// Merges what is known of a part, whose memory goes back to the budget.
    fn merge(
        &self,
        whole: &mut Self::Whole,
        found: Located<Self::Found>,
        budget: &mut Budget,
    ) -> Result<(), ActiveStorageError>;
}

/// What groups take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// Units of what is done with one chunk.
    chunk_units: usize,
    /// Buffers of what is known of one part.
    buffers: usize,
    limits: GroupLimits,
    /// Units of the largest group.
    pub(super) units: usize,
}

impl Needs {
    /// What groups of a variable need, of which a chunk takes at most so many bytes for what is known of it, and for copies
    /// beside the decoded one. Where that is more than `most` units, groups are of one chunk each.
    pub(super) fn new(work: &Work, (found, copies): (u64, u64), passes_unwritten: bool, most: usize) -> Self {
        let several = GroupLimits { encoded: GROUP_LEN, found: FOUND_LEN, chunks: MOST_CHUNKS, passes_unwritten };
        let one = GroupLimits { encoded: 0, found: 0, chunks: 1, passes_unwritten };
        let [several, one] = [several, one].map(|limits| Self::of(work, found, copies, limits));
        if several.units <= most { several } else { one }
    }

    fn of(work: &Work, found: u64, copies: u64, limits: GroupLimits) -> Self {
        let (stored, decoded) = (work.layout.largest_stored(), work.layout.decoded_len());
        let (encoded, found) = (limits.encoded.max(stored), limits.found.max(found));
        let limits = GroupLimits { encoded, found, ..limits };
        let peak = |decoding: &Decoding| {
            decoding.pipeline.peak_units(len(stored), DecodedLen::Exactly(len(decoded)), work.decoded_limit)
        };
        let in_hand = memory_units(len(decoded)).saturating_add(memory_units(len(copies))).saturating_add(1);
        let decoding = work.decodings.all().map(peak).max().unwrap_or(0).max(in_hand);
        let chunk_units = decoding.saturating_add(scratch_units(&work.question, work.layout.dtype));
        let units = [memory_units(len(limits.longest())), chunk_units, memory_units(len(found))];
        let buffers = buffers(&work.question);
        let units = units.into_iter().fold(limits.chunks.saturating_mul(buffers + 1), usize::saturating_add);
        Self { chunk_units, buffers, limits, units }
    }

    fn of_group(&self, group: &Group) -> usize {
        let ranges = group.ranges.iter().map(|range| memory_units(len(range.len)));
        let others = [self.chunk_units, memory_units(len(group.found))];
        ranges.chain(others).fold(group.parts.len().saturating_mul(self.buffers), usize::saturating_add)
    }
}

fn len(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// What all groups of a request share.
pub(super) struct Run<'a, G: Goal> {
    pub(super) engine: &'a Engine,
    pub(super) reading: &'a Reading<'a>,
    pub(super) work: Arc<Work>,
    pub(super) goal: Arc<G>,
    pub(super) needs: Needs,
    /// Says when nobody waits any more.
    pub(super) cancellation: Cancellation,
    /// As many groups as there are threads: others of the same request do not stand in a line with those of other clients, where they
    /// would wait for each other.
    pub(super) threads: Semaphore,
}

/// Whose memory a group is read into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    /// What the request always has for one group.
    Own,
    /// Some that was to spare.
    Spare,
}

/// What came of a group.
struct Outcome<F> {
    found: Vec<Located<F>>,
    /// What is left of its memory.
    budget: Budget,
    chunks: u64,
    /// Bytes of what was found.
    len: u64,
    requests: usize,
    memory: Memory,
}

/// Chunks that were dealt with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dealt {
    pub(super) written: u64,
    pub(super) unwritten: u64,
}

impl<G: Goal> Run<'_, G> {
    /// Deals with all groups, in as much memory as `own` has for one at a time, and more where there is some. What is known
    /// of all comes back with the memory.
    ///
    /// # Errors
    /// If a chunk cannot be read or decoded, nothing happens for too long, or the object is not of the version that was named.
    pub(super) async fn all(
        &self,
        parts: Arc<Parts>,
        mut grouping: Grouping,
        mut whole: G::Whole,
        own: Budget,
    ) -> Result<(G::Whole, Budget, Dealt), ActiveStorageError> {
        let mut dealt = Dealt::default();
        self.reading.progress.plan(parts.len() as u64);
        let (mut groups, mut requests, mut next) = (FuturesOrdered::new(), 0, None);
        let (mut own, mut found) = (Some(own), VecDeque::new());
        loop {
            while requests == 0 || requests < grouping.limits.at_once {
                next = next.or_else(|| grouping.next(&parts, &self.work.layout, self.needs.limits));
                let Some(group) = next.take() else { break };
                dealt.count(&group);
                if group.parts.is_empty() {
                    self.reading.progress.finish(group.passed);
                    continue;
                }
                let Some((budget, memory)) = self.memory(&group, &mut own) else {
                    dealt.discount(&group);
                    next = Some(group);
                    break;
                };
                requests += group.ranges.len().max(1);
                groups.push_back(self.group(Arc::clone(&parts), group, budget, memory));
            }
            let outcome = match found.pop_front() {
                Some(outcome) => outcome,
                None => match groups.next().await {
                    Some(outcome) => outcome?,
                    None => break,
                },
            };
            let Outcome { chunks, memory, requests: done, .. } = outcome;
            requests -= done;
            let budget;
            (whole, budget) = with(self.merged(whole, outcome), &mut groups, &mut found).await?;
            self.reading.progress.finish(chunks);
            if memory == Memory::Own {
                own = Some(budget);
            }
        }
        let mut own = own.ok_or(OperationError::Defect("memory of a variable got lost"))?;
        self.reading.confirm(self.engine, &mut own).await?;
        Ok((whole, own, dealt))
    }

    /// Memory for a group: what the request has for one, or some that is to spare.
    fn memory(&self, group: &Group, own: &mut Option<Budget>) -> Option<(Budget, Memory)> {
        if let Some(budget) = own.take() {
            return Some((budget, Memory::Own));
        }
        let mut spare = self.engine.resources.spare_memory(self.needs.of_group(group))?;
        spare.end_with(&self.cancellation);
        Some((spare, Memory::Spare))
    }

    async fn group(
        &self,
        parts: Arc<Parts>,
        group: Group,
        mut budget: Budget,
        memory: Memory,
    ) -> Result<Outcome<G::Found>, ActiveStorageError> {
        let mut fetches = Vec::with_capacity(group.ranges.len());
        for (number, &range) in group.ranges.iter().enumerate() {
            let part = budget.split(memory_units(len(range.len)));
            let part = part.ok_or(OperationError::Defect("a range was not planned for"))?;
            fetches.push(self.fetch(&group, number, range, part));
        }
        let mut ranges = Vec::with_capacity(group.ranges.len());
        for (bytes, left) in try_join_all(fetches).await? {
            budget.merge(left);
            ranges.push(bytes);
        }
        let (work, goal, caller) = (Arc::clone(&self.work), Arc::clone(&self.goal), self.reading.caller().client);
        let find = move || {
            let found = goal.find(&work, &parts, &group, &ranges, &mut budget)?;
            for bytes in ranges {
                if let Ok(buffer) = bytes.into_buffer(&mut budget) {
                    budget.reclaim(buffer);
                }
            }
            let (chunks, len) = (group.parts.len() as u64 + group.passed, group.found);
            Ok(Outcome { found, budget, chunks, len, requests: group.ranges.len().max(1), memory })
        };
        let _turn = self.threads.acquire().await.map_err(|_| OperationError::Defect("there are no threads"))?;
        self.engine.cpu.run(caller, Effort::Long, find).await?
    }

    /// Reads a range, into memory of its own. What goes wrong is told with the first chunk that lies there.
    async fn fetch(
        &self,
        group: &Group,
        number: usize,
        range: GroupRange,
        mut budget: Budget,
    ) -> Result<(SharedBytes, Budget), ActiveStorageError> {
        let lost = OperationError::Defect("a chunk is of no object");
        let location = self.work.layout.locations.get(range.object).ok_or(lost)?;
        let bounded = Range::Bounded { offset: range.offset, size: range.len };
        match self.reading.fetch(self.engine, location, bounded, len(range.len), &mut budget).await {
            Ok(fetched) => Ok((fetched.bytes, budget)),
            Err(error @ ActiveStorageError::Changed { .. }) => Err(error),
            Err(error) => Err(self.work.in_first_of_range(error, group, number)),
        }
    }

    /// Merges what was found in a group; where that takes long, on a thread for such work.
    async fn merged(
        &self,
        mut whole: G::Whole,
        outcome: Outcome<G::Found>,
    ) -> Result<(G::Whole, Budget), ActiveStorageError> {
        let Outcome { found, mut budget, len, .. } = outcome;
        let goal = Arc::clone(&self.goal);
        let effort = if len <= SHORT_MERGE { Effort::Short } else { Effort::Long };
        let merge = move || {
            for found in found {
                goal.merge(&mut whole, found, &mut budget)?;
            }
            Ok((whole, budget))
        };
        self.engine.cpu.run(self.reading.caller().client, effort, merge).await?
    }
}

/// The outcome of a merge, while groups go on: what these were given would otherwise be kept from the merge itself.
async fn with<T, F>(
    merge: impl Future<Output = Result<T, ActiveStorageError>>,
    groups: &mut FuturesOrdered<impl Future<Output = Result<Outcome<F>, ActiveStorageError>>>,
    found: &mut VecDeque<Outcome<F>>,
) -> Result<T, ActiveStorageError> {
    let mut merge = std::pin::pin!(merge);
    loop {
        tokio::select! {
            biased;
            merged = &mut merge => return merged,
            Some(outcome) = groups.next() => found.push_back(outcome?),
        }
    }
}

impl Dealt {
    /// What all of it took.
    pub(super) fn summary(self, reading: &Reading, decoded_len: u64) -> ReadSummary {
        let (requests, bytes) = reading.read();
        let decoded = self.written.saturating_mul(decoded_len);
        ReadSummary { chunks: self.written, unwritten: self.unwritten, requests, bytes, decoded, cached: 0, passes: 1 }
    }

    fn count(&mut self, group: &Group) {
        let written = group.written();
        self.written += written;
        self.unwritten += group.passed + group.parts.len() as u64 - written;
    }

    fn discount(&mut self, group: &Group) {
        let written = group.written();
        self.written -= written;
        self.unwritten -= group.passed + group.parts.len() as u64 - written;
    }
}
