//! Objects on web servers, by plain GET requests.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use headers::{Authorization as AuthorizationHeader, HeaderMapExt};
use http_body_util::Empty;
use hyper::{HeaderMap, Request, Response, Uri, body::Incoming, header};
use url::Url;

use super::{
    location::HttpLocation,
    redirects::{Redirects, Way},
};
use crate::{
    array::Budget,
    credentials::Authorization,
    source::{
        error::{SourceError, SourceErrorKind},
        location::Location,
        policy::Policy,
        read::{Fetched, Read, Source},
        s3::error::refused,
        transport::{
            answer::{fetched, other_version},
            client::{HttpClient, USER_AGENT},
            fields::text,
            status::{kind_of_status, message_of_kind, retry_after},
        },
        version::Version,
    },
};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// Reads from web servers. Redirects are followed to wherever the operator lets clients go themselves.
#[derive(Clone, Debug)]
pub struct HttpSource {
    client: HttpClient,
    read_timeout: Duration,
    /// Where redirects may lead.
    policy: Policy,
    redirects: Arc<Redirects>,
}

impl HttpSource {
    /// Reads with a client, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub fn new(client: HttpClient, read_timeout: Duration, policy: Policy) -> Self {
        Self { client, read_timeout, policy, redirects: Arc::default() }
    }

    /// The same source, which asks by another client.
    #[must_use]
    pub fn with_client(&self, client: HttpClient) -> Self {
        Self { client, ..self.clone() }
    }

    /// Reads from where a reader was led lately; None if that is no longer the place, or does not answer as it did.
    async fn fetch_kept(
        &self,
        read: &Read<'_, HttpLocation>,
        budget: &mut Budget,
    ) -> Option<Result<Fetched, SourceError>> {
        let authorization = read.caller.authorization.as_ref();
        let way = self.redirects.way(&read.location.url, authorization)?;
        let outcome = match self.get_once(&way, read).await {
            Ok(answer) if redirect(&answer).is_none() => self.take(answer, &way, read, budget).await,
            Ok(_) => Err(SourceError::new(SourceErrorKind::NotFound, "it has moved")),
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if error.kind != SourceErrorKind::Throttled => {
                tracing::debug!(%error, "asking anew where the object is");
                self.redirects.forget(&read.location.url, authorization);
                None
            }
            outcome => Some(outcome),
        }
    }

    /// The answer to a GET, after the redirects that lead where the operator lets requests go, and the way to it.
    async fn get(&self, read: &Read<'_, HttpLocation>) -> Result<(Response<Incoming>, Way), SourceError> {
        let mut way = Way { url: read.location.url.clone(), is_told: true, is_led: false };
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.get_once(&way, read).await?;
            let Some(target) = redirect(&answer) else { return Ok((answer, way)) };
            let url = self.follow(&way.url, target)?;
            // Who has been elsewhere may come back with what others have written into the URL.
            let is_told = way.is_told && url.origin() == read.location.url.origin();
            way = Way { url, is_told, is_led: true };
        }
        Err(SourceError::new(
            SourceErrorKind::Nonsense,
            format!("the server redirects more than {MAX_REDIRECTS} times"),
        ))
    }

    /// The answer to a GET of a URL on the way from a location.
    async fn get_once(&self, way: &Way, read: &Read<'_, HttpLocation>) -> Result<Response<Incoming>, SourceError> {
        let authorization = read.caller.authorization.as_ref().filter(|_| way.is_told);
        let request = request(&way.url, read, authorization)?;
        let answer = self.client.send(request).await;
        answer.map_err(|no_answer| no_answer.for_read(read.range, read.caller.authorization.is_some()))
    }

    /// What an answer holds.
    async fn take(
        &self,
        answer: Response<Incoming>,
        way: &Way,
        read: &Read<'_, HttpLocation>,
        budget: &mut Budget,
    ) -> Result<Fetched, SourceError> {
        if answer.status() == 503 {
            return Err(unavailable(answer, read, self.read_timeout).await);
        }
        check_status(&answer, read)?;
        if way.is_led && is_page(answer.headers()) {
            return Err(SourceError::new(
                SourceErrorKind::AccessDenied,
                "Access Denied: the server redirects to a page for people, perhaps to log in",
            ));
        }
        fetched(answer, read, self.read_timeout, budget).await
    }

    /// Where a redirect leads, if it may: checked as the URL of a client would be.
    fn follow(&self, from: &Url, target: &str) -> Result<Url, SourceError> {
        let refused = |kind, cause: String| SourceError {
            causes: vec![cause],
            ..SourceError::new(kind, "the server redirects to where this server does not follow")
        };
        let nonsense = |cause: String| refused(SourceErrorKind::Nonsense, cause);
        let mut target = from.join(target).map_err(|error| nonsense(format!("the redirect is no URL: {error}")))?;
        // It is the business of browsers.
        target.set_fragment(None);
        if from.scheme() == "https" && target.scheme() == "http" {
            return Err(nonsense("it leads from https to http, where everybody can read along".to_owned()));
        }
        let location =
            HttpLocation::from_url(target.as_str()).map_err(|problem| nonsense(format!("the redirect {problem}")))?;
        let location = Location::Http(location);
        self.policy.check(&location).map_err(|error| refused(SourceErrorKind::Forbidden, error.to_string()))?;
        Ok(target)
    }
}

