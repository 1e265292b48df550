//! What is asked: wire form in, checked form out.

mod data;
mod rules;

use std::{collections::HashSet, fmt};

use validator::{ValidateArgs, ValidationErrors, ValidationErrorsKind};

use crate::{
    array::{ByteOrder, Slice},
    codec::{self, FilterPipeline},
    operation::{Task, Traits},
    source::{ByteRange, S3Location},
};

pub use data::{AxisData, MissingData, NotAnObject, RequestData, SliceData};
pub use rules::Rules;

/// A request with no rule left to check, no option that has a default, no text that is a choice.
#[derive(Debug)]
pub struct Request {
    /// The object that holds the chunk.
    pub location: S3Location,
    /// The part of the object that is the chunk.
    pub range: ByteRange,
    /// How to decode it.
    pub pipeline: FilterPipeline,
    /// What to do with it.
    pub task: Task,
}

/// One thing that is wrong with a request, and the field that it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    field: String,
    problem: String,
}

/// Longest text that one problem has, whatever a client wrote.
const MAX_PROBLEM_CHARS: usize = 300;

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
    /// Checks a v1 body for an operation of these traits.
    ///
    /// # Errors
    /// Every rule that the body breaks, at once.
    pub fn from_v1(body: &[u8], operation: Traits, defaults: Defaults) -> Result<Self, RequestError> {
        let (data, mut problems) = RequestData::from_json(body)?;
        problems.extend(violations(&data, Rules { operation }));
        match Self::checked(data, operation, defaults, &mut problems) {
            Some(request) if problems.is_empty() => Ok(request),
            _ => Err(RequestError::Invalid(told(problems))),
        }
    }

    /// The checked form; None if a part has none, which `problems` then tells.
    fn checked(data: RequestData, operation: Traits, defaults: Defaults, problems: &mut Vec<Problem>) -> Option<Self> {
        let endpoint =
            data.source.as_deref().and_then(|source| noted(problems, "source", S3Location::endpoint(source)));
        let compression = data.compression.as_ref().map(codec::compression).transpose();
        let compression = noted(problems, "compression", compression);
        let filters = data.filters.iter().flatten().map(|spec| noted(problems, "filters", codec::filter(spec)));
        let filters: Option<Vec<_>> = filters.collect::<Vec<_>>().into_iter().collect();
        let shape = data.shape.as_ref().map(|shape| shape.iter().map(|&len| usize::try_from(len)).collect());
        let shape = noted(problems, "shape", shape.transpose().map_err(|_| "is too large".to_owned()))?;

        let dimensions = data.shape.as_ref().map_or(0, Vec::len);
        let axis = data.axis.as_ref().filter(|_| operation.uses_axis);
        let slice = |SliceData([start, end, stride]): SliceData| Slice { start, end, stride };
        let task = Task {
            dtype: data.dtype?,
            byte_order: data.byte_order.unwrap_or(ByteOrder::NATIVE),
            shape,
            order: data.order.unwrap_or_default(),
            selection: data.selection.map(|selection| selection.into_iter().map(slice).collect()),
            missing: data.missing.as_ref().map(rules::missing_rules).unwrap_or_default(),
            reduced: axis.map(|axis| rules::reduced_axes(&axis.0, dimensions)).transpose().ok()?,
            result_dtype: data.result_dtype,
            keepdims: data.keepdims.unwrap_or(defaults.keepdims),
        };
        Some(Self {
            location: S3Location {
                endpoint: endpoint?,
                bucket: data.bucket?.trim_matches('/').to_owned(),
                key: data.object?,
            },
            range: ByteRange { offset: data.offset.unwrap_or(0), size: data.size },
            pipeline: FilterPipeline::new(filters?, compression?),
            task,
        })
    }
}

/// The value; or None, and its problem noted.
fn noted<T>(problems: &mut Vec<Problem>, field: &str, value: Result<T, String>) -> Option<T> {
    value.map_err(|problem| problems.push(Problem::new(field, problem))).ok()
}

/// Each problem once, and not more of them than a person would read.
fn told(problems: Vec<Problem>) -> Vec<Problem> {
    let (mut told, mut seen) = (Vec::new(), HashSet::new());
    for problem in problems {
        if seen.insert(problem.clone()) {
            told.push(problem);
        }
    }
    if told.len() > MAX_PROBLEMS {
        let rest = told.split_off(MAX_PROBLEMS).len();
        told.push(Problem::new("and", format!("{rest} more")));
    }
    told
}

/// The rules that `data` breaks. A field that could not be read has been complained of already and is not
/// also said to be missing.
fn violations(data: &RequestData, rules: Rules) -> Vec<Problem> {
    let Err(errors) = data.validate_with_args(&rules) else { return Vec::new() };
    let mut problems: Vec<Problem> = described(&errors)
        .into_iter()
        .filter(|(field, code, _)| *code != "required" || !data.is_given(field))
        .map(|(field, _, problem)| Problem::new(&field, problem))
        .collect();
    problems.sort_by(|a, b| a.field.cmp(&b.field));
    problems
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
