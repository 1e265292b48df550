//! How quantiles will be found, known before anything but the index is read.

use std::sync::Arc;

use super::super::{
    groups::ResultsOf,
    layout::Layout,
    task::{ByPosition, Limits, Purpose, Task},
};
use super::batches::Batches;
use crate::{
    array::Pick,
    error::ActiveStorageError,
    reduce::{Asked, DigitCounts, Gathered, Narrowed, Quantiles, Question},
    request::variable::VariableQuestion,
    resources::{MEMORY_UNIT, memory_units},
};

/// Most memory for elements in order, in bytes: that of the reads beside it is not part of it.
const MOST_ROOM: usize = 1 << 30;

/// Bits of the digits that may be counted in one pass.
const DIGITS: [u32; 4] = [16, 12, 8, 4];

/// Counts of one pass that are filled at one time.
const MOST_COUNTS: usize = 16;

/// Elements of a result among which another pass finds others faster than one thread selects them.
const LONG: usize = 1 << 20;

/// Passes that all threads make over long results in about the time in which one of them selects.
const A_FEW: u64 = 4;

/// Quantiles of a variable, and how they are found.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) task: Task,
    /// The statistics that are asked for.
    pub(super) asked: Vec<Asked>,
    /// Those of all of them.
    pub(super) quantiles: Quantiles,
    pub(super) way: Way,
    pub(super) batches: Batches,
    /// Units for elements in order, and for the values of a batch.
    pub(super) room: usize,
    /// Passes at one time.
    pub(super) counts: usize,
}

/// How they are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// All elements are kept, so many of each result at most.
    Gather(usize),
    /// How many elements have which digit is counted, pass after pass.
    Narrow,
}

/// A way, and what it takes.
struct Choice {
    way: Way,
    batches: Batches,
    /// Units for the largest batch, and those that would be of use.
    units: usize,
    passes: u64,
}

impl Plan {
    /// Plans how quantiles are found with the fewest passes, where no group has more positions than `largest_group`.
    ///
    /// # Errors
    /// If the variable cannot be read, or something is larger than a limit.
    pub(super) fn new(
        layout: Arc<Layout>,
        ordered: &VariableQuestion,
        (by_position, largest_group): (ByPosition, usize),
        limits: Limits<'_>,
        threads: usize,
    ) -> Result<Self, ActiveStorageError> {
        let (picks, question) = (ordered.picks.as_slice(), &ordered.question);
        let asked = question.statistics.clone();
        let of_all = asked.iter().flat_map(|asked| asked.parameters.quantiles().to_vec());
        let quantiles = Quantiles::new(of_all, layout.dtype, question.packing);
        let question = Question { statistics: Vec::new(), ..question.clone() };
        let alone = VariableQuestion { question, ..ordered.clone() };
        let task = Task::new(layout, alone, by_position, Purpose::Order, 0, limits)?;
        let (counts, most) = (threads.clamp(1, MOST_COUNTS), limits.2 / 4);
        let (quantiles_len, room) = (quantiles.len(), room_units(most));
        let sizes = Sizes { task: &task, picks, largest_group, quantiles: quantiles_len, counts, room };
        let choice = sizes.choice().ok_or_else(|| sizes.no_room())?;
        sizes.check_reads(&choice, limits.0.read_limits.chunks)?;
        let Choice { way, batches, units, .. } = choice;
        Ok(Self { task, asked, quantiles, way, batches, room: units, counts })
    }

    /// Values of the results.
    pub(super) fn numbers(&self) -> usize {
        let values = self.asked.iter().map(Asked::values).fold(0, usize::saturating_add);
        self.task.results().saturating_mul(values)
    }

    /// Bytes of the results.
    pub(super) fn results_len(&self) -> usize {
        self.task.results().saturating_mul(self.quantiles.len()).saturating_mul(size_of::<f64>())
    }

    /// Units of the results, and of what finds them.
    pub(super) fn units(&self) -> (usize, usize) {
        let of_results = memory_units(self.results_len()).saturating_add(self.asked.len());
        (of_results, self.task.needs.units.saturating_add(self.room))
    }
}

/// Units of this share of the memory.
const fn room_units(share: usize) -> usize {
    if share < MOST_ROOM / MEMORY_UNIT { share } else { MOST_ROOM / MEMORY_UNIT }
}

/// Units of so many values of each of so many results.
const fn values(results: usize, quantiles: usize) -> usize {
    memory_units(results.saturating_mul(quantiles).saturating_mul(size_of::<f64>()))
}

/// Units of what is known of so many results beside counts, and of their values.
pub(super) const fn beside(results: usize, quantiles: usize) -> usize {
    let known = results.saturating_mul(Narrowed::bytes_per_result(quantiles));
    values(results, quantiles).saturating_add(memory_units(known))
}

/// What a choice depends on.
struct Sizes<'a> {
    task: &'a Task,
    picks: &'a [Pick],
    /// Most positions of a group.
    largest_group: usize,
    quantiles: usize,
    counts: usize,
    /// Units that may be taken.
    room: usize,
}

