//! Memory that a fold takes beside elements and results: it has a bound, whatever their number and shape.

use super::{
    operation::{Accumulator, columns},
    question::Question,
    rows::{COLUMNS, GROUP, PIECE},
};
use crate::{
    array::{DType, Kind},
    resources::memory_units,
};

/// Most bytes that an accumulator keeps of one result: what it adds to, and what it tells.
const OF_A_STATE: usize = 48;

/// Most bytes that it makes of an element of a piece.
const OF_AN_ELEMENT: usize = 8;

/// Bytes of the states of an accumulator, and of what it makes of a piece.
pub(super) const OF_AN_ACCUMULATOR: usize = COLUMNS * OF_A_STATE + PIECE * OF_AN_ELEMENT;

/// Most memory units that [`reduce`](super::reduce()) and [`partial`](super::partial()) take while they fold elements of this dtype, beside
/// these, their results and what the question itself holds. No budget is asked for them: they are some hundred KiB.
#[must_use]
pub fn scratch_units(question: &Question, elements: DType) -> usize {
    let accumulators = question.accumulators();
    let columns = columns(&accumulators, elements);
    let of_states = accumulators.iter().map(|accumulator| {
        let of_bins = if let Accumulator::Counts(bins) = accumulator { bins.scratch_len(elements) } else { 0 };
        columns.saturating_mul(accumulator.form(elements).size()).saturating_add(of_bins)
    });
    let of_accumulators = of_states.fold(accumulators.len() * OF_AN_ACCUMULATOR, usize::saturating_add);
    let counts = COLUMNS * size_of::<u64>();
    let weights = if question.is_weighted { 2 * PIECE * size_of::<f64>() } else { 0 };
    memory_units((3 * piece_len(&accumulators, elements) + counts + weights).saturating_add(of_accumulators))
}

/// Most bytes of a piece. Each is kept up to three times: as the machine wants it, its masks, and with others in the place of
/// missing elements.
pub(super) fn piece_len(accumulators: &[Accumulator], elements: DType) -> usize {
    let takes_groups = elements.kind() == Kind::Float && elements != DType::Float64;
    let is_large = takes_groups && accumulators.contains(&Accumulator::Sum);
    elements.size() * if is_large { GROUP * COLUMNS } else { 2 * PIECE }
}

/// Pieces of the fewest rows of the most columns are no larger than others.
const _: () = assert!(super::rows::ROWS_AT_A_TIME * COLUMNS <= 2 * PIECE);
