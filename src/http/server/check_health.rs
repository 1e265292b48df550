//! Asks a service that runs whether it is alive: what a container's health check does where there is no curl.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::body::Body;
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::tls::to_anybody;
use crate::config::Listen;

/// Longest time for an answer: shorter than that of health checks, which tell nothing of what they cut off.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks the service that listens so for `/livez`: where operators are served on their own, if they are. Not whether it is
/// ready: who is asked by health checks is replaced if it fails, and one with a full queue or about to stop should not be.
/// Where operators have no listener of their own, it waits like any client for a connection to be accepted.
///
/// # Errors
/// If it does not answer, or not so.
pub async fn check_health(listen: &Listen) -> Result<(), String> {
    match timeout(PATIENCE, ask(listen)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("it does not answer within {PATIENCE:?}")),
    }
}

async fn ask(listen: &Listen) -> Result<(), String> {
    if let Some(address) = listen.admin_address {
        return alive(connect(&[address]).await?).await;
    }
    let addresses = listen.addresses().await.map_err(|error| error.to_string())?;
    let stream = connect(&addresses).await?;
    match &listen.tls {
        None => alive(stream).await,
        Some(files) if files.client_ca.is_some() => {
            Err("it wants certificates of clients: give it an --admin-address to be asked at".to_owned())
        }
        Some(_) => alive(to_anybody(stream).await.map_err(|error| error.to_string())?).await,
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let addresses: Vec<_> = addresses.iter().copied().map(from_here).collect();
    TcpStream::connect(addresses.as_slice()).await.map_err(|error| format!("nobody listens there: {error}"))
}

/// Where something that listens at this address is reached on the same machine.
fn from_here(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

async fn alive(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<(), String> {
    let told = |error: hyper::Error| format!("it does not speak HTTP: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(told)?;
    let connection = tokio::spawn(connection);
    let request = Request::get("/livez").header(header::HOST, "localhost").body(Body::empty());
    let answer = sender.send_request(request.map_err(|error| error.to_string())?).await.map_err(told);
    connection.abort();
    match answer?.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("it answers with status {status}")),
    }
}
