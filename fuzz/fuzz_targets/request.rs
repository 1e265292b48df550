//! Bodies of requests: what is refused is refused in few words, what is accepted has no rule left to break.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reductionist::{
    array::{DType, Element, MAX_DIMENSIONS},
    codec::{DecodedLen, FilterPipeline},
    error::ActiveStorageError,
    operation::{Operation, Task},
    plan::{Plan, SizeLimits},
    request::{ApiVersion, ReplyForm, Request, RequestError},
    source::Location,
};
use reductionist_fuzz::{DEFAULTS, LIMITS, OPERATIONS, execute, with_operation};

/// As many bytes as an operator may let requests name.
const LARGEST: SizeLimits = SizeLimits { chunk: 1 << 40, decoded: 1 << 40, result: 1 << 40 };

/// Most problems that one answer tells, and the line that says that there are more.
const MAX_PROBLEMS: usize = 65;

/// Longest text of a problem: a field and what is wrong with it, both cut.
const MAX_PROBLEM_CHARS: usize = 2 * 301 + 2;

fuzz_target!(|body: &[u8]| {
    let accepted = [ApiVersion::V1, ApiVersion::V2].map(|api| {
        let [count, max, min, select, sum] =
            OPERATIONS.map(|name| with_operation!(name, O => check::<O>(body, api)));
        assert!(count == max && count == min, "they have the same rules");
        assert!(!count || (select && sum), "a count has the strictest rules");
        select || sum
    });
    assert_ne!(accepted, [true, true], "no body is a request in both dialects");
});

/// Whether the operation accepts the body.
fn check<O: Operation>(body: &[u8], api: ApiVersion) -> bool {
    match Request::from_json(body, api, O::TRAITS, DEFAULTS) {
        Ok(request) => {
            check_request(&request, api, O::TRAITS.uses_axis);
            check_plan::<O>(&request);
            run::<O>(&request);
            true
        }
        Err(error) => {
            check_refusal(error);
            false
        }
    }
}

fn check_refusal(error: RequestError) {
    let error = ActiveStorageError::from(error);
    let causes = error.causes();
    assert!((1..=MAX_PROBLEMS).contains(&causes.len()), "{causes:?}");
    for (at, cause) in causes.iter().enumerate() {
        assert!(cause.chars().count() <= MAX_PROBLEM_CHARS, "{cause}");
        assert!(!causes[..at].contains(cause), "{cause} is told twice");
    }
}

fn check_request(request: &Request, api: ApiVersion, uses_axis: bool) {
    assert_eq!(request.reply == ReplyForm::V1, api == ApiVersion::V1);
    match &request.location {
        Location::S3(place) => {
            let bucket = place.bucket.as_deref().unwrap_or("in the host's name");
            assert!(!bucket.is_empty() && (!bucket.contains('/') || bucket.starts_with("arn:")), "{place:?}");
            assert!(!matches!(bucket, "." | ".."), "{place:?}");
            assert!((1..=1024).contains(&place.key.len()), "{place:?}");
        }
        place => assert_eq!(api, ApiVersion::V2, "{place:?}"),
    }
    assert_ne!(request.range.size, Some(0));
    let end = request.range.offset.checked_add(request.range.size.unwrap_or(0));
    assert!(end.is_some_and(|end| i64::try_from(end).is_ok()), "{:?}", request.range);
    check_task(&request.task, &request.pipeline, uses_axis);
}

fn check_task(task: &Task, pipeline: &FilterPipeline, uses_axis: bool) {
    let dimensions = task.shape.as_ref().map(Vec::len);
    if let Some(shape) = &task.shape {
        assert!(shape.len() <= MAX_DIMENSIONS && !shape.contains(&0), "{shape:?}");
    }
    if let Some(selection) = &task.selection {
        assert_eq!(Some(selection.len()), dimensions);
        assert!(selection.iter().all(|slice| slice.stride != Some(0)));
    }
    if let Some(reduced) = &task.reduced {
        assert!(uses_axis);
        assert_eq!(Some(reduced.len()), dimensions);
    }
    let fits = match task.dtype {
        DType::Int8 => fits::<i8>(task),
        DType::UInt8 => fits::<u8>(task),
        DType::Int16 => fits::<i16>(task),
        DType::UInt16 => fits::<u16>(task),
        DType::Int32 => fits::<i32>(task),
        DType::UInt32 => fits::<u32>(task),
        DType::Int64 => fits::<i64>(task),
        DType::UInt64 => fits::<u64>(task),
        // The fuzz targets know no float16: what fits it fits this.
        DType::Float16 | DType::Float32 => fits::<f32>(task),
        DType::Float64 => fits::<f64>(task),
    };
    assert!(fits, "{:?} is not of {:?}", task.missing, task.dtype);
    let _ = (pipeline.is_empty(), pipeline.peak_memory_units(usize::MAX, DecodedLen::AtMost(usize::MAX), usize::MAX));
}

fn fits<T: Element>(task: &Task) -> bool {
    task.missing.typed::<T>().is_some_and(|missing| {
        let is_number = |bound: Option<T>| bound.is_none_or(|bound| !bound.is_nan());
        is_number(missing.min) && is_number(missing.max)
    })
}

/// A plan takes no more for less, and keeps the limits.
fn check_plan<O: Operation>(request: &Request) {
    for limits in [LIMITS, LARGEST, SizeLimits { chunk: 1 << 30, decoded: 1 << 10, result: 1 << 20 }] {
        let Ok(plan) = Plan::of::<O>(request, usize::MAX, limits) else { continue };
        assert!(plan.max_encoded_len <= limits.chunk.max(limits.decoded));
        assert!(plan.decoded_len.max() <= limits.decoded);
        let units = |len| plan.memory_units(&request.pipeline, len);
        assert!(units(0) <= units(plan.max_encoded_len / 2));
        assert!(units(plan.max_encoded_len / 2) <= units(plan.max_encoded_len));
        let _ = (plan.effort(request, 0), plan.effort(request, plan.max_encoded_len));
    }
}

/// A chunk of zeros of the length that the request states, which is one unless something has to decompress it.
fn run<O: Operation>(request: &Request) {
    let shaped = request.task.decoded_len().unwrap_or(8 * request.task.dtype.size());
    let len = request.range.size.map_or(shaped, |size| usize::try_from(size).unwrap_or(usize::MAX));
    if len <= LIMITS.chunk {
        let answer = execute::<O>(request, &vec![0; len]);
        let is_decoded = !matches!(answer, Err(ActiveStorageError::Codec(_)));
        assert!(is_decoded || !request.pipeline.is_empty(), "there was nothing to decode");
    }
}
