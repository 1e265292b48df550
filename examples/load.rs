//! Load for a store or for the service, over HTTP connections that are kept, and what it takes: CPU time for each
//! request, time until the answer.
//!
//!     load get --url http://127.0.0.1:9000/private/chunk --size 16384 --keys storekeeper:not-so-secret
//!     load post --url http://127.0.0.1:8080/v2/max --keys storekeeper:not-so-secret --body request.json
//!     load inflate --codec zlib --size 1048576 chunk.zlib
//!
//! `get` is the limit of what reading a chunk can cost: a signed GET of a range, read into one buffer that is kept.
//! `post` asks the service, whose answers have to be the same each time. `inflate` is bare libdeflate. Each warms up,
//! then measures for so many seconds, and prints one line of JSON. All of it runs on one thread.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "an example that stops at what it does not expect"
)]

use std::{
    collections::BTreeMap,
    error::Error,
    ffi::OsString,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use clap::{Args, Parser, Subcommand};
use headers::{Authorization, HeaderMapExt};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, StatusCode, Uri,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{net::TcpStream, task::JoinSet, time::sleep};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Longest time to make connections, to warm up, and to end, beyond what was asked for.
const GRACE: Duration = Duration::from_secs(30);

/// Puts load on a store or on the service, and prints what it took
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// GETs, signed if there are keys
    Get {
        #[command(flatten)]
        http: Http,
        /// Length of the range from byte 0 on, which is asked for and has to come [default: no range, any length]
        #[arg(long)]
        size: Option<usize>,
    },
    /// POSTs of one JSON body
    Post {
        #[command(flatten)]
        http: Http,
        /// File of the body
        #[arg(long)]
        body: PathBuf,
        /// Where to write the body of the first answer, which all others have to be equal to
        #[arg(long)]
        answer: Option<PathBuf>,
    },
    /// Bare libdeflate
    Inflate {
        #[command(flatten)]
        window: Window,
        /// zlib or gzip
        #[arg(long)]
        codec: String,
        /// Decoded length
        #[arg(long)]
        size: usize,
        /// Encoded chunk
        file: PathBuf,
    },
}

/// How long, and what to look at meanwhile
#[derive(Args)]
struct Window {
    /// Measured time
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Time before that
    #[arg(long, default_value_t = 0.3)]
    warm_up: f64,
    /// Other processes whose CPU time is wanted
    #[arg(long)]
    pid: Vec<u32>,
}

#[derive(Args)]
struct Http {
    #[command(flatten)]
    window: Window,
    /// What to ask for; the host has to be an address with a port
    #[arg(long)]
    url: Uri,
    /// Access key and secret key, with a colon between them
    #[arg(long)]
    keys: Option<String>,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    match Arguments::parse().load {
        Load::Get { http, size } => {
            let request = Get::new(&http, size)?;
            println!("{}", measure(&http, request).await?);
        }
        Load::Post { http, body, answer } => {
            let request = Post::new(&http, fs::read(body)?)?;
            let first = ask_once(&http, request.clone()).await?;
            if let Some(path) = answer {
                fs::write(path, &first.body)?;
            }
            println!("{}", measure(&http, Post { expected: Some(Arc::new(first)), ..request }).await?);
        }
        Load::Inflate { window, codec, size, file } => {
            println!("{}", measure_inflate(&window, &codec, size, &fs::read(file)?)?);
        }
    }
    Ok(())
}

// --- Measuring -----------------------------------------------------------------------------------------------

/// Nanoseconds of CPU time by thread, of this process, called `self`, and of others.
type CpuTimes = BTreeMap<String, BTreeMap<OsString, u64>>;

fn cpu_times(pids: &[u32]) -> Outcome<CpuTimes> {
    let pids = pids.iter().map(ToString::to_string);
    let times = std::iter::once("self".to_owned()).chain(pids).map(|pid| {
        let threads = fs::read_dir(format!("/proc/{pid}/task"))?;
        let times = threads.map(|thread| {
            let thread = thread?;
            // Time on a CPU, time of waiting for one, and how often; in `stat` it would be in hundredths of a second.
            let schedule = fs::read_to_string(thread.path().join("schedstat"))?;
            Ok((thread.file_name(), schedule.split_whitespace().next().ok_or("an empty schedstat")?.parse()?))
        });
        Ok((pid, times.collect::<Outcome<_>>()?))
    });
    times.collect()
}

/// CPU seconds of each process. A thread that has ended meanwhile was idle.
fn cpu_between(start: &CpuTimes, end: &CpuTimes) -> BTreeMap<String, f64> {
    let of_process = |(pid, threads): (&String, &BTreeMap<_, u64>)| {
        let before = |thread| start[pid].get(thread).copied().unwrap_or(0);
        let spent: u64 = threads.iter().map(|(thread, time)| time - before(thread)).sum();
        (pid.clone(), spent as f64 / 1e9)
    };
    end.iter().map(of_process).collect()
}

