//! What is asked about a whole variable: wire form in, checked form out.
//!
//! A body is read field by field, as those of chunk requests are. What can be checked without the variable is
//! ([`VariableRequest`], [`DescribeRequest`]); the rest is when the variable is known ([`VariableRequest::resolve`]).

mod array;
mod attributes;
mod axes;
mod checked;
mod chunks;
mod describe;
mod listed;
mod place;
mod question;
mod resolve;
pub mod schema;
mod selection;
mod statistics;
mod target;
mod wire;

pub use axes::Axes;
pub use checked::{Purpose, Reduction, VariableRequest};
pub use describe::{DescribeRequest, ValuesOf};
pub use question::VariableQuestion;
pub use selection::{DimensionSelection, Selection};
pub use statistics::NamedStatistic;
pub use target::{ListedArray, ObjectRequest, Target};

#[cfg(test)]
mod tests;
