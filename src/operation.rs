//! What a route runs: a decoded chunk in, a small array and its counts out.

use ndarray::{ArrayViewD, ArrayViewMutD, ShapeBuilder};

use crate::{
    array::{
        Budget, Buffer, BufferError, ByteOrder, Cancelled, DType, Element, Kind, MAX_ELEMENTS, Missing, MissingRules,
        Number, Order, Packing, STEP, Slice, Storage, Unpacked, dtype::with_dtype, memory_units, select, to_native,
        write_each,
    },
    reduce::{Count, ReduceError, Reduced, Reduction, Wanted, reduce, reduce_nothing},
};

/// What a request asks of a decoded chunk. Everything in it fits together: one slice per dimension, one
/// entry of `reduced` per dimension, missing values that the dtype can hold.
#[derive(Clone, Debug)]
pub struct Task {
    /// Type of the elements.
    pub dtype: DType,
    /// How their bytes lie in the chunk.
    pub storage: Storage,
    /// Length of each dimension; None for one dimension of as many elements as there are.
    pub shape: Option<Vec<usize>>,
    /// Layout of the chunk and of the result.
    pub order: Order,
    /// The part of the chunk to work on; None for all of it.
    pub selection: Option<Vec<Slice>>,
    /// Which elements are missing, by their packed values.
    pub missing: Missing<Number>,
    /// How to unpack results; None for results of the elements as they are.
    pub packing: Option<Packing>,
    /// For each dimension, whether to reduce it; None for all.
    pub reduced: Option<Vec<bool>>,
    /// dtype of the result where the request names one.
    pub result_dtype: Option<DType>,
    /// Whether reduced dimensions stay, with length one.
    pub keepdims: bool,
}

/// Elements of a row that is worth being loaded on its own.
const LONG_ROW: usize = 32;

/// What an operation answers: an array in the native byte order and the order of the request.
#[derive(Debug)]
pub struct OperationResult {
    /// Type of the values.
    pub dtype: DType,
    /// Shape of the values.
    pub shape: Vec<usize>,
    /// Layout of the values and counts.
    pub order: Order,
    /// The values.
    pub values: Buffer,
    /// Non-missing elements behind each value, as `i64`; for `select`, one number for all of them.
    pub counts: Buffer,
    /// Whether one count stands for the whole request.
    pub one_count: bool,
    /// Lengths of the nested lists that the counts make: the shape of the values where reduced axes stay, otherwise
    /// one list of all.
    pub nesting: Vec<usize>,
}

/// What is known of a result before anything is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Lengths of the nested lists that the counts make.
    pub nesting: Vec<usize>,
    /// No count is larger.
    pub max_count: usize,
}

impl Outline {
    /// Number of counts.
    #[must_use]
    pub fn results(&self) -> usize {
        self.nesting.iter().copied().fold(1, usize::saturating_mul)
    }
}

/// Why an operation gave no result.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// The decoded chunk is not what dtype and shape say.
    #[error("{0}")]
    WrongLength(String),
    /// More elements than the accumulators are proved for.
    #[error("the chunk has {0} elements; at most {MAX_ELEMENTS} can be reduced in one request")]
    TooManyElements(usize),
    /// An integer sum does not fit.
    #[error("integer overflow: the sum does not fit {dtype}; ask for a wider result_dtype, such as {wider}")]
    Overflow {
        /// The dtype that is too narrow.
        dtype: &'static str,
        /// One that is wide enough for anything.
        wider: &'static str,
    },
    /// No memory for the result.
    #[error(transparent)]
    Buffer(#[from] BufferError),
    /// Nobody waits for the result.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// Something that checked requests rule out.
    #[error("defect: {0}")]
    Defect(&'static str),
}

impl From<ReduceError> for OperationError {
    fn from(error: ReduceError) -> Self {
        match error {
            ReduceError::Buffer(error) => error.into(),
            ReduceError::Cancelled(error) => error.into(),
            ReduceError::Overflow { dtype } => Self::Overflow {
                dtype: dtype.name(),
                wider: match (dtype.kind(), dtype.size()) {
                    (Kind::Signed, ..8) => "int64 or float64",
                    (Kind::Unsigned, ..8) => "uint64 or float64",
                    _ => "float64",
                },
            },
        }
    }
}

/// Which optional fields of a request an operation heeds.
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// `axis`; ignored otherwise.
    pub uses_axis: bool,
    /// `result_dtype`; refused otherwise.
    pub takes_result_dtype: bool,
    /// `scale_factor` and `add_offset`, and with them `result_dtype`; ignored otherwise.
    pub unpacks: bool,
    /// Chunks whose elements are still shuffled.
    pub takes_shuffled: bool,
}

