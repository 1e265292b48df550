//! Bodies of requests: what is refused is refused in few words, what is accepted has no rule left to break.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reductionist::{
    array::MAX_DIMENSIONS,
    codec::DecodedLen,
    engine::{Plan, SizeLimits},
    error::ActiveStorageError,
    index::ChunkRef,
    operation::Operation,
    reduce::{Asked, Question},
    request::{ApiVersion, ReplyForm, Request},
    source::Location,
};
use reductionist_fuzz::{DEFAULTS, LIMITS, check_missing, check_refusal, execute};

/// As many bytes as an operator may let requests name.
const LARGEST: SizeLimits = SizeLimits { chunk: 1 << 40, decoded: 1 << 40, result: 1 << 40 };

fuzz_target!(|body: &[u8]| {
    let accepted = [ApiVersion::V1, ApiVersion::V2].map(|api| {
        let accepted: Vec<_> = Operation::ALL.iter().map(|&operation| (operation, check(body, api, operation))).collect();
        for &(operation, is_accepted) in &accepted {
            let same = accepted.iter().filter(|(other, _)| other.accepts() == operation.accepts());
            assert!(same.clone().all(|(_, other)| *other == is_accepted), "{operation:?} has the rules of others");
        }
        let (_, counts) = accepted[0];
        assert!(!counts || accepted.iter().all(|(_, is_accepted)| *is_accepted), "a count has the strictest rules");
        accepted.iter().any(|(_, is_accepted)| *is_accepted)
    });
    assert_ne!(accepted, [true, true], "no body is a request in both versions");
});

/// Whether the operation accepts the body.
fn check(body: &[u8], api: ApiVersion, operation: Operation) -> bool {
    let read = || Request::from_json(body, api, operation, DEFAULTS);
    match read() {
        Ok(request) => {
            check_request(&request, api);
            for limits in [LIMITS, LARGEST, SizeLimits { chunk: 1 << 30, decoded: 1 << 10, result: 1 << 20 }] {
                let request = read().expect("it was one before");
                if let Ok(plan) = Plan::new(request, |_| Ok(usize::MAX), limits) {
                    check_plan(&plan, limits);
                }
            }
            run(request);
            true
        }
        Err(error) => {
            check_refusal(error);
            false
        }
    }
}

fn check_request(request: &Request, api: ApiVersion) {
    let Request { operation, question, chunk, reply } = request;
    assert_eq!(*reply == ReplyForm::V1, api == ApiVersion::V1);
    match &chunk.location {
        Location::S3(place) => {
            let bucket = place.bucket.as_deref().unwrap_or("in the host's name");
            assert!(!bucket.is_empty() && (!bucket.contains('/') || bucket.starts_with("arn:")), "{place:?}");
            assert!(!matches!(bucket, "." | ".."), "{place:?}");
            assert!((1..=1024).contains(&place.key.len()), "{place:?}");
        }
        place => assert_eq!(api, ApiVersion::V2, "{place:?}"),
    }
    assert_ne!(chunk.range.size(), Some(0));
    assert_eq!(question.statistics, [Asked::from(operation.statistic())]);
    check_question(question, chunk, operation.accepts().axis);
}

fn check_question(question: &Question, chunk: &ChunkRef, uses_axis: bool) {
    let encoding = &chunk.encoding;
    let dimensions = encoding.shape.as_ref().map(Vec::len);
    if let Some(shape) = &encoding.shape {
        assert!(shape.len() <= MAX_DIMENSIONS && !shape.contains(&0), "{shape:?}");
    }
    if let Some(selection) = &chunk.selection {
        assert_eq!(Some(selection.len()), dimensions);
        assert!(selection.iter().all(|slice| slice.stride != Some(0)));
    }
    if let Some(reduced) = &question.reduced {
        assert!(uses_axis);
        assert_eq!(Some(reduced.len()), dimensions);
    }
    check_missing(question, encoding.dtype);
    let pipeline = &encoding.pipeline;
    let _ = (pipeline.is_empty(), pipeline.peak_units(usize::MAX, DecodedLen::AtMost(usize::MAX), usize::MAX));
}

/// A plan takes no more for less, and keeps the limits.
fn check_plan(plan: &Plan, limits: SizeLimits) {
    assert!(plan.max_encoded_len <= limits.chunk.max(limits.decoded));
    assert!(plan.decoded_len.max() <= limits.decoded);
    assert!(plan.peak_units(0) <= plan.peak_units(plan.max_encoded_len / 2));
    assert!(plan.peak_units(plan.max_encoded_len / 2) <= plan.peak_units(plan.max_encoded_len));
    let _ = (plan.effort(0), plan.effort(plan.max_encoded_len));
}

/// A chunk of zeros of the length that the request states, which is one unless something has to decompress it.
fn run(request: Request) {
    let encoding = &request.chunk.encoding;
    let is_plain = encoding.pipeline.is_empty();
    let shaped = encoding.decoded_len().unwrap_or(8 * encoding.dtype.size());
    let len = request.chunk.range.size().map_or(shaped, |size| usize::try_from(size).unwrap_or(usize::MAX));
    if len <= LIMITS.chunk {
        let answer = execute(request, &vec![0; len]);
        let is_decoded = !matches!(answer, Err(ActiveStorageError::Codec(_)));
        assert!(is_decoded || !is_plain, "there was nothing to decode");
    }
}
