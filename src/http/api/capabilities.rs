//! What this server can do, for clients that decide what to ask of it.

use axum::{Json, extract::State};
use serde::Serialize;

use crate::{
    app::{App, Shared},
    array::DType,
    codec::{codec_filters, codec_ids},
    index::Format,
    operation::Operation,
    reduce::Statistic,
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
    variables: Variables,
    limits: Limits,
}

/// What can be asked of whole variables.
#[derive(Debug, Serialize)]
struct Variables {
    dialects: [&'static str; 1],
    formats: Vec<&'static str>,
    statistics: Vec<&'static str>,
    /// In bytes, named as the setting is.
    max_variable_body_size: usize,
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
        variables: variables(&app),
        limits: Limits {
            max_body_size: app.max_body_size,
            max_chunk_size: app.engine.size_limits.chunk,
            max_decoded_size: app.engine.size_limits.decoded,
            max_result_size: app.engine.size_limits.result,
        },
    })
}

fn variables(app: &App) -> Variables {
    Variables {
        dialects: ["v1"],
        formats: Format::ALL.iter().map(|format| format.name()).collect(),
        statistics: Statistic::ALL.iter().map(|statistic| statistic.name()).collect(),
        max_variable_body_size: app.max_variable_body_size,
    }
}