/// An operation on elements of a known type.
pub trait NumOperation: Send + Sync + 'static {
    /// The last part of its route.
    const NAME: &'static str;
    /// What it is, in a few words.
    const SUMMARY: &'static str;
    /// What it heeds.
    const TRAITS: Traits;

    /// Works on a chunk whose length is right.
    ///
    /// # Errors
    /// If a result does not fit its dtype, or there is no memory for it.
    fn apply<T: Element>(task: &Task, chunk: Buffer, budget: &mut Budget) -> Result<OperationResult, OperationError>;

    /// Memory units that it takes at most beside a decoded chunk of at most `decoded_len` bytes.
    fn memory_units(task: &Task, decoded_len: usize) -> usize;

    /// Bytes of the values and counts of its result, for a decoded chunk of at most `decoded_len` bytes.
    fn result_len(task: &Task, decoded_len: usize) -> usize;

    /// What its result will be like.
    fn outline(task: &Task) -> Outline;
}

/// An operation whatever the dtype: every [`NumOperation`] is one.
pub trait Operation: Send + Sync + 'static {
    /// The last part of its route.
    const NAME: &'static str;
    /// What it is, in a few words.
    const SUMMARY: &'static str;
    /// What it heeds.
    const TRAITS: Traits;

    /// Works on a decoded chunk.
    ///
    /// # Errors
    /// If the chunk has another length than dtype and shape say, a result does not fit its dtype, or there
    /// is no memory for it.
    fn run(task: &Task, chunk: Buffer, budget: &mut Budget) -> Result<OperationResult, OperationError>;

    /// Memory units that it takes at most beside a decoded chunk of at most `decoded_len` bytes.
    fn memory_units(task: &Task, decoded_len: usize) -> usize;

    /// Bytes of the values and counts of its result, for a decoded chunk of at most `decoded_len` bytes.
    fn result_len(task: &Task, decoded_len: usize) -> usize;

    /// What its result will be like.
    fn outline(task: &Task) -> Outline;
}

impl<N: NumOperation> Operation for N {
    const NAME: &'static str = N::NAME;
    const SUMMARY: &'static str = N::SUMMARY;
    const TRAITS: Traits = N::TRAITS;

    fn run(task: &Task, chunk: Buffer, budget: &mut Budget) -> Result<OperationResult, OperationError> {
        task.check_len(chunk.bytes().len())?;
        with_dtype!(task.dtype, T => N::apply::<T>(task, chunk, budget))
    }

    fn memory_units(task: &Task, decoded_len: usize) -> usize {
        N::memory_units(task, decoded_len)
    }

    fn result_len(task: &Task, decoded_len: usize) -> usize {
        N::result_len(task, decoded_len)
    }

    fn outline(task: &Task) -> Outline {
        N::outline(task)
    }
}

