//! The program itself: settings, signals, HTTPS, and what it writes.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod tls;

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use reductionist::{
    credentials::TlsFiles,
    http::{self, EventLoops},
};
use serde_json::json;
use support::{
    ACCESS_KEY, Client, Directory, PRIVATE_BUCKET, PUBLIC_BUCKET, S3, SECRET_KEY, Service,
    program::{Running, program, program_after},
    side_by_side,
    web::Web,
};
use tls::{Trusted, builder, certificate, http2, secure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn terminate_and_interrupt_end_it_with_success() {
    for signal in ["-TERM", "-INT"] {
        let (is_success, log) = Running::start(&mut program()).stop(signal);
        assert!(is_success, "{signal}: {log}");
        assert_eq!(log.matches("--allow-source").count(), 1, "an open server says so once: {log}");
    }
}

/// A store that takes a request and never answers.
fn silent_store() -> (String, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    (format!("http://{}", listener.local_addr().unwrap()), listener)
}

#[tokio::test]
async fn it_says_that_it_stops_before_it_stops_and_a_second_signal_ends_it_at_once() {
    let running = Running::start(program().args(["--shutdown-delay", "30s", "--shutdown-timeout", "60s"]));
    let (store, _listener) = silent_store();
    let (client, url) = (Client::default(), running.url());
    let body = json!({"source": store, "bucket": "bucket", "object": "object", "dtype": "uint8"});
    let (slow, endless) = (client.clone(), format!("{url}/v1/sum"));
    let in_flight = tokio::spawn(async move { slow.post(&endless, &body).await });
    assert_eq!(client.get(&format!("{url}/readyz")).await.status, 200);
    running.tell("-TERM");
    let deadline = Instant::now() + Duration::from_secs(10);
    let answer = loop {
        let answer = Client::default().get(&format!("{url}/readyz")).await;
        if answer.status != 200 || Instant::now() > deadline {
            break answer;
        }
    };
    assert_eq!(answer.status, 503, "new connections are taken, and told");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(client.get(&format!("{url}/livez")).await.status, 200);
    let start = Instant::now();
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-TERM")).await.unwrap();
    assert!(is_success && start.elapsed() < Duration::from_secs(10), "{log}");
    in_flight.abort();
}

/// Those who look into the log for lost requests should not be told that the clients left.
#[tokio::test]
async fn what_the_service_gives_up_at_its_end_is_not_said_to_be_given_up_by_clients() {
    let running = Running::start(program().args(["--shutdown-timeout", "1s"]));
    let (store, listener) = silent_store();
    let url = running.url();
    let body = json!({"source": store, "bucket": "bucket", "object": "object", "dtype": "uint8"});
    let in_flight = tokio::spawn(async move { Client::default().post(&format!("{url}/v1/sum"), &body).await });
    // It has asked its store, so that it is in flight.
    let _asked = tokio::task::spawn_blocking(move || listener.accept().unwrap()).await.unwrap();
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(is_success && !log.contains("given up by the client"), "{log}");
    assert!(
        log.lines().any(|line| line.contains("given up, as the service ends") && line.contains("/v1/sum")),
        "{log}"
    );
    assert!(in_flight.await.is_err(), "there is no answer");
}

#[tokio::test]
async fn a_person_does_not_wait_for_others_to_look() {
    let running = Running::start(program().args(["--shutdown-delay", "60s"]));
    let start = Instant::now();
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(is_success && start.elapsed() < Duration::from_secs(10), "{log}");
}

#[test]
fn a_setting_that_makes_no_sense_is_told_in_one_line() {
    for (variable, value, name) in [
        ("REDUCTIONIST_PORT", "http", "--port"),
        ("REDUCTIONIST_MEMORY_LIMIT", "much", "--memory-limit"),
        ("REDUCTIONIST_THREAD_LIMIT", "0", "--thread-limit"),
        ("REDUCTIONIST_ALLOW_SOURCE", "https://store/a,nonsense", "--allow-source"),
        ("REDUCTIONIST_HOST", "no-such-host.invalid", "--host"),
        ("REDUCTIONIST_HTTPS", "true", "--cert-file"),
        ("REDUCTIONIST_FILE_ROOT", "/no/such/directory", "--file-root"),
        ("REDUCTIONIST_FILE_ROOT", "/etc/passwd", "--file-root"),
        ("REDUCTIONIST_CA_BUNDLE", "/no/such/file", "--ca-bundle"),
        ("REDUCTIONIST_CA_BUNDLE", "/etc/passwd", "--ca-bundle"),
        ("REDUCTIONIST_ALLOW_SOURCES", "https://store.example", "REDUCTIONIST_ALLOW_SOURCE may be meant"),
        ("REDUCTIONIST_AUTH_TOKENS", "/etc/tokens", "REDUCTIONIST_AUTH_TOKEN_FILE may be meant"),
        ("REDUCTIONIST_CLIENT_CA", "/etc/ca.pem", "REDUCTIONIST_CLIENT_CA_FILE may be meant"),
        ("RUST_LOG", "info=loud", "RUST_LOG"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ] {
        let output = program().env("HOME", "/no/such/home").env(variable, value).output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("reductionist: ") && stderr.contains(name), "{stderr}");
    }
    let output = program().args(["--https", "--cert-file", "/nothing", "--key-file", "/nothing"]).output().unwrap();
    assert!(text(&output.stderr).contains("/nothing"), "{output:?}");
}

/// What the program writes to its log until it is told to stop.
fn log_of(command: &mut Command) -> String {
    let (is_success, log) = Running::start(command).stop("-INT");
    assert!(is_success, "{log}");
    log
}

#[test]
fn settings_that_may_not_mean_what_they_say_are_told_at_the_start() {
    let store = "https://store.example";
    for (variable, value, told) in [
        ("REDUCTIONIST_MEM_LIMIT", "1GiB", "REDUCTIONIST_MEMORY_LIMIT may be meant"),
        ("REDUCTIONIST_MEMORY_LIMIT", "1000TiB", "--memory-limit 1099511627776000 is more than"),
        ("REDUCTIONIST_SHUTDOWN_TIMEOUT", "10", "--shutdown-timeout 10s is shorter than --request-timeout 60s"),
        ("REDUCTIONIST_ALLOW_SOURCE", "https://store.example/*", "https://store.example/*: * stands for itself"),
        ("REDUCTIONIST_ALLOW_SOURCE", "https://*.example", "https://*.example: * stands for itself"),
        (
            "REDUCTIONIST_S3_OWN_CREDENTIALS",
            "http://store.example",
            "http://store.example is outside of --allow-source",
        ),
        (
            "OTEL_EXPORTER_JAEGER_AGENT_HOST",
            "10.0.0.1",
            "OTEL_EXPORTER_OTLP_ENDPOINT, for Jaeger to http://10.0.0.1:4318",
        ),
    ] {
        let log = log_of(program().env("REDUCTIONIST_ALLOW_SOURCE", store).env(variable, value));
        let lines: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
        assert!(lines.len() == 1 && lines[0].contains(told), "{log}");
    }
    let log = log_of(program().env("REDUCTIONIST_ALLOW_SOURCE", store).args(["--s3-own-credentials", store]));
    assert!(!log.contains("WARN"), "{log}");
}

#[test]
fn what_kubernetes_sets_for_a_service_of_that_name_is_not_for_the_program() {
    let address = "10.0.0.1";
    let variables = [
        ("PORT", "tcp://10.0.0.1:8080"),
        ("SERVICE_HOST", address),
        ("SERVICE_PORT", "8080"),
        ("SERVICE_PORT_HTTP", "8080"),
        ("PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("PORT_8080_TCP_PROTO", "tcp"),
        ("PORT_8080_TCP_PORT", "8080"),
        ("PORT_8080_TCP_ADDR", address),
    ];
    let variables = variables.map(|(name, value)| format!("REDUCTIONIST_{name}={value}")).join(" ");
    let source = "--allow-source=https://store.example";
    let log = log_of(program_after(&format!("export {variables}")).args(["--port", "0", source]));
    assert!(!log.contains("WARN"), "{log}");
    let output = program().env("REDUCTIONIST_PORT", "tcp://10.0.0.1:8080").arg("--help").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = program().args(["--port", "tcp://10.0.0.1:8080"]).output().unwrap();
    assert!(text(&output.stderr).contains("--port"), "a flag is meant for the program: {output:?}");
}

/// The environment that the earlier server's playbook sets, and flags that it had under other names.
#[test]
fn the_environment_and_the_flags_of_the_earlier_server_are_taken() {
    let (home, certified) = (Directory::new("earlier"), certificate());
    home.put(".config/reductionist/certs/cert.pem", certified.cert.pem());
    home.put(".config/reductionist/certs/key.pem", certified.signing_key.serialize_pem());
    let variables = [
        ("OTEL_EXPORTER_JAEGER_AGENT_HOST", "192.0.2.1"),
        ("REDUCTIONIST_ENABLE_JAEGER", "false"),
        ("REDUCTIONIST_HTTPS", "true"),
        ("REDUCTIONIST_USE_RAYON", "false"),
        ("REDUCTIONIST_MEMORY_LIMIT", "2000000000"),
        ("REDUCTIONIST_S3_CONNECTION_LIMIT", "64"),
        ("REDUCTIONIST_HTTP_CONNECTION_LIMIT", "64"),
        ("REDUCTIONIST_THREAD_LIMIT", "2"),
        ("REDUCTIONIST_SHUTDOWN_TIMEOUT", "60"),
        ("REDUCTIONIST_USE_CHUNK_CACHE", "true"),
        ("REDUCTIONIST_CHUNK_CACHE_PATH", "/cache"),
        ("REDUCTIONIST_CHUNK_CACHE_AGE", "86400"),
        ("REDUCTIONIST_CHUNK_CACHE_PRUNE_INTERVAL", "3600"),
        ("REDUCTIONIST_CHUNK_CACHE_SIZE_LIMIT", "10GB"),
        ("REDUCTIONIST_CHUNK_CACHE_QUEUE_SIZE", "32"),
        ("REDUCTIONIST_CHUNK_CACHE_KEY", "%url-%offset-%size-%auth"),
        ("REDUCTIONIST_CHUNK_CACHE_BYPASS_AUTH", "true"),
    ];
    let log = log_of(program().env("HOME", home.text()).envs(variables));
    for (variable, _) in variables.iter().filter(|(name, _)| name.contains("CACHE")) {
        assert!(log.contains(variable), "{variable} is not told: {log}");
    }
    assert!(log.contains("https=true") || log.contains("\"https\":true"), "{log}");

    let flags = "--graceful-shutdown-timeout 60 --connection-limit-http 64 --connection-limit-s3 64 --memory-limit 2000000000 \
                 --thread-limit 2 --use-rayon --https --cert-file ~/.config/reductionist/certs/cert.pem \
                 --key-file ~/.config/reductionist/certs/key.pem --use-chunk-cache --chunk-cache-path /cache \
                 --chunk-cache-age 86400 --chunk-cache-prune-interval 3600 --chunk-cache-size-limit 10GB \
                 --chunk-cache-buffer-size 32 --chunk-cache-key %url-%auth --chunk-cache-bypass-auth";
    let log = log_of(program().env("HOME", home.text()).args(flags.split_whitespace()));
    assert_eq!(log.matches("no effect in this version").count(), 8, "{log}");
    let output = program().args(["--enable-jaeger", "--host", "127.0.0.1", "--port", "1", "--check-health"]).output();
    assert!(text(&output.unwrap().stderr).contains("nobody listens"), "they are taken");
}

#[test]
fn a_certificate_that_the_user_may_not_read_is_named() {
    let home = Directory::new("no-certificate");
    let output = program().env("HOME", home.text()).arg("--https").output().unwrap();
    let expected = format!("{}/.config/reductionist/certs/cert.pem: No such file", home.text());
    assert!(text(&output.stderr).contains(&expected), "{output:?}");
    assert!(text(&output.stderr).contains("--cert-file"), "{output:?}");
}

#[tokio::test]
async fn idle_clients_leave_files_for_those_who_read() {
    let s3 = S3::start(0).await;
    s3.put("data", vec![1, 2, 3]);
    let running = Running::start(&mut program_after("ulimit -n 100"));
    let (url, body) =
        (running.url(), json!({"source": s3.url(), "bucket": PRIVATE_BUCKET, "object": "data", "dtype": "uint8"}));
    let readers: Vec<_> = (0..20).map(|_| Client::default()).collect();
    for reader in &readers {
        assert_eq!(reader.get(&format!("{url}/livez")).await.status, 200);
    }
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(TcpStream::connect(("127.0.0.1", running.port)).await.unwrap());
    }
    side_by_side(readers.iter().map(|reader| async {
        assert_eq!(reader.post(&format!("{url}/v1/sum"), &body).await.value::<u64>(), 6);
    }))
    .await;
    drop(idle);
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(is_success && log.contains("the limit is 100") && !log.contains("cannot accept connections"), "{log}");

    let output = program_after("ulimit -n 12").args(["--port", "0"]).output().unwrap();
    assert!(!output.status.success(), "{output:?}");
}

#[test]
fn an_error_that_nobody_can_read_is_one_all_the_same() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(program().arg("--no-such-flag").stderr(full).status().unwrap().code(), Some(1));
}

