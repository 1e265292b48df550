//! Who may use the service, where the operator asks for it.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, header},
    middleware::Next,
    response::Response,
};
use headers::{
    HeaderMapExt,
    authorization::{Authorization, Basic, Bearer},
};

use crate::app::Shared;
use crate::{credentials::Tokens, error::ActiveStorageError};

/// Where clients put their token, if they can. `Authorization` is for the store.
pub(super) const TOKEN: HeaderName = HeaderName::from_static("x-reductionist-token");

/// What stands between a token and the user name for the store, where both share a place.
const BEFORE_USER: char = '@';

/// Lets requests pass that have a token, or all if none are needed.
pub(super) async fn check(
    State(app): State<Shared>,
    mut request: Request,
    next: Next,
) -> Result<Response, ActiveStorageError> {
    // It is needed no longer, and nobody else needs to see it.
    let own = request.headers_mut().remove(TOKEN);
    let is_known = app.tokens.as_ref().is_none_or(|tokens| {
        let is_before_user = take_token(request.headers_mut(), tokens);
        own.map_or(is_before_user, |own| tokens.know(own.as_bytes()))
    });
    if is_known { Ok(next.run(request).await) } else { Err(ActiveStorageError::Token) }
}

/// Takes a known token out of `Authorization`, and says whether there was one. Clients that cannot send a header of their own
/// send it where their credentials for the store would stand, alone or before the user name: what is a known token is
/// nothing else, and what is left is for the store.
fn take_token(headers: &mut HeaderMap, tokens: &Tokens) -> bool {
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return false;
    }
    if let Some(Authorization(bearer)) = headers.typed_get::<Authorization<Bearer>>() {
        let is_known = tokens.know(bearer.token().as_bytes());
        if is_known {
            headers.remove(header::AUTHORIZATION);
        }
        return is_known;
    }
    let Some(Authorization(basic)) = headers.typed_get::<Authorization<Basic>>() else { return false };
    let (token, user) = match basic.username().split_once(BEFORE_USER) {
        Some((token, user)) => (token, Some(user)),
        None => (basic.username(), None),
    };
    let is_known = tokens.know(token.as_bytes());
    match user {
        _ if !is_known => {}
        Some(user) => headers.typed_insert(Authorization::basic(user, basic.password())),
        None => drop(headers.remove(header::AUTHORIZATION)),
    }
    is_known
}
