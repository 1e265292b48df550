//! Body → bytes, connection and `Authorization` → who asks.

use std::hash::{BuildHasher, RandomState};

use axum::{
    body::{Bytes, HttpBody},
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, FailedToBufferBody},
    },
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use headers::{
    ContentType, HeaderMapExt,
    authorization::{Authorization as AuthorizationHeader, Basic, Bearer},
};

use crate::{
    app::Shared,
    credentials::{Authorization, BearerToken, Caller, Credentials, Payer},
    error::ActiveStorageError,
    http::server::marks::Peer,
    request::BodyForm,
    resources::{BodyPermit, ClientId},
};

/// Where the session token of temporary S3 credentials stands, as in requests to S3 itself.
pub(super) const SESSION_TOKEN: &str = "x-amz-security-token";

/// Whether the client pays for what is read from a bucket, as in requests to S3 itself.
pub(super) const REQUEST_PAYER: &str = "x-amz-request-payer";

/// Longest `Authorization`, and longest session token, in bytes: they are kept for as long as the request lasts. The longest
/// tokens have some 8 KiB.
const MAX_CREDENTIALS: usize = 16 << 10;

/// The bytes of a body.
pub(super) struct RequestBody {
    pub(super) bytes: Bytes,
    /// To be kept as long as what the body says is not counted elsewhere.
    pub(super) permit: Option<BodyPermit>,
}

/// How long the bodies of a route may be.
#[derive(Clone, Copy)]
pub(super) struct BodyLimit {
    /// In bytes.
    pub(super) len: usize,
    /// The setting that says so.
    pub(super) setting: &'static str,
    /// Times the usual memory that what a body says may take.
    pub(super) growth: usize,
}

impl RequestBody {
    /// Reads a body that says that it is JSON, once there is room for as long as it says that it is, or as long as it may be.
    ///
    /// # Errors
    /// If it is something else, too long, comes too slowly, or there is no room.
    pub(super) async fn json(request: Request, app: &Shared, client: ClientId) -> Result<Self, ActiveStorageError> {
        if body_form(request.headers()) != Some(BodyForm::Json) {
            return Err(ActiveStorageError::UnsupportedMediaType);
        }
        let limit = BodyLimit { len: app.max_body_size, setting: "--max-body-size", growth: 1 };
        Self::read(request, app, client, limit).await
    }

    /// Reads a body that says that it is JSON or CBOR.
    ///
    /// # Errors
    /// If it is something else, too long, comes too slowly, or there is no room.
    pub(super) async fn of_either_form(
        request: Request,
        app: &Shared,
        client: ClientId,
        limit: BodyLimit,
    ) -> Result<(BodyForm, Self), ActiveStorageError> {
        let form = body_form(request.headers()).ok_or(ActiveStorageError::UnsupportedBody)?;
        Self::read(request, app, client, limit).await.map(|body| (form, body))
    }

    async fn read(
        request: Request,
        app: &Shared,
        client: ClientId,
        limit: BodyLimit,
    ) -> Result<Self, ActiveStorageError> {
        if is_encoded(request.headers()) {
            return Err(ActiveStorageError::ContentEncoding);
        }
        let too_large = || ActiveStorageError::TooLarge {
            what: "the request body".to_owned(),
            limit: limit.len,
            setting: limit.setting,
        };
        let declared = request.body().size_hint().exact().map(|len| usize::try_from(len).unwrap_or(usize::MAX));
        let len = declared.unwrap_or(limit.len);
        if len > limit.len {
            return Err(too_large());
        }
        let permit = app.engine.resources.body(client, len).await?;
        let bytes = tokio::time::timeout(app.request_timeout, Bytes::from_request(request, app)).await;
        let too_slow = |_| {
            let timeout = app.request_timeout;
            ActiveStorageError::UnreadableBody(format!("it did not arrive within {timeout:?} (--request-timeout)"))
        };
        let bytes = bytes.map_err(too_slow)?.map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => too_large(),
            other => ActiveStorageError::UnreadableBody(other.body_text()),
        })?;
        // Where a stream of HTTP/2 is given up without an error, hyper takes that for the end.
        if declared.is_some_and(|declared| declared != bytes.len()) {
            return Err(ActiveStorageError::UnreadableBody("it ends before the length that it says it has".to_owned()));
        }
        let permit = app.engine.resources.parsed(client, permit, bytes.len().saturating_mul(limit.growth)).await?;
        Ok(Self { bytes, permit })
    }
}

/// The form that a body says it has, if it can be read.
fn body_form(headers: &HeaderMap) -> Option<BodyForm> {
    let mime = headers::Mime::from(headers.typed_get::<ContentType>()?);
    let is = |form: &str| mime.subtype() == form || mime.suffix().is_some_and(|suffix| suffix == form);
    match mime.type_() == "application" {
        true if is("json") => Some(BodyForm::Json),
        true if is("cbor") => Some(BodyForm::Cbor),
        _ => None,
    }
}

