//! The span of a request, as a part of the trace that its client began.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, Span, field::Empty};

use super::observe::{RequestId, trimmed, without_answer};
use crate::{app::App, telemetry};

/// Answers a request for an operation inside a span of its own. Names of attributes are those of the OpenTelemetry semantic
/// conventions where these have one; no attribute names a bucket, an object or a user.
pub(super) async fn trace(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", |matched| trimmed(matched.as_str()));
    let span = tracing::debug_span!(
        "request",
        otel.name = format!("{} {route}", request.method()),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        http.route = route,
        http.response.status_code = Empty,
        request_id = request.extensions().get().map_or("", RequestId::as_str),
        dtype = Empty,
        interface = Empty,
    );
    telemetry::follow(&span, request.headers());
    let mut outcome = Outcome { app, span: span.clone(), status: None };
    let response = next.run(request).instrument(span).await;
    outcome.status = Some(response.status().as_u16());
    response
}

/// What has become of a request, which its span tells at the end, however it ends.
struct Outcome {
    app: Arc<App>,
    span: Span,
    status: Option<u16>,
}

impl Drop for Outcome {
    fn drop(&mut self) {
        // Whoever catches the panic answers so.
        let unanswered = || if std::thread::panicking() { 500 } else { without_answer(&self.app) };
        let status = self.status.unwrap_or_else(unanswered);
        self.span.record("http.response.status_code", i64::from(status));
        if status >= 500 {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}
