//! The rules that bind several fields of a request, each with the field that a message names.
//!
//! A rule says nothing while a field that it rests on is itself at fault: that field has its own message.

use std::borrow::Cow;

use validator::ValidationError;

use super::data::{MissingData, RequestData};
use crate::{
    array::{DType, Element, MAX_DIMENSIONS, Missing, Number, Order, Packing, dtype::with_dtype},
    operation::Traits,
    source,
};

/// What the rules need to know beside the body.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Of the operation that is asked for.
    pub operation: Traits,
}

/// Longest name of a bucket in any S3 store, in bytes.
const MAX_BUCKET_BYTES: usize = 255;

/// Longest key of S3, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Longest URL of a store that is read, in bytes.
const MAX_SOURCE_BYTES: usize = 2048;

/// Longest URL of an object that is read, in bytes: room for a key of S3 with every byte escaped.
const MAX_URL_BYTES: usize = 8192;

/// Values at fault that one problem names: as many as its text has room for.
const MAX_TOLD: usize = 5;

type Checked = Result<(), ValidationError>;

/// A broken rule. The field stands in the code, where [`violations`](super::violations) looks for it.
fn broken(field: &'static str, problem: impl Into<Cow<'static, str>>) -> Checked {
    Err(ValidationError::new(field).with_message(problem.into()))
}

/// Slashes around the name mean nothing.
pub(super) fn bucket(bucket: &str) -> Checked {
    bucket_name(bucket.trim_matches('/'))
}

pub(super) fn bucket_name(name: &str) -> Checked {
    match name {
        "" => broken("bucket", "must not be empty"),
        "." | ".." => broken("bucket", "must be the name of a bucket"),
        name if name.contains('/') && !source::is_arn(name) => {
            broken("bucket", "must not have a slash in it; the rest belongs to object")
        }
        name if name.len() > MAX_BUCKET_BYTES => broken("bucket", "is longer than any bucket's name"),
        name => without_control_characters("bucket", name),
    }
}

pub(super) fn source(source: &str) -> Checked {
    if source.len() > MAX_SOURCE_BYTES {
        return broken("source", "is longer than any URL of a store");
    }
    // To some servers it is a part of a name and to others a step of the path: neither what is allowed nor where the
    // bucket begins would be certain.
    let lower = source.to_ascii_lowercase();
    if lower.contains("%2f") || lower.contains("%5c") {
        return broken("source", "must not have an escaped slash in its path");
    }
    without_control_characters("source", source)
}

pub(super) fn url(url: &str) -> Checked {
    if url.len() > MAX_URL_BYTES {
        return broken("url", format!("is longer than the {MAX_URL_BYTES} bytes that are read of a URL"));
    }
    without_control_characters("url", url)
}

pub(super) fn object(object: &str) -> Checked {
    match object.len() {
        0 => broken("object", "must not be empty"),
        1..=MAX_KEY_BYTES => Ok(()),
        _ => broken("object", format!("is longer than the {MAX_KEY_BYTES} bytes that a key can have")),
    }
}

/// URL libraries pass over some of these characters: what was checked would not be what is sent.
fn without_control_characters(field: &'static str, text: &str) -> Checked {
    if text.chars().any(char::is_control) {
        return broken(field, "must not have control characters");
    }
    Ok(())
}

pub(super) fn shape(shape: &[u64]) -> Checked {
    if shape.contains(&0) {
        return broken("shape", "every dimension must be at least 1");
    }
    if shape.len() > MAX_DIMENSIONS {
        return broken("shape", format!("has {} dimensions, at most {MAX_DIMENSIONS} are possible", shape.len()));
    }
    if elements(shape).is_none() {
        return broken("shape", "has more elements than can be counted");
    }
    Ok(())
}

fn elements(shape: &[u64]) -> Option<u64> {
    shape.iter().try_fold(1_u64, |elements, &len| elements.checked_mul(len))
}

pub(super) fn size(data: &RequestData, _: &Rules) -> Checked {
    match (data.size, data.is_given("fill_value"), data.is_given("shape")) {
        (Some(0), false, _) => {
            broken("size", "must be at least 1 byte; a chunk that was never written needs fill_value")
        }
        (Some(0), true, false) => broken("size", "a chunk that was never written needs shape"),
        _ => Ok(()),
    }
}

