//! Body → bytes, `Authorization` → credentials.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, header, request::Parts},
};
use headers::{
    ContentType, HeaderMapExt,
    authorization::{Authorization, Basic},
};

use crate::{credentials::Credentials, error::ActiveStorageError};

use super::handler::Shared;

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

/// HTTP Basic credentials, if there are any. An empty user name with an empty password means none.
pub(super) struct BasicCredentials(pub(super) Option<Credentials>);

impl FromRequestParts<Shared> for BasicCredentials {
    type Rejection = ActiveStorageError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ActiveStorageError> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        let is_one = parts.headers.get_all(header::AUTHORIZATION).iter().count() == 1;
        let basic = parts.headers.typed_try_get::<Authorization<Basic>>().ok().flatten();
        let basic = basic.filter(|Authorization(basic)| is_one && !basic.username().contains(char::is_control));
        let Authorization(basic) = basic.ok_or(ActiveStorageError::Authorization)?;
        let is_empty = basic.username().is_empty() && basic.password().is_empty();
        let credentials = || Credentials::new(basic.username().to_owned(), basic.password().to_owned());
        Ok(Self((!is_empty).then(credentials)))
    }
}
