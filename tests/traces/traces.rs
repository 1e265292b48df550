//! Traces, as collectors of OTLP get them.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod collector;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use collector::{Collected, Collector};
use hyper::HeaderMap;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use serde_json::{Value, json};
use support::{
    ACCESS_KEY, Answer, Client, SECRET_KEY,
    encode::zlib,
    json_request,
    program::{Running, program},
};
use tokio::{net::TcpListener, task::JoinHandle};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";

/// Bytes of 64 float32 elements, compressed.
fn chunk() -> Vec<u8> {
    zlib(&(0..64).map(|element| element as f32).flat_map(f32::to_le_bytes).collect::<Vec<_>>())
}

/// A store that has one object at every path, and keeps the heads of requests.
struct Recording {
    url: String,
    heads: Arc<Mutex<Vec<HeaderMap>>>,
    task: JoinHandle<()>,
}

impl Recording {
    async fn start(object: Vec<u8>) -> Self {
        let heads = Arc::<Mutex<Vec<_>>>::default();
        let (kept, object) = (Arc::clone(&heads), Bytes::from(object));
        let answer = move |head: HeaderMap| {
            kept.lock().unwrap().push(head);
            let range = format!("bytes 0-{}/{}", object.len() - 1, object.len());
            let object = object.clone();
            async move { (hyper::StatusCode::PARTIAL_CONTENT, [("content-range", range)], object) }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, heads, task }
    }

