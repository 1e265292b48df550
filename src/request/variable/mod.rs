//! What is asked about a whole variable: wire form in, checked form out.
//!
//! A body is read field by field, as those of chunk requests are. What can be checked without the variable is
//! ([`VariableRequest`], [`DescribeRequest`]); the rest is when the variable is known ([`VariableRequest::resolve`]).

mod array;
mod attributes;
mod axes;
mod beside;
mod bins;
mod checked;
mod chunks;
mod describe;
mod groups;
mod listed;
mod nested;
mod path;
mod place;
mod quantiles;
mod question;
mod resolve;
pub mod schema;
mod selection;
mod statistics;
mod target;
mod varying;
mod weights;
mod wire;

pub use axes::Axes;
pub use beside::Beside;
pub use checked::{Purpose, Reduction, VariableRequest};
pub use describe::{DescribeRequest, ValuesOf};
pub use groups::GroupsRequest;
pub use question::{Groups, Labels, VariableQuestion, WeightVariable, Weights};
pub use selection::{DimensionSelection, Selection};
pub use statistics::{Detail, NamedStatistic};
pub use target::{ListedArray, ObjectRequest, Target};
pub use varying::Varying;
pub use weights::WeightsRequest;

#[cfg(test)]
mod tests;