impl Sizes<'_> {
    /// The way of the fewest passes; but a few more over long results, of which one thread would have to select.
    fn choice(&self) -> Option<Choice> {
        let narrow = DIGITS.into_iter().filter_map(|bits| self.narrow(bits)).min_by_key(|choice| choice.passes);
        if self.elements() > LONG && narrow.as_ref().is_some_and(|narrow| narrow.passes <= A_FEW) {
            return narrow;
        }
        self.gather().into_iter().chain(narrow).min_by_key(|choice| choice.passes)
    }

    fn gather(&self) -> Option<Choice> {
        let (dtype, elements) = (self.task.work.layout.dtype, self.elements());
        let bytes = elements.saturating_mul(dtype.size()).saturating_add(size_of::<u64>());
        let batches = self.batches(bytes)?;
        let units = Gathered::units(dtype, batches.largest(), elements)
            .saturating_add(values(batches.largest(), self.quantiles));
        let passes = batches.reads();
        Some(Choice { way: Way::Gather(elements), batches, units, passes })
    }

    /// Digits of so many bits, where the ranks of all quantiles begin with others; the first pass has one prefix for each result.
    fn narrow(&self, bits: u32) -> Option<Choice> {
        let all = u32::try_from(self.task.work.layout.dtype.size() * 8).unwrap_or(u32::MAX);
        let bits = bits.min(all);
        let prefixes = self.quantiles.saturating_mul(2);
        let counts = self.counts.saturating_mul(prefixes.saturating_mul(8 << bits).saturating_add(8));
        let batches = self.batches(counts.saturating_add(Narrowed::bytes_per_result(self.quantiles)))?;
        let (results, beside) = (batches.largest(), beside(batches.largest(), self.quantiles));
        let of_counts = |prefixes, bits| {
            let units = DigitCounts::units(results, results.saturating_mul(prefixes), bits);
            units.saturating_mul(self.counts)
        };
        let room = self.room.saturating_sub(beside);
        let first = DIGITS.into_iter().find(|&first| of_counts(1, first) <= room).unwrap_or(bits).min(all);
        let passes = 1 + u64::from(all.saturating_sub(first).div_ceil(bits));
        let units = beside.saturating_add(of_counts(prefixes, bits).max(of_counts(1, first)));
        Some(Choice { way: Way::Narrow, passes: passes.saturating_mul(batches.reads()), batches, units })
    }

    /// Batches of results of so many bytes each.
    fn batches(&self, bytes: usize) -> Option<Batches> {
        let bytes = bytes.saturating_add(self.quantiles.saturating_mul(size_of::<f64>()));
        // Buffers take whole units.
        let room = self.room.saturating_sub(4 + 2 * self.counts).saturating_mul(MEMORY_UNIT);
        Batches::new(self.picks, &self.task.parts.spans, &self.task.results_of, room / bytes.max(1))
    }

    /// Most elements of a result.
    fn elements(&self) -> usize {
        let ResultsOf { kept, grouped, .. } = &self.task.results_of;
        let axes = self.picks.iter().zip(kept).zip(grouped).filter(|((_, kept), grouped)| !**kept && !**grouped);
        axes.fold(self.largest_group, |len, ((pick, _), _)| len.saturating_mul(pick.kept_len().unwrap_or(1)))
    }

    /// Refuses what would read more chunks, again and again, than one question may touch.
    fn check_reads(&self, choice: &Choice, most: usize) -> Result<(), ActiveStorageError> {
        let reads = (self.task.parts.len() as u64).saturating_mul(choice.passes);
        if choice.passes == 1 || reads <= most as u64 {
            return Ok(());
        }
        let what = "the number of chunks, each as often as it would be read for quantiles,";
        Err(self.too_much(reads, choice.units, what, most as u64, "--max-chunks"))
    }

    fn no_room(&self) -> ActiveStorageError {
        let results = usize::try_from(self.task.results_of.groups).unwrap_or(usize::MAX);
        let fewest = results.saturating_mul(self.quantiles).saturating_mul(2);
        let units = DigitCounts::units(results, fewest, 4).saturating_mul(self.counts);
        let limit = self.room.saturating_mul(MEMORY_UNIT) as u64;
        let what = match self.task.work.axes.groups {
            None => "the memory for one result of all quantiles",
            Some(_) => "the memory for one result of each group, of all quantiles",
        };
        self.too_much(self.task.parts.len() as u64, units, what, limit, "a quarter of --memory-limit")
    }

    fn too_much(
        &self,
        chunks: u64,
        units: usize,
        what: &'static str,
        limit: u64,
        setting: &'static str,
    ) -> ActiveStorageError {
        let layout = &self.task.work.layout;
        let memory = self.task.needs.units.saturating_add(units).saturating_mul(MEMORY_UNIT);
        ActiveStorageError::TooMuch {
            chunks,
            stored: chunks.saturating_mul(layout.largest_stored()),
            decoded: chunks.saturating_mul(layout.decoded_len()),
            memory: memory as u64,
            what,
            limit,
            setting,
        }
    }
}