    fn request(&self) -> Value {
        let size = chunk().len();
        let url = format!("{}/secret-bucket/secret-object", self.url);
        json!({"interface_type": "s3", "url": url, "dtype": "float32", "shape": [64], "size": size,
            "byte_order": "little", "compression": {"id": "zlib"}, "selection": [[0, 32, 2]]})
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sends the request as a part of a trace.
async fn post_traced(url: &str, body: &Value) -> Answer {
    let mut request = json_request(&format!("{url}/v2/sum"), body.to_string(), Some((ACCESS_KEY, SECRET_KEY)));
    let headers = request.headers_mut();
    headers.insert("traceparent", format!("00-{TRACE_ID}-{CLIENT_SPAN}-01").parse().unwrap());
    headers.insert("x-request-id", "of-the-client".parse().unwrap());
    Client::default().send(request).await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The program with traces on.
fn traced(collector: &Collector, protocol: &str) -> Running {
    Running::start(
        program()
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_BSP_SCHEDULE_DELAY", "50")
            .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
            .env("OTEL_SERVICE_NAME", "")
            // A system without authorities: http needs none.
            .env("SSL_CERT_FILE", "/dev/null")
            .env("SSL_CERT_DIR", "/nonexistent"),
    )
}

async fn a_request_is_traced(collector: Collector, protocol: &str) {
    let store = Recording::start(chunk()).await;
    let running = traced(&collector, protocol);
    let answer = post_traced(&running.url(), &store.request()).await;
    assert_eq!(answer.status, 200, "{}", answer.error());
    assert_eq!(answer.cbor().values::<f32>(), [240.0]);

    let spans = collector.spans_with("POST /v2/sum").await;
    let named: BTreeMap<_, _> = spans.iter().map(|collected| (collected.span.name.as_str(), collected)).collect();
    for name in ["POST /v2/sum", "queue", "download", "decode zlib", "operation", "reply"] {
        let Collected { span, resource, .. } = named[name];
        assert_eq!(hex(&span.trace_id), TRACE_ID, "{name}");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{name}");
        assert_eq!((&resource["service.name"][..], &resource["deployment.environment"][..]), ("reductionist", "test"));
        assert!(resource.contains_key("service.version"));
    }
    let request = named["POST /v2/sum"];
    assert_eq!(hex(&request.span.parent_span_id), CLIENT_SPAN);
    let download = named["download"];
    assert_eq!(download.span.parent_span_id, request.span.span_id);
    // What the store was told.
    let heads = store.heads.lock().unwrap().clone();
    let parent = heads[0]["traceparent"].to_str().unwrap();
    assert_eq!(parent, format!("00-{TRACE_ID}-{}-01", hex(&download.span.span_id)));

    let attribute = |name: &str, key: &str| named[name].attributes[key].clone();
    for (name, key, value) in [
        ("POST /v2/sum", "http.route", "/v2/sum"),
        ("POST /v2/sum", "http.response.status_code", "200"),
        ("POST /v2/sum", "request_id", "of-the-client"),
        ("POST /v2/sum", "dtype", "float32"),
        ("POST /v2/sum", "interface", "s3"),
        ("download", "bytes", &chunk().len().to_string()),
        ("download", "server.address", "127.0.0.1"),
        ("decode zlib", "codec", "zlib"),
        ("decode zlib", "encoded_bytes", &chunk().len().to_string()),
        ("decode zlib", "decoded_bytes", "256"),
        ("operation", "operation", "sum"),
        ("operation", "dtype", "float32"),
        ("operation", "bytes", "256"),
        ("reply", "bytes", &answer.body.len().to_string()),
    ] {
        assert_eq!(attribute(name, key), value, "{key} of {name}");
    }
    let is_number = |pair: &KeyValue| matches!(pair.value.as_ref().unwrap().value, Some(any_value::Value::IntValue(_)));
    let sizes =
        spans.iter().flat_map(|collected| &collected.span.attributes).filter(|pair| pair.key.ends_with("bytes"));
    assert!(sizes.clone().count() >= 5 && sizes.clone().all(is_number), "sizes are numbers, which can be searched by");
    let resources: Vec<_> = spans.iter().filter(|collected| collected.span.name == "queue").collect();
    assert!(resources.iter().any(|queue| queue.attributes["resource"] == "memory"), "{resources:?}");
    let shown = format!("{spans:?}");
    for secret in ["secret-bucket", "secret-object", SECRET_KEY, ACCESS_KEY] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(is_success && !log.contains("could not be sent"), "{log}");
}

#[tokio::test]
async fn a_request_is_traced_over_grpc() {
    a_request_is_traced(Collector::grpc().await, "grpc").await;
}

#[tokio::test]
async fn a_request_is_traced_over_http() {
    a_request_is_traced(Collector::http().await, "http/protobuf").await;
}

#[tokio::test]
async fn the_last_spans_are_sent_before_the_end() {
    for (collector, protocol) in [(Collector::grpc().await, "grpc"), (Collector::http().await, "http/protobuf")] {
        let running = Running::start(
            program()
                .arg("--enable-jaeger")
                .env(
                    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                    match protocol {
                        "grpc" => collector.endpoint.clone(),
                        _ => format!("{}/v1/traces", collector.endpoint),
                    },
                )
                .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
                .env("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        );
        let store = Recording::start(vec![0; 8]).await;
        // The store has something else than the client thinks.
        let answer = post_traced(&running.url(), &store.request()).await;
        assert_eq!(answer.status, 400, "{}", answer.error());
        assert!(collector.spans().is_empty());
        let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-TERM")).await.unwrap();
        assert!(is_success, "{log}");
        let spans = collector.spans();
        let request = spans.iter().find(|collected| collected.span.name == "POST /v2/sum").expect("it is sent");
        assert_eq!(request.attributes["http.response.status_code"], "400");
    }
}

#[tokio::test]
async fn nothing_is_sent_when_traces_are_off() {
    let store = Recording::start(chunk()).await;
    let collector = Collector::http().await;
    for command in [
        program().env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        program()
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
            .env("OTEL_SDK_DISABLED", "true")
            .arg("--enable-jaeger"),
    ] {
        let running = Running::start(command);
        assert_eq!(post_traced(&running.url(), &store.request()).await.status, 200);
        let (is_success, _) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
        assert!(is_success && collector.spans().is_empty());
    }
    let heads = store.heads.lock().unwrap();
    assert!(heads.len() == 2 && heads.iter().all(|head| !head.contains_key("traceparent")));
}

#[tokio::test]
async fn a_collector_that_is_away_or_silent_delays_nobody() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let store = Recording::start(chunk()).await;
    let twenty = std::time::Duration::from_secs(8);
    for endpoint in ["http://127.0.0.1:1", &silent] {
        for protocol in ["grpc", "http/protobuf"] {
            let running = Running::start(
                program()
                    .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
                    .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
                    .env("OTEL_BSP_SCHEDULE_DELAY", "10")
                    .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
            );
            let ask = async {
                for _ in 0..20 {
                    assert_eq!(post_traced(&running.url(), &store.request()).await.status, 200);
                }
            };
            // Each would wait for half a second.
            tokio::time::timeout(twenty, ask).await.expect("nobody waits for the collector");
            let start = std::time::Instant::now();
            let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
            assert!(is_success && start.elapsed().as_secs() < 10, "{log}");
            // They are told once a minute and at the end, and not for each export.
            let told: Vec<_> = log.lines().filter(|line| line.contains("traces are lost")).collect();
            assert!((1..=2).contains(&told.len()) && log.lines().count() < 10, "{log}");
            let lost = told.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()).map(|line| {
                assert!(!line["reason"].as_str().unwrap().is_empty(), "{line}");
                line["spans"].as_u64().unwrap()
            });
            assert_eq!(lost.sum::<u64>(), 20 * 8, "{log}");
        }
    }
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_the_last_traces() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let store = Recording::start(chunk()).await;
    let running = Running::start(program().env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
    assert_eq!(post_traced(&running.url(), &store.request()).await.status, 200);
    running.tell("-INT");
    // It no longer listens when it is at the traces.
    while std::net::TcpStream::connect(("127.0.0.1", running.port)).is_ok() {
        tokio::task::yield_now().await;
    }
    let start = std::time::Instant::now();
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(is_success && start.elapsed().as_secs() < 4, "{:?} {log}", start.elapsed());
}

#[tokio::test]
async fn a_long_state_of_other_tracers_is_not_kept() {
    let (store, collector) = (Recording::start(chunk()).await, Collector::http().await);
    let running = traced(&collector, "http/protobuf");
    for state in [
        "vendor=short".to_owned(),
        format!("vendor={}", "x".repeat(250)),
        ["a", "b", "c"].map(|key| format!("{key}={}", "x".repeat(200))).join(","),
    ] {
        let mut request = json_request(&format!("{}/v2/sum", running.url()), store.request().to_string(), None);
        let headers = request.headers_mut();
        headers.insert("traceparent", format!("00-{TRACE_ID}-{CLIENT_SPAN}-01").parse().unwrap());
        headers.insert("tracestate", state.parse().unwrap());
        assert_eq!(Client::default().send(request).await.status, 200);
        let head = store.heads.lock().unwrap().pop().unwrap();
        assert!(head["traceparent"].to_str().unwrap().contains(TRACE_ID));
        let told = head.get("tracestate").map_or("", |state| state.to_str().unwrap());
        assert_eq!(told, if state.len() > 512 { "" } else { &state });
    }
}

#[tokio::test]
async fn who_says_wrongly_which_trace_it_belongs_to_gets_one_of_its_own() {
    let (store, collector) = (Recording::start(chunk()).await, Collector::http().await);
    let running = traced(&collector, "http/protobuf");
    let right = format!("00-{TRACE_ID}-{CLIENT_SPAN}-01");
    let followed = async |parents: &[&str], states: &[&str]| {
        let mut request = json_request(&format!("{}/v2/sum", running.url()), store.request().to_string(), None);
        for (name, values) in [("traceparent", parents), ("tracestate", states)] {
            for value in values {
                request.headers_mut().append(name, value.parse().unwrap());
            }
        }
        assert_eq!(Client::default().send(request).await.status, 200);
        let head = store.heads.lock().unwrap().pop().unwrap();
        let state = head.get("tracestate").map(|state| state.to_str().unwrap().to_owned());
        (head["traceparent"].to_str().unwrap()[3..35].to_owned(), state)
    };
    assert_eq!(followed(&[&right], &[]).await, (TRACE_ID.to_owned(), None));
    assert_eq!(followed(&[&right], &["a=1", "b=2"]).await, (TRACE_ID.to_owned(), Some("a=1,b=2".to_owned())));
    let future = right.replacen("00", "01", 1) + "-more";
    assert_eq!(followed(&[&future], &[]).await.0, TRACE_ID);
    for parents in [
        &[&right[..], &right][..],
        &["00-1-2-01"],
        &[&format!("00-+{}-{CLIENT_SPAN}-01", &TRACE_ID[1..])],
        &[&right.to_uppercase()],
        &[&format!("00-{}-{CLIENT_SPAN}-01", "0".repeat(32))],
        &[""],
    ] {
        let (trace, state) = followed(parents, &["a=1"]).await;
        assert!(trace != TRACE_ID && !trace.starts_with("000"), "{trace} of {parents:?}");
        assert_eq!(state, None);
    }
}
