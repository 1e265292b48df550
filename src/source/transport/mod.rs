//! What S3 stores and web servers have in common: one HTTP client, and how its answers are read.

pub(super) mod address;
pub(super) mod answer;
mod body;
pub(super) mod client;
pub(super) mod fields;
pub(super) mod part;
pub(super) mod status;
pub(super) mod tls;
