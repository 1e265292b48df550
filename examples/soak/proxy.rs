//! A TCP proxy before a store that spoils its answers.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::Notify,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Outcome,
    faults::{Fault, Faults},
};

/// How long nobody can connect after a refusal.
const REFUSAL: Duration = Duration::from_millis(50);

/// How long a connection is held on which nothing comes any more.
const HELD: Duration = Duration::from_secs(60);

/// Longest head of a request or an answer.
const HEAD_LEN: usize = 64 << 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Address of the store
    #[arg(long)]
    store: SocketAddr,
    /// How many answers are spoilt
    #[arg(long)]
    faults: usize,
    /// Order of the faults
    #[arg(long)]
    seed: u64,
}

struct Proxy {
    store: SocketAddr,
    faults: Mutex<Faults>,
    /// Tells the listener to go away for a moment.
    refuse: Notify,
}

pub(crate) async fn run(args: Args) -> Outcome<Value> {
    let faults = Mutex::new(Faults::new(args.faults, args.seed));
    let proxy = Arc::new(Proxy { store: args.store, faults, refuse: Notify::new() });
    // Before anybody knows that it runs.
    let (mut arm, mut end) = (signal(SignalKind::user_defined1())?, signal(SignalKind::terminate())?);
    let listener = listen("127.0.0.1:0".parse()?)?;
    println!("http://{}", listener.local_addr()?);
    tokio::select! {
        outcome = accept(Arc::clone(&proxy), listener) => outcome?,
        () = async { while arm.recv().await.is_some() { proxy.faults().arm() } } => {}
        _ = end.recv() => {}
    }
    Ok(json!({"faults": proxy.faults().made()}))
}

fn listen(address: SocketAddr) -> Outcome<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Connections of an earlier listener may still be there.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket.listen(1024)?)
}

async fn accept(proxy: Arc<Proxy>, mut listener: TcpListener) -> Outcome<()> {
    let address = listener.local_addr()?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                connections.spawn(serve(Arc::clone(&proxy), accepted?.0));
            }
            // A connection that breaks has done what it was there for.
            Some(_) = connections.join_next() => {}
            () = proxy.refuse.notified() => {
                drop(listener);
                sleep(REFUSAL).await;
                listener = listen(address)?;
            }
        }
    }
}

/// Answers the requests of one connection, until one of them is its last.
async fn serve(proxy: Arc<Proxy>, mut client: TcpStream) -> Outcome<()> {
    client.set_nodelay(true)?;
    while let Some(request) = read_head(&mut client).await? {
        let fault = proxy.faults().next();
        let answer = match fault {
            Some(Fault::Refuse | Fault::Status(_)) => None,
            _ => Some(proxy.ask_store(&request).await?),
        };
        let goes_on = proxy.answer(&mut client, fault, answer.as_ref()).await?;
        if proxy.faults().are_over() && fault.is_some() {
            println!("done");
        }
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// An answer of the store.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Proxy {
    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.faults.lock().expect("nothing panics with it")
    }

    /// A connection of its own for each request keeps the store out of all faults.
    async fn ask_store(&self, request: &str) -> Outcome<Answer> {
        let mut store = TcpStream::connect(self.store).await?;
        store.set_nodelay(true)?;
        store.write_all(request.as_bytes()).await?;
        let head = read_head(&mut store).await?.ok_or("the store has closed")?;
        let len = header(&head, "content-length").ok_or("an answer without a length")?.parse()?;
        let mut body = vec![0; len];
        store.read_exact(&mut body).await?;
        Ok(Answer { head, body })
    }

    /// Whether the connection can be used again.
    async fn answer(&self, client: &mut TcpStream, fault: Option<Fault>, answer: Option<&Answer>) -> Outcome<bool> {
        let Some(Answer { head, body }) = answer else { return self.answer_alone(client, fault).await };
        let half = body.len() / 2;
        match fault {
            None => send(client, head, body).await?,
            Some(Fault::ResetMidBody) => {
                send(client, head, &body[..half]).await?;
                return reset(client);
            }
            Some(Fault::Stall) => {
                send(client, head, &body[..half]).await?;
                return hold(client).await;
            }
            Some(Fault::Trickle) => return trickle(client, head, body).await,
            Some(Fault::ShortContentLength) => {
                let head = with_header(head, "content-length", &(body.len() - 1).to_string());
                // The last byte is there before the next request, where the head of an answer should be.
                send(client, &head, body).await?;
            }
            Some(Fault::LongContentLength) => {
                let head = with_header(head, "content-length", &(body.len() + 1).to_string());
                send(client, &head, body).await?;
                return hold(client).await;
            }
            Some(Fault::WrongContentRange) => {
                let range = shifted(header(head, "content-range").ok_or("no range")?)?;
                send(client, &with_header(head, "content-range", &range), body).await?;
            }
            Some(Fault::CloseIdle) => {
                send(client, head, body).await?;
                let pause = self.faults().below(2000) as u64;
                sleep(Duration::from_micros(pause)).await;
                return Ok(false);
            }
            Some(Fault::Refuse | Fault::Status(_)) => return Err("a fault that needs no answer".into()),
        }
        Ok(true)
    }

    /// Faults without the store.
    async fn answer_alone(&self, client: &mut TcpStream, fault: Option<Fault>) -> Outcome<bool> {
        if let Some(Fault::Status(status)) = fault {
            let head = format!("HTTP/1.1 {status} Spoilt\r\ncontent-length: 0\r\n\r\n");
            send(client, &head, &[]).await?;
            return Ok(true);
        }
        self.refuse.notify_one();
        reset(client)
    }
}

/// The head of a message, with the empty line; None at the end of the connection.
async fn read_head(stream: &mut TcpStream) -> Outcome<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        // One byte at a time, so that none of the body is taken.
        if head.len() == HEAD_LEN || stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8(head)?))
}

async fn send(client: &mut TcpStream, head: &str, body: &[u8]) -> Outcome<()> {
    Ok(client.write_all(&[head.as_bytes(), body].concat()).await?)
}

fn reset(client: &TcpStream) -> Outcome<bool> {
    client.set_zero_linger()?;
    Ok(false)
}

/// Sends nothing until the other side has enough of it.
async fn hold(client: &mut TcpStream) -> Outcome<bool> {
    let gone = async { while client.read_u8().await.is_ok() {} };
    drop(timeout(HELD, gone).await);
    Ok(false)
}

async fn trickle(client: &mut TcpStream, head: &str, body: &[u8]) -> Outcome<bool> {
    send(client, head, &[]).await?;
    for byte in body {
        client.write_all(&[*byte]).await?;
        sleep(Duration::from_secs(1)).await;
    }
    Ok(true)
}

fn is_header(line: &str, name: &str) -> bool {
    line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let line = head.split("\r\n").find(|line| is_header(line, name))?;
    Some(line.split_once(':')?.1.trim())
}

/// The head with another value of a header.
fn with_header(head: &str, name: &str, value: &str) -> String {
    let changed = |line| if is_header(line, name) { format!("{name}: {value}") } else { line.to_owned() };
    head.split("\r\n").map(changed).collect::<Vec<_>>().join("\r\n")
}

/// `bytes 1-10/11` for `bytes 0-9/10`.
fn shifted(range: &str) -> Outcome<String> {
    let numbers = range.trim_start_matches("bytes ").split(['-', '/']).map(str::parse);
    match numbers.collect::<Result<Vec<u64>, _>>()?[..] {
        [first, last, len] => Ok(format!("bytes {}-{}/{}", first + 1, last + 1, len + 1)),
        _ => Err(format!("{range:?} is no range").into()),
    }
}
