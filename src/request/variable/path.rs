//! The path of a variable in its object.

use crate::request::problem::{Noted, Problems};

/// Longest path of a variable, in bytes.
const MAX_PATH: usize = 4096;

/// The path of a variable, if it can be one.
pub(super) fn path(variable: String, problems: &mut Problems) -> Result<String, Noted> {
    let problem = match variable.len() {
        0 => "must be the path of a variable; that at the root of a store is \"/\"".to_owned(),
        1..=MAX_PATH => return Ok(variable),
        _ => format!("is longer than the {MAX_PATH} bytes that are read of a path"),
    };
    problems.checked("variable", Err(problem))
}
