//! The HTTP client of stores and web servers: one pool of connections for all.

use std::{error::Error, fmt, io, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, Response, body::Incoming};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio_rustls::rustls::ClientConfig;

use super::{
    address::{AddressPolicy, OffLimits, Resolver},
    status::message_of_kind,
};
use crate::{
    source::{
        error::{SourceError, SourceErrorKind, causes},
        read::Asked,
    },
    telemetry,
};

/// Bytes read from a connection at a time: a small chunk at once, a large one in pieces that are still in the second-level cache
/// when they are copied to their buffer.
const READ_LEN: usize = 128 << 10;

/// Idle connections to one server that each event loop keeps. After a burst, the others are closed.
const MAX_IDLE: usize = 64;

/// The name of this client.
pub(crate) const USER_AGENT: &str = concat!("reductionist/", env!("CARGO_PKG_VERSION"));

/// Sends requests without a body. Clones share connections, which are kept while the other side keeps them.
#[derive(Clone)]
pub struct HttpClient {
    client: Client<Connector, Empty<Bytes>>,
    connector: Connector,
    addresses: AddressPolicy,
    /// Longest wait for the head of an answer, including that for a connection.
    head_timeout: Duration,
}

type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    kind: SourceErrorKind,
    causes: Vec<String>,
}

impl NoAnswer {
    /// What that means for a read.
    pub(crate) fn for_read(self, asked: Asked) -> SourceError {
        let message = message_of_kind(self.kind, None, asked);
        SourceError { causes: self.causes, ..SourceError::new(self.kind, message) }
    }
}

impl HttpClient {
    /// A client without connections yet. It connects to what `addresses` allows, and waits `connect_timeout` for a connection
    /// and then `read_timeout` for an answer.
    #[must_use]
    pub fn new(tls: ClientConfig, addresses: AddressPolicy, connect_timeout: Duration, read_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Resolver::new(addresses.clone()));
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(connect_timeout));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Self::with_connector(connector, addresses, connect_timeout.saturating_add(read_timeout))
    }

    fn with_connector(connector: Connector, addresses: AddressPolicy, head_timeout: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(MAX_IDLE)
            .http1_read_buf_exact_size(READ_LEN)
            .build(connector.clone());
        Self { client, connector, addresses, head_timeout }
    }

    /// The same client with connections of its own.
    #[must_use]
    pub fn without_connections(&self) -> Self {
        Self::with_connector(self.connector.clone(), self.addresses.clone(), self.head_timeout)
    }

    /// Sends a request: the head of its answer, whose body is still to come.
    ///
    /// # Errors
    /// If there is no connection, or no answer in time.
    pub(crate) async fn send(&self, mut request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, NoAnswer> {
        if let Err(off_limits) = self.addresses.check(request.uri()) {
            return Err(NoAnswer { kind: SourceErrorKind::Forbidden, causes: vec![off_limits.to_string()] });
        }
        telemetry::propagate(request.headers_mut());
        match tokio::time::timeout(self.head_timeout, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(NoAnswer { kind: kind_of(&error), causes: causes_of(&error) }),
            Err(_) => Err(NoAnswer { kind: SourceErrorKind::TimedOut, causes: Vec::new() }),
        }
    }
}

/// The causes of an error, for people.
fn causes_of(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    let is_too_large = |error: &hyper::Error| error.is_parse_too_large();
    if chain.any(|error| error.downcast_ref().is_some_and(is_too_large)) {
        // As many as hyper reads, and as fit into its buffer.
        return vec![format!("it has more than 100 headers, or more than {} KiB of them", READ_LEN >> 10)];
    }
    causes(error)
}

/// What it means that a connection could not be made, or broke.
fn kind_of(error: &(dyn Error + 'static)) -> SourceErrorKind {
    let is_timeout = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    let mut chain = std::iter::successors(Some(error), |&error| error.source());
    let kind =
        chain.find_map(|error| match (error.downcast_ref::<hyper::Error>(), error.downcast_ref::<io::Error>()) {
            _ if error.is::<OffLimits>() => Some(SourceErrorKind::Forbidden),
            // It is not HTTP, or has more or longer headers than can be read.
            (Some(error), _) if error.is_parse() => Some(SourceErrorKind::Nonsense),
            (_, Some(error)) if is_timeout(error) => Some(SourceErrorKind::TimedOut),
            _ => None,
        });
    kind.unwrap_or(SourceErrorKind::Unavailable)
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("head_timeout", &self.head_timeout).finish_non_exhaustive()
    }
}
