//! The numbers: one driver over axes and validity, one rule per file.
//!
//! The driver cuts a view into *rows* along one axis and the rows into *blocks* that fit the first-level
//! cache. A block in which elements are missing, or which is strided, is written to scratch memory, the
//! missing ones replaced by an element that changes nothing; the rule's loop then runs over plain memory.
//! Rows lie along a reduced axis (a block folds into a fixed number of lanes, which are merged in a fixed
//! order) or along a kept one (a block folds into as many states, each of its own result). Which of the
//! two, the number of lanes and the order of merging depend on shape and strides alone, never on the
//! machine, so that the same request gives the same bits everywhere.

mod count;
mod layout;
mod max;
mod min;
mod sum;

use ndarray::{ArrayView1, ArrayViewD, Axis};

use crate::array::{Budget, Buffer, BufferError, DType, Element, MissingRules};

pub use count::Count;
pub use max::Max;
pub use min::Min;
pub use sum::Sum;

use layout::{Layout, Rows};

/// Elements per block: scratch memory, states and validity of one block stay in the first-level cache.
const BLOCK: usize = 512;

/// Independent accumulators along a reduced axis.
const LANES: usize = 32;

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

    /// The state before any element.
    fn identity<T: Element>() -> Self::State<T>;

    /// An element that leaves every state as it is; it stands in for missing ones.
    fn neutral<T: Element>() -> T;

    /// The state after one more element.
    fn push<T: Element>(state: Self::State<T>, element: T) -> Self::State<T>;

    /// The state after the elements of both.
    fn merge<T: Element>(a: Self::State<T>, b: Self::State<T>) -> Self::State<T>;

    /// The dtype of results where the request names none.
    fn default_dtype(dtype: DType) -> DType;

    /// Writes the results of `states`, of each of which `counts` has the number of elements, as elements
    /// of `dtype` (the default one, or for sums another that the request may name) into `results`.
    ///
    /// # Errors
    /// If a result does not fit `dtype`.
    fn finish<T: Element>(
        states: &[Self::State<T>],
        counts: &[i64],
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

/// Reduces `view` over the axes for which `reduced` is true. Axes of length zero are allowed: a result of
/// no elements is the rule's identity with count 0.
///
/// # Errors
/// If a result does not fit `dtype`, or the budget has no room for the results.
pub fn reduce<R: Reduction, T: Element>(
    view: ArrayViewD<'_, T>,
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
        match layout.rows {
            Rows::Reduced => fold_rows(&layout, missing, &mut output)?,
            Rows::Kept => fold_columns(&layout, missing, &mut output)?,
        }
    }
    Ok(Reduced { values: output.values, counts: output.counts })
}

/// Reduces nothing: each element becomes its own result, in place, and a missing one what the reduction of nothing is.
/// Returns the counts, 1 or 0 for each. Only for rules that [keep elements](Reduction::KEEPS_ELEMENTS).
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
    let mut counts = budget.allocate(elements.len().saturating_mul(size_of::<i64>()))?;
    let mut valid = [true; BLOCK];
    for (block, counts) in elements.chunks_mut(BLOCK).zip(counts.elements_mut::<i64>().chunks_mut(BLOCK)) {
        let valid = part(&mut valid, 0, block.len());
        missing.validity(block, valid);
        for ((element, count), &valid) in block.iter_mut().zip(counts).zip(&*valid) {
            *element = if valid { element.canonical() } else { nothing };
            *count = i64::from(valid);
        }
    }
    Ok(counts)
}

/// Rows lie along a reduced axis: each result comes from `rows_per_result` whole rows.
fn fold_rows<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    missing: &MissingRules<T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let mut block = Block::<T>::new(R::neutral());
    let mut rows = layout.view.lanes(layout.row_axis()).into_iter();
    for result in 0..output.len {
        let mut lanes = [R::identity::<T>(); LANES];
        let mut count = 0;
        for row in rows.by_ref().take(layout.rows_per_result) {
            for piece in blocks(&row) {
                let (elements, valid) = block.load(&piece, missing);
                count += valid.map_or(elements.len(), |valid| valid.iter().filter(|valid| **valid).count());
                push_lanes::<R, T>(&mut lanes, elements);
            }
        }
        let total = lanes.into_iter().fold(R::identity(), R::merge::<T>);
        output.write(result, &[total], &[as_count(count)])?;
    }
    Ok(())
}

#[inline]
fn push_lanes<R: Reduction, T: Element>(lanes: &mut [R::State<T>; LANES], elements: &[T]) {
    let (chunks, rest) = elements.as_chunks::<LANES>();
    let mut local = *lanes;
    for chunk in chunks {
        for (lane, &element) in local.iter_mut().zip(chunk) {
            *lane = R::push(*lane, element);
        }
    }
    for (lane, &element) in local.iter_mut().zip(rest) {
        *lane = R::push(*lane, element);
    }
    *lanes = local;
}

