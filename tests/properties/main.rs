//! The whole product of dtype, shape, order, byte order, selection, axes, keepdims, missing data, result dtype
//! and operation, against an oracle that walks indices one by one and knows nothing of strides, blocks or lanes.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod bins;
mod cases;
mod cut;
mod moments;
mod oracle;
mod packed;

use std::sync::{Arc, LazyLock};

use cases::cases;
use cut::{check_cut, cuts};
use moments::{check_moment, moments};
use oracle::{Case, Expected, Number, python_slice};
use packed::{Packed, packed_cases};
use proptest::{prelude::*, test_runner::FileFailurePersistence};
use reductionist::{
    array::{ByteOrder, DType},
    engine::{OperationError, OperationResult, Plan, SizeLimits},
    error::ActiveStorageError,
    operation::Operation,
    request::{ApiVersion, Defaults, Request},
    resources::{Budget, Buffer, Pool},
};

/// Memory that holds what earlier cases left there: results must not depend on that.
fn used_memory() -> Arc<Pool> {
    static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(1, 1 << 24)));
    Arc::clone(&POOL)
}

fn run(operation: Operation, body: &[u8], chunk: &[u8]) -> Result<OperationResult, OperationError> {
    let request =
        Request::from_json(body, ApiVersion::V1, operation, Defaults { keepdims: false }).expect("a valid request");
    // The plan must be enough, and is all there is.
    let limits = SizeLimits { chunk: 1 << 20, decoded: 1 << 20, result: 1 << 22 };
    let plan = Plan::new(request, |_| Ok(0), limits).expect("small enough");
    let mut budget = Budget::unshared(plan.peak_units(chunk.len()), used_memory());
    let mut buffer: Buffer = budget.allocate(chunk.len()).expect("memory");
    buffer.bytes_mut().copy_from_slice(chunk);
    plan.run(buffer, &mut budget).map_err(|error| match error {
        ActiveStorageError::Operation(error) => error,
        error => panic!("nothing is wrong with the chunk: {error}"),
    })
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    check_result(case, run(case.operation, &case.body(), &case.chunk()), case.expected())
}

fn numbers(result: &OperationResult) -> Vec<Number> {
    let bytes = result.values.bytes().chunks(result.dtype.size());
    bytes.map(|bytes| Number::from_ne_bytes(bytes, result.dtype)).collect()
}

fn check_result(
    case: &Case,
    result: Result<OperationResult, OperationError>,
    expected: Expected,
) -> Result<(), TestCaseError> {
    let Some(expected_results) = expected.results else {
        prop_assert!(matches!(result, Err(OperationError::Overflow { .. })), "expected an overflow, got {result:?}");
        return Ok(());
    };
    let result = result.map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(result.dtype, expected.dtype);
    prop_assert_eq!(&result.shape, &expected.shape);
    prop_assert_eq!(result.counts.elements::<i64>(), expected.counts);
    let results = numbers(&result);
    prop_assert_eq!(results.len(), expected_results.len());
    for (at, (result, expected)) in results.iter().zip(&expected_results).enumerate() {
        prop_assert!(expected.holds(*result), "result {at} is {result:?}, expected {expected:?}");
    }
    let is_one =
        case.operation == Operation::Select || case.axis.as_ref().is_none_or(|axes| axes.len() == case.shape.len());
    prop_assert_eq!(result.one_count, is_one);
    Ok(())
}

/// Unpacked results against the oracle, and those in `float32` against those in `float64`.
fn check_packed(packed: &Packed) -> Result<(), TestCaseError> {
    let (case, chunk) = (&packed.case, packed.case.chunk());
    let answer = |dtype| run(case.operation, &packed.body(dtype), &chunk);
    if !packed.is_unpacked() {
        return check_result(case, answer(case.result_dtype), case.expected());
    }
    let wide = answer(None).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let (shape, counts, bounds) = packed.expected();
    prop_assert_eq!((wide.dtype, &wide.shape, wide.counts.elements::<i64>()), (DType::Float64, &shape, &counts[..]));
    prop_assert_eq!(wide.values.elements::<f64>().len(), bounds.len());
    for (at, (&result, bound)) in wide.values.elements::<f64>().iter().zip(&bounds).enumerate() {
        prop_assert!(bound.holds(Number::Float(result)), "result {at} is {result:?}, expected {bound:?}");
    }
    let narrow = answer(Some(DType::Float32)).map_err(|error| TestCaseError::fail(error.to_string()))?;
    prop_assert_eq!(
        (narrow.dtype, &narrow.shape, narrow.counts.bytes()),
        (DType::Float32, &shape, wide.counts.bytes())
    );
    let rounded = wide.values.elements::<f64>().iter().map(|&result| result as f32);
    prop_assert!(rounded.map(f32::to_bits).eq(narrow.values.elements::<f32>().iter().map(|result| result.to_bits())));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(3000),
        max_shrink_iters: 20_000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/properties.regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_result_is_that_of_walking_the_indices_one_by_one(case in cases()) {
        check(&case)?;
    }

    #[test]
    fn what_is_known_of_chunks_merges_to_what_is_known_of_the_array(cut in cuts()) {
        check_cut(&cut)?;
    }

    #[test]
    fn statistics_of_variables_are_those_of_walking_the_indices_one_by_one(moment in moments()) {
        check_moment(&moment)?;
    }

    #[test]
    fn results_of_packed_values_are_those_of_unpacked_ones(packed in packed_cases()) {
        check_packed(&packed)?;
    }
}

#[test]
fn the_oracle_knows_python_slices() {
    // From an interactive Python: list(range(5))[slice]
    for (slice, picked) in [
        ([None, None, Some(-1)], vec![4, 3, 2, 1, 0]),
        ([Some(-2), None, None], vec![3, 4]),
        ([Some(10), Some(-10), Some(-3)], vec![4, 1]),
        ([Some(-1), Some(0), Some(1)], vec![]),
        ([Some(1), Some(100), Some(2)], vec![1, 3]),
        ([Some(3), Some(-1), Some(-1)], vec![]),
    ] {
        assert_eq!(python_slice(&slice, 5), picked);
    }
    assert_eq!(ByteOrder::NATIVE.name(), if cfg!(target_endian = "little") { "little" } else { "big" });
}
