//! What is kept of elements while they are folded.

use std::borrow::Cow;

use bytemuck::{Pod, Zeroable};

use super::{bins::Bins, pieces::Taken, rows::COLUMNS, total::FloatTotal};
use crate::array::{DType, Kind, Packing, Word};

/// What a pass over elements can learn of them beside their number. Statistics are made of these, and may share them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Accumulator {
    /// Their sum.
    Sum,
    /// The sum of their squares.
    Squares,
    /// The rank of the largest.
    Largest,
    /// The reverse rank of the smallest.
    Smallest,
    /// The rank of the largest, and where the first is that equals it once it is unpacked.
    FirstLargest(Option<Packing>),
    /// The reverse rank of the smallest, and where the first is that equals it once it is unpacked.
    FirstSmallest(Option<Packing>),
    /// How many are in each bin.
    Counts(Bins),
    /// The sum of each times its weight.
    WeightedSum,
    /// The sum of the square of each times its weight.
    WeightedSquares,
    /// The sum of their weights.
    Weights,
    /// The sum of the squares of their weights.
    SquaredWeights,
    /// What those in each bin weigh.
    WeightedCounts(Bins),
}

/// How what an accumulator knows of a result is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As an `i128`.
    Integers,
    /// As so many [`FloatTotal`]s.
    Floats(usize),
    /// As a widened rank, `i64`.
    Ranks,
    /// As a [`First`].
    Firsts,
    /// As so many `u64`.
    Counts(usize),
}

/// A rank, and where the first element that has it is among those of a result, counted in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct First {
    pub(super) rank: i64,
    pub(super) position: u64,
}

/// The position of no element.
pub(super) const NOWHERE: u64 = u64::MAX;

impl First {
    /// Of no elements, none of whose ranks is below this one.
    pub(super) const fn none(lowest: i64) -> Self {
        Self { rank: lowest, position: NOWHERE }
    }

    /// The one that comes first among those of the larger rank.
    pub(super) const fn merged(self, other: Self) -> Self {
        let is_other = other.rank > self.rank || other.rank == self.rank && other.position < self.position;
        if is_other { other } else { self }
    }
}

impl Form {
    /// Bytes of one value.
    const fn value_size(self) -> usize {
        match self {
            Self::Integers => size_of::<i128>(),
            Self::Floats(_) => size_of::<FloatTotal>(),
            Self::Ranks => size_of::<i64>(),
            Self::Firsts => size_of::<First>(),
            Self::Counts(_) => size_of::<u64>(),
        }
    }

    /// Values of one result.
    pub(super) const fn values(self) -> usize {
        match self {
            Self::Floats(values) | Self::Counts(values) => values,
            _ => 1,
        }
    }

    /// Bytes of one result.
    pub(super) const fn size(self) -> usize {
        self.value_size().saturating_mul(self.values())
    }
}

/// Bytes of the states of results that are folded at a time, where those of one are not more.
const STATES_LEN: usize = 128 << 10;

/// Results of elements of this dtype that are folded at a time: as many as fit the first-level cache, or fewer where much is kept of
/// each.
pub(super) fn columns(accumulators: &[Accumulator], elements: DType) -> usize {
    let largest = accumulators.iter().map(|accumulator| accumulator.form(elements).size()).max().unwrap_or(0);
    (STATES_LEN / largest.max(1)).clamp(1, COLUMNS)
}

impl Accumulator {
    /// Whether the elements of a result must come in their order.
    pub(super) const fn heeds_order(&self) -> bool {
        matches!(self, Self::FirstLargest(_) | Self::FirstSmallest(_))
    }

    /// How it knows elements of this dtype. No integer has enough bits for sums of squares of 64-bit integers.
    pub(super) fn form(&self, elements: DType) -> Form {
        match (self, elements.kind(), elements.size()) {
            (Self::Largest | Self::Smallest, ..) => Form::Ranks,
            (Self::FirstLargest(_) | Self::FirstSmallest(_), ..) => Form::Firsts,
            (Self::Counts(bins), ..) => Form::Counts(bins.len()),
            (Self::WeightedCounts(bins), ..) => Form::Floats(bins.len()),
            (Self::WeightedSum | Self::WeightedSquares | Self::Weights | Self::SquaredWeights, ..)
            | (Self::Sum | Self::Squares, Kind::Float, _)
            | (Self::Squares, _, 8) => Form::Floats(1),
            (Self::Sum | Self::Squares, ..) => Form::Integers,
        }
    }
}

