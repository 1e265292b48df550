//! The numbers: one driver over axes and validity, one rule per file.
//!
//! The driver cuts a view into *rows* along one axis and takes *pieces* of them. A piece that is strided, shuffled, in
//! another byte order, or has several missing values is first written to scratch memory; the rule's loop then runs over plain
//! memory, asks of each element whether it is missing, counts and folds. Rows lie
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
mod unpacking;

use multiversion::multiversion;
use ndarray::{ArrayView2, ArrayViewD, Axis, Ix2};

use crate::array::{
    Budget, Buffer, BufferError, COLUMNS, Cancellation, Cancelled, Columns, DType, Element, IsValid, MissingRules,
    PIECE, Packing, Rows, Storage, Validity, with_validity,
};

pub use count::Count;
pub use max::Max;
pub use min::Min;
pub use sum::Sum;

use layout::{Along, Layout};
use pieces::Pieces;
use unpacking::Unpacking;

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
    /// Whether packed values and those that they stand for have different results.
    const UNPACKS: bool = true;
    /// The rule that has the same result of negated elements, negated.
    type Mirrored: Reduction;
    /// What is known of the elements seen so far.
    type State<T: Element>: Copy;
    /// States of results side by side.
    type Columns<T: Element>: Columns<T, Self::State<T>>;

    /// The state before any element.
    fn identity<T: Element>() -> Self::State<T>;

    /// Folds into each state the elements of a row that are not missing, and adds their number to its count. All rows
    /// together have at most [`PIECE`] elements.
    fn fold_rows<T: Element>(
        states: &mut [Self::State<T>],
        counts: &mut [u32],
        rows: Rows<'_, T>,
        validity: Validity<T>,
    );

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

    /// The dtype of results of packed values, before they are unpacked.
    #[must_use]
    fn packed_dtype(dtype: DType) -> DType {
        Self::default_dtype(dtype)
    }

    /// The result of so many unpacked values, from that of the packed ones. For packings that [reverse
    /// them](Packing::reverses) this is the result of the [mirrored](Self::Mirrored) rule.
    #[inline(always)]
    #[must_use]
    fn unpack(packing: Packing, packed: f64, _count: u32) -> f64 {
        packing.unpack(packed)
    }
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
    /// Nobody waits for the results.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What results are to be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Their dtype: the default one or, for sums, another; `float32` or `float64` if they are to be unpacked.
    pub dtype: DType,
    /// How to unpack them; None for results of the elements as they are.
    pub packing: Option<Packing>,
}

impl From<DType> for Wanted {
    fn from(dtype: DType) -> Self {
        Self { dtype, packing: None }
    }
}

/// Results in the C order of the axes that were kept.
#[derive(Debug)]
pub struct Reduced {
    /// One element of the result's dtype each.
    pub values: Buffer,
    /// Number of non-missing elements behind each, as `i64`.
    pub counts: Buffer,
}

/// Reduces `view`, a part of `elements`, which lie as `storage` says, over the axes for which `reduced` is true. Axes of length zero
/// are allowed: a result of no elements is the rule's identity with count 0.
///
/// # Errors
/// If a result does not fit its dtype, the budget has no room for the results, or nobody waits for them.
pub fn reduce<R: Reduction, T: Element>(
    elements: &[T],
    view: ArrayViewD<'_, T>,
    storage: Storage,
    reduced: &[bool],
    missing: &MissingRules<T>,
    wanted: Wanted,
    budget: &mut Budget,
) -> Result<Reduced, ReduceError> {
    let results: usize =
        view.shape().iter().zip(reduced).filter(|(_, reduced)| !**reduced).map(|(len, _)| len).product();
    if wanted.packing.is_some_and(Packing::reverses) {
        let output = Output::<R::Mirrored, T>::of::<R>(results, wanted, budget)?;
        return reduce_into(output, elements, view, storage, reduced, missing);
    }
    let output = Output::<R, T>::of::<R>(results, wanted, budget)?;
    reduce_into(output, elements, view, storage, reduced, missing)
}

