//! Why an object's index cannot be had.

use thiserror::Error;

/// Why an object cannot be described, or the chunks of a variable not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IndexError {
    /// The object is of another format.
    #[error("the object is not {format}: {problem}")]
    NotThisFormat {
        /// What was expected, such as `HDF5`.
        format: &'static str,
        /// What there is instead.
        problem: String,
    },
    /// The object has no variable of this path.
    #[error("there is no variable {path:?}{}", suggestion(near))]
    NoSuchVariable {
        /// The path that was asked for.
        path: String,
        /// Paths of the variables that are spelt most like it, the nearest first.
        near: Vec<String>,
    },
    /// What is asked for is valid, but not read here.
    #[error("{what} cannot be read")]
    Unsupported {
        /// What it is, in the words of the format.
        what: String,
    },
    /// What the object says of itself makes no sense.
    #[error("the object is damaged: {what}{}: {problem}", position(*at))]
    Malformed {
        /// The structure that is damaged.
        what: String,
        /// Where it stands, in bytes from the beginning of the object, or from the end of its user block; None if that is
        /// not known.
        at: Option<u64>,
        /// What is wrong with it.
        problem: String,
    },
    /// More would have to be read, or held, than the operator allows.
    #[error("{what} is above the limit of {limit}")]
    TooLarge {
        /// The number or the size that is too large, with its unit.
        what: String,
        /// How much is allowed.
        limit: u64,
    },
    /// The blocks that were asked for did not come.
    #[error("bytes {start} to {end} of the object were asked for, and did not come")]
    Unanswered {
        /// Offset of the first byte.
        start: u64,
        /// Offset behind the last one.
        end: u64,
    },
}

impl IndexError {
    /// A damaged structure at this offset.
    pub(super) fn malformed(what: impl Into<String>, at: impl Into<Option<u64>>, problem: impl Into<String>) -> Self {
        Self::Malformed { what: what.into(), at: at.into(), problem: problem.into() }
    }

    /// The same, told of the object at this path.
    pub(super) fn of_object(self, path: &str) -> Self {
        let of = |what: String| if path.is_empty() { what } else { format!("{what} of {path:?}") };
        match self {
            Self::Malformed { what, at, problem } => Self::Malformed { what: of(what), at, problem },
            Self::Unsupported { what } => Self::Unsupported { what: of(what) },
            Self::TooLarge { what, limit } => Self::TooLarge { what: of(what), limit },
            other => other,
        }
    }

    /// What cannot be read.
    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }
}

fn suggestion(near: &[String]) -> String {
    let quoted: Vec<_> = near.iter().map(|path| format!("{path:?}")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => format!("; did you mean {last}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

fn position(at: Option<u64>) -> String {
    at.map(|at| format!(" at byte {at}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_tell_what_to_look_at() {
        let near = vec!["tas".to_owned(), "tasmax".to_owned()];
        let missing = IndexError::NoSuchVariable { path: "tass".to_owned(), near };
        assert_eq!(missing.to_string(), r#"there is no variable "tass"; did you mean "tas" or "tasmax"?"#);
        let damaged = IndexError::malformed("an object header", 800, "its checksum is wrong");
        assert_eq!(damaged.to_string(), "the object is damaged: an object header at byte 800: its checksum is wrong");
    }
}
