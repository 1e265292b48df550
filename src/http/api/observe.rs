//! Counts, times and names every request, and logs the one line that there is of each that failed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{gate, reply::Failure};
use crate::app::App;

/// The path label of requests that match no route.
const UNMATCHED: &str = "unmatched";

/// Told to nobody: the client closed the connection before there was an answer. The number is nginx's.
const GIVEN_UP: u16 = 499;

/// The status of a request that gets no answer: nobody else's fault but the client's, as long as the service goes on.
pub(super) fn without_answer(app: &App) -> u16 {
    if app.has_given_up() { 503 } else { GIVEN_UP }
}

/// Routes that are asked again and again, by those who see the answer.
const UNLOGGED: &[&str] = &["/readyz"];

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
        // A copy: what was given is a part of the whole head, which would be kept with it.
        let given = given.and_then(|id| HeaderValue::from_bytes(id.as_bytes()).ok());
        Self(given.unwrap_or_else(|| app.request_ids.next().parse().unwrap_or(HeaderValue::from_static("-"))))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Notes a request and its response. Labels are routes and methods that exist, whatever a client sends.
pub(super) async fn observe(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let observed = Observed::begin(app, &request);
    let id = observed.id.clone();
    request.extensions_mut().insert(id.clone());
    let mut response = match gate::check(&request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    observed.end(&response);
    response.headers_mut().insert(REQUEST_ID, id.0);
    response
}

/// A request that has no answer yet. If it never gets one, it is noted as given up, by the client or by the service at its end.
struct Observed {
    app: Arc<App>,
    method: &'static str,
    matched: Option<MatchedPath>,
    id: RequestId,
    start: Instant,
    is_answered: bool,
}

impl Observed {
    fn begin(app: Arc<App>, request: &Request) -> Self {
        let id = RequestId::of(request.headers(), &app);
        let matched = request.extensions().get().cloned();
        let method = known_method(request.method());
        let observed = Self { app, method, matched, id, start: Instant::now(), is_answered: false };
        observed.app.engine.metrics.request(method, observed.path());
        observed
    }

    fn path(&self) -> &str {
        self.matched.as_ref().map_or(UNMATCHED, |matched| trimmed(matched.as_str()))
    }

    fn end(mut self, response: &Response) {
        self.is_answered = true;
        self.note(response.status().as_u16(), response.extensions().get());
    }

    fn note(&self, status: u16, failure: Option<&Failure>) {
        let (time, path) = (self.start.elapsed(), self.path());
        self.app.engine.metrics.response(status, self.method, path, time);
        if status >= 400 && !UNLOGGED.contains(&path) {
            self.log(status, failure, time);
        }
    }

    fn log(&self, status: u16, failure: Option<&Failure>, time: Duration) {
        let (request_id, method, path) = (self.id.as_str(), self.method, self.path());
        let error = failure.map(|failure| failure.message.as_str());
        let caused_by = failure.map(|failure| failure.caused_by.join(" | ")).filter(|causes| !causes.is_empty());
        let (caused_by, millis) = (caused_by.as_deref(), time.as_secs_f64() * 1e3);
        match status {
            GIVEN_UP => tracing::info!(request_id, method, path, status, millis, "given up by the client"),
            503 if !self.is_answered => {
                tracing::warn!(request_id, method, path, status, millis, "given up, as the service ends");
            }
            // Overload shows in the metrics, and has no time for more.
            ..500 | 503 => {
                tracing::info!(request_id, method, path, status, millis, error, caused_by, "request refused");
            }
            _ => tracing::warn!(request_id, method, path, status, millis, error, caused_by, "request failed"),
        }
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        if !self.is_answered {
            self.note(without_answer(&self.app), None);
        }
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
