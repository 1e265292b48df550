//! What operators see: metrics, log lines, and the pages for those who watch.
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
    collections::BTreeMap,
    io::{BufRead, BufReader},
    os::fd::OwnedFd,
    time::Duration,
};

use serde_json::{Value, json};
use support::{
    Client, Directory, Fixture, PRIVATE_BUCKET, Service,
    encode::zlib,
    json_request,
    program::{Listening, Running, listening, program, tell},
};
use tls::certificate;
use tokio::net::TcpListener;

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
    let elements: Vec<u8> = (0..64).map(|element| element as f32).flat_map(f32::to_le_bytes).collect();
    let (chunk, url) = (zlib(&elements), fixture.service.url());
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

/// What reads the log may be slow, or have stopped: a log driver, a terminal. The last line that it takes is not the end of
/// the service. Where it is a journal, standard output is the same.
#[tokio::test]
async fn a_log_that_nobody_reads_stops_nothing() {
    let (log, journal) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let mut command = program();
    command.env("REDUCTIONIST_HOST", "127.0.0.1").env("REDUCTIONIST_PORT", "0");
    command.stdout(OwnedFd::from(journal.try_clone().expect("a socket"))).stderr(OwnedFd::from(journal));
    let mut child = command.spawn().expect("it starts");
    drop(command);
    let mut log = BufReader::new(log).lines();
    let port = loop {
        if let Some(Listening::Everybody(port)) = listening(&log.next().expect("it listens").expect("a line")) {
            break port;
        }
    };
    let url = format!("http://127.0.0.1:{port}");
    let refused = async || {
        let (client, url) = (Client::default(), format!("{url}/v1/sum"));
        for _ in 0..250 {
            assert_eq!(client.send(json_request(&url, "{}", None)).await.status, 400);
        }
    };
    let more_than_fits = async {
        while series(&url).await["reductionist_log_lines_dropped_total"] == 0.0 {
            tokio::join!(refused(), refused(), refused(), refused());
        }
    };
    tokio::time::timeout(Duration::from_secs(120), more_than_fits).await.expect("requests go on");
    assert_eq!(Client::default().get(&format!("{url}/livez")).await.status, 200);
    tell(&child, "-INT");
    let ended = tokio::task::spawn_blocking(move || child.wait().expect("it was started"));
    let status = tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends").expect("no panic");
    assert!(status.success(), "{status}");
}

#[test]
fn an_empty_filter_of_the_log_is_none() {
    let (_, log) = Running::start(program().env("RUST_LOG", "")).stop("-INT");
    assert!(log.contains("--allow-source"), "{log}");
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

/// Probes give up after some seconds, and then the service is replaced.
#[tokio::test]
async fn operators_do_not_wait_for_connections_that_say_nothing() {
    let running = Running::start(program().args(["--admin-address", "127.0.0.1:0"]));
    let port = running.admin_port.unwrap();
    let silent: Vec<_> = (0..130).map(|_| std::net::TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    let (client, url) = (Client::default(), format!("{}/livez", running.admin_url()));
    let answer = tokio::time::timeout(Duration::from_secs(5), client.get(&url)).await;
    assert_eq!(answer.expect("in time").status, 200);
    drop(silent);
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
    plain.tell("-TERM");
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
