//! The story of a request.

use std::sync::Arc;

use axum::{
    extract::{Request as HttpRequest, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tracing::Instrument;

use crate::{
    app::App,
    codec::CodecError,
    credentials::Caller,
    error::ActiveStorageError,
    operation::Operation,
    plan::Plan,
    request::{Dialect, Request},
    source::Source,
    telemetry::Metrics,
};

use super::{
    extract::{FromCaller, JsonBody},
    reply,
};

pub(super) type Shared = Arc<App>;

/// Answers one request for operation `O` in one dialect.
pub(super) async fn operation_handler<O: Operation>(
    dialect: Dialect,
    State(app): State<Shared>,
    FromCaller(caller): FromCaller,
    request: HttpRequest,
) -> Result<Response, ActiveStorageError> {
    let body = JsonBody::read(request, &app, caller.client).await?;
    let request = Request::from_json(&body.bytes, dialect, O::TRAITS, app.defaults)?;
    drop(body);
    app.policy.check(&request.location)?;
    let span = tracing::info_span!("request", operation = O::NAME, dtype = request.task.dtype.name());
    let answer = tokio::time::timeout(app.request_timeout, execute::<O>(&app, request, caller).instrument(span));
    answer.await.map_err(|_| ActiveStorageError::DeadlineExceeded(app.request_timeout))?
}

/// Reads, decodes and reduces the chunk, and writes the answer.
async fn execute<O: Operation>(app: &App, request: Request, caller: Caller) -> Result<Response, ActiveStorageError> {
    let reply_units = reply::memory_units(request.reply, &O::outline(&request.task))?;
    let plan = Plan::of::<O>(&request, reply_units, app.size_limits)?;
    let permit = app.resources.answer(caller.client, plan.answer_units).await?;
    let units = plan.memory_units(&request.pipeline, plan.max_encoded_len);
    let mut budget = app.resources.memory(caller.client, units).await?;
    let mut encoded = if request.fill_value.is_some() {
        budget.allocate(plan.max_encoded_len).map_err(CodecError::from)?
    } else {
        let Request { location, range, .. } = &request;
        let fetch = app.sources.fetch(location, *range, plan.max_encoded_len, &caller, &mut budget);
        let download = tracing::debug_span!("download");
        fetch.instrument(download).await.map_err(|error| plan.explain(error))?
    };
    let effort = plan.effort(&request, encoded.bytes().len());
    budget.shrink_around(&encoded, plan.memory_units(&request.pipeline, encoded.bytes().len()));
    app.cpu
        .run(caller.client, effort, move || {
            if let Some(fill_value) = request.fill_value {
                request.task.fill(&mut encoded, fill_value);
            }
            let chunk = request.pipeline.decode(encoded, plan.decoded_len, &mut budget)?;
            let _span = tracing::debug_span!("operation").entered();
            let result = O::run(&request.task, chunk, &mut budget)?;
            reply::encode(request.reply, result, &mut budget).map(|response| reply::held(response, permit))
        })
        .await?
}

/// The Prometheus page.
pub(super) async fn metrics(State(app): State<Shared>) -> Response {
    match app.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

pub(super) async fn not_found() -> ActiveStorageError {
    ActiveStorageError::NotFound
}

pub(super) async fn method_not_allowed(request: HttpRequest) -> ActiveStorageError {
    ActiveStorageError::MethodNotAllowed { method: request.method().as_str().chars().take(20).collect() }
}
