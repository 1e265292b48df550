//! One connection: TLS, HTTP/1.1 or HTTP/2, and its end.

use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use axum::{Router, http, response::Response};
use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep_until, timeout},
};

use super::{
    Tls,
    exchanges::{Exchange, Exchanges, Verdict},
    half_closed::{HalfClosed, UnderWay},
    held::Held,
    marks::{NoPlace, Peer},
    paced::Paced,
    tls::HTTP_2,
    unread,
};

/// Bytes of the head of a request of HTTP/1.1; more is answered with a 431.
const MAX_HEAD: usize = 64 << 10;

/// Requests at one time on a connection of HTTP/2. Clients send about a hundred before they know of less.
const MAX_STREAMS: u32 = 128;

/// Bytes of the head of one of them.
const MAX_STREAM_HEAD: u32 = 16 << 10;

/// Bytes of bodies that a connection of HTTP/2 may send before somebody reads them.
const WINDOW: u32 = 64 << 10;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What answers the requests of a connection.
trait HttpService<R>:
    Service<Request<Incoming>, Response = R, Error = Infallible, Future: Send + 'static> + Clone + Send + 'static
{
}

impl<S, R> HttpService<R> for S where
    S: Service<Request<Incoming>, Response = R, Error = Infallible, Future: Send + 'static> + Clone + Send + 'static
{
}

/// One of the places for connections, and for requests of HTTP/2 beside the first of each.
pub(super) struct Place {
    all: Arc<Semaphore>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Waits for one.
    pub(super) async fn wait_for(all: &Arc<Semaphore>) -> Self {
        match Arc::clone(all).acquire_owned().await {
            Ok(permit) => Self { all: Arc::clone(all), _permit: permit },
            // Nobody closes the semaphore.
            Err(_) => std::future::pending().await,
        }
    }
}

/// What a connection is served with.
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) client_timeout: Duration,
    pub(super) place: Place,
    /// True once no more requests are wanted.
    pub(super) draining: watch::Receiver<bool>,
}

impl Connection {
    /// Serves it until either side ends it.
    pub(super) async fn serve(self, stream: TcpStream, router: Router, tls: Option<Tls>) {
        if let Err(error) = self.outcome(stream, router, tls).await {
            tracing::debug!(error, "connection ended early");
        }
    }

    async fn outcome(self, stream: TcpStream, router: Router, tls: Option<Tls>) -> Outcome {
        // Replies are small and written whole: waiting to fill a packet would only delay them. A connection that is gone
        // already says so when it is read.
        drop(stream.set_nodelay(true));
        let stream = Paced::new(stream, self.client_timeout);
        let Some(tls) = tls else { return self.version_1(stream, router).await };
        let stream = timeout(self.client_timeout, tls.acceptor().accept(stream)).await.map_err(io::Error::from)??;
        if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) {
            self.version_2(stream, router).await
        } else {
            self.version_1(stream, router).await
        }
    }

    async fn version_1<S>(mut self, stream: S, router: Router) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let under_way = UnderWay::default();
        let stream = HalfClosed::new(stream, under_way.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.client_timeout)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), noted(with_peer(router, self.peer), under_way));
        let mut connection = pin!(connection);
        tokio::select! {
            outcome = &mut connection => return Ok(outcome?),
            () = drained(&mut self.draining) => connection.as_mut().graceful_shutdown(),
        }
        Ok(connection.await?)
    }

    async fn version_2<S>(mut self, stream: S, router: Router) -> Outcome
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let exchanges = Exchanges::new(Arc::clone(&self.place.all), self.client_timeout);
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_STREAM_HEAD)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .serve_connection(TokioIo::new(stream), followed(with_peer(router, self.peer), exchanges.clone()));
        let mut connection = pin!(connection);
        // Once the client was told to end it: when it has to have done so, if nothing is under way.
        let mut last = None;
        loop {
            let in_a_while = Instant::now() + self.client_timeout;
            let wake = match exchanges.verdict() {
                Verdict::Until(wake) => wake,
                Verdict::Stuck => return Err("the client does not take a reply".into()),
                Verdict::Idle => match last {
                    Some(last) if last <= Instant::now() => return Err("the client does not end the connection".into()),
                    Some(last) => last,
                    None => {
                        connection.as_mut().graceful_shutdown();
                        *last.insert(in_a_while)
                    }
                },
            };
            tokio::select! {
                outcome = &mut connection => return Ok(outcome?),
                () = sleep_until(wake) => {}
                () = drained(&mut self.draining), if last.is_none() => {
                    connection.as_mut().graceful_shutdown();
                    last = Some(in_a_while);
                }
            }
        }
    }
}

/// Tells each request where it comes from, and has its client take the answer though nobody read its body.
fn with_peer(router: Router, peer: Peer) -> impl HttpService<Response> {
    let service = TowerToHyperService::new(router);
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (request, rest) = unread::lent(request);
        let answer = service.call(request);
        async move { Ok(rest.settle(answer.await?).await) }
    })
}

/// Keeps account of whether a request is under way.
fn noted(service: impl HttpService<Response>, under_way: UnderWay) -> impl HttpService<Response> {
    service_fn(move |request: Request<Incoming>| {
        let asked = under_way.begin();
        let answer = service.call(request);
        async move {
            let answer = answer.await;
            drop(asked);
            answer
        }
    })
}

/// Keeps account of requests and of the replies to them.
fn followed(
    service: impl HttpService<Response>,
    exchanges: Exchanges,
) -> impl HttpService<http::Response<Held<Exchange>>> {
    service_fn(move |mut request: Request<Incoming>| {
        let exchange = exchanges.begin().unwrap_or_else(|exchange| {
            request.extensions_mut().insert(NoPlace);
            exchange
        });
        let answer = service.call(request);
        async move { Ok(exchange.reply(answer.await?)) }
    })
}

/// Comes when no more requests are wanted.
async fn drained(draining: &mut watch::Receiver<bool>) {
    // If nobody can say so any more, that is the end as well.
    drop(draining.wait_for(|draining| *draining).await);
}
