//! The numbers: one driver over axes and validity, one rule per file.
//!
//! The driver cuts a view into *rows* along one axis and takes *pieces* of them that fit the first-level cache. A
//! piece in which elements may be missing, which is strided or in another byte order, is written to scratch memory,
//! the missing ones replaced by an element that changes nothing; the rule's loop then runs over plain memory. Rows lie
//! along a reduced axis (each folds into one state) or along a kept one (each element folds into a state of its own).
//! All of that depends on shape and strides alone, and each loop gives the same bits however wide the vectors are that
//! it is compiled for, so that the same request gives the same bits everywhere.

mod count;
mod extreme;
mod layout;
mod max;
mod min;
mod pieces;
mod sum;

use ndarray::{ArrayView1, ArrayViewD};

use crate::array::{Budget, Buffer, BufferError, ByteOrder, COLUMNS, Columns, DType, Element, MissingRules, PIECE};

pub use count::Count;
pub use max::Max;
pub use min::Min;
pub use sum::Sum;

use layout::{Layout, Rows};
use pieces::{Pieces, cut};

/// A rule that folds elements into one result.
pub trait Reduction {
    /// The last part of its route.
    const NAME: &'static str;
    /// Whether the result of one element, in the dtype of the elements, is that element.
    const KEEPS_ELEMENTS: bool;
    /// What it is, in a few words.
    const SUMMARY: &'static str;
    /// Whether a request may name the dtype of the results.
    const TAKES_RESULT_DTYPE: bool = false;
    /// What is known of the elements seen so far.
    type State<T: Element>: Copy;
    /// States of results side by side.
    type Columns<T: Element>: Columns<T, Self::State<T>>;

    /// The state before any element.
    fn identity<T: Element>() -> Self::State<T>;

    /// An element that leaves every state as it is; it stands in for missing ones.
    fn neutral<T: Element>() -> T;

    /// Folds a row of `row_len` elements into each state. There are at most [`PIECE`] elements.
    fn fold_rows<T: Element>(states: &mut [Self::State<T>], elements: &[T], row_len: usize);

    /// The dtype of results where the request names none.
    fn default_dtype(dtype: DType) -> DType;

    /// Writes the results of `states`, of each of which `counts` has the number of elements, as elements
    /// of `dtype` (the default one, or for sums another that the request may name) into `results`, which are
    /// aligned for it.
    ///
    /// # Errors
    /// If a result does not fit `dtype`.
    fn finish<T: Element>(
        states: &[Self::State<T>],
        counts: &[u32],
        dtype: DType,
        results: &mut [u8],
    ) -> Result<(), Overflow>;
}

