//! The door: the only code that knows axum, status codes and headers.

mod capabilities;
mod check_health;
mod connection;
mod cors;
mod event_loops;
mod exchanges;
mod extract;
mod gate;
mod half_closed;
mod handler;
mod health;
mod held;
mod observe;
mod openapi;
mod paced;
mod reply;
mod serve;
mod tls;
mod tokens;
mod trace;
mod unread;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    app::App,
    config::Origins,
    operation::{Operation, Select},
    reduce::{Count, Max, Min, Sum},
    request::ApiVersion,
};

use openapi::Described;

pub use check_health::check_health;
pub use event_loops::EventLoops;
pub use serve::{ServeOptions, serve};
pub use tls::{Tls, TlsError};

/// The last part of the route of each operation.
const OPERATIONS: &[&str] = &[
    <Count as Operation>::NAME,
    <Max as Operation>::NAME,
    <Min as Operation>::NAME,
    <Select as Operation>::NAME,
    <Sum as Operation>::NAME,
];

/// All routes, but for metrics if those are served elsewhere.
pub fn router(app: Arc<App>) -> Router {
    let (described, operations): (Vec<_>, Vec<_>) =
        [operation::<Count>(), operation::<Max>(), operation::<Min>(), operation::<Select>(), operation::<Sum>()]
            .into_iter()
            .flatten()
            .unzip();
    let tokens = middleware::from_fn_with_state(Arc::clone(&app), tokens::check);
    let trace = middleware::from_fn_with_state(Arc::clone(&app), trace::trace);
    let routes = operations
        .into_iter()
        .fold(Router::new(), Router::merge)
        .route_layer(tokens)
        .route_layer(trace)
        .merge(openapi::router(&described))
        .merge(pages());
    let routes = if app.metrics_are_elsewhere { routes } else { routes.merge(metrics()) };
    let origins = app.origins.clone();
    layered(routes, app, origins.as_ref())
}

/// The routes for operators alone.
pub fn admin_router(app: Arc<App>) -> Router {
    served(pages().merge(metrics()), app)
}

/// What a server says of itself.
fn pages() -> Router<Arc<App>> {
    Router::new()
        .route("/capabilities", get(capabilities::capabilities))
        .route("/version", get(capabilities::version))
        .route("/livez", get(health::alive))
        .route("/readyz", get(health::ready))
}

fn metrics() -> Router<Arc<App>> {
    Router::new().route("/metrics", get(handler::metrics))
}

/// The routes, and what all of them have in common: they are observed, and requests that there is no place for are refused.
pub fn served(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    layered(routes, app, None)
}

/// The same, with answers that scripts of web pages of these origins may read.
fn layered(routes: Router<Arc<App>>, app: Arc<App>, origins: Option<&Origins>) -> Router {
    let routes = routes
        .fallback(handler::not_found)
        .method_not_allowed_fallback(handler::method_not_allowed)
        .layer(DefaultBodyLimit::max(app.max_body_size))
        .layer(CatchPanicLayer::custom(reply::panicked));
    let routes = match origins {
        Some(origins) => routes.layer(cors::layer(origins)),
        None => routes,
    };
    routes.layer(middleware::from_fn_with_state(Arc::clone(&app), observe::observe)).with_state(app)
}

/// The routes of one operation: in both versions of the API, with and without a trailing slash.
fn operation<O: Operation>() -> [(Described, Router<Arc<App>>); 2] {
    [("/v1", ApiVersion::V1), ("/v2", ApiVersion::V2)].map(|(prefix, api)| {
        let path = format!("{prefix}/{}", O::NAME);
        let handler = post(move |app, caller, body| handler::operation_handler::<O>(api, app, caller, body));
        let router = Router::new().route(&format!("{path}/"), handler.clone()).route(&path, handler);
        (Described { api, path, summary: O::SUMMARY, traits: O::TRAITS }, router)
    })
}