fn reduce_into<R: Reduction, T: Element>(
    mut output: Output<R, T>,
    elements: &[T],
    view: ArrayViewD<'_, T>,
    storage: Storage,
    reduced: &[bool],
    missing: &MissingRules<T>,
) -> Result<Reduced, ReduceError> {
    if view.is_empty() {
        output.write_identities()?;
    } else {
        let layout = Layout::of(view, reduced);
        let mut pieces = Pieces::new(elements, missing, storage, output.cancellation.clone());
        match (layout.along, layout.rows_per_result) {
            (Along::Reduced, 1) => fold_each_row(&layout, &mut pieces, &mut output)?,
            (Along::Reduced, _) => fold_rows(&layout, &mut pieces, &mut output)?,
            (Along::Kept, _) => fold_columns(&layout, &mut pieces, &mut output)?,
        }
    }
    Ok(Reduced { values: output.values, counts: output.counts })
}

/// Reduces nothing: each element becomes its own result, in place, and a missing one what the reduction of nothing is.
/// Returns the counts, 1 or 0 for each. Only for rules that [keep elements](Reduction::KEEPS_ELEMENTS), and elements
/// in the native byte order.
///
/// # Errors
/// If the budget has no room for the counts, or nobody waits for them.
pub fn reduce_nothing<R: Reduction, T: Element>(
    elements: &mut [T],
    missing: &MissingRules<T>,
    budget: &mut Budget,
) -> Result<Buffer, ReduceError> {
    let nothing = of_nothing::<R, T>().map_err(|Overflow| ReduceError::Overflow { dtype: T::DTYPE })?;
    let mut counts = budget.allocate(elements.len().saturating_mul(size_of::<i64>()))?;
    for (piece, counts) in elements.chunks_mut(PIECE).zip(counts.elements_mut::<i64>().chunks_mut(PIECE)) {
        budget.cancellation().check()?;
        missing.mark(piece);
        with_validity!(missing.validity(), valid => keep_each(piece, counts, nothing, valid));
    }
    Ok(counts)
}

/// The result of no elements, in their dtype.
fn of_nothing<R: Reduction, T: Element>() -> Result<T, Overflow> {
    let mut nothing = T::zeroed();
    R::finish(&[R::identity::<T>()], &[0], T::DTYPE, bytemuck::bytes_of_mut(&mut nothing))?;
    Ok(nothing)
}

#[multiversion(targets = "simd")]
fn keep_each<T: Element, V: IsValid<T>>(elements: &mut [T], counts: &mut [i64], nothing: T, valid: V) {
    for (element, count) in elements.iter_mut().zip(counts) {
        let is_valid = valid.is_valid(*element);
        *element = if is_valid { element.canonical() } else { nothing };
        *count = is_valid.into();
    }
}

/// Rows lie along a reduced axis, each of a result of its own.
fn fold_each_row<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let at_a_time = output.len.min(COLUMNS);
    let (mut states, mut counts) = (vec![R::identity::<T>(); at_a_time], vec![0; at_a_time]);
    let (validity, mut first) = (pieces.validity(), 0);
    each_block(layout.view.view(), &mut |block| {
        for block in block.axis_chunks_iter(Axis(0), COLUMNS) {
            let (states, counts) = (part(&mut states, 0, block.nrows()), part(&mut counts, 0, block.nrows()));
            states.fill(R::identity::<T>());
            counts.fill(0);
            pieces.cut_rows(&block, |row, rows| {
                let (states, counts) = (part(states, row, rows.len()), part(counts, row, rows.len()));
                R::fold_rows(states, counts, rows, validity);
            })?;
            output.write(first, states, counts)?;
            first += block.nrows();
        }
        Ok(())
    })
}

/// Rows lie along a reduced axis, `rows_per_result` one after the other belong to one result.
fn fold_rows<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let (mut state, mut count) = ([R::identity::<T>()], [0]);
    let (validity, mut result, mut rows_seen) = (pieces.validity(), 0, 0);
    each_block(layout.view.view(), &mut |block| {
        pieces.cut_rows(&block, |_, rows| {
            for row in rows.groups(1) {
                R::fold_rows(&mut state, &mut count, row, validity);
            }
        })?;
        rows_seen += block.nrows();
        if rows_seen >= layout.rows_per_result {
            output.write(result, &state, &count)?;
            (state, count, rows_seen) = ([R::identity::<T>()], [0], 0);
            result += 1;
        }
        Ok(())
    })
}

