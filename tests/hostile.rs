//! Random and mutated bodies, and mutated chunks: the service answers all of them, never with a wrong number and
//! never with a defect of its own.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use serde_json::{Value, json};
use support::{
    Answer, Client, Fixture, PUBLIC_BUCKET, S3, Service,
    encode::{gzip, shuffle, zlib},
    side_by_side,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

const CASES: u64 = 10_000;
const CLIENTS: u64 = 8;

/// SplitMix64 (Steele, Lea and Flood, 2014): the same cases in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Flips, overwrites, inserts, removes, repeats or cuts off some bytes.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(8) {
                _ if bytes.is_empty() => bytes.push(self.next() as u8),
                0..3 => bytes[at] ^= 1 << self.below(8),
                3 => bytes[at] = self.next() as u8,
                4 => bytes.insert(at, self.next() as u8),
                5 => drop(bytes.remove(at)),
                6 => {
                    let end = at + self.below(bytes.len() - at);
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => bytes.truncate(at),
            }
        }
    }
}

/// Policy and time-outs keep mutated sources from being asked.
async fn fixture() -> Fixture {
    let s3 = S3::start(0).await;
    let source = s3.url();
    let flags = [
        "--allow-source",
        &source,
        "--file-root",
        "tests/vectors",
        "--max-decoded-size",
        "16MiB",
        "--memory-limit",
        "1GiB",
        "--retries",
        "0",
    ];
    let service = Service::start(&flags).await;
    Fixture { s3, service, client: Client::default() }
}

#[track_caller]
fn assert_in_table(answer: &Answer, sent: &dyn std::fmt::Debug) {
    let status = answer.status.as_u16();
    assert!([200, 400, 401, 403, 404, 405, 413, 415].contains(&status), "{status} {:?} to {sent:?}", answer.error());
    if status != 200 {
        assert!(!answer.json()["error"]["message"].as_str().unwrap_or_default().is_empty(), "{sent:?}");
    }
}

fn nasty(random: &mut Random) -> Value {
    let pool = [
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(-1),
        json!(2),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e308),
        json!(-0.0),
        json!(0.5),
        json!(""),
        json!("NaN"),
        json!("-Infinity"),
        json!("float32"),
        json!("int8"),
        json!("big"),
        json!("F"),
        json!("zlib"),
        json!("s3"),
        json!("file"),
        json!("file:///float32.raw"),
        json!("file:///../vectors.rs"),
        json!("http://127.0.0.1:1/bucket/key"),
        json!("\u{0}\u{7f}é"),
        json!("x".repeat(300)),
        json!([]),
        json!([0]),
        json!([[]]),
        json!([null]),
        json!([[0, 1, 1]]),
        json!([[i64::MAX, i64::MIN, i64::MIN], [u64::MAX, 0, -1]]),
        json!([4, 8]),
        json!([1, 32]),
        json!([u64::MAX, 2]),
        json!([-1, 0]),
        json!({}),
        json!({"id": "zlib"}),
        json!({"id": "gzip", "level": "x"}),
        json!([{"id": "shuffle", "element_size": u64::MAX}]),
        json!([{"id": "shuffle", "element_size": 2}, {"id": "shuffle", "elementsize": 4}]),
        json!({"missing_value": 1}),
        json!({"missing_values": [1, 2, "NaN"]}),
        json!({"valid_range": [-1, 1]}),
        json!({"valid_min": 1e39}),
    ];
    random.pick(&pool).clone()
}