/// An accumulator at work on elements of type `W`: the states of at most [`COLUMNS`] results. It is
/// told of pieces, not of elements, so that it costs nothing not to know its type.
pub(super) trait NumOperation<W: Word>: Send {
    /// An element that changes no state.
    fn neutral(&self) -> W;

    /// Forgets what the first `width` states know.
    fn clear(&mut self, width: usize);

    /// Folds each row into a state of its own, from the `first` on. All rows together have at most
    /// [`PIECE`](super::rows::PIECE) elements.
    fn fold_rows(&mut self, first: usize, taken: Taken<'_, W>);

    /// Folds all rows into the first state, one after the other.
    fn fold_all(&mut self, taken: Taken<'_, W>) {
        taken.each().for_each(|row| self.fold_rows(0, row));
    }

    /// Rows of columns to be folded in one call, of which `fitting` fit a cache: another number where what is known of them
    /// depends on that.
    fn rows_at_once(&self, fitting: usize) -> usize {
        fitting
    }

    /// Folds each element of each row into a state of its own.
    fn fold_columns(&mut self, taken: Taken<'_, W>);

    /// Brings what the first `width` states know into the form in which it is told.
    fn settle(&mut self, width: usize);

    /// What the first `width` states know, which are [settled](Self::settle).
    fn state(&self, width: usize) -> State<'_>;

    /// Bytes that it holds.
    #[cfg(test)]
    fn held_len(&self) -> usize;
}

/// What one accumulator knows of consecutive results.
#[derive(Clone, Copy, Debug)]
pub(super) enum State<'a> {
    /// Of integers, where 128 bits hold them.
    Integers(&'a [i128]),
    /// Of others; or for each result as many as there are bins.
    Floats(&'a [FloatTotal]),
    /// [Ranks](crate::array::Element::rank), widened; or reverse ranks.
    Ranks(&'a [i64]),
    /// The same, and where they are.
    Firsts(&'a [First]),
    /// For each result as many as there are bins.
    Counts(&'a [u64]),
}

/// What knows the states of several accumulators.
pub(super) trait Knows {
    /// What the accumulator of this number knows.
    fn state(&self, number: usize) -> Option<State<'_>>;
}

/// What is known of consecutive results.
#[derive(Clone, Copy)]
pub(super) struct States<'a> {
    pub(super) accumulators: &'a [Accumulator],
    pub(super) knows: &'a dyn Knows,
}

/// Sums of elements, or of their squares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sums<'a> {
    /// Nobody asked for them.
    None,
    /// Of integers, where 128 bits hold them.
    Integers(&'a [i128]),
    /// Of others.
    Floats(&'a [FloatTotal]),
}

impl<'a> States<'a> {
    /// What the accumulator of this number knows.
    pub(super) fn state(&self, number: usize) -> Option<State<'a>> {
        self.knows.state(number)
    }

    fn of(&self, accumulator: &Accumulator) -> Option<State<'a>> {
        self.state(self.accumulators.iter().position(|known| known == accumulator)?)
    }

    /// The sums that this accumulator knows.
    pub(super) fn sums(&self, accumulator: &Accumulator) -> Sums<'a> {
        match self.of(accumulator) {
            Some(State::Integers(sums)) => Sums::Integers(sums),
            Some(State::Floats(sums)) => Sums::Floats(sums),
            _ => Sums::None,
        }
    }

    /// The ranks that this accumulator knows, wherever the elements are that have them.
    pub(super) fn ranks(&self, accumulator: &Accumulator) -> Cow<'a, [i64]> {
        match self.of(accumulator) {
            Some(State::Ranks(ranks)) => ranks.into(),
            Some(State::Firsts(firsts)) => firsts.iter().map(|first| first.rank).collect(),
            _ => Cow::default(),
        }
    }

    /// Where the first elements are that this accumulator knows.
    pub(super) fn firsts(&self, accumulator: &Accumulator) -> &'a [First] {
        if let Some(State::Firsts(firsts)) = self.of(accumulator) { firsts } else { &[] }
    }

    /// What elements in each bin of each result weigh.
    pub(super) fn weighted_counts(&self, bins: &Bins) -> &'a [FloatTotal] {
        if let Some(State::Floats(weights)) = self.of(&Accumulator::WeightedCounts(bins.clone())) {
            weights
        } else {
            &[]
        }
    }

    /// How many elements are in each bin of each result.
    pub(super) fn counts(&self, bins: &Bins) -> &'a [u64] {
        if let Some(State::Counts(counts)) = self.of(&Accumulator::Counts(bins.clone())) { counts } else { &[] }
    }
}
