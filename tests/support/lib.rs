//! The service and an S3 store inside this process, on loopback, and a client that speaks HTTP to them.
//!
//! Shared by tests, benches and examples, and compiled once for all of them.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_errors_doc,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

pub mod contract;
pub mod encode;
pub mod faulty;
pub mod program;
pub mod store;
pub mod web;

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, StatusCode, header};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use reductionist::{
    app::App,
    config::{Args, Config},
    http::{self, EventLoops, ServeOptions},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use store::Store;

pub const ACCESS_KEY: &str = "storekeeper";
pub const SECRET_KEY: &str = "not-so-secret";
/// Readable with the keys only.
pub const PRIVATE_BUCKET: &str = "private";
/// Readable by everybody.
pub const PUBLIC_BUCKET: &str = "public";

/// An S3 endpoint, until it is dropped.
pub struct S3 {
    pub address: SocketAddr,
    pub store: Store,
    task: JoinHandle<()>,
}

impl S3 {
    /// Starts a store with an empty private and an empty public bucket; port 0 stands for any free port.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let address = listener.local_addr().expect("bound");
        let store = Store::new(ACCESS_KEY, SECRET_KEY);
        store.make_public(PUBLIC_BUCKET);
        let task = tokio::spawn(store::serve(listener, store.clone()));
        Self { address, store, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts an object into both buckets.
    pub fn put(&self, key: &str, body: impl Into<Bytes>) {
        let body = body.into();
        self.store.put(PRIVATE_BUCKET, key, body.clone());
        self.store.put(PUBLIC_BUCKET, key, body);
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How tests serve.
pub fn serve_options(tls: Option<http::Tls>) -> ServeOptions {
    let client_timeout = Duration::from_secs(30);
    ServeOptions { tls, client_timeout, max_connections: 10_000, drain_timeout: Duration::from_secs(10) }
}

/// The service, until it is dropped.
pub struct Service {
    pub address: SocketAddr,
    pub app: Arc<App>,
    shutdown: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Service {
    /// Starts the service with these flags on any free port.
    pub async fn start(flags: &[&str]) -> Self {
        Self::start_at(0, flags).await
    }

    pub async fn start_at(port: u16, flags: &[&str]) -> Self {
        let args = Args::parse_from([&["reductionist"], flags].concat());
        let config = Config::from_args(args).expect("sensible flags");
        let app = Arc::new(App::new(&config).expect("an app"));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
        let address = listener.local_addr().expect("bound");
        let (shutdown, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let event_loops = EventLoops::current(http::router(Arc::clone(&app)));
        let task = tokio::spawn(async move { http::serve(listener, &event_loops, serve_options(None), stopped).await });
        Self { address, app, shutdown: Some(shutdown), task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Drains and waits for the end.
    pub async fn stop(mut self) {
        drop(self.shutdown.take());
        (&mut self.task).await.expect("no panic");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An HTTP client that keeps its connections.
#[derive(Clone)]
pub struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Default for Client {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { http: legacy::Client::builder(TokioExecutor::new()).build(connector) }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Client {
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = self.http.request(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// POSTs JSON with the store's keys.
    pub async fn post(&self, url: &str, body: &Value) -> Answer {
        self.post_as(url, body, Some((ACCESS_KEY, SECRET_KEY))).await
    }

    /// POSTs JSON with other credentials, or none.
    pub async fn post_as(&self, url: &str, body: &Value, credentials: Option<(&str, &str)>) -> Answer {
        self.send(json_request(url, body.to_string(), credentials)).await
    }

    pub async fn get(&self, url: &str) -> Answer {
        self.send(Request::get(url).body(Full::default()).expect("a request")).await
    }
}

/// A POST request with a body that claims to be JSON.
pub fn json_request(url: &str, body: impl Into<Bytes>, credentials: Option<(&str, &str)>) -> Request<Full<Bytes>> {
    let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
    if let Some((user, password)) = credentials {
        use headers::HeaderMapExt;
        let basic = headers::Authorization::basic(user, password);
        request.headers_mut().expect("no error so far").typed_insert(basic);
    }
    request.body(Full::new(body.into())).expect("a request")
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// A header that holds JSON.
    pub fn json_header(&self, name: &str) -> Value {
        serde_json::from_str(self.header(name)).unwrap_or(Value::Null)
    }

    pub fn shape(&self) -> Value {
        self.json_header("x-activestorage-shape")
    }

    pub fn count(&self) -> Value {
        self.json_header("x-activestorage-count")
    }

    /// The body as the map that `/v2` answers with.
    pub fn cbor(&self) -> CborMap {
        assert_eq!((self.status, self.header("content-type")), (StatusCode::OK, "application/cbor"), "{self:?}");
        assert_eq!(self.header("content-length"), self.body.len().to_string());
        CborMap::read(&self.body)
    }

    /// The bytes of the result, whatever the dialect.
    pub fn result(&self) -> Vec<u8> {
        if self.header("content-type") == "application/cbor" { self.cbor().bytes } else { self.body.to_vec() }
    }

    /// The body as numbers of this machine's byte order.
    pub fn values<T: bytemuck::AnyBitPattern>(&self) -> Vec<T> {
        numbers(&self.body)
    }

    /// The only number of the body.
    pub fn value<T: bytemuck::AnyBitPattern>(&self) -> T {
        let values = self.values();
        assert_eq!((values.len(), self.status), (1, StatusCode::OK), "{self:?}");
        values[0]
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The message of an error and everything that caused it, as one text.
    pub fn error(&self) -> String {
        let error = &self.json()["error"];
        let causes = error["caused_by"].as_array().cloned().unwrap_or_default();
        let texts = std::iter::once(&error["message"]).chain(&causes).map(|text| text.as_str().expect("text"));
        texts.collect::<Vec<_>>().join(" | ")
    }
}

/// An answer of `/v2`, read by another CBOR library than the one that wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct CborMap {
    pub bytes: Vec<u8>,
    pub dtype: String,
    pub byte_order: String,
    pub shape: Value,
    pub shape_as_bytes: Vec<u8>,
    pub count: Value,
    pub count_as_bytes: Vec<u8>,
}

impl CborMap {
    fn read(body: &[u8]) -> Self {
        let mut rest = body;
        let value: ciborium::Value = ciborium::from_reader(&mut rest).expect("CBOR");
        assert!(rest.is_empty(), "{} bytes behind the map", rest.len());
        let map = value.into_map().expect("a map");
        assert_eq!(map.len(), 7, "{map:?}");
        let field = |name: &str| {
            let (_, value) = map.iter().find(|(key, _)| key.as_text() == Some(name)).expect("all keys, always");
            value.clone()
        };
        let bytes = |name| field(name).into_bytes().expect("a byte string");
        let text = |name| field(name).into_text().expect("a text");
        let json = |name| field(name).deserialized().expect("lists of integers");
        Self {
            bytes: bytes("bytes"),
            dtype: text("dtype"),
            byte_order: text("byte_order"),
            shape: json("shape"),
            shape_as_bytes: bytes("shape_as_bytes"),
            count: json("count"),
            count_as_bytes: bytes("count_as_bytes"),
        }
    }

    pub fn values<T: bytemuck::AnyBitPattern>(&self) -> Vec<T> {
        numbers(&self.bytes)
    }
}

/// Bytes as numbers of this machine's byte order.
pub fn numbers<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

/// A service and a store beside it.
pub struct Fixture {
    pub s3: S3,
    pub service: Service,
    pub client: Client,
}

impl Fixture {
    pub async fn start(flags: &[&str]) -> Self {
        Self { s3: S3::start(0).await, service: Service::start(flags).await, client: Client::default() }
    }

    /// A request body for an object of the private bucket, with more fields merged in.
    pub fn request(&self, key: &str, dtype: &str, fields: Value) -> Value {
        let body = json!({"source": self.s3.url(), "bucket": PRIVATE_BUCKET, "object": key, "dtype": dtype});
        merged(body, fields)
    }

    pub async fn post(&self, operation: &str, body: &Value) -> Answer {
        self.client.post(&format!("{}/v1/{operation}", self.service.url()), body).await
    }

    /// A `/v2` request body for an object of the private bucket, with more fields merged in.
    pub fn request_v2(&self, key: &str, dtype: &str, fields: Value) -> Value {
        let url = format!("{}/{PRIVATE_BUCKET}/{key}", self.s3.url());
        merged(json!({"interface_type": "s3", "url": url, "dtype": dtype}), fields)
    }

    pub async fn post_v2(&self, operation: &str, body: &Value) -> Answer {
        self.client.post(&format!("{}/v2/{operation}", self.service.url()), body).await
    }
}

/// A body with more fields, or other values of those that it has.
pub fn merged(mut body: Value, fields: Value) -> Value {
    for (field, value) in fields.as_object().expect("fields") {
        body[field] = value.clone();
    }
    body
}

/// Awaits all of them at one time.
pub async fn side_by_side(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        pending.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if pending.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// A directory of its own, removed with all that is in it.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("reductionist-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a place for temporary files");
        Self(path.canonicalize().expect("it is there"))
    }

    /// Writes a file, and makes the directories above it; its path.
    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("directories");
        fs::write(&path, content).expect("a file");
        path
    }

    pub fn text(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
