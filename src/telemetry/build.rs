//! Which program this is.

use serde::Serialize;

/// What tells one build from another.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Build {
    /// Version of the release.
    pub version: &'static str,
    /// The revision of the source that it was made from, where whoever built it said so (`REDUCTIONIST_REVISION`).
    pub revision: &'static str,
    /// Architecture of the CPUs that it runs on.
    pub arch: &'static str,
}

/// This program.
pub const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("REDUCTIONIST_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
    arch: std::env::consts::ARCH,
};