pub(super) fn codecs(data: &RequestData, _: &Rules) -> Checked {
    if !data.is_given("codecs") {
        return Ok(());
    }
    let others = ["compression", "filters", "filter_mask"].into_iter().filter(|other| data.is_given(other));
    let order = data.order.filter(|&order| order == Order::F).map(|_| "order");
    match others.chain(order).next() {
        Some(other) => broken("codecs", format!("says all that {other} could; give one of them")),
        None => Ok(()),
    }
}

pub(super) fn fill_value(data: &RequestData, _: &Rules) -> Checked {
    let (Some(fill_value), Some(dtype)) = (data.fill_value, data.dtype) else { return Ok(()) };
    if with_dtype!(dtype, T => T::from_number(fill_value).is_none()) {
        return broken("fill_value", format!("{} is not a value of {}", shown(fill_value), dtype.name()));
    }
    Ok(())
}

pub(super) fn range_end(data: &RequestData, _: &Rules) -> Checked {
    // Stores count in signed 64-bit numbers.
    match data.offset.unwrap_or(0).checked_add(data.size.unwrap_or(0)) {
        Some(end) if i64::try_from(end).is_ok() => Ok(()),
        _ => broken("offset", "offset + size is more than any object can have"),
    }
}

pub(super) fn selection(data: &RequestData, _: &Rules) -> Checked {
    let Some(selection) = &data.selection else { return Ok(()) };
    match &data.shape {
        None if data.is_given("shape") => Ok(()),
        None => broken("selection", "needs shape"),
        Some(shape) if shape.len() != selection.len() => {
            broken("selection", format!("has {} slices, but shape has {} dimensions", selection.len(), shape.len()))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn strides(data: &RequestData, _: &Rules) -> Checked {
    if data.selection.iter().flatten().any(|slice| slice.0[2] == Some(0)) {
        return broken("selection", "a stride must not be 0");
    }
    Ok(())
}

pub(super) fn axis(data: &RequestData, rules: &Rules) -> Checked {
    let (Some(axis), true) = (&data.axis, rules.operation.uses_axis) else { return Ok(()) };
    match &data.shape {
        None if data.is_given("shape") => Ok(()),
        None => broken("axis", "needs shape"),
        Some(shape) => reduced_axes(&axis.0, shape.len()).map(drop).or_else(|problem| broken("axis", problem)),
    }
}

/// For every dimension, whether it is one of `axes`; or all that is wrong with `axes`.
pub(super) fn reduced_axes(axes: &[i64], dimensions: usize) -> Result<Vec<bool>, String> {
    let mut reduced = vec![false; dimensions];
    let mut problems = Vec::new();
    for &axis in axes {
        let from_start = if axis < 0 { i128::from(axis) + dimensions as i128 } else { axis.into() };
        let slot = usize::try_from(from_start).ok().and_then(|axis| reduced.get_mut(axis));
        match slot {
            None => problems.push(format!("{axis} is outside a shape of {dimensions} dimensions")),
            Some(true) => problems.push(format!("{axis} is there more than once")),
            Some(slot) => *slot = true,
        }
    }
    if problems.is_empty() { Ok(reduced) } else { Err(problems.join("; ")) }
}

pub(super) fn missing(data: &RequestData, _: &Rules) -> Checked {
    let (Some(missing), Some(dtype)) = (&data.missing, data.dtype) else { return Ok(()) };
    let bounds =
        missing.valid_min.into_iter().chain(missing.valid_max).chain(missing.valid_range.into_iter().flatten());
    let bounds: Vec<Number> = bounds.collect();
    let values = missing.missing_value.iter().chain(missing.missing_values.iter().flatten());
    let does_not_fit = |number: &&Number| with_dtype!(dtype, T => T::from_number(**number).is_none());
    let mut unfit = values.chain(&bounds).filter(does_not_fit);
    let told = unfit.by_ref().take(MAX_TOLD);
    let mut problems: Vec<String> =
        told.map(|&number| format!("{} is not a value of {}", shown(number), dtype.name())).collect();
    match unfit.count() {
        0 => {}
        more => problems.push(format!("and {more} more")),
    }
    if problems.is_empty() && bounds.iter().copied().any(is_nan) {
        problems.push("NaN bounds nothing: use a number for valid_min, valid_max and valid_range".to_owned());
    }
    if let (true, Some([low, high])) = (problems.is_empty(), missing.valid_range)
        && !with_dtype!(dtype, T => T::from_number(low) <= T::from_number(high))
    {
        problems.push(format!(
            "valid_range [{}, {}] must go from a lower to a higher value, or be one value",
            shown(low),
            shown(high)
        ));
    }
    if problems.is_empty() { Ok(()) } else { broken("missing", problems.join("; ")) }
}

/// The number modulo 2ⁿ, if it is a negative one of a signed dtype of n bits.
pub(super) fn read_unsigned(number: Number, signed: DType) -> Number {
    match number {
        Number::Integer(integer) if integer < 0 && with_dtype!(signed, T => T::from_number(number).is_some()) => {
            Number::Integer(integer.saturating_add(1_i128 << (8 * signed.size())))
        }
        _ => number,
    }
}

pub(super) fn unsigned(data: &RequestData, _: &Rules) -> Checked {
    match (data.unsigned, data.dtype) {
        (Some(true), Some(dtype)) if dtype.unsigned().is_none() => {
            broken("unsigned", format!("is for integers, which {} has none of", dtype.name()))
        }
        _ => Ok(()),
    }
}

pub(super) fn packing(data: &RequestData, _: &Rules) -> Checked {
    match (data.scale_factor, data.add_offset) {
        (Some(0.0), _) => broken("scale_factor", "must not be 0: all unpacked values would be the same"),
        (Some(scale_factor), _) if !scale_factor.is_finite() => broken("scale_factor", "must be a finite number"),
        (_, Some(add_offset)) if !add_offset.is_finite() => broken("add_offset", "must be a finite number"),
        _ => Ok(()),
    }
}

/// How to unpack values; None if they are not packed.
pub(super) fn packing_of(data: &RequestData) -> Option<Packing> {
    let (scale_factor, add_offset) = (data.scale_factor.unwrap_or(1.0), data.add_offset.unwrap_or(0.0));
    data.is_packed().then_some(Packing { scale_factor, add_offset })
}

fn is_nan(number: Number) -> bool {
    matches!(number, Number::Float(float) if float.is_nan())
}

fn shown(number: Number) -> String {
    match number {
        Number::Integer(integer) => integer.to_string(),
        Number::Float(float) => format!("{float:?}"),
    }
}

/// The rules for missing data in one form: a range is a minimum and a maximum, the narrower of two wins.
pub(super) fn missing_rules(data: &MissingData) -> Missing<Number> {
    let [low, high] = data.valid_range.map_or([None; 2], |range| range.map(Some));
    let narrower = |a: Option<Number>, b: Option<Number>, keep: std::cmp::Ordering| match (a, b) {
        (Some(a), Some(b)) => Some(if compare(a, b) == keep { a } else { b }),
        (a, b) => a.or(b),
    };
    let listed = data.missing_values.as_deref().unwrap_or_default();
    let mut values = Vec::with_capacity(listed.len() + usize::from(data.missing_value.is_some()));
    values.extend(data.missing_value);
    values.extend_from_slice(listed);
    Missing {
        values,
        min: narrower(data.valid_min, low, std::cmp::Ordering::Greater),
        max: narrower(data.valid_max, high, std::cmp::Ordering::Less),
    }
}

/// By value. Numbers of one request that passed the rules are comparable: integers of an integer dtype, or
/// numbers that a `float64` holds.
fn compare(a: Number, b: Number) -> std::cmp::Ordering {
    let float = |number| match number {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    };
    match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
        (a, b) => float(a).total_cmp(&float(b)),
    }
}

pub(super) fn result_dtype(data: &RequestData, rules: &Rules) -> Checked {
    let Some(result) = data.result_dtype else { return Ok(()) };
    let Traits { takes_result_dtype, unpacks, .. } = rules.operation;
    if unpacks && data.is_packed() {
        return unpacked_dtype(result);
    }
    if !takes_result_dtype {
        let unless = if unpacks { ", unless scale_factor or add_offset is given" } else { "" };
        return broken("result_dtype", format!("is for sum only{unless}"));
    }
    match data.dtype {
        Some(dtype) if !can_sum_to(dtype, result) => broken(
            "result_dtype",
            format!(
                "{} cannot be the result of a sum of {}: it must be of the same kind and at least as wide, or float64",
                result.name(),
                dtype.name()
            ),
        ),
        _ => Ok(()),
    }
}

fn unpacked_dtype(result: DType) -> Checked {
    match result {
        DType::Float32 | DType::Float64 => Ok(()),
        _ => broken(
            "result_dtype",
            format!("{} cannot be that of unpacked values: use float32 or float64", result.name()),
        ),
    }
}

fn can_sum_to(dtype: DType, result: DType) -> bool {
    result == DType::Float64 || (dtype.kind() == result.kind() && result.size() >= dtype.size())
}
