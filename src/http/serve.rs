//! Connections: accept, TLS, and draining at the end.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{EventLoops, Tls, extract::Peer, paced::Paced};

/// Pause after a failed accept, which is mostly a lack of file descriptors that passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// For HTTPS.
    pub tls: Option<Tls>,
    /// Longest time for the head of a request, for a TLS handshake, and for a client to take a part of a reply.
    pub client_timeout: Duration,
    /// Connections at one time; more wait to be accepted.
    pub max_connections: usize,
    /// Longest time for requests in flight when it ends.
    pub drain_timeout: Duration,
}

/// Has connections served by the event loops until `shutdown`; then accepts no more, finishes the requests in flight
/// and returns, the drain timeout later at the latest.
pub async fn serve(
    listener: TcpListener,
    event_loops: EventLoops,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    tokio::pin!(shutdown);
    let tls = options.tls.clone();
    let follow_files = async {
        match &tls {
            Some(tls) => tls.follow_files().await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(follow_files);
    let places = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut shutdown => break,
            () = &mut follow_files => continue,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                let (options, watcher) = (options.clone(), graceful.watcher());
                event_loops.serve(stream, async move |stream, router| {
                    connection(stream, peer, router, options, watcher).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(options.drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!(drain_timeout = ?options.drain_timeout, "gave up on requests that are still in flight");
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Peer, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, Peer(peer.ip()), place))
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, options: ServeOptions, watcher: Watcher) {
    let ServeOptions { tls, client_timeout, .. } = options;
    let stream = Paced::new(nodelay(stream), client_timeout);
    let outcome = match tls {
        None => http(stream, peer, router, client_timeout, watcher).await,
        Some(tls) => match tokio::time::timeout(client_timeout, tls.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => http(stream, peer, router, client_timeout, watcher).await,
            Ok(Err(error)) => Err(error.into()),
            Err(elapsed) => Err(io::Error::from(elapsed).into()),
        },
    };
    if let Err(error) = outcome {
        tracing::debug!(error, "connection ended early");
    }
}

/// Replies are small and written whole: waiting to fill a packet would only delay them.
fn nodelay(stream: TcpStream) -> TcpStream {
    // A connection that is gone already says so when it is read.
    drop(stream.set_nodelay(true));
    stream
}

async fn http<S>(
    stream: S,
    peer: Peer,
    router: Router,
    client_timeout: Duration,
    watcher: Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request| {
        request.extensions_mut().insert(peer);
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(client_timeout)
        .serve_connection(TokioIo::new(stream), service);
    Ok(watcher.watch(connection).await?)
}
