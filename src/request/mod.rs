//! What is asked: wire form in, checked form out.

mod data;
mod encoding;
mod fields;
mod place;
mod rules;
pub mod schema;
mod zarr;

use std::{collections::HashSet, fmt};

use validator::{ValidateArgs, ValidationErrors, ValidationErrorsKind};

use crate::{
    array::{DType, Number, Slice, Storage},
    codec::FilterPipeline,
    operation::{Task, Traits},
    source::{Location, Range, Version},
};

use encoding::Encoding;
use fields::Fields;
use place::Place;

pub use data::{AxisData, InterfaceType, MissingData, PlaceV1, PlaceV2, RequestData, SliceData};
pub use fields::NotAnObject;
pub use rules::Rules;

/// The two wire forms that clients speak. They differ in how they name an object and in the form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `source`, `bucket` and `object`; raw bytes and headers.
    V1,
    /// `interface_type` and `url`; CBOR.
    V2,
}

/// The form in which an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyForm {
    /// Raw bytes and headers.
    V1,
    /// A CBOR map.
    V2 {
        /// Write the shape as bytes (u64) instead of a list.
        shape_as_bytes: bool,
        /// Write the counts as bytes (i64) instead of a list.
        count_as_bytes: bool,
    },
}

/// A request with no rule left to check, no option that has a default, no text that is a choice.
#[derive(Debug)]
pub struct Request {
    /// The object that holds the chunk.
    pub location: Location,
    /// The version that it must have; any if None.
    pub version: Option<Version>,
    /// The part of the object that is the chunk.
    pub range: Range,
    /// What its elements are, if it was never written: then there is nothing to read.
    pub fill_value: Option<Number>,
    /// How to decode it.
    pub pipeline: FilterPipeline,
    /// What to do with it.
    pub task: Task,
    /// How to write the result.
    pub reply: ReplyForm,
}

/// One thing that is wrong with a request, and the field that it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    field: String,
    problem: String,
}

/// Longest text that one problem has, whatever a client wrote.
const MAX_PROBLEM_CHARS: usize = 400;

/// Most problems that one answer tells.
const MAX_PROBLEMS: usize = 64;

impl Problem {
    /// A problem with `field`; both are cut if a client made them long.
    pub fn new(field: &str, problem: impl Into<String>) -> Self {
        Self { field: shortened(field.to_owned()), problem: shortened(problem.into()) }
    }
}

/// The text, cut if it is longer than a person would read.
pub(crate) fn shortened(text: String) -> String {
    match text.char_indices().nth(MAX_PROBLEM_CHARS) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

/// Why a body is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or JSON but no object.
    #[error("the request body is not a JSON object")]
    NotAnObject(#[from] NotAnObject),
    /// Every rule that it breaks.
    #[error("the request data is not valid")]
    Invalid(Vec<Problem>),
}

/// What a server decides where a request does not.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// Whether reduced dimensions stay.
    pub keepdims: bool,
}

impl Request {
    /// Checks a body in this dialect for an operation of these traits.
    ///
    /// # Errors
    /// Every rule that the body breaks, at once.
    pub fn from_json(
        body: &[u8],
        dialect: Dialect,
        operation: Traits,
        defaults: Defaults,
    ) -> Result<Self, RequestError> {
        let mut fields = Fields::of(body)?;
        let place = Place::take(dialect, &mut fields);
        let mut data = RequestData::take(&mut fields);
        data.read_unsigned();
        let broken = [place.validate(), data.validate_with_args(&Rules { operation })];
        let mut violations: Vec<_> = broken.into_iter().flat_map(|broken| violations(broken, &data.given)).collect();
        violations.sort_by(|a, b| a.field.cmp(&b.field));
        let unread = fields.unread();
        let mut problems = fields.into_problems();
        problems.extend(violations);
        match Self::checked(place, &data, operation, defaults, &mut problems) {
            Some(request) if problems.is_empty() && unread == 0 => Ok(request),
            _ => Err(RequestError::Invalid(told(problems, unread))),
        }
    }

    /// Memory in bytes that it keeps until its chunk is reduced, where that has no bound of its own, and what is made of it
    /// then.
    #[must_use]
    pub fn held_len(&self) -> usize {
        // Beside each missing value there is one of the dtype, and room to sort those.
        const OF_A_VALUE: usize = size_of::<Number>() + 2 * size_of::<u64>();
        self.task.missing.values.len().saturating_mul(OF_A_VALUE)
    }

