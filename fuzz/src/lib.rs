//! What the fuzz targets share: a request is run as the service runs it, and every answer is looked at.

use std::sync::{Arc, LazyLock};

use reductionist::{
    array::{DType, Element},
    codec::CodecError,
    engine::{CountsShape, OperationError, OperationResult, Plan, SizeLimits},
    error::ActiveStorageError,
    operation::Operation,
    reduce::Question,
    request::{ApiVersion, Defaults, Request, RequestError},
    resources::{Budget, Buffer, BufferError, Pool},
};

/// Small, so that inputs are short, runs fast and the limits within reach.
pub const LIMITS: SizeLimits = SizeLimits { chunk: 1 << 16, decoded: 1 << 16, result: 1 << 20 };

/// Most problems that one answer tells, and the line that says that there are more.
const MAX_PROBLEMS: usize = 65;

/// Longest text of a problem: a field and what is wrong with it, both cut.
const MAX_PROBLEM_CHARS: usize = 2 * 401 + 2;

/// What the service is started with.
pub const DEFAULTS: Defaults = Defaults { keepdims: false };

/// Memory that holds what earlier requests left there, which no result may depend on.
fn used_memory() -> Arc<Pool> {
    static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(1, 1 << 24)));
    Arc::clone(&POOL)
}

/// The request that a body makes; None if it is not valid.
#[must_use]
pub fn request(body: &[u8], api: ApiVersion, operation: Operation) -> Option<Request> {
    Request::from_json(body, api, operation, DEFAULTS).ok()
}

/// Plans, decodes and reduces as the service does, with the memory of the plan and no more. The reply is left out: it takes
/// none.
///
/// # Errors
/// As the service. Panics if the error is the service's own fault, or the result contradicts the request.
pub fn execute(request: Request, chunk: &[u8]) -> Result<OperationResult, ActiveStorageError> {
    let answer = Plan::new(request, |_| Ok(0), LIMITS).and_then(|plan| {
        let result = run(&plan, chunk)?;
        check_result(&plan, &result);
        Ok(result)
    });
    if let Err(error) = &answer {
        check_error(error);
    }
    answer
}

fn run(plan: &Plan, chunk: &[u8]) -> Result<OperationResult, ActiveStorageError> {
    let most = plan.peak_units(plan.max_encoded_len);
    if chunk.len() > plan.max_encoded_len {
        return Err(ActiveStorageError::TooLarge { what: "the chunk".to_owned(), limit: LIMITS.chunk, setting: "" });
    }
    let mut budget = Budget::unshared(most, used_memory());
    let encoded = fetched(plan, chunk, &mut budget)?;
    let _ = plan.effort(chunk.len());
    let units = plan.peak_units(chunk.len());
    assert!(units <= most, "a shorter chunk takes more memory: {units} units, not {most}");
    budget.shrink_around(&encoded, units);
    plan.run(encoded, &mut budget)
}

/// The chunk as sources read it: with room for all there may be, where no size was given.
fn fetched(plan: &Plan, chunk: &[u8], budget: &mut Budget) -> Result<Buffer, OperationError> {
    let room = if plan.chunk.range.size().is_some() { chunk.len() } else { plan.max_encoded_len };
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
fn check_result(plan: &Plan, result: &OperationResult) {
    let values: usize = result.shape.iter().product();
    assert_eq!(result.values.bytes().len(), values * result.dtype.size(), "{result:?} for {plan:?}");
    let outline = CountsShape::new(plan.operation, &plan.question, &plan.chunk);
    assert_eq!(outline.nesting, result.nesting, "the outline was {outline:?}");
    let counts = result.counts.elements::<i64>();
    assert_eq!(counts.len(), outline.results(), "the outline was {outline:?}");
    assert!(counts.len() == values || result.one_count, "{} counts for {values} values", counts.len());
    assert!(!result.one_count || counts.len() == 1);
    let elements = LIMITS.decoded / plan.chunk.encoding.dtype.size();
    let most = i64::try_from(outline.max_count.min(elements)).expect("the limits are small");
    assert!(counts.iter().all(|count| (0..=most).contains(count)), "{counts:?} are not all within 0 and {most}");
    check_sum_of_counts(plan, counts);
}

/// No element is counted twice.
fn check_sum_of_counts(plan: &Plan, counts: &[i64]) {
    if plan.chunk.encoding.shape.is_none() {
        return;
    }
    let selected: usize = plan.chunk.selected_shape(0).iter().product();
    let counted: i64 = counts.iter().sum();
    let is_all = plan.question.missing.is_nothing();
    let selected = i64::try_from(selected).expect("the limits are small");
    assert!(counted <= selected, "{counted} of {selected} elements are counted");
    assert!(!is_all || counted == selected, "{counted} of {selected} elements are counted, and none is missing");
}

/// Tells what is wrong with a request in a few words, each thing once.
///
/// # Panics
/// If it does not.
pub fn check_refusal(error: RequestError) {
    let error = ActiveStorageError::from(error);
    let causes = error.causes();
    assert!((1..=MAX_PROBLEMS).contains(&causes.len()), "{causes:?}");
    for (at, cause) in causes.iter().enumerate() {
        assert!(cause.chars().count() <= MAX_PROBLEM_CHARS, "{cause}");
        assert!(!causes[..at].contains(cause), "{cause} is told twice");
    }
}

/// What is missing can be an element.
///
/// # Panics
/// If it cannot.
pub fn check_missing(question: &Question, dtype: DType) {
    let fits = match dtype {
        DType::Int8 => fits::<i8>(question),
        DType::UInt8 => fits::<u8>(question),
        DType::Int16 => fits::<i16>(question),
        DType::UInt16 => fits::<u16>(question),
        DType::Int32 => fits::<i32>(question),
        DType::UInt32 => fits::<u32>(question),
        DType::Int64 => fits::<i64>(question),
        DType::UInt64 => fits::<u64>(question),
        // The fuzz targets know no float16: what fits it fits this.
        DType::Float16 | DType::Float32 => fits::<f32>(question),
        DType::Float64 => fits::<f64>(question),
    };
    assert!(fits, "{:?} is not of {dtype:?}", question.missing);
}

fn fits<T: Element>(question: &Question) -> bool {
    question.missing.typed::<T>().is_some_and(|missing| {
        let is_number = |bound: Option<T>| bound.is_none_or(|bound| !bound.is_nan());
        is_number(missing.min) && is_number(missing.max)
    })
}
