//! The story of a request.

use axum::{
    body::Bytes,
    extract::{Request as HttpRequest, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    app::{App, Shared},
    engine::Asking,
    error::ActiveStorageError,
    operation::Operation,
    request::{ApiVersion, Request},
    resources::{ClientId, Effort},
    telemetry::Metrics,
};

use super::extract::{FromCaller, RequestBody};

/// Answers one request for an operation in one version of the API.
pub(super) async fn operation_handler(
    operation: Operation,
    api: ApiVersion,
    State(app): State<Shared>,
    FromCaller(caller): FromCaller,
    request: HttpRequest,
) -> Result<Response, ActiveStorageError> {
    let _in_flight = app.engine.metrics.in_flight();
    let RequestBody { bytes, permit } = RequestBody::json(request, &app, caller.client).await?;
    let deadline = Instant::now() + app.request_timeout;
    let answer = async {
        let request = parse(&app, operation, api, bytes, caller.client).await?;
        let chunk = &request.chunk;
        app.policy.check(&chunk.location)?;
        tracing::Span::current()
            .record("dtype", chunk.encoding.dtype.name())
            .record("interface", chunk.location.interface());
        let reply = request.reply;
        let asking = Asking { caller, deadline, body: permit, most_numbers: None };
        app.engine.answer(request, reply, asking).await
    };
    let answer = timeout_at(deadline, answer);
    answer.await.map_err(|_| ActiveStorageError::DeadlineExceeded(app.request_timeout))?
}

/// A longer body, in bytes, takes so long to be read that others would notice.
pub(super) const SHORT_TEXT: usize = 16 << 10;

/// What a body asks for.
async fn parse(
    app: &App,
    operation: Operation,
    api: ApiVersion,
    body: Bytes,
    client: ClientId,
) -> Result<Request, ActiveStorageError> {
    let effort = if body.len() <= SHORT_TEXT { Effort::Short } else { Effort::Long };
    let defaults = app.defaults;
    let parsed = app.engine.cpu.run(client, effort, move || Request::from_json(&body, api, operation, defaults));
    Ok(parsed.await??)
}

/// The Prometheus page.
pub(super) async fn metrics(State(app): State<Shared>) -> Response {
    match app.engine.metrics.text(app.engine.resources.usages(), app.engine.sources.now()) {
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
