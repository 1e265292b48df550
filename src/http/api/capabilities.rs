//! What this server can do, for clients that decide what to ask of it.

use axum::{Json, extract::State};
use serde::Serialize;

use crate::{
    app::Shared,
    array::DType,
    codec::{codec_filters, codec_ids},
    operation::Operation,
    telemetry::{BUILD, Build},
};

/// The answer at `/capabilities`.
#[derive(Debug, Serialize)]
pub(super) struct Capabilities {
    version: &'static str,
    dialects: [&'static str; 2],
    operations: Vec<&'static str>,
    dtypes: &'static [DType],
    codecs: Vec<&'static str>,
    hdf5_filters: Vec<u32>,
    interfaces: Vec<&'static str>,
    limits: Limits,
}

/// In bytes, named as the settings are.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "the settings have these names")]
struct Limits {
    max_body_size: usize,
    max_chunk_size: usize,
    max_decoded_size: usize,
    max_result_size: usize,
}

/// Which program this is.
pub(super) async fn version() -> Json<Build> {
    Json(BUILD)
}

pub(super) async fn capabilities(State(app): State<Shared>) -> Json<Capabilities> {
    let file = app.engine.sources.read_files().then_some("file");
    Json(Capabilities {
        version: BUILD.version,
        dialects: ["v1", "v2"],
        operations: Operation::ALL.iter().map(|operation| operation.name()).collect(),
        dtypes: DType::ALL,
        codecs: codec_ids().collect(),
        hdf5_filters: codec_filters().collect(),
        interfaces: ["s3", "http", "https"].into_iter().chain(file).collect(),
        limits: Limits {
            max_body_size: app.max_body_size,
            max_chunk_size: app.engine.size_limits.chunk,
            max_decoded_size: app.engine.size_limits.decoded,
            max_result_size: app.engine.size_limits.result,
        },
    })
}