/// Whether a body is compressed, or more than that.
fn is_encoded(headers: &HeaderMap) -> bool {
    let is_none = |encoding: &[u8]| encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity");
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings
        .flat_map(|list| list.as_bytes().split(|&byte| byte == b','))
        .any(|encoding| !is_none(encoding.trim_ascii()))
}

/// Who sends a request: HTTP Basic credentials, and with them the session token of temporary ones, or a bearer token, for
/// the store; an empty user name with an empty password means none. Turns are taken by user and network.
pub(super) struct FromCaller(pub(super) Caller);

impl FromRequestParts<Shared> for FromCaller {
    type Rejection = ActiveStorageError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ActiveStorageError> {
        let authorization = match (authorization(&parts.headers)?, session_token(&parts.headers)?) {
            (Some(Authorization::Basic(credentials)), Some(token)) => {
                Some(Authorization::Basic(credentials.with_session_token(token)))
            }
            (_, Some(_)) => return Err(ActiveStorageError::SessionToken),
            (authorization, None) => authorization,
        };
        let payer = payer(&parts.headers)?;
        let client = client_id(&app.client_ids, parts.extensions.get().copied(), authorization.as_ref());
        Ok(Self(Caller { client, authorization, payer }))
    }
}

fn client_id(ids: &RandomState, peer: Option<Peer>, authorization: Option<&Authorization>) -> ClientId {
    let user = authorization.map(|authorization| match authorization {
        Authorization::Basic(credentials) => credentials.user.as_str(),
        Authorization::Bearer(token) => token.secret(),
    });
    ClientId(ids.hash_one((peer.map(Peer::network), user)))
}

fn authorization(headers: &HeaderMap) -> Result<Option<Authorization>, ActiveStorageError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) if value.len() <= MAX_CREDENTIALS => {}
        _ => return Err(ActiveStorageError::Authorization),
    }
    if let Some(AuthorizationHeader(bearer)) = headers.typed_get::<AuthorizationHeader<Bearer>>() {
        let token = Some(bearer.token()).filter(|token| is_token(token)).ok_or(ActiveStorageError::Authorization)?;
        return Ok(Some(Authorization::Bearer(BearerToken::new(token))));
    }
    let basic = headers.typed_get::<AuthorizationHeader<Basic>>();
    let basic = basic.filter(|AuthorizationHeader(basic)| !basic.username().contains(char::is_control));
    let AuthorizationHeader(basic) = basic.ok_or(ActiveStorageError::Authorization)?;
    let is_empty = basic.username().is_empty() && basic.password().is_empty();
    Ok((!is_empty).then(|| Authorization::Basic(Credentials::new(basic.username(), basic.password()))))
}

/// Whether this is one word (RFC 6750, section 2.1, but for the signs that some issuers use beside).
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

fn payer(headers: &HeaderMap) -> Result<Payer, ActiveStorageError> {
    match headers.get(REQUEST_PAYER) {
        None => Ok(Payer::Owner),
        Some(value) if value.as_bytes().eq_ignore_ascii_case(b"requester") => Ok(Payer::Requester),
        Some(_) => Err(ActiveStorageError::RequestPayer),
    }
}

fn session_token(headers: &HeaderMap) -> Result<Option<&str>, ActiveStorageError> {
    let mut tokens = headers.get_all(SESSION_TOKEN).iter();
    match (tokens.next().map(HeaderValue::to_str), tokens.next()) {
        (None, _) => Ok(None),
        (Some(Ok(token)), None) if token.len() <= MAX_CREDENTIALS => Ok(Some(token).filter(|token| !token.is_empty())),
        _ => Err(ActiveStorageError::SessionToken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_a_user_in_a_network() {
        let ids = RandomState::new();
        let id = |peer: &str, user: Option<&str>| {
            let authorization = user.map(|user| Authorization::Basic(Credentials::new(user, "secret")));
            client_id(&ids, Some(Peer(peer.parse().expect("an address"))), authorization.as_ref())
        };
        assert_eq!(id("10.0.0.1", None), id("::ffff:10.0.0.1", None));
        assert_eq!(id("2001:db8::1", Some("a")), id("2001:db8::ffff:1", Some("a")));
        let others =
            [id("10.0.0.2", None), id("10.0.0.1", Some("a")), id("2001:db8::1", None), id("2001:db8:0:1::1", None)];
        assert!(!others.contains(&id("10.0.0.1", None)));
        assert_ne!(id("10.0.0.1", Some("a")), id("10.0.0.1", Some("b")));
    }
}
