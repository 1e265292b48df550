//! How requests come in and refusals go out, whatever a client sends: over real connections.
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

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, header};
use reductionist::resources::ClientId;
use serde_json::{Value, json};
use support::{
    Answer, Client, Directory, Fixture, PUBLIC_BUCKET, Service, merged,
    program::{Running, program},
};
use tls::{certificate, secure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Far longer than anything may take here.
const LONG: Duration = Duration::from_secs(30);

/// Longer than what is read of a body that nobody wants, before its answer.
const VERY_LONG: usize = 3_000_000;

/// A file of one token.
fn tokens(directory: &Directory) -> String {
    directory.put("tokens", "sesame\n").to_str().unwrap().to_owned()
}

/// Everything that comes back for these bytes on a connection of their own.
async fn exchanged(service: &Service, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    read_to_its_end(&mut stream).await
}

async fn read_to_its_end(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    timeout(LONG, stream.read_to_end(&mut text)).await.expect("it ends").expect("it is not broken");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test]
async fn a_refused_body_is_read_so_that_its_connection_goes_on() {
    let directory = Directory::new("door-tokens");
    let service = Service::start(&["--auth-token-file", &tokens(&directory)]).await;
    for (status, head) in [
        (401, "POST /v1/sum HTTP/1.1\r\nContent-Type: application/json"),
        (404, "POST /v1/mean HTTP/1.1"),
        (405, "PUT /v1/sum HTTP/1.1"),
        (415, "POST /v1/sum HTTP/1.1\r\nx-reductionist-token: sesame"),
        (
            415,
            "POST /v1/sum HTTP/1.1\r\nx-reductionist-token: sesame\r\nContent-Type: application/json\r\nContent-Encoding: gzip",
        ),
    ] {
        let mut stream = TcpStream::connect(service.address).await.unwrap();
        for last in ["keep-alive", "close"] {
            let head = format!("{head}\r\nHost: x\r\nConnection: {last}\r\nContent-Length: 500000\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            // In pieces, as a network would bring them.
            for _ in 0..5 {
                stream.write_all(&[b' '; 100_000]).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
        let answers = read_to_its_end(&mut stream).await;
        assert_eq!(answers.matches(&format!("HTTP/1.1 {status} ")).count(), 2, "{answers}");
        assert_eq!(answers.matches("connection: close").count(), 1, "only the last one asked for it: {answers}");
    }
}

#[tokio::test]
async fn an_answer_says_that_the_connection_ends_where_a_body_is_too_long_or_does_not_come() {
    let service = Service::start(&[]).await;
    let head = format!("Host: x\r\nContent-Type: application/json\r\nContent-Length: {VERY_LONG}\r\n\r\n");
    // The whole body is sent before the answer is looked at.
    for (path, status) in [("/v1/sum", 413), ("/v1/mean", 404)] {
        let request = [format!("POST {path} HTTP/1.1\r\n{head}").as_bytes(), &vec![b' '; VERY_LONG]].concat();
        let answer = exchanged(&service, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains("connection: close"), "{answer}");
        assert!(answer.ends_with("}}"), "all of it has come: {answer}");
    }
    let half = "POST /v1/mean HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
    let answer = exchanged(&service, half.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("connection: close"), "{answer}");
    // Who waits to be told that a body is wanted is not told so.
    let announced = format!("POST /v1/mean HTTP/1.1\r\nExpect: 100-continue\r\n{head}");
    let answer = exchanged(&service, announced.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("connection: close"), "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
}

#[tokio::test]
async fn a_refused_stream_is_not_reset_before_its_client_has_the_answer() {
    let (directory, certified) = (Directory::new("door-tls"), certificate());
    let cert = directory.put("cert.pem", certified.cert.pem());
    let key = directory.put("key.pem", certified.signing_key.serialize_pem());
    let running = Running::start(program().arg("--https").arg("--cert-file").arg(cert).arg("--key-file").arg(key));
    let stream = secure(running.port, &certified, None, b"h2").await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    drop(tokio::spawn(connection));
    for (path, len, status) in [("mean", 500_000, 404), ("mean", VERY_LONG, 404), ("sum", 500_000, 415)] {
        let request = Request::post(format!("https://localhost/v1/{path}")).header("content-length", len);
        let (answer, mut body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        let send = async {
            let mut left = len;
            while left > 0 {
                body.reserve_capacity(left);
                let room = std::future::poll_fn(|context| body.poll_capacity(context)).await;
                let piece = room.expect("it has not ended").expect("it is not reset").min(left);
                left -= piece;
                body.send_data(Bytes::from(vec![b' '; piece]), left == 0).expect("it is not reset");
            }
        };
        let receive = async {
            let answer = answer.await.expect("it is not reset");
            assert_eq!(answer.status(), status);
            let mut text = answer.into_body();
            while let Some(data) = text.data().await {
                let data = data.expect("it is not reset");
                text.flow_control().release_capacity(data.len()).unwrap();
            }
        };
        // Who has the answer need not send the rest.
        tokio::pin!(receive);
        let until_answered = async {
            tokio::select! { biased; () = &mut receive => {}, () = send => receive.await }
        };
        timeout(LONG, until_answered).await.expect("it is answered");
    }
}

/// A web server that says when it is asked, and answers when it is told to.
async fn slow_store() -> (TcpListener, Value) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/data", listener.local_addr().unwrap());
    (listener, json!({"interface_type": "http", "url": url, "dtype": "uint8", "size": 3}))
}

fn posted(body: &Value, more: &str) -> String {
    let (body, json) = (body.to_string(), "Content-Type: application/json");
    format!("POST /v2/sum HTTP/1.1\r\nHost: x\r\n{json}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_client_that_closes_its_side_gets_its_answer() {
    let (store, body) = slow_store().await;
    let service = Service::start(&[]).await;
    let mut client = TcpStream::connect(service.address).await.unwrap();
    client.write_all(posted(&body, "").as_bytes()).await.unwrap();
    let (mut asked, _) = store.accept().await.unwrap();
    client.shutdown().await.unwrap();
    // Whoever answers this has seen the other one close.
    assert_eq!(Client::default().get(&format!("{}/livez", service.url())).await.status, 200);
    let head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-2/3\r\nContent-Length: 3\r\n\r\n";
    asked.write_all(&[head.as_bytes(), &[1, 2, 3]].concat()).await.unwrap();
    let answer = read_to_its_end(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut silent = TcpStream::connect(service.address).await.unwrap();
    silent.shutdown().await.unwrap();
    assert_eq!(read_to_its_end(&mut silent).await, "", "a connection that asks nothing ends");
}

#[tokio::test]
async fn many_requests_of_a_client_that_closes_its_side_are_all_answered() {
    let service = Service::start(&[]).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let request = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(request.repeat(10).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read_to_its_end(&mut stream).await.matches("HTTP/1.1 200 OK").count(), 10);
}

#[tokio::test]
async fn a_request_of_http_1_1_says_once_which_host_it_is_for() {
    let service = Service::start(&[]).await;
    for (version, hosts, status) in [
        ("1.1", "Host: x\r\n", 200),
        ("1.0", "", 200),
        ("1.1", "", 400),
        ("1.1", "Host: x\r\nHost: x\r\n", 400),
        ("1.1", "Host: x y\r\n", 400),
    ] {
        let request = format!("GET /livez HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        let answer = exchanged(&service, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/{version} {status} ")), "{version} {hosts:?}: {answer}");
        assert_eq!(answer.contains("header Host"), status == 400, "{answer}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_by_the_name_of_its_header() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", vec![1, 2, 3]);
    let body = fixture.request("data", "uint8", json!({"bucket": PUBLIC_BUCKET}));
    for (encoding, status) in [("gzip", 415), ("zstd, identity", 415), ("identity", 200), ("", 200), ("IDENTITY", 200)]
    {
        let mut request = support::json_request(&format!("{}/v1/sum", fixture.service.url()), body.to_string(), None);
        request.headers_mut().insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
        let answer = fixture.client.send(request).await;
        assert_eq!(answer.status, status, "{encoding}");
        assert_eq!(String::from_utf8_lossy(&answer.body).contains("Content-Encoding"), status == 415, "{encoding}");
    }
}

#[tokio::test]
async fn an_escaped_slash_in_the_path_of_a_store_is_refused() {
    let fixture = Fixture::start(&["--allow-source", "http://127.0.0.1"]).await;
    for source in ["http://127.0.0.1/a%2Fb", "http://127.0.0.1/a%2fb/", "http://127.0.0.1/%5Ca"] {
        let answer = fixture.post("sum", &fixture.request("data", "uint8", json!({"source": source}))).await;
        assert_eq!(answer.status, 400, "{source}");
        assert!(answer.error().contains("source: must not have an escaped slash"), "{}", answer.error());
    }
}

/// What a page of this origin sends.
async fn sent_by_a_page(service: &Service, origin: &str, method: &str, body: &Value) -> Answer {
    let mut request = support::json_request(&format!("{}/v1/sum", service.url()), body.to_string(), None);
    *request.method_mut() = method.parse().unwrap();
    request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
    Client::default().send(request).await
}

/// What a browser asks before that.
async fn preflight(service: &Service, origin: &str) -> Answer {
    let request = Request::options(format!("{}/v1/sum", service.url()))
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,content-type,x-reductionist-token");
    Client::default().send(request.body(Full::default()).unwrap()).await
}

const ALLOWED: &str = "access-control-allow-origin";

#[tokio::test]
async fn scripts_of_listed_pages_may_ask_and_read_all_of_the_answer() {
    let directory = Directory::new("door-cors");
    let fixture = Fixture::start(&["--cors-allow-origin", "https://pages.example,http://localhost:8888"]).await;
    fixture.s3.put("data", vec![1, 2, 3]);
    let body = fixture.request("data", "uint8", json!({"bucket": PUBLIC_BUCKET}));
    for origin in ["https://pages.example", "http://localhost:8888"] {
        let answer = sent_by_a_page(&fixture.service, origin, "POST", &body).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (200, origin));
        let exposed: Vec<_> = answer.header("access-control-expose-headers").split(',').collect();
        let told = answer.headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-"));
        for name in told.chain(["x-activestorage-etag", "retry-after"]) {
            assert!(exposed.contains(&name), "{name} is not among {exposed:?}");
        }
        let refused = sent_by_a_page(&fixture.service, origin, "POST", &json!({})).await;
        assert_eq!((refused.status.as_u16(), refused.header(ALLOWED)), (400, origin), "and why it is refused");
    }
    for origin in ["https://pages.example.evil", "http://pages.example", "null"] {
        assert_eq!(sent_by_a_page(&fixture.service, origin, "POST", &body).await.header(ALLOWED), "");
        assert_eq!(preflight(&fixture.service, origin).await.header(ALLOWED), "");
    }
    // A browser asks first without any token, even where one is wanted.
    let flags = ["--cors-allow-origin", "https://pages.example", "--auth-token-file", &tokens(&directory)];
    let service = Service::start(&flags).await;
    let answer = preflight(&service, "https://pages.example").await;
    assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (200, "https://pages.example"));
    assert!(answer.header("access-control-allow-methods").contains("POST"));
    assert!(answer.header("access-control-allow-headers").contains("x-reductionist-token"));
    let refused = sent_by_a_page(&service, "https://pages.example", "POST", &json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.header(ALLOWED)), (401, "https://pages.example"));
}

#[tokio::test]
async fn pages_are_told_nothing_by_default_and_never_that_their_cookies_are_wanted() {
    let service = Service::start(&[]).await;
    let answers = [
        preflight(&service, "https://a.example").await,
        sent_by_a_page(&service, "https://a.example", "POST", &json!({})).await,
    ];
    for answer in answers {
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("access-control-")), "{answer:?}");
    }
    assert_eq!(preflight(&service, "https://a.example").await.status, 405);
    for origins in ["*", "https://a.example"] {
        let service = Service::start(&["--cors-allow-origin", origins]).await;
        let answer = preflight(&service, "https://a.example").await;
        assert_eq!(answer.header(ALLOWED), origins);
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn lists_beyond_use_are_refused_with_a_few_words() {
    let fixture = Fixture::start(&["--max-body-size", "4MiB"]).await;
    let zeros = |len: usize| vec![0; len];
    for (fields, told) in [
        (json!({"shape": [1], "axis": zeros(480_000)}), "axis: is longer than the 65536 bytes"),
        (json!({"shape": [1], "axis": zeros(1000)}), "axis: has 1000 entries; at most 64"),
        (json!({"filters": vec![json!({}); 90_000]}), "filters: is longer than"),
        (json!({"filters": vec![json!({"id": 1}); 1000]}), "filters: has 1000 entries; at most 32"),
        (json!({"codecs": vec![json!("bytes"); 1000]}), "codecs: has 1000 entries; at most 32"),
        (json!({"codecs": [{"name": "bytes", "configuration": {"endian": zeros(480_000)}}]}), "codecs: is longer than"),
        (json!({"shape": vec![1; 1000]}), "shape: has 1000 dimensions, at most 64"),
        (json!({"shape": [1], "selection": vec![Value::Null; 1000]}), "selection: has 1000 slices"),
        (json!({"compression": {"id": 6, "cd_values": zeros(30_000)}}), "no more than 20 cd_values, not 30000"),
        (json!({"compression": {"id": "zlib", "more": zeros(480_000)}}), "compression: is longer than"),
        (json!({"missing": {"missing_values": vec![1.5; 500]}}), "1.5 is not a value of uint8; and 495 more"),
        (json!({"object": "x".repeat(1_000_000)}), "object: is longer than"),
    ] {
        let answer = fixture.post("sum", &fixture.request("data", "uint8", fields)).await;
        let error = answer.error();
        assert!(answer.status == 400 && error.contains(told) && error.len() < 1000, "{told:?}: {error}");
    }
    let many: serde_json::Map<_, _> = (0..90_000).map(|field| (format!("field{field}"), json!(0))).collect();
    let answer = fixture.post("sum", &merged(fixture.request("data", "uint8", json!({})), Value::Object(many))).await;
    let error = answer.error();
    assert!(answer.status == 400 && error.contains("unknown field") && error.len() < 5000, "{error}");
    let (_, more) = error.rsplit_once("and: ").unwrap();
    let more: usize = more.strip_suffix(" more").unwrap().parse().unwrap();
    assert!((89_930..=90_000).contains(&more), "{more} and 64 that are told are all of them");
}

/// Bytes in use of a kind of memory.
fn used(service: &Service, resource: &str) -> usize {
    service.app.engine.resources.usages().find(|usage| usage.resource == resource).expect("there is one").used
}

#[tokio::test]
async fn what_a_request_keeps_while_its_store_is_slow_is_counted() {
    let service = Service::start(&["--memory-limit", "64MiB"]).await;
    let (store, body) = slow_store().await;
    for (values, least, most) in
        [((0..150_000).collect::<Vec<_>>(), 150_000 * 32, 16 << 20), (vec![7; 500_000], 0, 4096), (vec![7], 0, 4096)]
    {
        let body = merged(body.clone(), json!({"dtype": "int32", "size": 4, "missing": {"missing_values": values}}));
        let mut client = TcpStream::connect(service.address).await.unwrap();
        client.write_all(posted(&body, "").as_bytes()).await.unwrap();
        let (mut asked, _) = store.accept().await.unwrap();
        let counted = used(&service, "memory");
        assert!((least..=most).contains(&counted), "{counted} bytes for {} values", values.len());
        assert_eq!(used(&service, "long_requests"), 0, "it is a part of the plan now");
        let head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-3/4\r\nContent-Length: 4\r\nConnection: close\r\n\r\n";
        asked.write_all(&[head.as_bytes(), &7_i32.to_ne_bytes()].concat()).await.unwrap();
        client.shutdown().await.unwrap();
        let answer = read_to_its_end(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("count"), "{answer}");
        assert_eq!(used(&service, "memory"), 0);
    }
}

#[tokio::test]
async fn a_long_body_that_does_not_come_leaves_room_for_those_that_do() {
    let service = Service::start(&["--memory-limit", "64MiB", "--queue-timeout", "2s"]).await;
    let head = "POST /v1/sum HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    for length in ["Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "Content-Length: 1000000\r\n\r\n{"] {
        let mut stalled = TcpStream::connect(service.address).await.unwrap();
        stalled.write_all(format!("{head}{length}").as_bytes()).await.unwrap();
        while used(&service, "long_requests") == 0 {
            tokio::task::yield_now().await;
        }
        let long = json!({
            "interface_type": "http", "url": "http://127.0.0.1:1/key", "dtype": "int32", "size": 0, "fill_value": 1,
            "shape": [2], "missing": {"missing_values": (2..2000).collect::<Vec<_>>()},
        });
        let mut client = TcpStream::connect(service.address).await.unwrap();
        client.write_all(posted(&long, "").as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let answer = read_to_its_end(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}

#[tokio::test]
async fn a_half_closed_client_that_reads_slowly_gets_all_of_a_long_answer() {
    let directory = Directory::new("slowly");
    directory.put("zeros", vec![0; 24 << 20]);
    let service = Service::start(&["--file-root", directory.text()]).await;
    let body = json!({"interface_type": "file", "url": "file:///zeros", "dtype": "uint8"});
    let mut client = TcpStream::connect(service.address).await.unwrap();
    client.write_all(posted(&body, "").replace("/v2/sum", "/v2/select").as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let (mut len, mut piece, start) = (0, vec![0; 1 << 20], Instant::now());
    loop {
        match client.read(&mut piece).await.unwrap() {
            0 => break,
            read => len += read,
        }
        // Until well after a client that has gone would have been given up.
        if start.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    assert!(len > 24 << 20, "{len} bytes");
}

#[tokio::test]
async fn long_lists_of_missing_values_mean_the_same_however_often_a_value_is_there() {
    let fixture = Fixture::start(&[]).await;
    let data: Vec<f32> = vec![1.0, -0.0, 3.5, f32::NAN, 5.0, 2999.0];
    fixture.s3.put("data", bytemuck::cast_slice(&data).to_vec());
    let listed: Vec<Value> = (0..3000).chain(0..3000).map(|value| json!(f64::from(value))).collect();
    let listed: Vec<Value> = listed.into_iter().chain([json!("NaN"), json!("NaN")]).collect();
    let fields = json!({"missing": {"missing_values": listed}});
    let answer = fixture.post("sum", &fixture.request("data", "float32", fields)).await;
    assert_eq!((answer.value::<f32>(), answer.count()), (3.5, json!(1)));
}

#[tokio::test]
async fn a_long_body_is_read_where_it_holds_up_nobody() {
    let fixture = Fixture::start(&["--thread-limit", "1"]).await;
    let (long, short) = (json!({"colour": "blue ".repeat(10_000)}), json!({}));
    let thread = fixture.service.app.engine.resources.thread(ClientId(1)).await.expect("it is free");
    let answers = fixture.post("sum", &long);
    tokio::pin!(answers);
    // Short ones are answered meanwhile.
    tokio::select! {
        biased;
        answer = &mut answers => panic!("the only thread is not free: {answer:?}"),
        answer = fixture.post("sum", &short) => assert_eq!(answer.status, 400),
    }
    drop(thread);
    assert!(answers.await.error().contains("colour: unknown field"));
}
