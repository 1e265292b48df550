//! Routes of questions about whole variables.

mod ask;
mod handler;
pub(super) mod openapi;
mod watch;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, routing::post};

use ask::Ask;

use crate::app::App;

/// The routes, with and without a trailing slash.
pub(super) fn router(app: &App) -> Router<Arc<App>> {
    let routes = Ask::ALL.into_iter().fold(Router::new(), |routes, ask| {
        let handler = post(move |app, caller, body| handler::handle(ask, app, caller, body));
        routes.route(&format!("{}/", ask.path()), handler.clone()).route(ask.path(), handler)
    });
    routes.layer(DefaultBodyLimit::max(app.max_variable_body_size))
}
