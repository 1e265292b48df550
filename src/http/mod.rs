//! The door: the only code that knows axum, status codes and headers.

mod capabilities;
mod connection;
mod event_loops;
mod exchanges;
mod extract;
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
    operation::{Operation, Select},
    reduce::{Count, Max, Min, Sum},
    request::Dialect,
};

use openapi::Described;

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

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    let (described, operations): (Vec<_>, Vec<_>) =
        [operation::<Count>(), operation::<Max>(), operation::<Min>(), operation::<Select>(), operation::<Sum>()]
            .into_iter()
            .flatten()
            .unzip();
    let tokens = middleware::from_fn_with_state(Arc::clone(&app), tokens::check);
    operations
        .into_iter()
        .fold(Router::new(), Router::merge)
        .route_layer(tokens)
        .merge(openapi::router(&described))
        .route("/metrics", get(handler::metrics))
        .route("/capabilities", get(capabilities::capabilities))
        .route("/livez", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(handler::not_found)
        .method_not_allowed_fallback(handler::method_not_allowed)
        .layer(DefaultBodyLimit::max(app.max_body_size))
        .layer(CatchPanicLayer::custom(reply::panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

/// The routes of one operation: in both dialects, with and without a trailing slash.
fn operation<O: Operation>() -> [(Described, Router<Arc<App>>); 2] {
    [("/v1", Dialect::V1), ("/v2", Dialect::V2)].map(|(prefix, dialect)| {
        let path = format!("{prefix}/{}", O::NAME);
        let handler = post(move |app, caller, body| handler::operation_handler::<O>(dialect, app, caller, body));
        let router = Router::new().route(&format!("{path}/"), handler.clone()).route(&path, handler);
        (Described { dialect, path, summary: O::SUMMARY, traits: O::TRAITS }, router)
    })
}
