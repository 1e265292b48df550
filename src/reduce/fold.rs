//! One pass over the positions of a chunk, from which every operation learns what it has to know.

use super::{
    error::ReduceError,
    layout::{Along, Layout, Visiting},
    operation::{Accumulator, Knows, NumOperation, State, States, columns},
    pieces::Pieces,
    rows::{GROUP, PIECE, ROWS_AT_A_TIME},
    sum::Summed,
    weighing::Weigher,
    weights::Factor,
};
use crate::{
    array::{Positions, Word},
    resources::Cancellation,
};

/// Takes what is known of consecutive results once all of their elements have been seen.
pub(super) trait Sink {
    /// Counts and states of the results from the `first` on.
    ///
    /// # Errors
    /// If a result does not fit its dtype.
    fn take(&mut self, first: usize, counts: &[u64], states: &States<'_>) -> Result<(), ReduceError>;
}

/// What operations know of so many results.
struct Settled<'a, W> {
    operations: &'a [Box<dyn NumOperation<W>>],
    width: usize,
}

impl<W: Word> Knows for Settled<'_, W> {
    fn state(&self, number: usize) -> Option<State<'_>> {
        self.operations.get(number).map(|operation| operation.state(self.width))
    }
}

/// What folds the elements of type `W`, at most [`COLUMNS`](super::rows::COLUMNS) results at a time.
pub(super) struct Fold<'a, W: Word> {
    accumulators: Vec<Accumulator>,
    /// Most results at a time.
    columns: usize,
    pub(super) operations: Vec<Box<dyn NumOperation<W>>>,
    pub(super) counts: Vec<u64>,
    pub(super) sink: &'a mut dyn Sink,
}

impl<'a, W: Word> Fold<'a, W> {
    /// Folds elements of type `T` for so many results, which `sink` takes.
    pub(super) fn new<T: Summed<Word = W>>(
        accumulators: Vec<Accumulator>,
        results: usize,
        sink: &'a mut dyn Sink,
    ) -> Self {
        let columns = columns(&accumulators, T::DTYPE);
        let at_a_time = results.min(columns);
        let operations = accumulators.iter().map(|accumulator| accumulator.operation::<T>(at_a_time)).collect();
        Self { accumulators, columns, operations, counts: vec![0; at_a_time], sink }
    }

    /// Folds the elements at these positions, of weights that are products of these factors, over the axes for which `reduced` is
    /// true.
    ///
    /// # Errors
    /// If a result does not fit its dtype, or nobody waits for it.
    pub(super) fn run<'e>(
        &mut self,
        pieces: &mut Pieces<'e, W>,
        positions: &Positions,
        factors: &[Factor<'e>],
        reduced: &[bool],
    ) -> Result<(), ReduceError> {
        let heeds_order = self.accumulators.iter().any(Accumulator::heeds_order);
        let order = if heeds_order { Visiting::InOrder } else { Visiting::InAnyOrder };
        let layout = Layout::new(positions, factors, reduced, order);
        pieces.weigher = Some(Weigher::new(factors, &layout)).filter(|_| !factors.is_empty());
        match (layout.along, layout.rows_per_result) {
            (Along::Reduced, 1) => self.fold_each_row(&layout, pieces),
            (Along::Reduced, _) => self.fold_rows(&layout, pieces),
            (Along::Kept, _) => self.fold_columns(&layout, pieces),
        }
    }

    /// So many results of no elements.
    ///
    /// # Errors
    /// If nobody waits for them.
    pub(super) fn fold_nothing(&mut self, results: usize, cancellation: &Cancellation) -> Result<(), ReduceError> {
        for first in (0..results).step_by(self.columns) {
            cancellation.check()?;
            let width = self.columns.min(results - first);
            self.clear(width);
            self.write(first, width)?;
        }
        Ok(())
    }

    /// Rows lie along a reduced axis, each of a result of its own.
    fn fold_each_row(&mut self, layout: &Layout, pieces: &mut Pieces<'_, W>) -> Result<(), ReduceError> {
        let (mut first, columns) = (0, self.columns);
        for block in layout.blocks().flat_map(|block| block.by_rows(columns)) {
            self.clear(block.rows.len);
            pieces.cut_rows(block, |row, piece| {
                piece.count_rows(self.counts.get_mut(row..).unwrap_or_default());
                for operation in &mut self.operations {
                    operation.fold_rows(row, piece.taken(operation.neutral()));
                }
            })?;
            self.write(first, block.rows.len)?;
            first += block.rows.len;
        }
        Ok(())
    }

    /// Rows lie along a reduced axis, `rows_per_result` one after the other belong to one result.
    fn fold_rows(&mut self, layout: &Layout, pieces: &mut Pieces<'_, W>) -> Result<(), ReduceError> {
        let (mut result, mut rows_seen) = (0, 0);
        self.clear(1);
        for block in layout.blocks() {
            pieces.cut_rows(block, |_, piece| {
                piece.count_all(&mut self.counts);
                for operation in &mut self.operations {
                    operation.fold_all(piece.taken(operation.neutral()));
                }
            })?;
            rows_seen += block.rows.len;
            if rows_seen >= layout.rows_per_result {
                self.write(result, 1)?;
                self.clear(1);
                (result, rows_seen) = (result + 1, 0);
            }
        }
        Ok(())
    }

    /// Rows lie along a kept axis: column by column, each result comes from one element of each of `rows_per_result` rows.
    fn fold_columns(&mut self, layout: &Layout, pieces: &mut Pieces<'_, W>) -> Result<(), ReduceError> {
        for (number, tile) in layout.tiles(self.columns).enumerate() {
            let width = tile.row_len();
            let rows_at_once = self.rows_at_once(width);
            let (mut first, mut rows_seen) = (number * self.columns, 0);
            self.clear(width);
            for block in tile.blocks() {
                pieces.cut_columns(block, rows_at_once, |piece| {
                    piece.count_columns(&mut self.counts);
                    for operation in &mut self.operations {
                        operation.fold_columns(piece.taken(operation.neutral()));
                    }
                })?;
                rows_seen += block.rows.len;
                if rows_seen >= layout.rows_per_result {
                    self.write(first, width)?;
                    self.clear(width);
                    (first, rows_seen) = (first + layout.row_len(), 0);
                }
            }
        }
        Ok(())
    }

    /// Rows of so many columns that are folded in one call: as many as fit the first-level cache with their masks, unless an
    /// operation wants another number.
    fn rows_at_once(&self, width: usize) -> usize {
        let fitting = (2 * PIECE / width.max(1)).clamp(ROWS_AT_A_TIME, GROUP);
        self.operations.iter().map(|operation| operation.rows_at_once(fitting)).max().unwrap_or(fitting)
    }

    fn clear(&mut self, width: usize) {
        self.counts.iter_mut().take(width).for_each(|count| *count = 0);
        self.operations.iter_mut().for_each(|operation| operation.clear(width));
    }

    /// Hands the first `width` results on, of which the first is number `first` of all.
    fn write(&mut self, first: usize, width: usize) -> Result<(), ReduceError> {
        self.operations.iter_mut().for_each(|operation| operation.settle(width));
        let settled = Settled { operations: &self.operations, width };
        let states = States { accumulators: &self.accumulators, knows: &settled };
        self.sink.take(first, self.counts.get(..width).unwrap_or(&self.counts), &states)
    }
}