#[test]
fn help_and_version_are_no_errors() {
    let output = program().arg("--help").output().unwrap();
    assert!(output.status.success() && text(&output.stdout).contains("REDUCTIONIST_MEMORY_LIMIT"));
    let output = program().arg("--version").output().unwrap();
    assert!(output.status.success() && text(&output.stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn logs_hold_no_secret_however_much_is_logged() {
    let s3 = S3::start(0).await;
    s3.put("data", vec![1, 2, 3]);
    let running = Running::start(
        program().env("RUST_LOG", "trace").env("REDUCTIONIST_USE_CHUNK_CACHE", "true").arg("--read-timeout=1s"),
    );
    let body = json!({"source": s3.url(), "bucket": support::PRIVATE_BUCKET, "object": "data", "dtype": "uint8"});
    let url = format!("{}/v1/sum", running.url());
    let client = Client::default();
    assert_eq!(client.post(&url, &body).await.value::<u64>(), 6);
    let wrong = client.post_as(&url, &body, Some((support::ACCESS_KEY, "wrong-guess"))).await;
    assert_eq!(wrong.status, 401);
    let mut request = support::json_request(&url, body.to_string(), Some((ACCESS_KEY, SECRET_KEY)));
    request.headers_mut().insert("x-amz-security-token", "passing-token".parse().unwrap());
    client.send(request).await;
    let directory = Directory::new("logs");
    directory.put("private/data", [1, 2, 3]);
    let web = Web::start(&directory.0).await;
    let body = json!({"interface_type": "http", "url": format!("{}/private/data", web.url()), "dtype": "uint8"});
    let url = format!("{}/v2/sum", running.url());
    assert_eq!(client.post(&url, &body).await.status, 200);
    // The client holds a connection open, which must not keep the program from ending.
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-TERM")).await.unwrap();
    assert!(is_success);
    assert!(
        log.contains("REDUCTIONIST_USE_CHUNK_CACHE") && log.contains("no effect"),
        "settings without effect are told"
    );
    assert!(log.len() > 10_000, "trace is on");
    use headers::{Authorization, HeaderMap, HeaderMapExt};
    let mut encoded = HeaderMap::new();
    encoded.typed_insert(Authorization::basic(ACCESS_KEY, SECRET_KEY));
    let encoded = encoded["authorization"].to_str().unwrap().trim_start_matches("Basic ");
    for secret in [SECRET_KEY, "wrong-guess", "passing-token", encoded] {
        assert!(!log.contains(secret), "{secret} is logged");
    }
}

#[tokio::test]
async fn its_own_credentials_are_for_what_the_operator_lists() {
    let s3 = S3::start(0).await;
    for bucket in [PRIVATE_BUCKET, "private-too", PUBLIC_BUCKET] {
        s3.store.put(bucket, "data", vec![1_u8, 2, 3]);
    }
    let with_keys = |command: &mut Command| {
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        Running::start(command)
    };
    let listed = format!("{}/{PRIVATE_BUCKET}", s3.url());
    let lists_it = with_keys(program().env("REDUCTIONIST_S3_OWN_CREDENTIALS", &listed));
    let lists_nothing = with_keys(&mut program());
    let client = Client::default();
    let status = async |running: &Running, path: &str, credentials| {
        let url = format!("{}/{path}", s3.url());
        let body = json!({"interface_type": "s3", "url": url, "dtype": "uint8"});
        client.post_as(&format!("{}/v2/sum", running.url()), &body, credentials).await.status.as_u16()
    };
    assert_eq!(status(&lists_it, "private/data", None).await, 200);
    // Not for what merely looks like it, and never in place of a reader's own.
    for path in ["private-too/data", "private/../private-too/data", "private/%2E%2E/private-too/data"] {
        assert_eq!(status(&lists_it, path, None).await, 401, "{path}");
    }
    assert_eq!(status(&lists_it, "private/data", Some((ACCESS_KEY, "guess"))).await, 401);
    assert_eq!(status(&lists_it, "private/data", Some(("somebody", SECRET_KEY))).await, 401);
    assert_eq!(status(&lists_it, "private-too/data", Some((ACCESS_KEY, SECRET_KEY))).await, 200);
    assert_eq!(status(&lists_it, "public/data", None).await, 200);
    assert_eq!(status(&lists_nothing, "private/data", None).await, 401);
}

#[tokio::test]
async fn stores_signed_by_an_authority_of_the_operators_own_are_believed() {
    let directory = Directory::new("authority");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let bundle = directory.put("authority.pem", certified.cert.pem());
    let key = directory.put("key.pem", certified.signing_key.serialize_pem());
    let answer = || async { ([("content-range", "bytes 2-5/10")], vec![3_u8, 4, 5, 6]) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (router, tls) = (axum::Router::new().fallback(answer), http::Tls::from_files(files(&bundle, &key)).unwrap());
    let (event_loops, options) = (EventLoops::current(router), support::serve_options(Some(tls)));
    let store = tokio::spawn(async move { http::serve(listener, &event_loops, options, std::future::pending()).await });

    let believes = Service::start(&["--ca-bundle", bundle.to_str().unwrap()]).await;
    let doubts = Service::start(&["--retries", "0"]).await;
    for interface in ["s3", "https"] {
        let url = format!("https://localhost:{port}/bucket/key");
        let body = json!({"interface_type": interface, "url": url, "dtype": "uint8", "offset": 2, "size": 4});
        let ask =
            async |service: &Service| Client::default().post(&format!("{}/v2/select", service.url()), &body).await;
        let answer = ask(&believes).await;
        assert_eq!(answer.status, 200, "{interface}: {}", answer.error());
        assert_eq!(answer.result(), [3, 4, 5, 6]);
        let answer = ask(&doubts).await;
        assert_eq!(answer.status, 502, "{interface}");
        assert!(answer.error().contains("certificate"), "{interface}: {}", answer.error());
    }
    store.abort();
}

fn files(cert: &Path, key: &Path) -> TlsFiles {
    TlsFiles { cert: cert.to_owned(), key: key.to_owned(), client_ca: None }
}

/// The service with HTTPS and these files.
fn with_https(cert: &Path, key: &Path, flags: &[&str]) -> Running {
    Running::start(program().arg("--https").arg("--cert-file").arg(cert).arg("--key-file").arg(key).args(flags))
}

/// The first line of what a connection of HTTP/1.1 is answered.
async fn asked(
    stream: std::io::Result<tokio_rustls::client::TlsStream<TcpStream>>,
    path: &str,
) -> std::io::Result<String> {
    let mut stream = stream?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn https_serves_the_same_in_both_versions_of_http() {
    let (directory, certified) = (Directory::new("https"), certificate());
    let cert = directory.put("cert.pem", certified.cert.pem());
    let key = directory.put("key.pem", certified.signing_key.serialize_pem());
    let running = with_https(&cert, &key, &[]);
    let stream = secure(running.port, &certified, None, b"http/1.1").await;
    assert_eq!(asked(stream, "/metrics").await.unwrap(), "HTTP/1.1 200 OK");

    let sender = http2(running.port, &certified, &mut builder()).await;
    side_by_side((0..100).map(|_| {
        let mut sender = sender.clone();
        async move {
            let request = hyper::Request::post("https://localhost/v1/sum").header("content-type", "application/json");
            let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
            let answer = sender.send_request(request).await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (400, hyper::Version::HTTP_2));
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert!(text(&body).contains("source: is required"), "{}", text(&body));
        }
    }))
    .await;
    let (is_success, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(is_success && !log.contains("gave up"), "an idle connection is no request in flight: {log}");
}

#[tokio::test]
async fn logs_hold_no_secret_of_http_2() {
    let (directory, certified) = (Directory::new("h2-logs"), certificate());
    let cert = directory.put("cert.pem", certified.cert.pem());
    let key = directory.put("key.pem", certified.signing_key.serialize_pem());
    let tokens = directory.put("tokens", "open-sesame");
    let mut command = program();
    command.env("RUST_LOG", "trace").arg("--https").arg("--cert-file").arg(&cert).arg("--key-file").arg(&key);
    let running = Running::start(command.arg("--auth-token-file").arg(&tokens));
    let mut sender = http2(running.port, &certified, &mut builder()).await;
    for token in ["open-sesame", "closed-sesame"] {
        let mut request =
            support::json_request("https://localhost/v1/sum", "{}".to_owned(), Some((ACCESS_KEY, SECRET_KEY)));
        request.headers_mut().insert("x-amz-security-token", "passing-token".parse().unwrap());
        request.headers_mut().insert("x-reductionist-token", token.parse().unwrap());
        request.headers_mut().remove("host");
        let status = sender.send_request(request).await.unwrap().status();
        assert_eq!(status, if token == "open-sesame" { 400 } else { 401 });
    }
    drop(sender);
    let (_, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(log.len() > 2_000, "trace is on");
    for secret in [SECRET_KEY, "passing-token", "open-sesame", "closed-sesame", "c3RvcmVrZWVwZXI6"] {
        assert!(!log.contains(secret), "{secret} is logged");
    }
}

#[tokio::test]
async fn what_came_of_a_body_that_is_given_up_is_not_taken_for_all_of_it() {
    let (directory, certified) = (Directory::new("h2-begun"), certificate());
    let cert = directory.put("cert.pem", certified.cert.pem());
    let key = directory.put("key.pem", certified.signing_key.serialize_pem());
    let running = with_https(&cert, &key, &[]);
    let (mut sender, connection) =
        h2::client::handshake(secure(running.port, &certified, None, b"h2").await.unwrap()).await.unwrap();
    drop(tokio::spawn(connection));
    let request = hyper::Request::post("https://localhost/v1/sum").header("content-type", "application/json");
    let request = request.header("content-length", 100).body(()).unwrap();
    let (_answer, mut body) = sender.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(br#"{"source": "http://a.example""#), false).unwrap();
    // Whoever answers this has read that.
    let request = hyper::Request::get("https://localhost/livez").body(()).unwrap();
    assert_eq!(sender.send_request(request, true).unwrap().0.await.unwrap().status(), 200);
    body.send_reset(h2::Reason::NO_ERROR);
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut asking = http2(running.port, &certified, &mut builder()).await;
    while {
        let request = hyper::Request::get("https://localhost/metrics").body(Full::<Bytes>::default()).unwrap();
        let metrics = asking.send_request(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        !text(&metrics).contains(r#"outgoing_response{http_method="POST",path="/v1/sum""#)
    } {
        assert!(Instant::now() < deadline, "it is still waited for");
    }
    let (_, log) = tokio::task::spawn_blocking(|| running.stop("-INT")).await.unwrap();
    assert!(log.contains("given up by the client") || log.contains("the request body could not be read"), "{log}");
    assert!(!log.contains("is not a JSON object"), "{log}");
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not() {
    let (directory, [first, second]) = (Directory::new("reload"), [certificate(), certificate()]);
    let put = |certified: Trusted<'_>| {
        directory.put("key.pem", certified.signing_key.serialize_pem());
        directory.put("cert.pem", certified.cert.pem())
    };
    let cert = put(&first);
    let running = with_https(&cert, &cert.with_file_name("key.pem"), &[]);
    let shows = async |certified| {
        asked(secure(running.port, certified, None, b"http/1.1").await, "/livez")
            .await
            .is_ok_and(|line| line.contains("200"))
    };
    assert!(shows(&first).await && !shows(&second).await);

    directory.put("cert.pem", "no certificate");
    running.tell("-HUP");
    for _ in 0..20 {
        assert!(shows(&first).await, "the old one stays");
    }

    put(&second);
    running.tell("-HUP");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !shows(&second).await {
        assert!(Instant::now() < deadline, "the new certificate is not taken");
    }
    assert!(!shows(&first).await);
    let (is_success, log) = running.stop("-INT");
    assert!(is_success && log.contains("the old ones stay") && log.contains("a new certificate is in use"), "{log}");
}

#[tokio::test]
async fn a_hangup_ends_nothing_and_has_the_tokens_read_again() {
    let directory = Directory::new("new-tokens");
    let tokens = directory.put("tokens", "first\n");
    let running = Running::start(program().arg("--auth-token-file").arg(&tokens));
    let lets_in = async |token: &str| {
        let mut request = support::json_request(&format!("{}/v1/sum", running.url()), "{}", None);
        request.headers_mut().insert("x-reductionist-token", token.parse().unwrap());
        Client::default().send(request).await.status != 401
    };
    directory.put("tokens", "# none left\n");
    running.tell("-HUP");
    for _ in 0..20 {
        assert!(lets_in("first").await, "the old ones stay");
    }
    directory.put("tokens", "second\n");
    running.tell("-HUP");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !lets_in("second").await {
        assert!(Instant::now() < deadline, "the new token is not taken");
    }
    assert!(!lets_in("first").await);
    let (is_success, log) = running.stop("-INT");
    assert!(is_success && log.contains("the old ones stay") && log.contains("new tokens are in use"), "{log}");
    assert!(!log.contains("first") && !log.contains("second"), "{log}");
}

#[tokio::test]
async fn clients_need_a_certificate_where_the_operator_says_so() {
    let (directory, [server, client, other]) = (Directory::new("mtls"), [certificate(), certificate(), certificate()]);
    let cert = directory.put("cert.pem", server.cert.pem());
    let key = directory.put("key.pem", server.signing_key.serialize_pem());
    let authority = directory.put("clients.pem", client.cert.pem());
    let running = with_https(&cert, &key, &["--client-ca-file", authority.to_str().unwrap()]);
    let answer = async |client| asked(secure(running.port, &server, client, b"http/1.1").await, "/livez").await;
    assert_eq!(answer(Some(&client)).await.unwrap(), "HTTP/1.1 200 OK");
    assert!(answer(None).await.is_err());
    assert!(answer(Some(&other)).await.is_err());
}

#[tokio::test]
async fn operations_need_a_token_where_the_operator_says_so() {
    let directory = Directory::new("tokens");
    let tokens = directory.put("tokens", "open sesame\n");
    let service = Service::start(&["--auth-token-file", tokens.to_str().unwrap()]).await;
    let post = async |token: Option<&str>| {
        let request =
            hyper::Request::post(format!("{}/v1/sum", service.url())).header("content-type", "application/json");
        let request = token.into_iter().fold(request, |request, token| request.header("x-reductionist-token", token));
        Client::default().send(request.body(Full::new(Bytes::from_static(b"{}"))).unwrap()).await
    };
    for token in [None, Some("sesame"), Some("")] {
        let answer = post(token).await;
        assert_eq!(answer.status, 401, "{}", answer.error());
        assert!(answer.error().contains("x-reductionist-token"), "{}", answer.error());
    }
    assert_eq!(post(Some("open sesame")).await.status, 400, "it is let in, and told what is missing");
    for path in ["metrics", "livez", "readyz"] {
        assert_eq!(Client::default().get(&format!("{}/{path}", service.url())).await.status, 200, "{path}");
    }
}