/// A moment, and the CPU times until then.
struct Mark(Instant, CpuTimes);

impl Mark {
    fn now(pids: &[u32]) -> Outcome<Self> {
        Ok(Self(Instant::now(), cpu_times(pids)?))
    }
}

/// A request that was answered.
struct Sample {
    end: Instant,
    time: Duration,
    bytes: usize,
}

/// What happened between two moments, as JSON.
fn report(start: &Mark, end: &Mark, samples: &[Sample]) -> serde_json::Value {
    let inside: Vec<_> = samples.iter().filter(|sample| (start.0..=end.0).contains(&sample.end)).collect();
    let mut times: Vec<_> = inside.iter().map(|sample| sample.time.as_micros() as u64).collect();
    times.sort_unstable();
    let percentile = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1));
    json!({
        "requests": inside.len(),
        "seconds": (end.0 - start.0).as_secs_f64(),
        "cpu_seconds": cpu_between(&start.1, &end.1),
        "p50_us": percentile(50),
        "p99_us": percentile(99),
        "bytes": inside.iter().map(|sample| sample.bytes).sum::<usize>(),
    })
}

/// Sends requests on all connections, until the window has passed.
async fn measure<R: Ask>(http: &Http, request: R) -> Outcome<serde_json::Value> {
    let window = &http.window;
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for _ in 0..http.connections {
        let connection = connect(&http.url).await?;
        workers.spawn(work(connection, request.clone(), Arc::clone(&stop)));
    }
    let marks = async {
        sleep(Duration::from_secs_f64(window.warm_up)).await;
        let start = Mark::now(&window.pid)?;
        sleep(Duration::from_secs_f64(window.seconds)).await;
        let end = Mark::now(&window.pid);
        stop.store(true, Ordering::Relaxed);
        Outcome::Ok((start, end?))
    };
    let limit = Duration::from_secs_f64(window.warm_up + window.seconds) + GRACE;
    let all = async {
        let (start, end) = marks.await?;
        let mut samples = Vec::new();
        while let Some(worker) = workers.join_next().await {
            samples.extend(worker??);
        }
        Ok(report(&start, &end, &samples))
    };
    tokio::time::timeout(limit, all).await?
}

/// Sends requests on one connection, one after the other.
async fn work<R: Ask>(mut connection: Connection, mut request: R, stop: Arc<AtomicBool>) -> Outcome<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut body = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        request.ask(&mut connection, &mut body).await?;
        let end = Instant::now();
        samples.push(Sample { end, time: end - start, bytes: body.len() });
    }
    Ok(samples)
}

async fn ask_once(http: &Http, mut request: Post) -> Outcome<Answer> {
    let mut body = Vec::new();
    let headers = request.ask(&mut connect(&http.url).await?, &mut body).await?;
    Ok(Answer { count: headers.get(COUNT).cloned(), body })
}

fn measure_inflate(window: &Window, codec: &str, size: usize, encoded: &[u8]) -> Outcome<serde_json::Value> {
    let mut decompressor = libdeflater::Decompressor::new();
    let mut decoded = vec![0; size];
    let mut inflate = || {
        let len = match codec {
            "zlib" => decompressor.zlib_decompress(encoded, &mut decoded),
            "gzip" => decompressor.gzip_decompress(encoded, &mut decoded),
            _ => return Err(format!("{codec:?} is neither zlib nor gzip")),
        };
        if len == Ok(size) { Ok(()) } else { Err(format!("{len:?} decoded instead of {size} bytes")) }
    };
    let mut run = |seconds| {
        let start = Instant::now();
        let mut samples = Vec::new();
        while start.elapsed().as_secs_f64() < seconds {
            let begin = Instant::now();
            inflate()?;
            let end = Instant::now();
            samples.push(Sample { end, time: end - begin, bytes: size });
        }
        Outcome::Ok(samples)
    };
    run(window.warm_up)?;
    let start = Mark::now(&window.pid)?;
    let samples = run(window.seconds)?;
    Ok(report(&start, &Mark::now(&window.pid)?, &samples))
}

// --- Requests ------------------------------------------------------------------------------------------------

type Connection = SendRequest<Full<Bytes>>;

async fn connect(url: &Uri) -> Outcome<Connection> {
    let stream = TcpStream::connect(url.authority().ok_or("a URL without a host")?.as_str()).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // How it breaks, if it does, the sender is told too.
    tokio::spawn(connection);
    Ok(sender)
}

/// A request that can be sent again and again.
trait Ask: Clone + Send + 'static {
    /// Sends it and reads the body of the answer, which has to be a good one, into `body`.
    fn ask(
        &mut self,
        connection: &mut Connection,
        body: &mut Vec<u8>,
    ) -> impl Future<Output = Outcome<HeaderMap>> + Send;
}