/// Rows lie along a kept axis: column by column, each result comes from one element of each of `rows_per_result` rows.
/// They are cut into tiles of [`COLUMNS`], one after the other.
fn fold_columns<R: Reduction, T: Element>(
    layout: &Layout<'_, T>,
    pieces: &mut Pieces<'_, T>,
    output: &mut Output<R, T>,
) -> Result<(), ReduceError> {
    let (mut columns, mut states, mut counts) = (R::Columns::<T>::new(), [R::identity::<T>(); COLUMNS], [0; COLUMNS]);
    let validity = pieces.validity();
    for (number, tile) in layout.view.axis_chunks_iter(layout.row_axis(), COLUMNS).enumerate() {
        let width = tile.len_of(layout.row_axis());
        let (states, counts) = (part(&mut states, 0, width), part(&mut counts, 0, width));
        let (mut first, mut rows_seen) = (number * COLUMNS, 0);
        each_block(tile, &mut |block| {
            if rows_seen == 0 {
                columns.clear(width);
                counts.fill(0);
            }
            pieces.cut_columns(&block, |rows| columns.add_rows(counts, rows, validity))?;
            rows_seen += block.nrows();
            if rows_seen >= layout.rows_per_result {
                columns.write(states);
                output.write(first, states, counts)?;
                first += layout.row_len();
                rows_seen = 0;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Calls `take` with what the last two axes span, for each index of the others in C order.
fn each_block<T>(
    view: ArrayViewD<'_, T>,
    take: &mut impl FnMut(ArrayView2<'_, T>) -> Result<(), ReduceError>,
) -> Result<(), ReduceError> {
    if view.ndim() <= 2 {
        return view.into_dimensionality::<Ix2>().map_or(Ok(()), take);
    }
    (0..view.len_of(Axis(0))).try_for_each(|index| each_block(view.clone().index_axis_move(Axis(0), index), take))
}

/// Results as they are finished.
struct Output<R: Reduction, T: Element> {
    dtype: DType,
    len: usize,
    values: Buffer,
    counts: Buffer,
    unpacking: Option<Unpacking>,
    cancellation: Cancellation,
    rule: std::marker::PhantomData<(R, T)>,
}

impl<R: Reduction, T: Element> Output<R, T> {
    /// For results of the rule `Asked`, of which `R` is the mirrored one if unpacking reverses the order of values.
    fn of<Asked: Reduction>(len: usize, wanted: Wanted, budget: &mut Budget) -> Result<Self, ReduceError> {
        let Wanted { dtype, packing } = wanted;
        let unpacking = packing.map(|packing| Unpacking::of::<Asked>(packing, len)).transpose();
        let unpacking = unpacking.map_err(|Overflow| ReduceError::Overflow { dtype })?;
        let values = budget.allocate(len.saturating_mul(dtype.size()))?;
        let counts = budget.allocate(len.saturating_mul(size_of::<i64>()))?;
        let cancellation = budget.cancellation().clone();
        Ok(Self { dtype, len, values, counts, unpacking, cancellation, rule: std::marker::PhantomData })
    }

    /// Finishes and writes consecutive results from `first` on.
    fn write(&mut self, first: usize, states: &[R::State<T>], counts: &[u32]) -> Result<(), ReduceError> {
        let size = self.dtype.size();
        let values = part(self.values.bytes_mut(), first * size, states.len() * size);
        let finished = match &mut self.unpacking {
            Some(unpacking) => unpacking.finish::<R, T>(states, counts, self.dtype, values),
            None => R::finish(states, counts, self.dtype, values),
        };
        finished.map_err(|Overflow| ReduceError::Overflow { dtype: self.dtype })?;
        let slots = part(self.counts.elements_mut::<i64>(), first, counts.len());
        slots.iter_mut().zip(counts).for_each(|(slot, &count)| *slot = count.into());
        Ok(())
    }

    fn write_identities(&mut self) -> Result<(), ReduceError> {
        let (states, counts) = ([R::identity::<T>(); COLUMNS], [0; COLUMNS]);
        for first in (0..self.len).step_by(COLUMNS) {
            self.cancellation.check()?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::array::{ByteOrder, Missing, Pool};

    /// Bytes of the sums over the first axis.
    fn sums(rows: usize, width: usize, elements: &[f32], storage: Storage, missing: Missing<f32>) -> Vec<u8> {
        let mut budget = Budget::unshared(1000, Arc::new(Pool::new(1 << 16, 0)));
        let view = ArrayViewD::from_shape(vec![rows, width], elements).unwrap();
        let (rules, reduced) = (MissingRules::from(missing), [true, false]);
        let sums = reduce::<Sum, f32>(elements, view, storage, &reduced, &rules, DType::Float32.into(), &mut budget);
        sums.unwrap().values.bytes().to_vec()
    }

    #[test]
    fn sums_of_columns_have_the_same_bits_whether_rows_are_taken_from_where_they_are_or_loaded() {
        let other = if ByteOrder::NATIVE == ByteOrder::Little { ByteOrder::Big } else { ByteOrder::Little };
        for (rows, width) in [(12, 512), (36, 512), (200, 512), (200, 31), (130, 1000), (70, 5)] {
            // What cancels shows in which groups it was added: 1 is lost beside 2¹²⁶ if 2⁶⁰ comes between.
            let (large, middle) = (2f32.powi(126), 2f32.powi(60));
            let terms = [large, 1.0, 0.0, 0.0, middle, -middle, 0.0, 0.0, -large, 0.0, 0.0, 0.0];
            let elements: Vec<f32> = (0..rows * width).map(|i| terms[i / width % terms.len()]).collect();
            let swapped: Vec<f32> = elements.iter().map(|element| element.swap_bytes()).collect();
            let bytes: Vec<_> = elements.iter().map(|element| element.to_ne_bytes()).collect();
            let planes = (0..4).flat_map(|byte| bytes.iter().map(move |element| element[byte])).collect::<Vec<_>>();
            let shuffled: Vec<f32> =
                planes.chunks(4).map(|bytes| f32::from_ne_bytes(bytes.try_into().unwrap())).collect();
            let absent = Missing { values: vec![77.0, 78.0], ..Missing::default() };
            let expected = sums(rows, width, &elements, Storage::NATIVE, Missing::default());
            let other = Storage { byte_order: other, ..Storage::NATIVE };
            assert_eq!(sums(rows, width, &swapped, other, Missing::default()), expected, "{rows} x {width}");
            assert_eq!(sums(rows, width, &elements, Storage::NATIVE, absent), expected, "{rows} x {width}");
            let planes = Storage { shuffled: true, ..Storage::NATIVE };
            assert_eq!(sums(rows, width, &shuffled, planes, Missing::default()), expected, "{rows} x {width}");
        }
    }

    #[test]
    fn a_reduction_ends_when_nobody_waits() {
        let elements: Vec<f32> = vec![1.0; 64 * 64 * 64];
        let view = |strided| {
            let view = ArrayViewD::from_shape(vec![64, 64, 64], &elements[..]).unwrap();
            if strided { view.reversed_axes() } else { view }
        };
        for storage in [Storage::NATIVE, Storage { shuffled: true, ..Storage::NATIVE }] {
            for reduced in [[true; 3], [false; 3], [true, false, true], [false, false, true]] {
                for (strided, values) in [(false, vec![]), (true, vec![]), (false, vec![2.0, 3.0])] {
                    let rules = MissingRules::from(Missing { values, min: None, max: None });
                    let mut budget = Budget::unshared(5000, Arc::new(Pool::new(1 << 16, 0)));
                    drop(budget.waiting());
                    let sum = reduce::<Sum, f32>(
                        &elements,
                        view(strided),
                        storage,
                        &reduced,
                        &rules,
                        DType::Float32.into(),
                        &mut budget,
                    );
                    assert!(matches!(sum, Err(ReduceError::Cancelled(_))), "{reduced:?}");
                }
            }
        }
        let mut budget = Budget::unshared(5000, Arc::new(Pool::new(1 << 16, 0)));
        drop(budget.waiting());
        let nothing =
            reduce_nothing::<Max, f32>(&mut elements.clone(), &MissingRules::from(Missing::default()), &mut budget);
        assert!(matches!(nothing, Err(ReduceError::Cancelled(_))));
    }
}
