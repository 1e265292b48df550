//! Counts, times and names every request, and logs the one line that there is of each that failed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};

use super::reply::Failure;
use crate::app::App;

/// The path label of requests that match no route.
const UNMATCHED: &str = "unmatched";

/// The name of a request: its client's or ours.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest name that is taken over.
const MAX_REQUEST_ID: usize = 128;

/// The name that a request has got.
#[derive(Clone, Debug)]
pub(super) struct RequestId(HeaderValue);

impl RequestId {
    /// The name that the client gave, if it is one, or a new one.
    fn of(headers: &HeaderMap, app: &App) -> Self {
        let given = headers
            .get(REQUEST_ID)
            .filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic));
        Self(given.cloned().unwrap_or_else(|| app.request_ids.next().parse().unwrap_or(HeaderValue::from_static("-"))))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Notes a request and its response. Labels are routes and methods that exist, whatever a client sends.
pub(super) async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = known_method(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = matched.as_ref().map_or(UNMATCHED, |matched| trimmed(matched.as_str()));
    let id = RequestId::of(request.headers(), &app);
    request.extensions_mut().insert(id.clone());
    app.metrics.request(method, path);
    let mut response = next.run(request).await;
    let time = start.elapsed();
    app.metrics.response(response.status().as_u16(), method, path, time);
    log_failure(&response, &id, method, path, time);
    response.headers_mut().insert(REQUEST_ID, id.0);
    response
}

fn log_failure(response: &Response, RequestId(id): &RequestId, method: &str, path: &str, time: Duration) {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return;
    }
    let (failure, id) = (response.extensions().get::<Failure>(), id.to_str().unwrap_or_default());
    let error = failure.map(|failure| failure.message.as_str());
    let caused_by = failure.map(|failure| failure.caused_by.join(" | ")).filter(|causes| !causes.is_empty());
    let (status, caused_by, millis) = (status.as_u16(), caused_by.as_deref(), time.as_secs_f64() * 1e3);
    if status >= 500 {
        tracing::warn!(request_id = id, method, path, status, millis, error, caused_by, "request failed");
    } else {
        tracing::info!(request_id = id, method, path, status, millis, error, caused_by, "request refused");
    }
}

/// The route without the slash that may end it.
pub(super) fn trimmed(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("OTHER")
}
