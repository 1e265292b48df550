//! Objects on web servers, by plain GET requests.

use std::time::Duration;

use bytes::Bytes;
use headers::{Authorization, HeaderMapExt};
use http_body_util::Empty;
use hyper::{Request, Response, Uri, body::Incoming, header};
use url::{Position, Url};

use super::{
    ByteRange, HttpClient, Location, Policy, Source, SourceError, SourceErrorKind,
    body::Body,
    error::{kind_of_status, message_of_kind},
    http_client::{USER_AGENT, content_range, text},
};
use crate::{
    array::{Budget, Buffer},
    credentials::{Caller, Credentials},
};

/// Redirects that are followed within one server.
const MAX_REDIRECTS: usize = 4;

/// An object on a web server.
#[derive(Clone, Debug)]
pub struct HttpLocation {
    /// URL of the object.
    pub url: Url,
}

impl HttpLocation {
    /// The object that a URL names.
    ///
    /// # Errors
    /// If it is not an http or https URL, or holds credentials or a fragment.
    pub fn from_url(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials: send them as HTTP Basic authentication".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not have a #; write %23 if it is part of the name".to_owned());
        }
        Ok(Self { url })
    }
}

/// Reads from web servers.
#[derive(Clone, Debug)]
pub struct HttpSource {
    pub(super) client: HttpClient,
    read_timeout: Duration,
    /// Where redirects may lead.
    policy: Policy,
}

impl HttpSource {
    /// Reads with a client, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub const fn new(client: HttpClient, read_timeout: Duration, policy: Policy) -> Self {
        Self { client, read_timeout, policy }
    }

    /// The answer to a GET, after the redirects that stay where the operator lets requests go.
    async fn get(
        &self,
        location: &HttpLocation,
        range: ByteRange,
        credentials: Option<&Credentials>,
    ) -> Result<Response<Incoming>, SourceError> {
        let mut location = location.clone();
        for _ in 0..=MAX_REDIRECTS {
            let answer = self.get_once(&location, range, credentials).await?;
            let Some(target) = redirect(&answer) else { return Ok(answer) };
            location = self.follow(&location, target)?;
        }
        Err(SourceError::new(
            SourceErrorKind::Nonsense,
            format!("the server redirects more than {MAX_REDIRECTS} times"),
        ))
    }

    async fn get_once(
        &self,
        location: &HttpLocation,
        range: ByteRange,
        credentials: Option<&Credentials>,
    ) -> Result<Response<Incoming>, SourceError> {
        let request = request(location, range, credentials)?;
        self.client.send(request).await.map_err(|no_answer| no_answer.for_read(range, credentials.is_some()))
    }

    /// The location that a redirect names: on the same server, and allowed.
    fn follow(&self, from: &HttpLocation, target: &str) -> Result<HttpLocation, SourceError> {
        let refused = |cause: String| SourceError {
            causes: vec![cause],
            ..SourceError::new(SourceErrorKind::Nonsense, "the server redirects elsewhere: ask there yourself")
        };
        let target = from.url.join(target).map_err(|error| refused(format!("the redirect is no URL: {error}")))?;
        if target.origin() != from.url.origin() {
            return Err(refused(format!("the redirect leads to {}", target.origin().ascii_serialization())));
        }
        let location =
            HttpLocation::from_url(target.as_str()).map_err(|problem| refused(format!("the redirect {problem}")))?;
        self.policy.check(&Location::Http(location.clone())).map_err(|error| refused(error.to_string()))?;
        Ok(location)
    }
}

fn request(
    location: &HttpLocation,
    range: ByteRange,
    credentials: Option<&Credentials>,
) -> Result<Request<Empty<Bytes>>, SourceError> {
    let refused = |cause: String| SourceError {
        causes: vec![cause],
        ..SourceError::new(SourceErrorKind::Refused, "the server cannot be asked for this object")
    };
    let uri: Uri = location.url.as_str().parse().map_err(|error| refused(format!("{error}")))?;
    let mut request =
        Request::get(uri).header(header::ACCEPT_ENCODING, "identity").header(header::USER_AGENT, USER_AGENT);
    if let Some(range) = range.header() {
        request = request.header(header::RANGE, range);
    }
    let mut request = request.body(Empty::new()).map_err(|error| refused(error.to_string()))?;
    if let Some(credentials) = credentials {
        request.headers_mut().typed_insert(Authorization::basic(&credentials.user, credentials.secret()));
    }
    Ok(request)
}

/// Where an answer redirects to, if it does.
fn redirect(answer: &Response<Incoming>) -> Option<&str> {
    let is_redirect = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    text(answer.headers(), &header::LOCATION).filter(|_| is_redirect)
}

impl Source for HttpSource {
    type Location = HttpLocation;

    fn store<'a>(&self, location: &'a HttpLocation) -> &'a str {
        &location.url[..Position::BeforePath]
    }

    async fn fetch(
        &self,
        location: &HttpLocation,
        range: ByteRange,
        max_len: usize,
        caller: &Caller,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let credentials = caller.credentials.as_ref();
        let answer = self.get(location, range, credentials).await?;
        check_status(&answer, range, credentials.is_some())?;
        let content_length = text(answer.headers(), &header::CONTENT_LENGTH).and_then(|len| len.parse().ok());
        let part = range.locate(content_range(answer.headers()), content_length)?;
        let body = Body { body: answer.into_body(), read_timeout: self.read_timeout };
        body.read(range, part, max_len, budget).await
    }
}

/// Lets those answers pass whose body holds bytes of the object as they are.
fn check_status(answer: &Response<Incoming>, range: ByteRange, has_credentials: bool) -> Result<(), SourceError> {
    let nonsense = |cause: String| SourceError {
        causes: vec![cause],
        ..SourceError::new(SourceErrorKind::Nonsense, "the store's answer makes no sense")
    };
    let headers = answer.headers();
    match answer.status().as_u16() {
        206 if !headers.contains_key(header::CONTENT_RANGE) => {
            Err(nonsense("it is a part of the object and does not say which: 206 without Content-Range".to_owned()))
        }
        200 | 206 => match headers.get(header::CONTENT_ENCODING) {
            Some(encoding) if encoding != "identity" => {
                Err(nonsense(format!("it is encoded ({encoding:?}), which nobody asked for")))
            }
            _ => Ok(()),
        },
        status => {
            let kind = match kind_of_status(status) {
                _ if status < 300 => SourceErrorKind::Nonsense,
                kind => kind,
            };
            Err(SourceError {
                causes: vec![format!("the server answered with status {}", answer.status())],
                status: Some(status),
                ..SourceError::new(kind, message_of_kind(kind, Some(status), range, has_credentials))
            })
        }
    }
}
