//! The way to an OTLP collector over HTTP.

use std::{error::Error, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;
use tokio_rustls::rustls::ClientConfig;

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;

/// Sends what a thread of its own has collected, on the runtime that made it.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    timeout: Duration,
}

impl Collector {
    pub(super) fn new(tls: ClientConfig, timeout: Duration) -> Self {
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Self { client: Client::builder(TokioExecutor::new()).build(connector), runtime: Handle::current(), timeout }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (client, timeout) = (self.client.clone(), self.timeout);
        let exchange = async move {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        let outcome = self.runtime.spawn(async move { tokio::time::timeout(timeout, exchange).await? }).await?;
        // The exporter says that it failed, and not why.
        outcome.inspect_err(|error: &HttpError| {
            tracing::warn!(error = chain(error.as_ref()), "no answer of the collector");
        })
    }
}

/// The texts of an error and of what caused it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    texts.join(": ")
}
