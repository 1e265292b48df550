//! Objects on web servers, by plain GET requests.

pub(super) mod location;
mod redirects;
pub(super) mod source;
