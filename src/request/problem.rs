//! What is wrong with a request, field by field.

use std::{borrow::Cow, collections::HashSet, fmt};

use validator::{ValidationError, ValidationErrors};

/// One thing that is wrong with a request, and the field that it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    field: String,
    problem: String,
}

/// Longest text of one problem, in characters, whatever a client wrote.
const MAX_PROBLEM_CHARS: usize = 400;

/// Stands for the field in the problem that lists those that there are.
pub(super) const THE_FIELDS: &str = "the fields";

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

/// There is no value, and the problem with it has been noted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noted;

/// The error of a broken rule of one field, in the form of `validator`.
pub(super) fn broken(problem: impl Into<Cow<'static, str>>) -> ValidationError {
    ValidationError::new("rule").with_message(problem.into())
}

/// Every problem that was found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    noted: Vec<Problem>,
    /// Those that are only counted.
    undescribed: usize,
}

impl Problems {
    pub(super) fn note(&mut self, field: &str, problem: impl Into<String>) {
        self.noted.push(Problem::new(field, problem));
    }

    /// Counts problems that are too many to be described.
    pub(super) fn count(&mut self, undescribed: usize) {
        self.undescribed = self.undescribed.saturating_add(undescribed);
    }

    /// Takes over the problems with what stands in a field.
    pub(super) fn absorb(&mut self, field: &str, of_parts: Self) {
        self.count(of_parts.undescribed);
        self.noted.extend(of_parts.noted.into_iter().map(|Problem { field: part, problem }| match part.as_str() {
            THE_FIELDS => Problem::new(&format!("{THE_FIELDS} of {field}"), problem),
            _ => Problem::new(&format!("{field}.{part}"), problem),
        }));
    }

    /// The value of a field, unless there is a problem with it, which is noted.
    pub(super) fn checked<T>(&mut self, field: &str, value: Result<T, impl Into<String>>) -> Result<T, Noted> {
        value.map_err(|problem| {
            self.note(field, problem);
            Noted
        })
    }

    /// The value of the field `other`, which `field` cannot do without. If a client gave none that could be read, there is
    /// a note of it already.
    pub(super) fn needed<T>(&mut self, field: &str, other: &str, value: Option<T>) -> Result<T, Noted> {
        if value.is_none() && !self.concern(other) {
            self.note(field, format!("needs {other}"));
        }
        value.ok_or(Noted)
    }

    /// The value of a field that has to be there.
    pub(super) fn needed_field<T>(&mut self, field: &str, value: Option<T>) -> Result<T, Noted> {
        if value.is_none() && !self.concern(field) {
            self.note(field, "is required");
        }
        value.ok_or(Noted)
    }

    /// Notes the rules of single fields that are broken. A field that could not be read is not also said to be missing.
    pub(super) fn note_broken(&mut self, rules: Result<(), ValidationErrors>) {
        let Err(broken) = rules else { return };
        for (field, errors) in broken.field_errors() {
            let is_read = !self.concern(&field);
            for error in errors.iter().filter(|error| is_read || error.code != "required") {
                self.note(&field, error.message.as_deref().unwrap_or("is not valid"));
            }
        }
    }

    /// Whether something is known to be wrong with a field.
    pub(super) fn concern(&self, field: &str) -> bool {
        self.noted.iter().any(|problem| problem.field == field)
    }

    /// Whether a client gave a field of this value, rightly or wrongly.
    pub(super) fn is_given<T>(&self, field: &str, value: Option<&T>) -> bool {
        value.is_some() || self.concern(field)
    }

    /// Puts what `check` notes in the order of the fields' names.
    pub(super) fn by_field<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.noted.len();
        let checked = check(self);
        if let Some(noted) = self.noted.get_mut(before..) {
            noted.sort_by(|a, b| a.field.cmp(&b.field));
        }
        checked
    }

    /// The value, if nothing is wrong.
    ///
    /// # Errors
    /// Each problem once, and no more of them than a person would read.
    pub(super) fn into_result<T>(self, value: Result<T, Noted>) -> Result<T, Vec<Problem>> {
        match value {
            Ok(value) if self.noted.is_empty() && self.undescribed == 0 => Ok(value),
            _ => Err(self.told()),
        }
    }

    fn told(self) -> Vec<Problem> {
        let mut seen = HashSet::new();
        let mut told = self.noted;
        told.retain(|problem| seen.insert(problem.clone()));
        let untold = self.undescribed + told.split_off(told.len().min(MAX_PROBLEMS)).len();
        if untold > 0 {
            told.push(Problem::new("and", format!("{untold} more")));
        }
        told
    }
}
