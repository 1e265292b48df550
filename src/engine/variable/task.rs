//! What a question about a variable will take, known before anything but its index is read.

use std::sync::Arc;

use super::{
    VariableSettings,
    axes::Axes,
    groups::{Parts, ResultsOf},
    layout::{Layout, MayStayShuffled},
    members::{MOST_TOGETHER, OF_A_PORTION, OF_AN_ELEMENT},
    run::{Needs, buffers},
    weights::Along,
    work::Work,
};
use crate::{
    array::Pick, engine::SizeLimits, error::ActiveStorageError, request::variable::VariableQuestion,
    resources::MEMORY_UNIT,
};

/// Elements of a row that is worth being put together on its own.
const LONG_ROW: usize = 32;

/// What is done with the chunks of a variable.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) parts: Parts,
    /// Length of each dimension of the results, without those that are reduced; that of groups is in the place of the first of theirs.
    pub(super) shape: Vec<usize>,
    /// Which results there are of each part.
    pub(super) results_of: ResultsOf,
    /// Bytes of what is known of one result.
    pub(super) per_result: u64,
    pub(super) needs: Needs,
}

/// What an operator allows: of variables, of chunks and results in bytes, and of memory in units.
pub(super) type Limits<'a> = (&'a VariableSettings, SizeLimits, usize);

/// What becomes of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They are reduced.
    Reduce,
    /// They are put in order.
    Order,
    /// They are the answer.
    Select,
}

/// Labels and weights of the elements, for each position of the selection.
#[derive(Debug, Default)]
pub(super) struct ByPosition {
    pub(super) labels: Option<Along<i32>>,
    pub(super) weights: Vec<Along<f64>>,
}

impl Task {
    /// Plans what is done for this purpose, with so many bytes for what is known of one result. Labels and weights that are still to
    /// be read are set later.
    ///
    /// # Errors
    /// If the variable cannot be read, or something is larger than a limit.
    pub(super) fn new(
        layout: impl Into<Arc<Layout>>,
        asked: VariableQuestion,
        by_position: ByPosition,
        purpose: Purpose,
        per_result: u64,
        limits: Limits<'_>,
    ) -> Result<Self, ActiveStorageError> {
        let (layout, (_, sizes, memory)) = (layout.into(), limits);
        check_chunks(&layout, sizes)?;
        let VariableQuestion { picks, mut question, groups, .. } = asked;
        let picks = picks.as_slice();
        let (stays, kept) = Work::dimensions(picks, question.reduced.as_deref());
        let groups = groups.map(|groups| (groups.grouped, groups.size));
        let results_of = match &groups {
            None => ResultsOf::kept(kept.clone()),
            Some((grouped, size)) => ResultsOf { kept: kept.clone(), grouped: grouped.clone(), groups: *size as u64 },
        };
        let shape = shape(picks, &results_of);
        let parts = Parts::new(picks, layout.grid.chunk_shape());
        let decodings = layout.decodings(may_stay_shuffled(&layout, picks, purpose, &results_of))?;
        let passes_unwritten = purpose != Purpose::Select && layout.has_unwritten_missing(&question.missing)?;
        let lens: Vec<Option<usize>> = picks.iter().map(Pick::kept_len).collect();
        let ByPosition { labels, weights } = by_position;
        let groups = groups.zip(labels).map(|((grouped, _), labels)| (grouped, labels));
        let unpacks = question.packing.is_some();
        let axes = Axes::new(&lens, &mut question, groups, weights);
        let work = Work { layout, decodings, question, stays, kept, axes, decoded_limit: sizes.decoded };
        let copies = Copies { work: &work, parts: &parts, picks, results_of: &results_of, per_result, unpacks };
        let copies = copies.len(purpose);
        let found = match purpose {
            Purpose::Order => parts.largest(&vec![true; picks.len()]).saturating_mul(of_gathered(&work)),
            Purpose::Reduce | Purpose::Select => parts.most_results(&results_of).saturating_mul(per_result),
        };
        let needs = Needs::new(&work, (found, copies), passes_unwritten, memory / 4);
        Ok(Self { work, parts, shape, results_of, per_result, needs })
    }

    /// Number of results of each statistic.
    pub(super) fn results(&self) -> usize {
        self.shape.iter().fold(1, |len, &axis| len.saturating_mul(axis))
    }

    /// Refuses what passes a limit of the operator: more chunks, bytes of results, or units of memory.
    ///
    /// # Errors
    /// The first limit that is passed, with all that would be read.
    pub(super) fn check(&self, results: usize, units: usize, limits: Limits<'_>) -> Result<(), ActiveStorageError> {
        let (variables, sizes, all_memory) = limits;
        let [memory, most_memory] = [units, all_memory].map(|units| units.saturating_mul(MEMORY_UNIT));
        let checks = [
            ("the number of chunks", self.parts.len(), variables.read_limits.chunks, "--max-chunks"),
            ("the result in bytes", results, sizes.result, "--max-result-size"),
            ("the memory in bytes", memory, most_memory, "--memory-limit"),
        ];
        let Some((what, _, limit, setting)) = checks.into_iter().find(|(_, asked, limit, _)| asked > limit) else {
            return Ok(());
        };
        let (chunks, layout) = (self.parts.len() as u64, &self.work.layout);
        Err(ActiveStorageError::TooMuch {
            chunks,
            stored: chunks.saturating_mul(layout.largest_stored()).min(layout.all_stored()),
            decoded: chunks.saturating_mul(layout.decoded_len()),
            memory: memory as u64,
            what,
            limit: limit as u64,
            setting,
        })
    }
}