/// Rows lie along a kept axis: column by column, each result comes from one element of each of
/// `rows_per_result` rows. Rows longer than a block are cut into tiles, one after the other.
fn fold_columns<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    missing: &MissingRules<T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let mut block = Block::<T>::new(R::neutral());
    let row_len = layout.view.len_of(layout.row_axis());
    let (mut all_states, mut all_counts) = ([R::identity::<T>(); BLOCK], [0; BLOCK]);
    let row_groups = output.len / row_len.max(1);
    for (tile, columns) in layout.view.axis_chunks_iter(layout.row_axis(), BLOCK).enumerate() {
        let mut rows = columns.lanes(layout.row_axis()).into_iter();
        let width = columns.len_of(layout.row_axis());
        let (states, counts) = (part(&mut all_states, 0, width), part(&mut all_counts, 0, width));
        for group in 0..row_groups {
            states.fill(R::identity::<T>());
            counts.fill(if missing.is_empty() { as_count(layout.rows_per_result) } else { 0 });
            for row in rows.by_ref().take(layout.rows_per_result) {
                let (elements, valid) = block.load(&row, missing);
                for (state, &element) in states.iter_mut().zip(elements) {
                    *state = R::push(*state, element);
                }
                for (count, &valid) in counts.iter_mut().zip(valid.unwrap_or_default()) {
                    *count += i64::from(valid);
                }
            }
            output.write(group * row_len + tile * BLOCK, states, counts)?;
        }
    }
    Ok(())
}

fn blocks<'a, T>(row: &ArrayView1<'a, T>) -> impl Iterator<Item = ArrayView1<'a, T>> + use<'a, T> {
    let mut rest = *row;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (block, after) = rest.split_at(Axis(0), rest.len().min(BLOCK));
        rest = after;
        Some(block)
    })
}

/// Elements of a chunk, of which there are fewer than 2³².
fn as_count(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// Scratch memory for one block.
struct Block<T> {
    neutral: T,
    elements: [T; BLOCK],
    valid: [bool; BLOCK],
}

impl<T: Element> Block<T> {
    fn new(neutral: T) -> Self {
        Self { neutral, elements: [neutral; BLOCK], valid: [true; BLOCK] }
    }

    /// The elements of `piece`, missing ones replaced, and which of them are not missing; None if all
    /// are there. Contiguous memory without missing rules is not copied.
    fn load<'a>(&'a mut self, piece: &ArrayView1<'a, T>, missing: &MissingRules<T>) -> (&'a [T], Option<&'a [bool]>) {
        let source = piece.to_slice();
        if let (Some(source), true) = (source, missing.is_empty()) {
            return (source, None);
        }
        let elements = part(&mut self.elements, 0, piece.len());
        match source {
            Some(source) => elements.copy_from_slice(source),
            None => elements.iter_mut().zip(piece).for_each(|(element, &source)| *element = source),
        }
        if missing.is_empty() {
            return (elements, None);
        }
        let valid = part(&mut self.valid, 0, elements.len());
        missing.validity(elements, valid);
        for (element, &valid) in elements.iter_mut().zip(&*valid) {
            *element = if valid { *element } else { self.neutral };
        }
        (elements, Some(valid))
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
    fn write(&mut self, first: usize, states: &[R::State<T>], counts: &[i64]) -> Result<(), ReduceError> {
        let size = self.dtype.size();
        let values = part(self.values.bytes_mut(), first * size, states.len() * size);
        R::finish(states, counts, self.dtype, values)
            .map_err(|Overflow| ReduceError::Overflow { dtype: self.dtype })?;
        for (slot, &count) in part(self.counts.elements_mut(), first, counts.len()).iter_mut().zip(counts) {
            *slot = count;
        }
        Ok(())
    }

    fn write_identities(&mut self) -> Result<(), ReduceError> {
        let (states, counts) = ([R::identity::<T>(); BLOCK], [0; BLOCK]);
        for first in (0..self.len).step_by(BLOCK) {
            let len = BLOCK.min(self.len - first);
            self.write(first, states.split_at(len).0, counts.split_at(len).0)?;
        }
        Ok(())
    }
}

/// Writes elements one after the other into `results`.
fn store<T: Element>(results: &mut [u8], values: impl Iterator<Item = Option<T>>) -> Result<(), Overflow> {
    for (result, value) in results.chunks_exact_mut(size_of::<T>()).zip(values) {
        result.copy_from_slice(bytemuck::bytes_of(&value.ok_or(Overflow)?));
    }
    Ok(())
}

/// `len` entries from `first` on, or as many as there are.
fn part<T>(slice: &mut [T], first: usize, len: usize) -> &mut [T] {
    let rest = slice.get_mut(first..).unwrap_or_default();
    let len = len.min(rest.len());
    rest.split_at_mut(len).0
}
