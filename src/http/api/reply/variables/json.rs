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
    results: BTreeMap<&'a str, ResultText<'a>>,
    read: Read,
}

/// A result that is final, or the components of one that is to be merged.
#[derive(Serialize)]
#[serde(untagged)]
enum ResultText<'a> {
    Final(ShownArray<'a>),
    Components(BTreeMap<&'a str, ShownArray<'a>>),
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
    let numbers = results.iter().map(|result| result.values.bytes().len() / result.dtype.size().max(1)).sum();
    check(numbers)?;
    let (etag, read) = (version.map(ToString::to_string), Read::from(*read));
    let room = numbers.saturating_mul(NUMBER_LEN);
    match (shape, results.as_slice()) {
        (Shape::Results, results) => {
            let results = results.chunk_by(|one, next| one.name == next.name).filter_map(result_text).collect();
            written(&ResultsText { dims, shape: lens, etag, results, read }, AnswerForm::Json, room)
        }
        (Shape::Elements, [NamedResult { dtype, values, .. }]) => {
            let values = NestedLists { values: *dtype, shape: lens, bytes: values.bytes() };
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

/// All that has one name.
fn result_text(results: &[NamedResult]) -> Option<(&str, ResultText<'_>)> {
    let first = results.first()?;
    let components: Option<_> = results.iter().map(|result| Some((result.component?, shown(result)))).collect();
    Some((&first.name, components.map_or_else(|| ResultText::Final(shown(first)), ResultText::Components)))
}

fn shown(result: &NamedResult) -> ShownArray<'_> {
    ShownArray { values: result.dtype, shape: &result.shape, bytes: result.values.bytes() }
}