/// Most bytes of an element that is put in order, where each is of a result of its own.
pub(super) fn of_gathered(work: &Work) -> u64 {
    let of_portions = work.axes.groups.as_ref().map_or(0, |_| OF_A_PORTION);
    (work.layout.dtype.size() as u64).saturating_add(size_of::<u64>() as u64).saturating_add(of_portions)
}

/// Length of each dimension of the results, without those that are reduced.
fn shape(picks: &[Pick], of: &ResultsOf) -> Vec<usize> {
    let mut groups = Some(usize::try_from(of.groups).unwrap_or(usize::MAX));
    let dims = picks.iter().zip(&of.kept).zip(&of.grouped);
    let len = |((pick, kept), grouped): ((&Pick, &bool), &bool)| match (kept, grouped) {
        (_, true) => groups.take(),
        (true, false) => pick.kept_len(),
        (false, false) => None,
    };
    dims.filter_map(len).collect()
}

/// What is made of a chunk beside the decoded one.
struct Copies<'a> {
    work: &'a Work,
    parts: &'a Parts,
    picks: &'a [Pick],
    results_of: &'a ResultsOf,
    per_result: u64,
    unpacks: bool,
}

impl Copies<'_> {
    /// Most bytes of it. An index may be picked several times.
    fn len(&self, purpose: Purpose) -> u64 {
        let all = self.parts.largest(&vec![true; self.picks.len()]);
        let has_lists = self.picks.iter().any(|pick| matches!(pick, Pick::Indices(_)));
        let is_grouped = self.work.axes.groups.is_some();
        let gathered = all.saturating_mul(self.work.layout.dtype.size() as u64);
        match purpose {
            Purpose::Select if self.unpacks => gathered.saturating_add(all.saturating_mul(size_of::<f64>() as u64)),
            Purpose::Select => gathered,
            Purpose::Reduce | Purpose::Order if has_lists || is_grouped => {
                let unshuffled = if is_grouped { self.work.layout.decoded_len() } else { 0 };
                [self.of_groups(), self.of_weights(), unshuffled].into_iter().fold(gathered, u64::saturating_add)
            }
            Purpose::Reduce | Purpose::Order => 0,
        }
    }

    /// Bytes of which element belongs to which group, and of what is known of some of them before it is merged.
    fn of_groups(&self) -> u64 {
        if self.work.axes.groups.is_none() {
            return 0;
        }
        let elements = self.parts.largest(&self.results_of.grouped);
        let kept = self.parts.largest(&self.results_of.kept);
        let together = kept.saturating_mul(elements).min(kept.max(MOST_TOGETHER as u64));
        let rounding = (buffers(&self.work.question) * MEMORY_UNIT) as u64;
        elements
            .saturating_mul(OF_AN_ELEMENT)
            .saturating_add(together.saturating_mul(self.per_result))
            .saturating_add(rounding)
    }

    /// Bytes of weights that are brought together like the elements, and of where they lie.
    fn of_weights(&self) -> u64 {
        let of_one = |weights: &Along<f64>| {
            let varies: Vec<bool> = weights.steps.iter().map(|&step| step > 0).collect();
            let elements = self.parts.largest(&self.results_of.grouped);
            let rounding = MEMORY_UNIT as u64;
            // Groups go over dimensions of which weights may vary with some.
            let dims: Vec<bool> = varies.iter().zip(&self.results_of.grouped).map(|(one, other)| one | other).collect();
            let len = self.parts.largest(&dims).saturating_add(elements);
            len.saturating_mul(size_of::<f64>() as u64).saturating_add(rounding)
        };
        self.work.axes.weights.iter().map(of_one).fold(0, u64::saturating_add)
    }
}

/// Refuses chunks that are larger than those that clients may ask about one by one.
fn check_chunks(layout: &Layout, sizes: SizeLimits) -> Result<(), ActiveStorageError> {
    let check = |what: &str, len: u64, limit: usize, setting| {
        if len <= limit as u64 {
            return Ok(());
        }
        let what = format!("{what} of the variable, {len} bytes,");
        Err(ActiveStorageError::TooLarge { what, limit, setting })
    };
    check("the largest chunk", layout.largest_stored(), sizes.chunk, "--max-chunk-size")?;
    check("a decoded chunk", layout.decoded_len(), sizes.decoded, "--max-decoded-size")
}

/// Neighbours in a chunk that are taken together, and enough of them, are put together as fast while they are read.
fn may_stay_shuffled(layout: &Layout, picks: &[Pick], purpose: Purpose, of: &ResultsOf) -> MayStayShuffled {
    // Elements of several dimensions are always brought together, and those of one seldom.
    let is_grouped_by_one = of.grouped.iter().filter(|grouped| **grouped).count() <= 1;
    let are_slices = is_grouped_by_one && picks.iter().all(|pick| !matches!(pick, Pick::Indices(_)));
    let nearest = match layout.order() {
        crate::array::Order::C => picks.len().saturating_sub(1),
        crate::array::Order::F => 0,
    };
    let is_long = match picks.get(nearest) {
        Some(Pick::Slice { step: 1, len, .. }) => *len >= LONG_ROW,
        _ => false,
    };
    let chunk_len = layout.grid.chunk_shape().get(nearest).copied().unwrap_or(0);
    if purpose != Purpose::Select && are_slices && is_long && chunk_len >= LONG_ROW as u64 {
        MayStayShuffled::Yes
    } else {
        MayStayShuffled::No
    }
}
