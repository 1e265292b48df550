//! Stores that answer as scripted: faults that no real store makes on demand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Barrier,
    task::JoinHandle,
};

/// What a faulty store does with one request, whose head it has read.
type Script = Arc<dyn Fn(usize, String) -> Reply + Send + Sync>;

/// Bytes to send, and what to do then.
pub enum Reply {
    /// Close the connection.
    Close(Vec<u8>),
    /// Send nothing more, but stay.
    Stall(Vec<u8>),
    /// Send them once as many requests have come as meet at the barrier.
    Meet(Arc<Barrier>, Vec<u8>),
}

/// A store that answers its n-th request as scripted: a fault that no real store makes on demand.
pub struct FaultyStore {
    pub url: String,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl FaultyStore {
    pub async fn start(script: impl Fn(usize, String) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, script): (_, Script) = (Arc::clone(&requests), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(tokio::spawn(answer(stream, Arc::clone(&counter), Arc::clone(&script))));
            }
        });
        Self { url, requests, task }
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl FaultyStore {
    /// Lets nobody connect any more.
    pub fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for FaultyStore {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, counter: Arc<AtomicUsize>, script: Script) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let number = counter.fetch_add(1, Ordering::SeqCst);
    match script(number, String::from_utf8_lossy(&head).into_owned()) {
        Reply::Close(bytes) => stream.write_all(&bytes).await?,
        Reply::Meet(barrier, bytes) => {
            barrier.wait().await;
            stream.write_all(&bytes).await?;
        }
        Reply::Stall(bytes) => {
            stream.write_all(&bytes).await?;
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
    }
    stream.shutdown().await
}

/// An answer after which the connection ends.
pub fn response(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    if !headers.iter().any(|header| header.to_lowercase().starts_with("content-length")) {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

/// The same answer to every request.
pub fn whole_answer(
    status: &'static str,
    headers: &'static [&'static str],
    body: &[u8],
) -> impl Fn(usize, String) -> Reply + use<> {
    let bytes = response(status, headers, body);
    move |_, _| Reply::Close(bytes.clone())
}
