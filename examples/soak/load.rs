//! Requests on connections that are kept, and a verdict on each answer.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, StatusCode, Uri,
    client::conn::http1::{SendRequest, handshake},
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Outcome, Random,
    requests::{self, Asked},
    time_or_signal,
};

/// Complaints that are shown; all are counted.
const SHOWN: usize = 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The service; the host has to be an address with a port
    #[arg(long)]
    url: Uri,
    /// File of requests and their answers
    #[arg(long)]
    requests: PathBuf,
    /// Connections, each with one request at a time
    #[arg(long)]
    connections: usize,
    /// Longest time; SIGTERM ends it earlier
    #[arg(long)]
    seconds: f64,
    /// Pause of a connection before its next request
    #[arg(long, default_value_t = 0)]
    pause_ms: u64,
    /// Order of the requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What all connections share.
struct Load {
    authority: String,
    asked: Vec<Asked>,
    /// Indices of `asked`, each as often as its weight says.
    order: Vec<usize>,
    pause: Duration,
    stop: AtomicBool,
}

/// What became of the requests of one connection, or of all.
#[derive(Default)]
struct Tally {
    of_requests: BTreeMap<usize, Answered>,
    /// Answers that are not what they should be.
    wrong: u64,
    /// Requests whose connection ended before they were answered.
    lost: u64,
    /// Requests that were not answered by their deadline.
    late: u64,
    complaints: Vec<String>,
}

#[derive(Default)]
struct Answered {
    statuses: BTreeMap<u16, u64>,
    microseconds: Vec<u64>,
}

/// What became of one request.
enum Fate {
    Answered(StatusCode, Result<(), String>),
    Lost(String),
    Late,
}

pub(crate) async fn run(args: Args) -> Outcome<Value> {
    let (asked, order) = requests::read(&args.requests)?;
    let authority = args.url.authority().ok_or("a URL without a host")?.to_string();
    let pause = Duration::from_millis(args.pause_ms);
    let load = Arc::new(Load { authority, asked, order, pause, stop: AtomicBool::new(false) });
    let start = Instant::now();
    let mut connections = JoinSet::new();
    for number in 0..args.connections {
        let random = Random(args.seed.wrapping_mul(1 << 20).wrapping_add(number as u64));
        connections.spawn(work(Arc::clone(&load), random));
    }
    time_or_signal(args.seconds).await?;
    load.stop.store(true, Ordering::Relaxed);
    let mut total = Tally::default();
    while let Some(tally) = connections.join_next().await {
        total.add(tally?);
    }
    Ok(total.report(&load.asked, start.elapsed()))
}

/// Sends one request after the other, until it is told to stop.
async fn work(load: Arc<Load>, mut random: Random) -> Tally {
    let (mut tally, mut kept, mut body) = (Tally::default(), None, Vec::new());
    while !load.stop.load(Ordering::Relaxed) {
        let index = load.order[random.below(load.order.len())];
        let start = Instant::now();
        let fate = ask(&load, &load.asked[index], &mut kept, &mut body).await;
        tally.count(index, &load.asked[index], fate, start.elapsed());
        sleep(load.pause).await;
    }
    tally
}

type Connection = SendRequest<Full<Bytes>>;

async fn ask(load: &Load, asked: &Asked, kept: &mut Option<Connection>, body: &mut Vec<u8>) -> Fate {
    let answer = timeout(asked.deadline, async {
        let mut connection = usable(load, kept.take()).await?;
        let (status, headers) = exchange(load, asked, &mut connection, body).await?;
        *kept = Some(connection);
        Outcome::Ok((status, headers))
    });
    match answer.await {
        Ok(Ok((status, headers))) => Fate::Answered(status, asked.check(status, &headers, body)),
        Ok(Err(error)) => Fate::Lost(error.to_string()),
        Err(_) => Fate::Late,
    }
}

/// The connection, or a new one if the other side has closed it.
async fn usable(load: &Load, kept: Option<Connection>) -> Outcome<Connection> {
    if let Some(mut connection) = kept
        && connection.ready().await.is_ok()
    {
        return Ok(connection);
    }
    let stream = TcpStream::connect(&load.authority).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // How it breaks, if it does, the sender is told too.
    tokio::spawn(connection);
    Ok(sender)
}

/// Sends a request and reads the body of the answer into `body`.
async fn exchange(
    load: &Load,
    asked: &Asked,
    connection: &mut Connection,
    body: &mut Vec<u8>,
) -> Outcome<(StatusCode, HeaderMap)> {
    let mut request = Request::new(Full::new(asked.body.clone()));
    *request.method_mut() = asked.method.clone();
    *request.uri_mut() = asked.path.clone();
    *request.headers_mut() = asked.headers.clone();
    request.headers_mut().insert(header::HOST, HeaderValue::from_str(&load.authority)?);
    let (head, mut incoming) = connection.send_request(request).await?.into_parts();
    body.clear();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            body.extend_from_slice(&data);
        }
    }
    Ok((head.status, head.headers))
}

impl Tally {
    fn count(&mut self, index: usize, asked: &Asked, fate: Fate, time: Duration) {
        match fate {
            Fate::Answered(status, verdict) => {
                let answered = self.of_requests.entry(index).or_default();
                *answered.statuses.entry(status.as_u16()).or_default() += 1;
                answered.microseconds.push(time.as_micros() as u64);
                if let Err(complaint) = verdict {
                    self.wrong += 1;
                    self.complain(format!("{}: {complaint}", asked.name));
                }
            }
            Fate::Lost(error) => {
                self.lost += 1;
                self.complain(format!("{}: lost after {time:.1?}: {error}", asked.name));
            }
            Fate::Late => {
                self.late += 1;
                self.complain(format!("{}: no answer within {:?}", asked.name, asked.deadline));
            }
        }
    }

    fn complain(&mut self, complaint: String) {
        if self.complaints.len() < SHOWN {
            self.complaints.push(complaint);
        }
    }

    fn add(&mut self, other: Self) {
        for (index, answered) in other.of_requests {
            let mine = self.of_requests.entry(index).or_default();
            for (status, count) in answered.statuses {
                *mine.statuses.entry(status).or_default() += count;
            }
            mine.microseconds.extend(answered.microseconds);
        }
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.late += other.late;
        other.complaints.into_iter().for_each(|complaint| self.complain(complaint));
    }

    fn report(mut self, asked: &[Asked], time: Duration) -> Value {
        let of_requests: serde_json::Map<_, _> = self
            .of_requests
            .iter_mut()
            .map(|(index, answered)| (asked[*index].name.clone(), answered.report()))
            .collect();
        json!({
            "seconds": time.as_secs_f64(),
            "requests": of_requests,
            "wrong": self.wrong,
            "lost": self.lost,
            "late": self.late,
            "complaints": self.complaints,
        })
    }
}

impl Answered {
    fn report(&mut self) -> Value {
        let times = &mut self.microseconds;
        times.sort_unstable();
        let percentile = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1] as f64 / 1000.0;
        json!({
            "statuses": self.statuses,
            "p50_ms": percentile(50),
            "p99_ms": percentile(99),
            "max_ms": percentile(100),
        })
    }
}