/// Sends a request and reads the body of the answer into `body`.
async fn exchange(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
    body: &mut Vec<u8>,
) -> Outcome<(StatusCode, HeaderMap)> {
    connection.ready().await?;
    let (head, mut incoming) = connection.send_request(request).await?.into_parts();
    body.clear();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            body.extend_from_slice(&data);
        }
    }
    Ok((head.status, head.headers))
}

fn host(url: &Uri) -> Outcome<&str> {
    Ok(url.authority().ok_or("a URL without a host")?.as_str())
}

/// A GET, signed for S3 if there are keys.
#[derive(Clone)]
struct Get {
    url: Uri,
    size: Option<usize>,
    identity: Option<Identity>,
}

impl Get {
    fn new(http: &Http, size: Option<usize>) -> Outcome<Self> {
        let keys = http.keys.as_deref().map(split_keys).transpose()?;
        let identity = keys.map(|(user, secret)| Credentials::new(user, secret, None, None, "the command line").into());
        Ok(Self { url: http.url.clone(), size, identity })
    }

    fn request(&self) -> Outcome<Request<Full<Bytes>>> {
        let mut request = Request::get(self.url.clone()).header(header::HOST, host(&self.url)?);
        let range = self.size.map(|size| format!("bytes=0-{}", size - 1));
        if let Some(range) = &range {
            request = request.header(header::RANGE, range);
        }
        let mut request = request.body(Full::default())?;
        if let Some(identity) = &self.identity {
            self.sign(&mut request, range.as_deref(), identity)?;
        }
        // As a client writes it that has a connection to the host.
        *request.uri_mut() = self.url.path_and_query().ok_or("a URL without a path")?.as_str().parse()?;
        Ok(request)
    }

    fn sign(&self, request: &mut Request<Full<Bytes>>, range: Option<&str>, identity: &Identity) -> Outcome<()> {
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = SigningParams::builder()
            .identity(identity)
            .region("us-east-1")
            .name("s3")
            .time(SystemTime::now())
            .settings(settings)
            .build()?;
        let headers = [Some(("host", host(&self.url)?)), range.map(|range| ("range", range))];
        let url = self.url.to_string();
        let signable = SignableRequest::new("GET", &url, headers.into_iter().flatten(), SignableBody::Bytes(&[]))?;
        sign(signable, &params.into())?.into_parts().0.apply_to_request_http1x(request);
        Ok(())
    }
}

impl Ask for Get {
    async fn ask(&mut self, connection: &mut Connection, body: &mut Vec<u8>) -> Outcome<HeaderMap> {
        let (status, headers) = exchange(connection, self.request()?, body).await?;
        // Not every store says 206 for a part.
        if !status.is_success() || self.size.is_some_and(|size| size != body.len()) {
            return Err(format!("{status} and {} bytes: {}", body.len(), start_of(body)).into());
        }
        Ok(headers)
    }
}

/// Header with the number of elements that are not missing, in version 1 of the interface.
const COUNT: &str = "x-activestorage-count";

/// What all answers have to be like.
struct Answer {
    count: Option<hyper::http::HeaderValue>,
    body: Vec<u8>,
}

/// A POST of JSON to the service, with HTTP Basic credentials if there are keys.
#[derive(Clone)]
struct Post {
    path: Uri,
    headers: HeaderMap,
    body: Bytes,
    expected: Option<Arc<Answer>>,
}

impl Post {
    fn new(http: &Http, body: Vec<u8>) -> Outcome<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host(&http.url)?.parse()?);
        headers.insert(header::CONTENT_TYPE, "application/json".parse()?);
        if let Some((user, secret)) = http.keys.as_deref().map(split_keys).transpose()? {
            headers.typed_insert(Authorization::basic(user, secret));
        }
        let path = http.url.path_and_query().ok_or("a URL without a path")?.as_str().parse()?;
        Ok(Self { path, headers, body: body.into(), expected: None })
    }
}

impl Ask for Post {
    async fn ask(&mut self, connection: &mut Connection, body: &mut Vec<u8>) -> Outcome<HeaderMap> {
        let mut request = Request::post(self.path.clone()).body(Full::new(self.body.clone()))?;
        *request.headers_mut() = self.headers.clone();
        let (status, headers) = exchange(connection, request, body).await?;
        if status != StatusCode::OK {
            return Err(format!("{status}: {}", start_of(body)).into());
        }
        let same = |first: &Answer| first.body == *body && first.count.as_ref() == headers.get(COUNT);
        if !self.expected.as_deref().is_none_or(same) {
            return Err(format!("an answer that differs from the first: {}", start_of(body)).into());
        }
        Ok(headers)
    }
}

fn split_keys(keys: &str) -> Outcome<(&str, &str)> {
    keys.split_once(':').ok_or_else(|| "keys without a colon".into())
}

/// Enough of a body to see what it is.
fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}
