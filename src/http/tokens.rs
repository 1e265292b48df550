//! Who may use the service, where the operator asks for it.

use axum::{
    extract::{Request, State},
    http::HeaderName,
    middleware::Next,
    response::Response,
};

use super::handler::Shared;
use crate::error::ActiveStorageError;

/// Where clients put their token. `Authorization` is for the store.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-reductionist-token");

/// Lets requests pass that have a token, or all if none are needed.
pub(super) async fn check(
    State(app): State<Shared>,
    mut request: Request,
    next: Next,
) -> Result<Response, ActiveStorageError> {
    // It is needed no longer, and nobody else needs to see it.
    let token = request.headers_mut().remove(TOKEN);
    let is_known = app.tokens.as_ref().is_none_or(|tokens| token.is_some_and(|token| tokens.know(token.as_bytes())));
    if is_known { Ok(next.run(request).await) } else { Err(ActiveStorageError::Token) }
}
