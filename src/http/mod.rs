//! The door: the only code that knows axum, status codes and headers.

mod extract;
mod handler;
mod observe;
mod reply;
mod serve;

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
};

pub use serve::{Tls, TlsError, serve};

/// All routes.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(v1::<Count>())
        .merge(v1::<Max>())
        .merge(v1::<Min>())
        .merge(v1::<Select>())
        .merge(v1::<Sum>())
        .route("/metrics", get(handler::metrics))
        .fallback(handler::not_found)
        .method_not_allowed_fallback(handler::method_not_allowed)
        .layer(DefaultBodyLimit::max(app.max_body_size))
        .layer(CatchPanicLayer::custom(reply::panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

/// The route of one operation, with and without a trailing slash.
fn v1<O: Operation>() -> Router<Arc<App>> {
    let path = format!("/v1/{}", O::NAME);
    let handler = post(handler::operation_handler::<O>);
    Router::new().route(&format!("{path}/"), handler.clone()).route(&path, handler)
}