/// Every reduction is an operation.
impl<R: Reduction + Send + Sync + 'static> NumOperation for R {
    const NAME: &'static str = R::NAME;
    const SUMMARY: &'static str = R::SUMMARY;
    const TRAITS: Traits = Traits {
        uses_axis: true,
        takes_result_dtype: R::TAKES_RESULT_DTYPE,
        unpacks: R::UNPACKS,
        takes_shuffled: true,
    };

    fn apply<T: Element>(
        task: &Task,
        mut chunk: Buffer,
        budget: &mut Budget,
    ) -> Result<OperationResult, OperationError> {
        let view = task.view::<T>(&chunk)?;
        let reduced = task.reduced_mask(view.ndim());
        let one_count = reduced.iter().all(|&reduced| reduced) && (task.reduced.is_none() || !reduced.is_empty());
        let shape = task.result_shape(view.shape(), &reduced);
        let wanted = task.wanted(R::default_dtype(task.dtype));
        let dtype = wanted.dtype;
        let (order, nesting, missing) = (task.order, task.nesting(), task.missing_rules()?);
        let keeps_elements = R::KEEPS_ELEMENTS && dtype == T::DTYPE && !reduced.contains(&true);
        let is_in_place =
            keeps_elements && wanted.packing.is_none() && !task.storage.shuffled && is_whole(&view, &chunk);
        let (values, counts) = if is_in_place {
            make_native(chunk.elements_mut::<T>(), task.storage.byte_order, budget)?;
            let counts = reduce_nothing::<R, T>(chunk.elements_mut(), &missing, budget)?;
            (chunk, counts)
        } else {
            let elements = chunk.elements();
            let Reduced { values, counts } =
                reduce::<R, T>(elements, view, task.storage, &reduced, &missing, wanted, budget)?;
            (values, counts)
        };
        Ok(OperationResult { dtype, shape, order, values, counts, one_count, nesting })
    }

    fn memory_units(task: &Task, decoded_len: usize) -> usize {
        let results = task.results_len(decoded_len);
        let Wanted { dtype, .. } = task.wanted(R::default_dtype(task.dtype));
        array_units(results, dtype).saturating_add(array_units(results, DType::Int64))
    }

    fn result_len(task: &Task, decoded_len: usize) -> usize {
        let Wanted { dtype, .. } = task.wanted(R::default_dtype(task.dtype));
        task.results_len(decoded_len).saturating_mul(dtype.size() + DType::Int64.size())
    }

    fn outline(task: &Task) -> Outline {
        Outline { nesting: task.nesting(), max_count: task.reduced_len() }
    }
}

/// The selected elements themselves.
#[derive(Clone, Copy, Debug)]
pub struct Select;

impl NumOperation for Select {
    const NAME: &'static str = "select";
    const SUMMARY: &'static str = "The selected elements themselves";
    const TRAITS: Traits = Traits { uses_axis: false, takes_result_dtype: false, unpacks: true, takes_shuffled: false };

    fn apply<T: Element>(
        task: &Task,
        mut chunk: Buffer,
        budget: &mut Budget,
    ) -> Result<OperationResult, OperationError> {
        if task.storage.shuffled {
            return Err(OperationError::Defect("elements are selected before they are put together"));
        }
        make_native(chunk.elements_mut::<T>(), task.storage.byte_order, budget)?;
        let view = task.view::<T>(&chunk)?;
        let shape = task.in_request_order(view.shape().to_vec());
        let Wanted { dtype, packing } = task.wanted(task.dtype);
        // The chunk itself is the answer if nothing is cut away or unpacked.
        let is_answer = packing.is_none() && is_whole(&view, &chunk);
        let copy = if is_answer { None } else { Some(selected(&view, packing, dtype, budget)?) };
        let all = vec![true; view.ndim()];
        let Reduced { counts, .. } = reduce::<Count, T>(
            chunk.elements(),
            view,
            Storage::NATIVE,
            &all,
            &task.missing_rules()?,
            DType::Int64.into(),
            budget,
        )?;
        let values = copy.unwrap_or(chunk);
        let (order, nesting) = (task.order, vec![1]);
        Ok(OperationResult { dtype, shape, order, values, counts, one_count: true, nesting })
    }

    fn memory_units(task: &Task, decoded_len: usize) -> usize {
        let len = || task.selected_shape(decoded_len).into_iter().fold(1, usize::saturating_mul);
        let Wanted { dtype, packing } = task.wanted(task.dtype);
        let is_copied = task.selection.is_some() || packing.is_some();
        let selected = is_copied.then(|| array_units(len(), dtype));
        // A count, and its value, for all.
        selected.unwrap_or_default().saturating_add(2)
    }

    fn result_len(task: &Task, decoded_len: usize) -> usize {
        task.selected_shape(decoded_len).into_iter().fold(task.wanted(task.dtype).dtype.size(), usize::saturating_mul)
    }

    fn outline(_: &Task) -> Outline {
        Outline { nesting: vec![1], max_count: MAX_ELEMENTS }
    }
}

