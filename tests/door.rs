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

mod support;

use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, header};
use serde_json::{Value, json};
use support::{
    Client, Directory, Fixture, PUBLIC_BUCKET, Service,
    program::{Running, program},
    tls::{certificate, secure},
};
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
