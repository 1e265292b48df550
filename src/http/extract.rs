//! Body → bytes, `Authorization` → credentials.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use headers::{
    ContentType, HeaderMapExt,
    authorization::{Authorization, Basic},
};

use crate::{credentials::Credentials, error::ActiveStorageError};

use super::handler::Shared;

/// Where the session token of temporary S3 credentials stands, as in requests to S3 itself.
pub(super) const SESSION_TOKEN: &str = "x-amz-security-token";

/// The bytes of a body that says that it is JSON.
pub(super) struct JsonBody(pub(super) Bytes);

impl FromRequest<Shared> for JsonBody {
    type Rejection = ActiveStorageError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ActiveStorageError> {
        if !is_json(request.headers()) {
            return Err(ActiveStorageError::UnsupportedMediaType);
        }
        let body = tokio::time::timeout(app.request_timeout, Bytes::from_request(request, app)).await;
        let too_slow = |_| {
            let timeout = app.request_timeout;
            ActiveStorageError::UnreadableBody(format!("it did not arrive within {timeout:?} (--request-timeout)"))
        };
        body.map_err(too_slow)?.map(Self).map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                ActiveStorageError::TooLarge {
                    what: "the request body".to_owned(),
                    limit: app.max_body_size,
                    setting: "--max-body-size",
                }
            }
            other => ActiveStorageError::UnreadableBody(other.body_text()),
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.typed_get::<ContentType>() else { return false };
    let mime = headers::Mime::from(content_type);
    mime.type_() == "application" && (mime.subtype() == "json" || mime.suffix().is_some_and(|suffix| suffix == "json"))
}

/// What the store is told of who reads, if anything: HTTP Basic credentials, and with them the session token of
/// temporary ones. An empty user name with an empty password means none.
pub(super) struct StoreCredentials(pub(super) Option<Credentials>);

impl FromRequestParts<Shared> for StoreCredentials {
    type Rejection = ActiveStorageError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ActiveStorageError> {
        let (basic, token) = (basic(&parts.headers)?, session_token(&parts.headers)?);
        let credentials = match (basic, token) {
            (Some(basic), None) => Some(Credentials::new(basic.username(), basic.password())),
            (Some(basic), Some(token)) => {
                Some(Credentials::new(basic.username(), basic.password()).with_session_token(token))
            }
            (None, Some(_)) => return Err(ActiveStorageError::SessionToken),
            (None, None) => None,
        };
        Ok(Self(credentials))
    }
}

fn basic(headers: &HeaderMap) -> Result<Option<Basic>, ActiveStorageError> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(None);
    }
    let is_one = headers.get_all(header::AUTHORIZATION).iter().count() == 1;
    let basic = headers.typed_try_get::<Authorization<Basic>>().ok().flatten();
    let basic = basic.filter(|Authorization(basic)| is_one && !basic.username().contains(char::is_control));
    let Authorization(basic) = basic.ok_or(ActiveStorageError::Authorization)?;
    let is_empty = basic.username().is_empty() && basic.password().is_empty();
    Ok((!is_empty).then_some(basic))
}

fn session_token(headers: &HeaderMap) -> Result<Option<&str>, ActiveStorageError> {
    let mut tokens = headers.get_all(SESSION_TOKEN).iter();
    match (tokens.next().map(HeaderValue::to_str), tokens.next()) {
        (None, _) => Ok(None),
        (Some(Ok(token)), None) => Ok(Some(token).filter(|token| !token.is_empty())),
        _ => Err(ActiveStorageError::SessionToken),
    }
}