/// Memory units of an array of this many elements.
fn array_units(len: usize, dtype: DType) -> usize {
    memory_units(len.saturating_mul(dtype.size()))
}

/// Whether the view is all of the chunk, element by element.
fn is_whole<T: Element>(view: &ArrayViewD<'_, T>, chunk: &Buffer) -> bool {
    view.is_standard_layout() && view.len() == chunk.elements::<T>().len()
}

/// Brings elements into the machine's own byte order, in place.
fn make_native<T: Element>(elements: &mut [T], from: ByteOrder, budget: &Budget) -> Result<(), Cancelled> {
    for part in elements.chunks_mut(STEP) {
        budget.cancellation().check()?;
        to_native(part, from);
    }
    Ok(())
}

/// A copy of the view, unpacked to `dtype` if the elements are packed.
fn selected<T: Element>(
    view: &ArrayViewD<'_, T>,
    packing: Option<Packing>,
    dtype: DType,
    budget: &mut Budget,
) -> Result<Buffer, OperationError> {
    match (packing, dtype) {
        (None, _) => copied(view, |element| element, budget),
        (Some(packing), DType::Float32) => copied(view, unpacked::<T, f32>(packing), budget),
        (Some(packing), _) => copied(view, unpacked::<T, f64>(packing), budget),
    }
}

fn unpacked<T: Element, U: Unpacked>(packing: Packing) -> impl Fn(T) -> U {
    move |packed| U::nearest(packing.unpack(packed.to_f64()))
}

fn copied<T: Element, U: Element>(
    view: &ArrayViewD<'_, T>,
    value: impl Fn(T) -> U,
    budget: &mut Budget,
) -> Result<Buffer, OperationError> {
    let mut copy = budget.allocate(view.len() * size_of::<U>())?;
    let target = ArrayViewMutD::from_shape(view.shape(), copy.elements_mut::<U>())
        .map_err(|_| OperationError::Defect("a copy has another length than its original"))?;
    write_each(target, view, budget.cancellation(), &|copy, &element| *copy = value(element))?;
    Ok(copy)
}

impl Task {
    /// Length of the decoded chunk in bytes, where the shape says it; saturating.
    #[must_use]
    pub fn decoded_len(&self) -> Option<usize> {
        let shape = self.shape.as_ref()?;
        Some(shape.iter().fold(self.dtype.size(), |len, &dimension| len.saturating_mul(dimension)))
    }

    /// Makes every element of a chunk this one, which the dtype can hold.
    ///
    /// # Errors
    /// If nobody waits for what is made of the chunk.
    pub fn fill(&self, chunk: &mut Buffer, value: Number, budget: &Budget) -> Result<(), OperationError> {
        with_dtype!(self.dtype, T => {
            let value = T::from_number(value).ok_or(OperationError::Defect("a fill value does not fit the dtype"))?;
            for part in chunk.elements_mut::<T>().chunks_mut(STEP) {
                budget.cancellation().check()?;
                part.fill(value);
            }
        });
        Ok(())
    }

    /// What results are to be, where those of the elements as they are have this dtype by default.
    fn wanted(&self, default: DType) -> Wanted {
        let default = if self.packing.is_some() { DType::Float64 } else { default };
        Wanted { dtype: self.result_dtype.unwrap_or(default), packing: self.packing }
    }

    /// Whether enough elements that are neighbours in the chunk are taken together for their bytes to be put together at
    /// that time, row by row, as fast as at once.
    #[must_use]
    pub fn has_long_rows(&self) -> bool {
        let Some(shape) = &self.shape else { return true };
        let nearest = match self.order {
            Order::C => shape.len().saturating_sub(1),
            Order::F => 0,
        };
        let Some(&len) = shape.get(nearest) else { return false };
        match self.selection.as_ref().and_then(|selection| selection.get(nearest)) {
            Some(slice) => matches!(slice.stride, None | Some(1)) && slice.len_of(len) >= LONG_ROW,
            None => self.reduced.is_none() || len >= LONG_ROW,
        }
    }

    /// The shape of the part that is selected, of a decoded chunk of at most `decoded_len` bytes.
    fn selected_shape(&self, decoded_len: usize) -> Vec<usize> {
        let shape = self.shape.clone().unwrap_or_else(|| vec![decoded_len / self.dtype.size()]);
        match &self.selection {
            Some(selection) => shape.iter().zip(selection).map(|(&len, slice)| slice.len_of(len)).collect(),
            None => shape,
        }
    }