fn request(
    url: &Url,
    read: &Read<'_, HttpLocation>,
    authorization: Option<&Authorization>,
) -> Result<Request<Empty<Bytes>>, SourceError> {
    let refused = |cause: String| SourceError {
        causes: vec![cause],
        ..SourceError::new(SourceErrorKind::Refused, "the server cannot be asked for this object")
    };
    let uri: Uri = url.as_str().parse().map_err(|error| refused(format!("{error}")))?;
    let mut request =
        Request::get(uri).header(header::ACCEPT_ENCODING, "identity").header(header::USER_AGENT, USER_AGENT);
    if let Some(range) = read.range.header() {
        request = request.header(header::RANGE, range);
    }
    if let Some(version) = read.version.and_then(Version::if_match) {
        request = request.header(header::IF_MATCH, version);
    }
    let mut request = request.body(Empty::new()).map_err(|error| refused(error.to_string()))?;
    let headers = request.headers_mut();
    match authorization {
        None => {}
        Some(Authorization::Basic(credentials)) => {
            headers.typed_insert(AuthorizationHeader::basic(&credentials.user, credentials.secret()));
        }
        Some(Authorization::Bearer(token)) => {
            let bearer = AuthorizationHeader::bearer(token.secret());
            headers.typed_insert(bearer.map_err(|error| refused(format!("the bearer token: {error}")))?);
        }
    }
    Ok(request)
}

/// Where an answer redirects to, if it does.
fn redirect(answer: &Response<Incoming>) -> Option<&str> {
    let is_redirect = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    text(answer.headers(), &header::LOCATION).filter(|_| is_redirect)
}

/// Whether an answer is for people to look at, and no data.
fn is_page(headers: &HeaderMap) -> bool {
    let media_type = text(headers, &header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or_default();
    ["text/html", "application/xhtml+xml"].iter().any(|page| media_type.trim().eq_ignore_ascii_case(page))
}

impl Source for HttpSource {
    type Location = HttpLocation;

    async fn fetch(&self, read: &Read<'_, HttpLocation>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        if let Some(outcome) = self.fetch_kept(read, budget).await {
            return outcome;
        }
        let (answer, way) = self.get(read).await?;
        let fetched = self.take(answer, &way, read, budget).await?;
        if way.is_led {
            self.redirects.keep(&read.location.url, read.caller.authorization.as_ref(), way);
        }
        Ok(fetched)
    }
}

/// What a server means that is not available. Many are S3 stores, and say more in the body.
async fn unavailable(answer: Response<Incoming>, read: &Read<'_, HttpLocation>, timeout: Duration) -> SourceError {
    let status = answer.status();
    let refusal = refused(answer, timeout, read.range, read.caller.authorization.is_some()).await;
    SourceError { causes: vec![format!("the server answered with status {status}")], ..refusal.error }
}

/// Lets those answers pass whose body holds bytes of the object as they are.
fn check_status(answer: &Response<Incoming>, read: &Read<'_, HttpLocation>) -> Result<(), SourceError> {
    let nonsense = |cause: String| SourceError {
        causes: vec![cause],
        ..SourceError::new(SourceErrorKind::Nonsense, "the store's answer makes no sense")
    };
    let headers = answer.headers();
    match answer.status().as_u16() {
        206 if !headers.contains_key(header::CONTENT_RANGE) => {
            Err(nonsense("it is a part of the object and does not say which: 206 without Content-Range".to_owned()))
        }
        200 | 206 => check_encoding(headers),
        412 if let Some(error) = other_version(headers, read.version) => Err(error),
        status => {
            let kind = match kind_of_status(status) {
                _ if status < 300 => SourceErrorKind::Nonsense,
                kind => kind,
            };
            let has_credentials = read.caller.authorization.is_some();
            Err(SourceError {
                causes: vec![format!("the server answered with status {}", answer.status())],
                status: Some(status),
                retry_after: retry_after(headers),
                ..SourceError::new(kind, message_of_kind(kind, Some(status), read.range, has_credentials))
            })
        }
    }
}

/// Lets bodies pass that no encoding has changed. `aws-chunked` is what S3 clients upload with, and some leave it as a mark
/// on the object.
fn check_encoding(headers: &HeaderMap) -> Result<(), SourceError> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let encodings = encodings.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let is_harmless = |encoding: &[u8]| {
        encoding.is_empty()
            || encoding.eq_ignore_ascii_case(b"identity")
            || encoding.eq_ignore_ascii_case(b"aws-chunked")
    };
    match encodings.map(|encoding| (encoding, is_harmless(encoding))).find(|(_, is_harmless)| !is_harmless) {
        None => Ok(()),
        Some((encoding, _)) => Err(SourceError {
            causes: vec![format!("Content-Encoding is {}", encoding.escape_ascii())],
            ..SourceError::new(
                SourceErrorKind::Nonsense,
                "the store holds, or sends, the object compressed as a whole, so that a range of it is no chunk: store it \
                 without Content-Encoding, or ask for it by the interface s3",
            )
        }),
    }
}
