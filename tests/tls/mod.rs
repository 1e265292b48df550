//! Certificates, and connections to who has them.
#![allow(dead_code, unreachable_pub, reason = "each test needs a part")]

use std::{io, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertifiedKey, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{PrivateKeyDer, ServerName},
    },
};

/// A certificate for `localhost`, and for clients that call themselves so.
pub fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

pub type Trusted<'a> = &'a CertifiedKey<KeyPair>;

/// A connection to who has the certificate.
pub async fn secure(
    port: u16,
    server: Trusted<'_>,
    client: Option<Trusted<'_>>,
    protocol: &[u8],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(server.cert.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::try_from(client.signing_key.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![client.cert.der().clone()], key).unwrap()
        }
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// How connections of HTTP/2 are made.
pub fn builder() -> Builder<TokioExecutor> {
    Builder::new(TokioExecutor::new())
}

/// What requests go into, of a connection of HTTP/2 to who has the certificate.
pub async fn http2(port: u16, server: Trusted<'_>, builder: &mut Builder<TokioExecutor>) -> SendRequest<Full<Bytes>> {
    let stream = secure(port, server, None, b"h2").await.unwrap();
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    drop(tokio::spawn(connection));
    sender
}