/// An integer result is outside the range of its dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Why a view could not be reduced.
#[derive(Debug, thiserror::Error)]
pub enum ReduceError {
    /// A result does not fit its dtype.
    #[error("integer overflow: a result does not fit {}", dtype.name())]
    Overflow {
        /// The dtype of the results.
        dtype: DType,
    },
    /// No room for the results.
    #[error(transparent)]
    Buffer(#[from] BufferError),
}

/// Results in the C order of the axes that were kept.
#[derive(Debug)]
pub struct Reduced {
    /// One element of the result's dtype each.
    pub values: Buffer,
    /// Number of non-missing elements behind each, as `i64`.
    pub counts: Buffer,
}

/// Reduces `view`, whose elements are in `byte_order`, over the axes for which `reduced` is true. Axes of length zero
/// are allowed: a result of no elements is the rule's identity with count 0.
///
/// # Errors
/// If a result does not fit `dtype`, or the budget has no room for the results.
pub fn reduce<R: Reduction, T: Element>(
    view: ArrayViewD<'_, T>,
    byte_order: ByteOrder,
    reduced: &[bool],
    missing: &MissingRules<T>,
    dtype: DType,
    budget: &mut Budget,
) -> Result<Reduced, ReduceError> {
    let results: usize =
        view.shape().iter().zip(reduced).filter(|(_, reduced)| !**reduced).map(|(len, _)| len).product();
    let mut output = Output::<R, T>::new(results, dtype, budget)?;
    if view.is_empty() {
        output.write_identities()?;
    } else {
        let layout = Layout::of(view, reduced);
        let mut pieces = Pieces::new(missing, byte_order, R::neutral());
        match layout.rows {
            Rows::Reduced => fold_rows(&layout, &mut pieces, &mut output)?,
            Rows::Kept => fold_columns(&layout, &mut pieces, &mut output)?,
        }
    }
    Ok(Reduced { values: output.values, counts: output.counts })
}

/// Reduces nothing: each element becomes its own result, in place, and a missing one what the reduction of nothing is.
/// Returns the counts, 1 or 0 for each. Only for rules that [keep elements](Reduction::KEEPS_ELEMENTS), and elements
/// in the native byte order.
///
/// # Errors
/// If the budget has no room for the counts.
pub fn reduce_nothing<R: Reduction, T: Element>(
    elements: &mut [T],
    missing: &MissingRules<T>,
    budget: &mut Budget,
) -> Result<Buffer, ReduceError> {
    let mut nothing = T::zeroed();
    R::finish(&[R::identity::<T>()], &[0], T::DTYPE, bytemuck::bytes_of_mut(&mut nothing))
        .map_err(|Overflow| ReduceError::Overflow { dtype: T::DTYPE })?;
    let mut all_counts = budget.allocate(elements.len().saturating_mul(size_of::<i64>()))?;
    let mut replaced = [nothing; PIECE];
    for (piece, counts) in elements.chunks_mut(PIECE).zip(all_counts.elements_mut::<i64>().chunks_mut(PIECE)) {
        let mut valid = [0; PIECE];
        missing.mark(piece);
        missing.replace_in_columns(piece, piece.len(), nothing, &mut replaced, &mut valid);
        piece.iter_mut().zip(&replaced).for_each(|(element, replaced)| *element = replaced.canonical());
        counts.iter_mut().zip(valid).for_each(|(count, valid)| *count = valid.into());
    }
    Ok(all_counts)
}

/// Rows lie along a reduced axis: each result comes from `rows_per_result` whole rows.
fn fold_rows<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let row_len = layout.row_len();
    match layout.view.as_slice() {
        Some(elements) if layout.rows_per_result == 1 && row_len < PIECE => {
            fold_short_rows(elements, row_len, pieces, output)
        }
        _ => fold_long_rows(layout, pieces, output),
    }
}

/// As many rows at a time as fit a piece, each of a result of its own.
fn fold_short_rows<R: Reduction, T: Element>(
    elements: &[T],
    row_len: usize,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let (mut all_states, mut all_counts) = ([R::identity::<T>(); COLUMNS], [0; COLUMNS]);
    let rows_per_piece = (PIECE / row_len).min(COLUMNS);
    for (number, piece) in elements.chunks(rows_per_piece * row_len).enumerate() {
        let rows = piece.len() / row_len;
        let (states, counts) = (part(&mut all_states, 0, rows), part(&mut all_counts, 0, rows));
        states.fill(R::identity::<T>());
        counts.fill(0);
        let loaded = pieces.rows(&piece.into(), row_len, counts);
        R::fold_rows(states, loaded, row_len);
        output.write(number * rows_per_piece, states, counts)?;
    }
    Ok(())
}

/// A piece of a row at a time.
fn fold_long_rows<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let mut rows = layout.view.lanes(layout.row_axis()).into_iter();
    for result in 0..output.len {
        let (mut state, mut count) = ([R::identity::<T>()], [0]);
        for row in rows.by_ref().take(layout.rows_per_result) {
            for piece in cut(&row, PIECE) {
                let loaded = pieces.rows(&piece, piece.len(), &mut count);
                R::fold_rows(&mut state, loaded, loaded.len());
            }
        }
        output.write(result, &state, &count)?;
    }
    Ok(())
}

/// Rows lie along a kept axis: column by column, each result comes from one element of each of `rows_per_result` rows.
fn fold_columns<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let row_len = layout.row_len();
    match layout.view.as_slice() {
        Some(elements) if row_len <= COLUMNS => {
            fold_short_columns(elements, row_len, layout.rows_per_result, pieces, output)
        }
        _ => fold_tiles(layout, pieces, output),
    }
}

