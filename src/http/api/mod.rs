//! Routes: from requests of HTTP to questions, and from results to answers.

mod capabilities;
mod cors;
mod extract;
mod gate;
mod handler;
mod health;
mod observe;
mod openapi;
mod reply;
mod tokens;
mod trace;
mod variables;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{app::App, config::Origins, operation::Operation, request::ApiVersion};

use openapi::Described;

/// All routes, but for metrics if those are served elsewhere.
pub fn router(app: Arc<App>) -> Router {
    let (mut described, mut operations): (Vec<_>, Vec<_>) =
        Operation::ALL.iter().flat_map(|&operation| routes(operation)).unzip();
    operations.push(variables::router(&app));
    described.extend(variables::openapi::described());
    let tokens = middleware::from_fn_with_state(Arc::clone(&app), tokens::check);
    let trace = middleware::from_fn_with_state(Arc::clone(&app), trace::trace);
    let routes = operations
        .into_iter()
        .fold(Router::new(), Router::merge)
        .route_layer(tokens)
        .route_layer(trace)
        .merge(openapi::router(described, variables::openapi::schemas()))
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
fn routes(operation: Operation) -> [(Described, Router<Arc<App>>); 2] {
    [("/v1", ApiVersion::V1), ("/v2", ApiVersion::V2)].map(|(prefix, api)| {
        let path = format!("{prefix}/{}", operation.name());
        let handler = post(move |app, caller, body| handler::operation_handler(operation, api, app, caller, body));
        let router = Router::new().route(&format!("{path}/"), handler.clone()).route(&path, handler);
        (Described::operation(api, path, operation), router)
    })
}