    /// Number of results of a reduction.
    fn results_len(&self, decoded_len: usize) -> usize {
        let selected = self.selected_shape(decoded_len);
        let kept = selected.iter().zip(self.reduced.as_deref().unwrap_or_default()).filter(|(_, reduced)| !**reduced);
        kept.fold(1, |len, (&dimension, _)| len.saturating_mul(dimension))
    }

    /// Most elements behind one result of a reduction.
    fn reduced_len(&self) -> usize {
        let (Some(_), Some(reduced)) = (&self.shape, &self.reduced) else { return MAX_ELEMENTS };
        let selected = self.selected_shape(0);
        let folded = selected.iter().zip(reduced).filter(|(_, reduced)| **reduced);
        folded.fold(1, |len, (&dimension, _)| len.saturating_mul(dimension))
    }

    /// Lengths of the nested lists that the counts of a reduction make.
    fn nesting(&self) -> Vec<usize> {
        match (&self.shape, &self.reduced) {
            _ if !self.keepdims => vec![self.results_len(0)],
            (Some(shape), None) if !shape.is_empty() => vec![1; shape.len()],
            (Some(shape), Some(reduced)) if !shape.is_empty() => {
                let selected = self.selected_shape(0).into_iter();
                selected.zip(reduced).map(|(len, &reduced)| if reduced { 1 } else { len }).collect()
            }
            _ => vec![1],
        }
    }

    fn check_len(&self, len: usize) -> Result<(), OperationError> {
        let size = self.dtype.size();
        let dtype = self.dtype.name();
        match (&self.shape, self.decoded_len()) {
            (Some(shape), Some(expected)) if expected != len => Err(OperationError::WrongLength(format!(
                "the chunk has {len} bytes after decoding, but shape {shape:?} of {dtype} has {expected}"
            ))),
            (None, _) if !len.is_multiple_of(size) => Err(OperationError::WrongLength(format!(
                "the chunk has {len} bytes after decoding, which is not a whole number of {dtype} elements"
            ))),
            _ if len / size > MAX_ELEMENTS => Err(OperationError::TooManyElements(len / size)),
            _ => Ok(()),
        }
    }

    /// The selected part of the chunk, its axes in the order in which the result is laid out: an array in F
    /// order is one in C order with its axes reversed.
    fn view<'a, T: Element>(&self, chunk: &'a Buffer) -> Result<ArrayViewD<'a, T>, OperationError> {
        let elements = chunk.elements::<T>();
        let shape = self.shape.clone().unwrap_or_else(|| vec![elements.len()]);
        let is_f = self.order == Order::F;
        let mut view = ArrayViewD::from_shape(shape.set_f(is_f), elements)
            .map_err(|_| OperationError::Defect("the chunk does not fit its shape"))?;
        select(&mut view, self.selection.as_deref().unwrap_or_default());
        Ok(if is_f { view.reversed_axes() } else { view })
    }

    /// Axes as the request numbers them ↔ axes of [`view`](Self::view).
    fn in_request_order<A>(&self, mut axes: Vec<A>) -> Vec<A> {
        if self.order == Order::F {
            axes.reverse();
        }
        axes
    }

    fn reduced_mask(&self, dimensions: usize) -> Vec<bool> {
        self.in_request_order(self.reduced.clone().unwrap_or_else(|| vec![true; dimensions]))
    }

    /// The shape of the result, from shape and mask of the view.
    fn result_shape(&self, shape: &[usize], reduced: &[bool]) -> Vec<usize> {
        let axes = shape.iter().zip(reduced);
        let kept = axes.filter(|&(_, &reduced)| self.keepdims || !reduced);
        self.in_request_order(kept.map(|(&len, &reduced)| if reduced { 1 } else { len }).collect())
    }

    fn missing_rules<T: Element>(&self) -> Result<MissingRules<T>, OperationError> {
        let missing = self.missing.typed().ok_or(OperationError::Defect("a missing value does not fit the dtype"))?;
        Ok(missing.into())
    }
}
