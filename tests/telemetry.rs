//! What operators see: traces, metrics, log lines, and the pages for those who watch.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "support/collector.rs"]
mod collector;
mod support;

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use collector::{Collected, Collector};
use flate2::{Compression, write::ZlibEncoder};
use hyper::HeaderMap;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use serde_json::{Value, json};
use support::{
    ACCESS_KEY, Answer, Client, Directory, Fixture, PRIVATE_BUCKET, SECRET_KEY, Service, json_request,
    program::{Running, program},
    tls::certificate,
};
use tokio::{net::TcpListener, task::JoinHandle};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";

/// Bytes of 64 float32 elements, compressed.
fn chunk() -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    for element in 0..64 {
        encoder.write_all(&(element as f32).to_le_bytes()).unwrap();
    }
    encoder.finish().unwrap()
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
    let id = running.child.as_ref().unwrap().id().to_string();
    let interrupt = move || std::process::Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(interrupt().success());
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
async fn a_request_that_its_client_gives_up_is_counted_and_logged() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = Running::start(program().arg("--log-format=json"));
    let body = json!({"source": format!("http://{}", silent.local_addr().unwrap()), "bucket": PRIVATE_BUCKET,
        "object": "key", "dtype": "uint8"});
    let request = json_request(&format!("{}/v1/sum", running.url()), body.to_string(), None);
    let asking = tokio::spawn(async move { Client::default().send(request).await });
    let _asked = silent.accept().await.expect("the store is asked");
    asking.abort();
    let answered = r#"outgoing_response{http_method="POST",path="/v1/sum",status_code="499"}"#;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let shown = loop {
        let shown = series(&running.url()).await;
        if shown.contains_key(answered) {
            break shown;
        }
        assert!(std::time::Instant::now() < deadline, "{shown:?}");
    };
    assert_eq!(shown[r#"reductionist_store_errors_total{interface="s3",kind="given_up"}"#], 1.0);
    assert_eq!(shown["reductionist_requests_in_flight"], 0.0);
    let (_, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(log.contains("given up by the client") && log.contains(r#""status":499"#), "{log}");
}

/// The series of `/metrics`, with their values.
async fn series(url: &str) -> BTreeMap<String, f64> {
    let text = Client::default().get(&format!("{url}/metrics")).await.body;
    let text = String::from_utf8(text.to_vec()).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[tokio::test]
async fn metrics_tell_bytes_stages_and_what_is_in_use() {
    let fixture =
        Fixture::start(&["--thread-limit", "3", "--s3-connection-limit", "7", "--memory-limit", "64MiB"]).await;
    let (chunk, url) = (chunk(), fixture.service.url());
    fixture.s3.put("chunk", chunk.clone());
    let fields = json!({"shape": [64], "byte_order": "little", "compression": {"id": "zlib"}});
    let body = fixture.request("chunk", "float32", fields.clone());
    for _ in 0..3 {
        assert_eq!(fixture.post("sum", &body).await.value::<f32>(), 2016.0);
    }
    let missing = fixture.request("no-such-key", "float32", fields);
    assert_eq!(fixture.post("sum", &missing).await.status, 400);
    let series = series(&url).await;
    let labels = r#"{codec="zlib",interface="s3"}"#;
    for (name, value) in [
        (format!("reductionist_fetched_bytes_total{labels}"), 3.0 * chunk.len() as f64),
        (format!("reductionist_decoded_bytes_total{labels}"), 3.0 * 256.0),
        (format!("reductionist_returned_bytes_total{labels}"), 3.0 * 4.0),
        (r#"reductionist_stage_duration_seconds_count{stage="queue"}"#.into(), 4.0),
        (r#"reductionist_stage_duration_seconds_count{stage="fetch"}"#.into(), 4.0),
        (r#"reductionist_stage_duration_seconds_count{stage="decode"}"#.into(), 3.0),
        (r#"reductionist_stage_duration_seconds_count{stage="reduce"}"#.into(), 3.0),
        (r#"reductionist_stage_duration_seconds_count{stage="encode"}"#.into(), 3.0),
        (r#"reductionist_store_errors_total{interface="s3",kind="not_found"}"#.into(), 1.0),
        ("reductionist_requests_in_flight".into(), 0.0),
        ("reductionist_s3_clients".into(), 1.0),
        (r#"reductionist_permits_free{resource="threads"}"#.into(), 3.0),
        (r#"reductionist_permits_free{resource="s3_connections"}"#.into(), 7.0),
        (r#"reductionist_memory_free_bytes{resource="memory"}"#.into(), 67_108_864.0),
        (r#"reductionist_memory_used_bytes{resource="memory"}"#.into(), 0.0),
        (r#"reductionist_requests_waiting{resource="memory"}"#.into(), 0.0),
    ] {
        assert_eq!(series.get(&name), Some(&value), "{name} in {series:?}");
    }
    assert!(series.contains_key(r#"reductionist_permits_used{resource="http_connections"}"#));
    assert!(!series.contains_key(r#"reductionist_permits_free{resource="http_connections"}"#), "there is no limit");
    assert!(series["process_resident_memory_bytes"] > 1e6);
    let build = series.keys().find(|name| name.starts_with("reductionist_build_info")).unwrap();
    assert!(build.contains(concat!(r#"version=""#, env!("CARGO_PKG_VERSION"), r#"""#)), "{build}");
}

#[tokio::test]
async fn gauges_show_who_waits_while_a_store_is_silent() {
    let fixture = Fixture::start(&["--s3-connection-limit", "1"]).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let body = json!({"source": format!("http://{}", silent.local_addr().unwrap()), "bucket": PRIVATE_BUCKET,
        "object": "key", "dtype": "uint8", "size": 4096});
    let url = format!("{}/v1/sum", fixture.service.url());
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let (client, url, body) = (fixture.client.clone(), url.clone(), body.clone());
            tokio::spawn(async move { client.post(&url, &body).await })
        })
        .collect();
    let waiting = r#"reductionist_requests_waiting{resource="s3_connections"}"#;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let shown = loop {
        let shown = series(&fixture.service.url()).await;
        if shown[waiting] == 2.0 {
            break shown;
        }
        assert!(std::time::Instant::now() < deadline, "{shown:?}");
    };
    assert_eq!(shown["reductionist_requests_in_flight"], 3.0);
    assert_eq!(shown[r#"reductionist_permits_used{resource="s3_connections"}"#], 1.0);
    assert_eq!(shown[r#"reductionist_permits_free{resource="s3_connections"}"#], 0.0);
    assert!(shown[r#"reductionist_memory_used_bytes{resource="memory"}"#] >= 3.0 * 4096.0);
    asking.iter().for_each(|task| task.abort());
}

#[tokio::test]
async fn repeated_reads_are_counted_by_what_made_them_fail() {
    let service = Service::start(&["--retries", "2"]).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let body = json!({"interface_type": "http", "url": format!("http://{gone}/data"), "dtype": "uint8"});
    assert_eq!(Client::default().post(&format!("{}/v2/sum", service.url()), &body).await.status, 502);
    let series = series(&service.url()).await;
    let labels = r#"{interface="http",kind="unavailable"}"#;
    assert_eq!(series[&format!("reductionist_store_errors_total{labels}")], 3.0);
    assert_eq!(series[&format!("reductionist_store_retries_total{labels}")], 2.0);
}

#[tokio::test]
async fn a_request_has_a_name_that_the_log_knows() {
    let running = Running::start(program().arg("--log-format=json"));
    let client = Client::default();
    let url = format!("{}/v1/sum", running.url());
    let named = async |id: Option<&str>| {
        let mut request = json_request(&url, "{}", None);
        if let Some(id) = id {
            request.headers_mut().insert("x-request-id", id.parse().unwrap());
        }
        let answer = client.send(request).await;
        assert_eq!(answer.status, 400);
        answer.header("x-request-id").to_owned()
    };
    assert_eq!(named(Some("chunk-17/a=b")).await, "chunk-17/a=b");
    let long = "x".repeat(129);
    for unusable in ["two words", "", &long] {
        let id = named(Some(unusable)).await;
        assert!(id.len() == 16 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    }
    let (first, second) = (named(None).await, named(None).await);
    assert_ne!(first, second);
    let fine = client.get(&format!("{}/livez", running.url())).await;
    assert!(fine.status == 200 && fine.header("x-request-id").len() == 16, "good answers have one as well");
    drop(client);
    let (_, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for id in ["chunk-17/a=b", &first, &second] {
        let of_it: Vec<_> = lines.iter().filter(|line| line["request_id"] == id).collect();
        assert_eq!(of_it.len(), 1, "{log}");
        let line = of_it[0];
        assert_eq!(line["level"], "INFO");
        assert_eq!((&line["status"], &line["path"], &line["method"]), (&json!(400), &json!("/v1/sum"), &json!("POST")));
        assert_eq!(line["error"], "the request data is not valid");
        assert!(line["caused_by"].as_str().unwrap().contains("source: is required"), "{line}");
        assert!(line["millis"].as_f64().unwrap() >= 0.0);
    }
    assert!(!log.contains("/livez"), "what goes well is not logged");
}

#[tokio::test]
async fn text_lines_stay_lines_whatever_a_client_sends() {
    let running = Running::start(program().arg("--log-format=text"));
    let body = json!({"dtype": "float32\n2026-01-01 ERROR forged\u{1b}[31m"});
    let answer = Client::default().post(&format!("{}/v1/sum", running.url()), &body).await;
    assert_eq!(answer.status, 400);
    let (_, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(log.contains("request refused") && log.contains(answer.header("x-request-id")), "{log}");
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01 ERROR")) && !log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn operators_have_a_listener_of_their_own_where_they_want_one() {
    let (directory, certified) = (Directory::new("admin"), certificate());
    let cert = directory.put("cert.pem", certified.cert.pem());
    let key = directory.put("key.pem", certified.signing_key.serialize_pem());
    for https in [false, true] {
        let mut command = program();
        command.args(["--admin-address", "127.0.0.1:0", "--shutdown-delay", "30s"]);
        if https {
            command.arg("--https").arg("--cert-file").arg(&cert).arg("--key-file").arg(&key);
            command.arg("--client-ca-file").arg(&cert);
        }
        let running = Running::start(&mut command);
        let (client, admin) = (Client::default(), running.admin_url());
        let status = async |base: &str, path: &str| client.get(&format!("{base}{path}")).await.status.as_u16();
        for path in ["/metrics", "/livez", "/readyz", "/version", "/capabilities"] {
            assert_eq!(status(&admin, path).await, 200, "{path}");
            if !https {
                assert_eq!(status(&running.url(), path).await, if path == "/metrics" { 404 } else { 200 }, "{path}");
            }
        }
        assert_eq!(status(&admin, "/v1/sum").await, 404);
        assert_eq!(status(&admin, "/docs").await, 404);
        // It counts what comes to the other one, and stays to the very end.
        if !https {
            let sum = format!("{}/v1/sum", running.url());
            assert_eq!(client.post(&sum, &json!({})).await.status, 400);
        }
        let counted = r#"outgoing_response{http_method="POST",path="/v1/sum",status_code="400"}"#;
        assert_eq!(series(&admin).await.contains_key(counted), !https);
        let id = running.child.as_ref().unwrap().id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        while status(&admin, "/readyz").await == 200 {}
        assert_eq!(status(&admin, "/readyz").await, 503);
        assert_eq!(status(&admin, "/metrics").await, 200);
        let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-TERM")).await.unwrap();
        assert!(is_success && !log.contains("/readyz\""), "{log}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = taken.local_addr().unwrap().to_string();
    let output = program().args(["--port", "0", "--admin-address", &admin]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--admin-address"), "{output:?}");
}

#[tokio::test]
async fn a_server_says_which_one_it_is() {
    let service = Service::start(&[]).await;
    let version = Client::default().get(&format!("{}/version", service.url())).await.json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(version["arch"], std::env::consts::ARCH);
    assert!(version["revision"].is_string());
}

#[tokio::test]
async fn the_health_check_needs_nothing_but_the_settings() {
    let (directory, [own, other]) = (Directory::new("health"), [certificate(), certificate()]);
    let cert = directory.put("cert.pem", own.cert.pem());
    let key = directory.put("key.pem", own.signing_key.serialize_pem());
    let check = |settings: &[(&str, &str)], port: u16| {
        let mut command = program();
        command.arg("--check-health").env("REDUCTIONIST_PORT", port.to_string());
        for (name, value) in settings {
            command.env(name, value);
        }
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let plain = Running::start(program().args(["--shutdown-delay", "30s"]));
    // 0.0.0.0 is where it listens by default; it is asked on loopback.
    assert_eq!(check(&[], plain.port), (true, String::new()));
    let https = Running::start(program().arg("--https").arg("--cert-file").arg(&cert).arg("--key-file").arg(&key));
    let with = |settings: &[(&str, &str)]| {
        let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
        let of_https =
            [("REDUCTIONIST_HTTPS", "true"), ("REDUCTIONIST_CERT_FILE", cert), ("REDUCTIONIST_KEY_FILE", key)];
        check(&[&of_https[..], settings].concat(), https.port)
    };
    assert_eq!(with(&[]), (true, String::new()));
    let (is_healthy, told) = with(&[("REDUCTIONIST_CLIENT_CA_FILE", cert.to_str().unwrap())]);
    assert!(!is_healthy && told.contains("--admin-address"), "{told}");
    // Files that are changed, one after the other, do it no harm.
    directory.put("cert.pem", other.cert.pem());
    assert_eq!(with(&[]), (true, String::new()));
    let (is_healthy, told) = check(&[], https.port);
    assert!(!is_healthy && told.lines().count() == 1, "{told}");
    // One that is told to stop is not ready any more, but alive: it must not be replaced before it has finished.
    let id = plain.child.as_ref().unwrap().id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while Client::default().get(&format!("{}/readyz", plain.url())).await.status == 200 {
        assert!(std::time::Instant::now() < deadline);
    }
    assert_eq!(check(&[], plain.port), (true, String::new()));
    drop(plain);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (is_healthy, told) = check(&[], gone);
    assert!(!is_healthy && told.contains("nobody listens"), "{told}");
}
