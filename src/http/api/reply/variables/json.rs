//! Answers in JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    MAX_JSON_NUMBERS, Shape,
    form::AnswerForm,
    length::written,
    map::Read,
    shown::{NestedLists, ShownArray},
};
use crate::{
    array::ByteOrder,
    engine::variable::{NamedResult, VariableAnswer},
    error::ActiveStorageError,
    source::Version,
};

/// Bytes that a number takes at most, and then some for what stands between.
const NUMBER_LEN: usize = 26;

#[derive(Serialize)]
struct ResultsText<'a> {
    dims: &'a [String],
    shape: &'a [usize],
    etag: Option<String>,
    results: BTreeMap<&'a str, ShownArray<'a>>,
    read: Read,
}

#[derive(Serialize)]
struct ElementsText<'a> {
    dims: &'a [String],
    shape: &'a [usize],
    etag: Option<String>,
    dtype: &'static str,
    byte_order: &'static str,
    values: NestedLists<'a>,
    read: Read,
}

/// The whole answer.
pub(super) fn answer(
    answer: &VariableAnswer,
    version: Option<&Version>,
    shape: Shape,
) -> Result<Vec<u8>, ActiveStorageError> {
    let VariableAnswer { dims, shape: lens, results, read, .. } = answer;
    let numbers = results.iter().map(|result| result.values.bytes().len() / result.dtype.size()).sum();
    check(numbers)?;
    let (etag, read) = (version.map(ToString::to_string), Read::from(*read));
    let room = numbers.saturating_mul(NUMBER_LEN);
    match (shape, results.as_slice()) {
        (Shape::Results, results) => {
            let results = results.iter().map(|result| (result.name.as_str(), shown(result))).collect();
            written(&ResultsText { dims, shape: lens, etag, results, read }, AnswerForm::Json, room)
        }
        (Shape::Elements, [NamedResult { dtype, values, .. }]) => {
            let values = NestedLists { dtype: *dtype, shape: lens, bytes: values.bytes() };
            let (dtype, byte_order) = (dtype.name(), ByteOrder::NATIVE.name());
            written(&ElementsText { dims, shape: lens, etag, dtype, byte_order, values, read }, AnswerForm::Json, room)
        }
        (Shape::Elements, _) => Err(ActiveStorageError::Reply("defect: a selection is one array".to_owned())),
    }
}

/// Whether an answer of so many numbers can be text.
pub(super) fn check(numbers: usize) -> Result<(), ActiveStorageError> {
    match numbers {
        ..=MAX_JSON_NUMBERS => Ok(()),
        _ => Err(ActiveStorageError::TooManyNumbers { numbers, limit: MAX_JSON_NUMBERS }),
    }
}

fn shown(result: &NamedResult) -> ShownArray<'_> {
    ShownArray { dtype: result.dtype, shape: &result.shape, bytes: result.values.bytes() }
}
