//! Objects on web servers, by plain GET requests.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use headers::{Authorization as AuthorizationHeader, HeaderMapExt};
use http_body_util::Empty;
use hyper::{HeaderMap, Request, Response, Uri, body::Incoming, header};
use url::Url;

use super::{
    location::HttpLocation,
    redirects::{Hop, Redirects},
};
use crate::{
    credentials::Authorization,
    resources::Budget,
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
            status::{failed, kind_of_status},
        },
        version::Version,
    },
};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;

/// Reads from web servers, and from wherever they redirect to, if the operator lets clients read there.
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

    /// The same source with another client.
    #[must_use]
    pub fn with_client(&self, client: HttpClient) -> Self {
        Self { client, ..self.clone() }
    }

    /// Reads from where the redirects ended lately; None if that is no longer the place, or fails.
    async fn fetch_kept(
        &self,
        read: &Read<'_, HttpLocation>,
        budget: &mut Budget,
    ) -> Option<Result<Fetched, SourceError>> {
        let authorization = read.caller.authorization.as_ref();
        let hop = self.redirects.last_hop(&read.location.url, authorization)?;
        let outcome = match self.get_once(&hop, read).await {
            Ok(answer) if redirect(&answer).is_none() => self.take(answer, &hop, read, budget).await,
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

    /// The answer to a GET, and where it came from: redirects are followed to wherever the operator lets requests go.
    async fn get(&self, read: &Read<'_, HttpLocation>) -> Result<(Response<Incoming>, Hop), SourceError> {
        let mut hop = Hop { url: read.location.url.clone(), is_trusted: true, is_redirect: false };
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.get_once(&hop, read).await?;
            let Some(target) = redirect(&answer) else { return Ok((answer, hop)) };
            let url = self.follow(&hop.url, target)?;
            // A way that leads back to the origin from elsewhere has a URL that others have written.
            let is_trusted = hop.is_trusted && url.origin() == read.location.url.origin();
            hop = Hop { url, is_trusted, is_redirect: true };
        }
        Err(SourceError::new(
            SourceErrorKind::Nonsense,
            format!("the server redirects more than {MAX_REDIRECTS} times"),
        ))
    }

    /// The answer to a GET of one URL.
    async fn get_once(&self, hop: &Hop, read: &Read<'_, HttpLocation>) -> Result<Response<Incoming>, SourceError> {
        let authorization = read.caller.authorization.as_ref().filter(|_| hop.is_trusted);
        let request = request(&hop.url, read, authorization)?;
        let answer = self.client.send(request).await;
        answer.map_err(|no_answer| no_answer.for_read(read.asked()))
    }

    /// The bytes of an answer, if it holds any.
    async fn take(
        &self,
        answer: Response<Incoming>,
        hop: &Hop,
        read: &Read<'_, HttpLocation>,
        budget: &mut Budget,
    ) -> Result<Fetched, SourceError> {
        if answer.status() == 503 {
            return Err(unavailable(answer, read, self.read_timeout).await);
        }
        check_status(&answer, read)?;
        if hop.is_redirect && is_page(answer.headers()) {
            return Err(SourceError::new(
                SourceErrorKind::AccessDenied,
                "Access Denied: the server redirects to a page for people, perhaps to log in",
            ));
        }
        fetched(answer, read, self.read_timeout, budget).await
    }

    /// Where a redirect leads, if it is followed: it is checked like the URL of a client.
    fn follow(&self, from: &Url, target: &str) -> Result<Url, SourceError> {
        let refused = |kind, cause: String| {
            SourceError::new(kind, "the server redirects to where this server does not follow").caused_by(cause)
        };
        let nonsense = |cause: String| refused(SourceErrorKind::Nonsense, cause);
        let mut target = from.join(target).map_err(|error| nonsense(format!("the redirect is no URL: {error}")))?;
        // Fragments are for browsers.
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
    let refused = |cause: String| {
        SourceError::new(SourceErrorKind::Refused, "the server cannot be asked for this object").caused_by(cause)
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

/// Whether an answer is a page for people rather than data.
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
        let (answer, hop) = self.get(read).await?;
        let fetched = self.take(answer, &hop, read, budget).await?;
        if hop.is_redirect {
            self.redirects.keep(&read.location.url, read.caller.authorization.as_ref(), hop);
        }
        Ok(fetched)
    }
}

/// The error that a 503 stands for. Many web servers are S3 stores, which say more in the body.
async fn unavailable(answer: Response<Incoming>, read: &Read<'_, HttpLocation>, timeout: Duration) -> SourceError {
    let status = answer.status();
    refused(answer, timeout, read.asked()).await.error.caused_by(format!("the server answered with status {status}"))
}

/// Lets answers pass whose bodies hold bytes of the object, unchanged.
fn check_status(answer: &Response<Incoming>, read: &Read<'_, HttpLocation>) -> Result<(), SourceError> {
    let (status, headers) = (answer.status(), answer.headers());
    match status.as_u16() {
        206 if !headers.contains_key(header::CONTENT_RANGE) => {
            let cause = "it is a part of the object and does not say which: 206 without Content-Range";
            Err(SourceError::new(SourceErrorKind::Nonsense, "the store's answer makes no sense").caused_by(cause))
        }
        200 | 206 => check_encoding(headers),
        412 if let Some(error) = other_version(headers, read.version) => Err(error),
        code => {
            let error = failed(kind_of_status(code), (status, headers), read.asked());
            Err(error.caused_by(format!("the server answered with status {status}")))
        }
    }
}

/// Lets bodies pass that no encoding has changed. S3 clients upload with `aws-chunked`, and some leave that name on the
/// object.
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
        Some((encoding, _)) => Err(SourceError::new(
            SourceErrorKind::Nonsense,
            "the store holds, or sends, the object compressed as a whole, so that a range of it is no chunk: store it \
             without Content-Encoding, or ask for it by the interface s3",
        )
        .caused_by(format!("Content-Encoding is {}", encoding.escape_ascii()))),
    }
}
