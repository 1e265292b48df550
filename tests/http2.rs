//! Clients of HTTP/2 that do not play along, and what becomes of their connections.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod tls;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::TokioExecutor;
use rcgen::{CertifiedKey, KeyPair};
use reductionist::{
    app::App,
    config::{Args, Config},
    credentials::TlsFiles,
    http::{self, EventLoops, ServeOptions, Tls},
};
use support::Directory;
use tls::{builder, certificate, http2, secure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};

const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);

/// Far longer than anything may take here.
const LONG: Duration = Duration::from_secs(30);

/// Serves "/reply", and "/wait" as long as the test wants.
struct Server {
    port: u16,
    certified: CertifiedKey<KeyPair>,
    app: Arc<App>,
    /// Requests at "/wait" take one each.
    go_on: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    task: JoinHandle<()>,
    _directory: Directory,
}

impl Server {
    async fn start(name: &str, connections: usize) -> Self {
        let (directory, certified) = (Directory::new(name), certificate());
        let cert = directory.put("cert.pem", certified.cert.pem());
        let key = directory.put("key.pem", certified.signing_key.serialize_pem());
        let tls = Some(Tls::from_files(TlsFiles { cert, key, client_ca: None }).unwrap());
        let options = ServeOptions {
            client_timeout: CLIENT_TIMEOUT,
            max_connections: connections,
            ..support::serve_options(tls)
        };
        let go_on = Arc::new(Semaphore::new(0));
        let waiting = Arc::new(AtomicUsize::new(0));
        let (waits, came) = (Arc::clone(&go_on), Arc::clone(&waiting));
        let wait = || async move {
            came.fetch_add(1, Ordering::Relaxed);
            waits.acquire().await.unwrap().forget();
        };
        let routes = Router::new().route("/reply", get(|| async { vec![1; 100_000] })).route("/wait", get(wait));
        let config = Config::from_args(Args::parse_from(["reductionist"])).unwrap();
        let app = Arc::new(App::new(&config).unwrap());
        let router = http::served(routes, Arc::clone(&app));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let event_loops = EventLoops::current(router);
        let task =
            tokio::spawn(async move { http::serve(listener, &event_loops, options, std::future::pending()).await });
        Self { port, certified, app, go_on, waiting, task, _directory: directory }
    }

    async fn connect(&self, builder: &mut Builder<TokioExecutor>) -> SendRequest<Full<Bytes>> {
        http2(self.port, &self.certified, builder).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://localhost/{path}")).body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_reply_that_is_not_taken_ends_the_connection_whatever_else_it_asks() {
    let server = Server::start("h2-window", 100).await;
    for window in [0, 1, 50_000] {
        let mut sender = server.connect(builder().initial_stream_window_size(window)).await;
        let answer = sender.send_request(request("reply")).await.unwrap();
        let ended = async {
            // Others go on, until it is over for all.
            while let Ok(answer) = sender.send_request(request("none")).await {
                assert_eq!(answer.status(), StatusCode::NOT_FOUND);
                tokio::time::sleep(CLIENT_TIMEOUT / 20).await;
            }
        };
        timeout(LONG, ended).await.expect("it ends");
        assert!(answer.into_body().collect().await.is_err(), "{window}");
    }
}

#[tokio::test]
async fn a_connection_that_asks_nothing_ends_though_it_sends_pings() {
    let server = Server::start("h2-idle", 100).await;
    let preface: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let ping: &[u8] = b"\0\0\x08\x06\0\0\0\0\0pingpong";
    for begin in [b"".as_slice(), b"PRI *", preface] {
        let mut stream = secure(server.port, &server.certified, None, b"h2").await.unwrap();
        stream.write_all(begin).await.unwrap();
        let (mut theirs, mut ours) = tokio::io::split(stream);
        let pings = async {
            while begin != preface || ours.write_all(ping).await.is_ok() {
                tokio::time::sleep(CLIENT_TIMEOUT / 20).await;
            }
        };
        let read = async { drop(theirs.read_to_end(&mut Vec::new()).await) };
        timeout(LONG, async {
            tokio::select! { () = pings => {}, () = read => {} }
        })
        .await
        .expect("it ends");
    }
}

#[tokio::test]
async fn a_request_may_take_longer_than_a_client() {
    let server = Server::start("h2-wait", 100).await;
    let mut sender = server.connect(&mut builder()).await;
    let waiting = tokio::spawn(sender.send_request(request("wait")));
    tokio::time::sleep(3 * CLIENT_TIMEOUT).await;
    server.go_on.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK);
    let body = sender.send_request(request("reply")).await.unwrap().into_body().collect().await;
    assert_eq!(body.unwrap().to_bytes().len(), 100_000);
}

#[tokio::test]
async fn requests_beside_the_first_of_a_connection_take_places_like_connections() {
    // One is for the connection and its first request, one is kept for the next connection.
    let server = Server::start("h2-places", 11).await;
    let mut sender = server.connect(&mut builder()).await;
    let mut waiting: Vec<_> = (0..10).map(|_| tokio::spawn(sender.send_request(request("wait")))).collect();
    let all_wait = async {
        while server.waiting.load(Ordering::Relaxed) < 10 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, all_wait).await.expect("there are places for them");
    let refused = sender.send_request(request("reply")).await.unwrap();
    assert_eq!(
        (refused.status(), refused.headers()["retry-after"].to_str().unwrap()),
        (StatusCode::SERVICE_UNAVAILABLE, "1")
    );
    assert_eq!(refused.headers()["x-request-id"].len(), 16, "it has a name like any other");
    let metrics =
        server.app.engine.metrics.text(std::iter::empty(), reductionist::telemetry::StoresNow::default()).unwrap();
    let counted = r#"outgoing_response{http_method="GET",path="/reply",status_code="503"} 1"#;
    assert!(String::from_utf8(metrics).unwrap().contains(counted), "and is counted");
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("--max-connections"), "{body:?}");
    server.go_on.add_permits(10);
    for answer in waiting.drain(..) {
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
    }
    assert_eq!(sender.send_request(request("reply")).await.unwrap().status(), StatusCode::OK, "there are places again");
}
