//! Files below one directory of the operator.

pub(super) mod location;
mod root;
pub(super) mod source;