/// As many rows at a time as fit a piece.
fn fold_short_columns<R: Reduction, T: Element>(
    elements: &[T],
    width: usize,
    rows_per_result: usize,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let mut tile = Tile::<R, T>::new();
    for (group, rows) in elements.chunks(width * rows_per_result).enumerate() {
        tile.clear(width);
        for piece in rows.chunks(PIECE / width * width) {
            tile.add_rows(&piece.into(), pieces);
        }
        tile.write(group * width, output)?;
    }
    Ok(())
}

/// Rows are cut into tiles of [`COLUMNS`], one after the other.
fn fold_tiles<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let mut tile = Tile::<R, T>::new();
    let row_len = layout.row_len();
    let row_groups = output.len / row_len.max(1);
    for (number, columns) in layout.view.axis_chunks_iter(layout.row_axis(), COLUMNS).enumerate() {
        let mut rows = columns.lanes(layout.row_axis()).into_iter();
        for group in 0..row_groups {
            tile.clear(columns.len_of(layout.row_axis()));
            for row in rows.by_ref().take(layout.rows_per_result) {
                tile.add_rows(&row, pieces);
            }
            tile.write(group * row_len + number * COLUMNS, output)?;
        }
    }
    Ok(())
}

/// Results side by side while rows are folded into them.
struct Tile<R: Reduction, T: Element> {
    width: usize,
    columns: R::Columns<T>,
    states: [R::State<T>; COLUMNS],
    counts: [u32; COLUMNS],
}

impl<R: Reduction, T: Element> Tile<R, T> {
    fn new() -> Self {
        Self { width: 0, columns: R::Columns::new(), states: [R::identity::<T>(); COLUMNS], counts: [0; COLUMNS] }
    }

    fn clear(&mut self, width: usize) {
        self.width = width;
        self.columns.clear(width);
        part(&mut self.counts, 0, width).fill(0);
    }

    fn add_rows(&mut self, piece: &ArrayView1<'_, T>, pieces: &mut Pieces<'_, T>) {
        let loaded = pieces.columns(piece, self.width, part(&mut self.counts, 0, self.width));
        self.columns.add_rows(loaded, self.width);
    }

    fn write(&mut self, first: usize, output: &mut Output<R, T>) -> Result<(), ReduceError> {
        let states = part(&mut self.states, 0, self.width);
        self.columns.write(states);
        output.write(first, states, part(&mut self.counts, 0, self.width))
    }
}

/// Results as they are finished.
struct Output<R: Reduction, T: Element> {
    dtype: DType,
    len: usize,
    values: Buffer,
    counts: Buffer,
    rule: std::marker::PhantomData<(R, T)>,
}

impl<R: Reduction, T: Element> Output<R, T> {
    fn new(len: usize, dtype: DType, budget: &mut Budget) -> Result<Self, BufferError> {
        let values = budget.allocate(len.saturating_mul(dtype.size()))?;
        let counts = budget.allocate(len.saturating_mul(size_of::<i64>()))?;
        Ok(Self { dtype, len, values, counts, rule: std::marker::PhantomData })
    }

    /// Finishes and writes consecutive results from `first` on.
    fn write(&mut self, first: usize, states: &[R::State<T>], counts: &[u32]) -> Result<(), ReduceError> {
        let size = self.dtype.size();
        let values = part(self.values.bytes_mut(), first * size, states.len() * size);
        R::finish(states, counts, self.dtype, values)
            .map_err(|Overflow| ReduceError::Overflow { dtype: self.dtype })?;
        let slots = part(self.counts.elements_mut::<i64>(), first, counts.len());
        slots.iter_mut().zip(counts).for_each(|(slot, &count)| *slot = count.into());
        Ok(())
    }

    fn write_identities(&mut self) -> Result<(), ReduceError> {
        let (states, counts) = ([R::identity::<T>(); COLUMNS], [0; COLUMNS]);
        for first in (0..self.len).step_by(COLUMNS) {
            let len = COLUMNS.min(self.len - first);
            self.write(first, states.split_at(len).0, counts.split_at(len).0)?;
        }
        Ok(())
    }
}

/// `len` entries from `first` on, or as many as there are.
fn part<T>(slice: &mut [T], first: usize, len: usize) -> &mut [T] {
    let rest = slice.get_mut(first..).unwrap_or_default();
    let len = len.min(rest.len());
    rest.split_at_mut(len).0
}
