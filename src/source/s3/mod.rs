//! Objects of S3 stores: a signed GET for each read.

pub(super) mod aws;
pub(super) mod client;
pub(super) mod client_map;
pub(super) mod error;
pub(super) mod location;
mod own_credentials;
pub(super) mod source;