const FIELDS: &[&str] = &[
    "source",
    "bucket",
    "object",
    "interface_type",
    "url",
    "option_shape_as_bytes",
    "option_count_as_bytes",
    "dtype",
    "byte_order",
    "offset",
    "size",
    "shape",
    "order",
    "selection",
    "axis",
    "compression",
    "filters",
    "missing",
    "scale_factor",
    "add_offset",
    "unsigned",
    "result_dtype",
    "keepdims",
    "other",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_hostile_bodies_get_an_answer_of_the_table() {
    let fixture = fixture().await;
    fixture.s3.put("data", (0..128).collect::<Vec<u8>>());
    let fields = json!({"shape": [4, 8], "size": 128, "selection": [[0, 4, 1], [7, 0, -2]], "axis": [0], "missing": {"missing_value": 3}});
    let valid = [
        ("v1", fixture.request("data", "float32", fields.clone())),
        ("v2", fixture.request_v2("data", "float32", fields)),
    ];
    let send = async |seed: u64| {
        let mut random = Random(seed);
        for _ in 0..CASES / CLIENTS {
            let (version, mut body) = random.pick(&valid).clone();
            for _ in 0..random.below(4) {
                body[*random.pick(FIELDS)] = nasty(&mut random);
            }
            let mut text = body.to_string().into_bytes();
            if random.below(2) == 0 {
                random.mutate(&mut text);
            }
            let operation = random.pick(&["count", "min", "max", "sum", "select"]);
            let url = format!("{}/{version}/{operation}", fixture.service.url());
            let credentials = random.pick(&[None, Some((support::ACCESS_KEY, support::SECRET_KEY))]);
            let answer = fixture.client.send(support::json_request(&url, text.clone(), *credentials)).await;
            assert_in_table(&answer, &String::from_utf8_lossy(&text));
        }
    };
    side_by_side((1..=CLIENTS).map(send)).await;
    for (version, body) in valid {
        let url = format!("{}/{version}/count", fixture.service.url());
        assert_eq!(fixture.client.post(&url, &body).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_mutated_chunks_give_no_wrong_number() {
    let fixture = fixture().await;
    let values: Vec<f32> = (0..600).map(|i| (i * i % 97) as f32 + 273.0).collect();
    let data: &[u8] = bytemuck::cast_slice(&values);
    let shuffled = shuffle(data, 4);
    let sum: f32 = values.iter().sum();
    let chunks = [("zlib", zlib(&shuffled)), ("gzip", gzip(&shuffled))];
    let send = async |seed: u64| {
        let mut random = Random(seed);
        for case in 0..CASES / CLIENTS {
            let (id, chunk) = random.pick(&chunks);
            let mut mutated = chunk.clone();
            random.mutate(&mut mutated);
            let key = format!("{seed}-{}", case % 2);
            fixture.s3.put(&key, mutated.clone());
            let mut fields = json!({"compression": {"id": id}, "filters": [{"id": "shuffle", "element_size": 4}]});
            if random.below(2) == 0 {
                fields["shape"] = json!([20, 30]);
            }
            let answer = fixture.post("sum", &fixture.request(&key, "float32", fields)).await;
            assert_in_table(&answer, &(id, &mutated));
            // Checksums leave only mutations that change no data, such as a gzip header's time.
            if answer.status == 200 {
                assert_eq!(answer.value::<f32>(), sum, "{id} {mutated:?}");
            }
        }
    };
    side_by_side((1..=CLIENTS).map(send)).await;
}

#[tokio::test]
async fn clients_that_do_not_read_long_answers_leave_memory_to_others() {
    let fixture = Fixture::start(&["--memory-limit", "64MiB"]).await;
    fixture.s3.put("chunk", vec![1; 8 << 20]);
    // More than sockets hold.
    let fields = json!({"size": 8 << 20, "bucket": PUBLIC_BUCKET});
    let select = fixture.request("chunk", "uint8", fields).to_string();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}", select.len());
    let request = format!("POST /v1/select HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{select}");
    let mut unread = Vec::new();
    for number in 0..16 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(fixture.service.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // Some answers have begun, the others wait, or will soon.
        if number < 3 {
            assert_eq!(stream.read_u8().await.unwrap(), b'H');
        }
        unread.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sum = fixture.request("chunk", "uint8", json!({"size": 4 << 20}));
    let answer = tokio::time::timeout(Duration::from_secs(10), fixture.post("sum", &sum)).await;
    assert_eq!(answer.expect("no wait for those who do not read").value::<u64>(), 4 << 20);
}

#[tokio::test]
async fn long_bodies_take_turns_and_leave_short_ones_alone() {
    let fixture = Fixture::start(&["--memory-limit", "8MiB", "--queue-timeout", "1s"]).await;
    fixture.s3.put("chunk", vec![1; 10]);
    // Each says that it will be a megabyte long: one eighth of the memory.
    let head = "POST /v1/sum HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n{";
    let mut first = TcpStream::connect(fixture.service.address).await.unwrap();
    first.write_all(head.as_bytes()).await.unwrap();
    let mut second = TcpStream::connect(fixture.service.address).await.unwrap();
    second.write_all(head.as_bytes()).await.unwrap();
    let (mut of_first, mut of_second) = (String::new(), String::new());
    // Whichever came second; it is closed, as its body is not wanted.
    let answer = tokio::select! {
        _ = first.read_to_string(&mut of_first) => of_first,
        _ = second.read_to_string(&mut of_second) => of_second,
    };
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("memory for long requests"), "{answer}");
    let answer = fixture.post("sum", &fixture.request("chunk", "uint8", json!({"bucket": PUBLIC_BUCKET}))).await;
    assert_eq!(answer.value::<u64>(), 10, "short ones are answered meanwhile");
}

/// Turns and differences in turn, of which none undoes another.
fn many_stages() -> serde_json::Value {
    let delta = json!({"name": "delta", "configuration": {"dtype": "|u1"}});
    let turn = json!({"name": "transpose", "configuration": {"order": (0..24).rev().collect::<Vec<_>>()}});
    let pairs = (0..15).flat_map(|_| [delta.clone(), turn.clone()]);
    pairs.chain([json!({"name": "bytes"}), json!({"name": "zlib"})]).collect()
}

#[tokio::test]
async fn work_ends_with_its_deadline_and_leaves_its_thread_to_others() {
    let fixture = Fixture::start(&["--thread-limit", "1", "--request-timeout", "2s"]).await;
    fixture.s3.put("bomb", zlib(&vec![1; 1 << 24]));
    fixture.s3.put("small", zlib(&[7; 100]));
    let heavy = fixture.request("bomb", "uint8", json!({"shape": vec![2; 24], "codecs": many_stages()}));
    let small = fixture.request("small", "uint8", json!({"shape": [100], "compression": {"id": "zlib"}}));
    let late = fixture.post("sum", &heavy).await;
    assert_eq!(late.status, 504, "{}", late.error());
    // The only thread would be busy for many seconds more.
    assert_eq!(fixture.post("sum", &small).await.value::<u64>(), 700);
}

#[tokio::test]
async fn work_ends_when_its_client_has_gone() {
    // A client that has closed its side is given two seconds more: it may only have said that it has no further request.
    let flags = ["--thread-limit", "1", "--request-timeout", "50s", "--queue-timeout", "6s"];
    let fixture = Fixture::start(&flags).await;
    fixture.s3.put("bomb", zlib(&vec![1; 1 << 24]));
    fixture.s3.put("small", zlib(&[7; 100]));
    let heavy = fixture.request("bomb", "uint8", json!({"shape": vec![2; 24], "codecs": many_stages()}));
    let small = fixture.request("small", "uint8", json!({"shape": [100], "compression": {"id": "zlib"}}));
    let gone = tokio::time::timeout(std::time::Duration::from_millis(500), fixture.post("sum", &heavy)).await;
    assert!(gone.is_err(), "this client has gone");
    assert_eq!(fixture.post("sum", &small).await.value::<u64>(), 700);
}