    /// The checked form; None if a part has none, which `problems` then tells.
    fn checked(
        place: Place,
        data: &RequestData,
        operation: Traits,
        defaults: Defaults,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let reply = place.reply_form();
        let location = place.location(problems);
        let version = data.etag.as_deref().map(Version::parse).transpose();
        let version = noted(problems, "etag", version);
        let shape = data.shape.as_ref().map(|shape| shape.iter().map(|&len| usize::try_from(len)).collect());
        let shape = noted(problems, "shape", shape.transpose().map_err(|_| "is too large".to_owned()))?;

        let dimensions = data.shape.as_ref().map_or(0, Vec::len);
        let axis = data.axis.as_ref().filter(|_| operation.uses_axis);
        let slice = |SliceData([start, end, stride]): SliceData| Slice { start, end, stride };
        let is_one_result = operation.uses_axis && axis.is_none();
        let is_unwritten = data.size == Some(0);
        let encoding = Encoding::of(data, is_one_result, problems)?;
        let encoding = if is_unwritten { encoding.of_unwritten() } else { encoding };
        let Encoding { mut pipeline, byte_order, order } = encoding;
        let dtype = data.dtype?;
        problems.extend(wrong_size(data, dtype, &pipeline).map(|problem| Problem::new("size", problem)));
        let packing = rules::packing_of(data).filter(|_| operation.unpacks);
        let mut task = Task {
            dtype,
            storage: Storage { byte_order, shuffled: false },
            shape,
            order,
            selection: data.selection.as_ref().map(|selection| selection.iter().copied().map(slice).collect()),
            missing: data.missing.as_ref().map(rules::missing_rules).unwrap_or_default(),
            packing,
            reduced: axis.map(|axis| rules::reduced_axes(&axis.0, dimensions)).transpose().ok()?,
            result_dtype: data.result_dtype,
            keepdims: data.keepdims.unwrap_or(defaults.keepdims),
        };
        let joins_rows = operation.takes_shuffled && task.has_long_rows();
        task.storage.shuffled = joins_rows && pipeline.leave_shuffled(task.dtype.size());
        Some(Self {
            location: location?,
            version: version?,
            range: Range::new(data.offset.unwrap_or(0), data.size.filter(|_| !is_unwritten)),
            fill_value: data.fill_value.filter(|_| is_unwritten),
            pipeline,
            task,
            reply,
        })
    }
}

/// What is wrong with a size that dtype, shape and codecs rule out.
fn wrong_size(data: &RequestData, dtype: DType, pipeline: &FilterPipeline) -> Option<String> {
    let size = usize::try_from(data.size?).ok().filter(|&size| size > 0)?;
    let Some(shape) = &data.shape else {
        let is_wrong = !data.is_given("shape") && !pipeline.decoded_len(size)?.is_multiple_of(dtype.size());
        return is_wrong.then(|| format!("is {size} bytes, not a whole number of {} elements", dtype.name()));
    };
    rules::shape(shape).ok()?;
    let len = shape.iter().try_fold(dtype.size(), |len, &dimension| len.checked_mul(dimension.try_into().ok()?))?;
    let expected = pipeline.encoded_len(len)?;
    (expected != size).then(|| {
        let dtype = dtype.name();
        format!("is {size} bytes, but shape {shape:?} of {dtype} has {expected} bytes and no compression is given")
    })
}

/// The value; or None, and its problem noted.
fn noted<T>(problems: &mut Vec<Problem>, field: &str, value: Result<T, String>) -> Option<T> {
    value.map_err(|problem| problems.push(Problem::new(field, problem))).ok()
}

/// Each problem once, and not more of them than a person would read. There are `untold` more.
fn told(problems: Vec<Problem>, untold: usize) -> Vec<Problem> {
    let (mut told, mut seen) = (Vec::new(), HashSet::new());
    for problem in problems {
        if seen.insert(problem.clone()) {
            told.push(problem);
        }
    }
    let rest = untold + told.split_off(told.len().min(MAX_PROBLEMS)).len();
    if rest > 0 {
        told.push(Problem::new("and", format!("{rest} more")));
    }
    told
}

/// The rules that are broken. A field that could not be read has been complained of already and is not also said to
/// be missing.
fn violations(broken: Result<(), ValidationErrors>, given: &[&str]) -> Vec<Problem> {
    let Err(errors) = broken else { return Vec::new() };
    described(&errors)
        .into_iter()
        .filter(|(field, code, _)| *code != "required" || !given.contains(&field.as_str()))
        .map(|(field, _, problem)| Problem::new(&field, problem))
        .collect()
}

/// Field, code and message of each error. A rule on several fields has the field that it names as its code.
fn described(errors: &ValidationErrors) -> Vec<(String, String, String)> {
    let of_field = |(field, kind): (&std::borrow::Cow<'static, str>, &ValidationErrorsKind)| match kind {
        ValidationErrorsKind::Field(errors) => errors
            .iter()
            .map(|error| {
                let field = if field == "__all__" { error.code.as_ref() } else { field.as_ref() };
                let message = error.message.as_deref().unwrap_or("is not valid");
                (field.to_owned(), error.code.to_string(), message.to_owned())
            })
            .collect(),
        ValidationErrorsKind::Struct(_) | ValidationErrorsKind::List(_) => Vec::new(),
    };
    errors.errors().iter().flat_map(of_field).collect()
}
