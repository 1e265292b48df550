//! Counts and times every request.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use crate::app::App;

/// The path label of requests that match no route.
const UNMATCHED: &str = "unmatched";

/// Notes a request and its response. Labels are routes and methods that exist, whatever a client sends.
pub(super) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = known_method(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = matched.as_ref().map_or(UNMATCHED, |matched| trimmed(matched.as_str()));
    app.metrics.request(method, path);
    let response = next.run(request).await;
    app.metrics.response(response.status().as_u16(), method, path, start.elapsed());
    response
}

fn trimmed(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

fn known_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("OTHER")
}
