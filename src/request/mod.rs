//! What is asked: wire form in, checked form out.
//!
//! A body is read field by field ([`RequestData`]). Each rule is then the conversion of one or more fields to a checked value,
//! or to the [`Problem`] that there is with them; all problems are told at once. A rule says nothing while a field that it
//! rests on is itself at fault.

mod api_version;
mod axis;
mod cbor;
mod checked;
mod chunk;
mod data;
mod elements;
mod encoding;
mod fields;
mod location;
mod missing;
mod problem;
mod question;
pub mod schema;
mod slice;
mod value_schema;
pub mod variable;

pub use api_version::{ApiVersion, ReplyForm};
pub use axis::AxisData;
pub use checked::{Request, RequestError};
pub use data::RequestData;
pub use fields::{BodyForm, NotAnObject};
pub use location::{InterfaceType, LocationDataV1, LocationDataV2};
pub use missing::MissingData;
pub use problem::Problem;
pub(crate) use problem::shortened;
pub use question::Defaults;
pub use slice::SliceData;
