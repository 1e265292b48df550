//! What the fuzz targets share: a request is run as the service runs it, and every answer is looked at.

use std::sync::{Arc, LazyLock};

use reductionist::{
    array::{Budget, Buffer, BufferError, Pool},
    codec::CodecError,
    error::ActiveStorageError,
    operation::{Operation, OperationError, OperationResult},
    plan::{Plan, SizeLimits},
    request::{Defaults, Request},
};

/// Small, so that inputs are short, runs fast and the limits within reach.
pub const LIMITS: SizeLimits = SizeLimits { chunk: 1 << 16, decoded: 1 << 16, result: 1 << 20 };

/// What the service is started with.
pub const DEFAULTS: Defaults = Defaults { keepdims: false };

/// `with_operation!(name, O => body)` runs `body` with `O` standing for the operation of that name.
#[macro_export]
macro_rules! with_operation {
    ($name:expr, $O:ident => $body:expr) => {
        match $name {
            "count" => $crate::with_operation!(@ reductionist::reduce::Count, $O, $body),
            "max" => $crate::with_operation!(@ reductionist::reduce::Max, $O, $body),
            "min" => $crate::with_operation!(@ reductionist::reduce::Min, $O, $body),
            "select" => $crate::with_operation!(@ reductionist::operation::Select, $O, $body),
            _ => $crate::with_operation!(@ reductionist::reduce::Sum, $O, $body),
        }
    };
    (@ $operation:ty, $O:ident, $body:expr) => {{
        type $O = $operation;
        $body
    }};
}

/// The names of all operations.
pub const OPERATIONS: [&str; 5] = ["count", "max", "min", "select", "sum"];

/// Memory that holds what earlier requests left there, which no result may depend on.
fn used_memory() -> Arc<Pool> {
    static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(1, 1 << 24)));
    Arc::clone(&POOL)
}

/// Plans, decodes and reduces as `execute` of the service does, with the memory of the plan and no more. The reply
/// is left out: it takes none.
///
/// # Errors
/// As the service. Panics if the error is the service's own fault, or the result contradicts the request.
pub fn execute<O: Operation>(request: &Request, chunk: &[u8]) -> Result<OperationResult, ActiveStorageError> {
    let answer = planned::<O>(request, chunk);
    match &answer {
        Ok(result) => check_result::<O>(request, result),
        Err(error) => check_error(error),
    }
    answer
}

fn planned<O: Operation>(request: &Request, chunk: &[u8]) -> Result<OperationResult, ActiveStorageError> {
    let plan = Plan::of::<O>(request, 0, LIMITS)?;
    let most = plan.memory_units(&request.pipeline, plan.max_encoded_len);
    if chunk.len() > plan.max_encoded_len {
        return Err(ActiveStorageError::TooLarge { what: "the chunk".to_owned(), limit: LIMITS.chunk, setting: "" });
    }
    let mut budget = budget(most);
    let encoded = fetched(request, &plan, chunk, &mut budget)?;
    let _ = plan.effort(request, chunk.len());
    let units = plan.memory_units(&request.pipeline, chunk.len());
    assert!(units <= most, "a shorter chunk takes more memory: {units} units, not {most}");
    budget.shrink_around(&encoded, units);
    let chunk = request.pipeline.decode(encoded, plan.decoded_len, plan.decoded_limit, &mut budget)?;
    Ok(O::run(&request.task, chunk, &mut budget)?)
}

fn budget(units: usize) -> Budget {
    Budget::unshared(units, used_memory())
}

/// The chunk as sources read it: with room for all there may be, where no size was given.
fn fetched(request: &Request, plan: &Plan, chunk: &[u8], budget: &mut Budget) -> Result<Buffer, OperationError> {
    let room = if request.range.size.is_some() { chunk.len() } else { plan.max_encoded_len };
    let mut buffer = budget.allocate(room)?;
    buffer.bytes_mut()[..chunk.len()].copy_from_slice(chunk);
    budget.truncate(&mut buffer, chunk.len());
    Ok(buffer)
}

/// Nothing that a client sends is the service's own fault.
fn check_error(error: &ActiveStorageError) {
    let buffer = match error {
        ActiveStorageError::Operation(OperationError::Buffer(buffer)) => Some(buffer),
        ActiveStorageError::Codec(CodecError::Buffer(buffer)) => Some(buffer),
        _ => None,
    };
    assert!(!matches!(buffer, Some(BufferError::NotAdmitted { .. })), "the plan was not enough: {error}");
    assert!(!matches!(error, ActiveStorageError::Operation(OperationError::Defect(_))), "{error}");
    let _ = (error.to_string(), error.causes());
}

/// Values, counts and shapes belong together, and are what was known before.
fn check_result<O: Operation>(request: &Request, result: &OperationResult) {
    let values: usize = result.shape.iter().product();
    assert_eq!(result.values.bytes().len(), values * result.dtype.size(), "{result:?} for {request:?}");
    let outline = O::outline(&request.task);
    assert_eq!(outline.nesting, result.nesting, "the outline was {outline:?}");
    let counts = result.counts.elements::<i64>();
    assert_eq!(counts.len(), outline.results(), "the outline was {outline:?}");
    assert!(counts.len() == values || result.one_count, "{} counts for {values} values", counts.len());
    assert!(!result.one_count || counts.len() == 1);
    let elements = LIMITS.decoded / request.task.dtype.size();
    let most = i64::try_from(outline.max_count.min(elements)).expect("the limits are small");
    assert!(counts.iter().all(|count| (0..=most).contains(count)), "{counts:?} are not all within 0 and {most}");
    check_sum_of_counts(request, counts);
}

/// No element is counted twice.
fn check_sum_of_counts(request: &Request, counts: &[i64]) {
    let Some(shape) = &request.task.shape else { return };
    let whole = vec![reductionist::array::Slice::default(); shape.len()];
    let slices = request.task.selection.as_ref().unwrap_or(&whole);
    let selected: usize = shape.iter().zip(slices).map(|(&len, slice)| slice.len_of(len)).product();
    let counted: i64 = counts.iter().sum();
    let missing = &request.task.missing;
    let is_all = missing.values.is_empty() && missing.min.is_none() && missing.max.is_none();
    let selected = i64::try_from(selected).expect("the limits are small");
    assert!(counted <= selected, "{counted} of {selected} elements are counted");
    assert!(!is_all || counted == selected, "{counted} of {selected} elements are counted, and none is missing");
}
