//! Threads that serve connections: one event loop for each, and nothing that a request has to share with another thread.

use std::{io, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use axum::Router;
use tokio::{
    net::TcpStream,
    runtime::{self, Handle},
    sync::oneshot,
    time::timeout,
};

/// Event loops, among which connections are divided.
pub struct EventLoops(Vec<EventLoop>);

struct EventLoop {
    handle: Handle,
    router: Router,
    /// One reference for each connection, beside this one.
    connections: Arc<()>,
    /// None if the loop is not ours to end.
    thread: Option<Thread>,
}

struct Thread {
    /// Ends it when this is dropped.
    stop: oneshot::Sender<()>,
    /// Dropped with everything that was in flight.
    ended: oneshot::Receiver<()>,
}

/// Longest time for threads to let go of what is in flight.
const END: Duration = Duration::from_secs(1);

impl EventLoops {
    /// Starts `count` threads, each with a router of its own.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(count: NonZeroUsize, router: impl Fn() -> Router) -> io::Result<Self> {
        let start = |index| EventLoop::start(index, router());
        (0..count.get()).map(start).collect::<io::Result<_>>().map(Self)
    }

    /// The loop that runs the caller, alone. The router has to be one that [`served`](crate::http::served) has made where requests
    /// may come by HTTP/2.
    #[must_use]
    pub fn current(router: Router) -> Self {
        Self(vec![EventLoop::new(Handle::current(), router, None)])
    }

    /// Has a connection served by the loop that has the fewest.
    pub(super) fn serve<S>(&self, stream: TcpStream, serve: impl FnOnce(TcpStream, Router) -> S + Send + 'static)
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let fewest = self.0.iter().min_by_key(|event_loop| Arc::strong_count(&event_loop.connections));
        // A connection that cannot leave the loop that accepted it is closed already.
        let (Some(event_loop), Ok(stream)) = (fewest, stream.into_std()) else { return };
        let (router, counted) = (event_loop.router.clone(), Arc::clone(&event_loop.connections));
        event_loop.handle.spawn(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => serve(stream, router).await,
                Err(error) => tracing::warn!(%error, "cannot serve a connection"),
            }
            drop(counted);
        });
    }

    /// Ends the threads, and with them what is still in flight.
    pub async fn end(self) {
        let (stops, ends): (Vec<_>, Vec<_>) = self
            .0
            .into_iter()
            .filter_map(|event_loop| event_loop.thread)
            .map(|thread| (thread.stop, thread.ended))
            .unzip();
        drop(stops);
        let ended = async {
            for ended in ends {
                drop(ended.await);
            }
        };
        drop(timeout(END, ended).await);
    }
}

impl EventLoop {
    fn new(handle: Handle, router: Router, thread: Option<Thread>) -> Self {
        Self { handle, router, connections: Arc::default(), thread }
    }

    fn start(index: usize, router: Router) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        thread::Builder::new().name(format!("serve-{index}")).spawn(move || {
            drop(runtime.block_on(stopped));
            // Nobody waits any more for what is still in flight.
            runtime.shutdown_background();
            drop::<oneshot::Sender<()>>(ends);
        })?;
        Ok(Self::new(handle, router, Some(Thread { stop, ended })))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::http::server::serve::{ServeOptions, serve};

    const OPTIONS: ServeOptions = ServeOptions {
        tls: None,
        client_timeout: Duration::from_secs(10),
        max_connections: 10,
        drain_timeout: Duration::from_secs(10),
    };

    /// What a connection is answered, and the connection.
    async fn ask(mut stream: TcpStream) -> (String, TcpStream) {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("it is open");
        let mut answer = vec![0; 1000];
        let len = stream.read(&mut answer).await.expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..len]).into_owned();
        (answer.lines().last().unwrap_or_default().to_owned(), stream)
    }

    #[tokio::test]
    async fn a_connection_goes_where_the_fewest_are() {
        let router =
            Router::new().route("/", get(|| async { thread::current().name().unwrap_or_default().to_owned() }));
        let event_loops =
            EventLoops((0..2).map(|index| EventLoop::start(index, router.clone()).expect("a thread")).collect());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let server = tokio::spawn(async move { serve(listener, &event_loops, OPTIONS, stopped).await });
        let mut connections = Vec::new();
        for _ in 0..4 {
            connections.push(ask(TcpStream::connect(address).await.expect("it listens")).await);
        }
        let names = |connections: &[(String, TcpStream)]| {
            let mut names: Vec<_> = connections.iter().map(|(name, _)| name.clone()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&connections), ["serve-0", "serve-0", "serve-1", "serve-1"]);
        // One of each stays; its next answer comes from where the first came from.
        connections.truncate(2);
        let kept = names(&connections);
        for (name, stream) in connections {
            assert_eq!(ask(stream).await.0, name);
        }
        assert_eq!(kept, ["serve-0", "serve-1"]);
        drop(stop);
        server.await.expect("it ends");
    }
}
