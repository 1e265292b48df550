//! Accepts connections, and drains them at the end.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

use super::{
    EventLoops, Tls,
    connection::{Connection, Place},
    marks::Peer,
};

/// Pause after a failed accept, which is mostly a lack of file descriptors that passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are served.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// For HTTPS.
    pub tls: Option<Tls>,
    /// Longest time for the head of a request, for a TLS handshake, and for a client to take a part of a reply.
    pub client_timeout: Duration,
    /// Connections at one time; more wait to be accepted. Requests of HTTP/2 count as well, beside
    /// the first of each connection.
    pub max_connections: usize,
    /// Longest time for requests in flight when it ends.
    pub drain_timeout: Duration,
}

/// Has connections served by the event loops until `shutdown`; then accepts no more, finishes the requests in flight
/// and returns, the drain timeout later at the latest.
pub async fn serve(
    listener: TcpListener,
    event_loops: &EventLoops,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    let (drain, draining) = watch::channel(false);
    let places = Arc::new(Semaphore::new(options.max_connections.min(Semaphore::MAX_PERMITS)));
    let accept = async {
        loop {
            let place = Place::wait_for(&places).await;
            let (stream, peer) = accepted(&listener).await;
            let (draining, tls) = (draining.clone(), options.tls.clone());
            let connection = Connection { peer, client_timeout: options.client_timeout, place, draining };
            event_loops.serve(stream, async move |stream, router| connection.serve(stream, router, tls).await);
        }
    };
    tokio::select! { () = accept => {}, () = shutdown => {} }
    drop((listener, draining));
    drain.send_replace(true);
    if tokio::time::timeout(options.drain_timeout, drain.closed()).await.is_err() {
        tracing::warn!(drain_timeout = ?options.drain_timeout, "gave up on requests that are still in flight");
    }
}

/// The next connection, whatever goes wrong before it comes.
async fn accepted(listener: &TcpListener) -> (TcpStream, Peer) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, Peer(peer.ip())),
            // One that was given up by its other side.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
