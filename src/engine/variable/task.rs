//! What a question about a variable will take, known before anything but its index is read.

use super::{
    VariableSettings,
    groups::Parts,
    layout::{Layout, MayStayShuffled},
    run::Needs,
    work::Work,
};
use crate::{array::Pick, engine::SizeLimits, error::ActiveStorageError, reduce::Question, resources::MEMORY_UNIT};

/// Elements of a row that is worth being put together on its own.
const LONG_ROW: usize = 32;

/// What is done with the chunks of a variable.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) work: Work,
    pub(super) parts: Parts,
    /// Length of each dimension of the results, without those that are reduced.
    pub(super) shape: Vec<usize>,
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
    /// They are the answer.
    Select,
}

impl Task {
    /// Plans what is done for this purpose, with so many bytes for what is known of one result.
    ///
    /// # Errors
    /// If the variable cannot be read, or something is larger than a limit.
    pub(super) fn new(
        layout: Layout,
        picks: &[Pick],
        question: Question,
        purpose: Purpose,
        per_result: u64,
        limits: Limits<'_>,
    ) -> Result<Self, ActiveStorageError> {
        let (_, sizes, memory) = limits;
        check_chunks(&layout, sizes)?;
        let (stays, kept) = Work::dimensions(picks, question.reduced.as_deref());
        let kept_picks = picks.iter().zip(&kept).filter(|(_, kept)| **kept);
        let shape = kept_picks.filter_map(|(pick, _)| pick.kept_len()).collect();
        let parts = Parts::new(picks, layout.grid.chunk_shape());
        let decodings = layout.decodings(may_stay_shuffled(&layout, picks, purpose))?;
        let passes_unwritten = purpose == Purpose::Reduce && layout.has_unwritten_missing(&question.missing)?;
        let copies = copies_len(&layout, &parts, picks, &question, purpose);
        let work = Work { layout, decodings, question, stays, kept, decoded_limit: sizes.decoded };
        let found = parts.largest_found(&work.kept, per_result);
        let needs = Needs::new(&work, (found, copies), passes_unwritten, memory / 4);
        Ok(Self { work, parts, shape, per_result, needs })
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

/// Bytes of copies beside a decoded chunk: what is gathered of it, and that unpacked. An index may be picked several times.
fn copies_len(layout: &Layout, parts: &Parts, picks: &[Pick], question: &Question, purpose: Purpose) -> u64 {
    let has_lists = picks.iter().any(|pick| matches!(pick, Pick::Indices(_)));
    let gathered = parts.largest_found(&vec![true; picks.len()], layout.dtype.size() as u64);
    match (purpose, question.packing) {
        (Purpose::Reduce, _) if !has_lists => 0,
        (Purpose::Reduce, _) | (Purpose::Select, None) => gathered,
        (Purpose::Select, Some(_)) => {
            gathered.saturating_add(parts.largest_found(&vec![true; picks.len()], size_of::<f64>() as u64))
        }
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
fn may_stay_shuffled(layout: &Layout, picks: &[Pick], purpose: Purpose) -> MayStayShuffled {
    let are_slices = picks.iter().all(|pick| !matches!(pick, Pick::Indices(_)));
    let nearest = match layout.order() {
        crate::array::Order::C => picks.len().saturating_sub(1),
        crate::array::Order::F => 0,
    };
    let is_long = match picks.get(nearest) {
        Some(Pick::Slice { step: 1, len, .. }) => *len >= LONG_ROW,
        _ => false,
    };
    let chunk_len = layout.grid.chunk_shape().get(nearest).copied().unwrap_or(0);
    if purpose == Purpose::Reduce && are_slices && is_long && chunk_len >= LONG_ROW as u64 {
        MayStayShuffled::Yes
    } else {
        MayStayShuffled::No
    }
}
