//! Clients that take their time: a byte a second, in or out.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::Uri;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};

use crate::{
    Outcome,
    requests::{self, Asked},
    time_or_signal,
};

/// Bytes that the system reads ahead for a client that reads slowly: the least that it offers.
const READ_AHEAD: u32 = 4096;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The service; the host has to be an address with a port
    #[arg(long)]
    url: Uri,
    /// File of requests; the first is the one whose answer is read slowly
    #[arg(long)]
    requests: PathBuf,
    /// Connections at one time, divided among the kinds of slowness
    #[arg(long)]
    connections: usize,
    /// Kinds of slowness; may repeat
    #[arg(long = "kind", value_enum, required = true)]
    kinds: Vec<Kind>,
    /// Longest time; SIGTERM ends it earlier
    #[arg(long)]
    seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Kind {
    /// Sends the head
    Head,
    /// Sends the body
    Body,
    /// Reads the answer
    Answer,
}

/// How connections of a kind fared.
#[derive(Default)]
struct Fared {
    opened: u64,
    /// Ended by the service, or given an answer.
    ended: u64,
}

struct Slow {
    address: SocketAddr,
    asked: Asked,
    fared: Mutex<BTreeMap<Kind, Fared>>,
}

pub(crate) async fn run(args: Args) -> Outcome<Value> {
    let asked = requests::read(&args.requests)?.0.into_iter().next().ok_or("no request")?;
    let address = args.url.authority().ok_or("a URL without a host")?.as_str().parse()?;
    let slow = Arc::new(Slow { address, asked, fared: Mutex::default() });
    let mut connections = JoinSet::new();
    for kind in args.kinds.iter().cycle().take(args.connections) {
        connections.spawn(again_and_again(Arc::clone(&slow), *kind));
    }
    time_or_signal(args.seconds).await?;
    connections.shutdown().await;
    let fared = slow.fared.lock().expect("nothing panics with it");
    let of_kind = |(kind, fared): (&Kind, &Fared)| {
        (format!("{kind:?}").to_lowercase(), json!({"opened": fared.opened, "ended": fared.ended}))
    };
    Ok(fared.iter().map(of_kind).collect::<serde_json::Map<_, _>>().into())
}

/// Keeps one connection of a kind open, and opens another if it ends.
async fn again_and_again(slow: Arc<Slow>, kind: Kind) {
    loop {
        slow.count(kind, |fared| fared.opened += 1);
        let outcome = match kind {
            Kind::Head => slow.head().await,
            Kind::Body => slow.body().await,
            Kind::Answer => slow.answer().await,
        };
        if outcome.is_err() {
            slow.count(kind, |fared| fared.ended += 1);
        }
        // Not at once, if there is no connection to be had.
        sleep(Duration::from_secs(1)).await;
    }
}

impl Slow {
    fn count(&self, kind: Kind, change: impl FnOnce(&mut Fared)) {
        change(self.fared.lock().expect("nothing panics with it").entry(kind).or_default());
    }

    async fn head(&self) -> Outcome<()> {
        self.dribble(TcpStream::connect(self.address).await?, self.head_text().as_bytes()).await
    }

    async fn body(&self) -> Outcome<()> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(self.head_text().as_bytes()).await?;
        self.dribble(stream, &self.asked.body).await
    }

    /// Sends a byte a second, until the service ends the connection or answers.
    async fn dribble(&self, mut stream: TcpStream, bytes: &[u8]) -> Outcome<()> {
        for byte in bytes {
            stream.write_all(&[*byte]).await?;
            tokio::select! {
                _ = stream.readable() => return Err("the service has had enough".into()),
                () = sleep(Duration::from_secs(1)) => {}
            }
        }
        Ok(())
    }

    async fn answer(&self) -> Outcome<()> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(READ_AHEAD)?;
        let mut stream = socket.connect(self.address).await?;
        stream.write_all(&[self.head_text().as_bytes(), &self.asked.body].concat()).await?;
        loop {
            stream.read_u8().await?;
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn head_text(&self) -> String {
        let asked = &self.asked;
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", asked.method, asked.path, self.address);
        for (name, value) in &asked.headers {
            head += &format!("{name}: {}\r\n", value.to_str().expect("headers of ours are text"));
        }
        head + &format!("content-length: {}\r\n\r\n", asked.body.len())
    }
}
