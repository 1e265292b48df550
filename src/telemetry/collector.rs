//! The way to an OTLP collector, and what becomes of spans that it does not take.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use tokio::runtime::Handle;
use tokio_rustls::rustls::ClientConfig;

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 10;

/// How often it is said that spans are lost.
const PERIOD: Duration = Duration::from_mins(1);

/// An exporter that says why spans are lost, once a minute, however many they are.
#[derive(Debug)]
pub(super) struct Exporter<E> {
    pub(super) exporter: E,
    pub(super) complaints: Arc<Complaints>,
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        if let Err(error) = self.exporter.export(batch).await {
            self.complaints.complain(spans, &error);
        }
        // Whoever hears of an error says so each time.
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.complaints.end();
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Spans that were lost since it was said last, and why.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<Lost>);

#[derive(Debug, Default)]
struct Lost {
    spans: usize,
    /// What the exporter does not tell.
    reason: Option<String>,
    said: Option<Instant>,
}

impl Complaints {
    /// Notes why the next spans will be lost, if they will.
    fn note(&self, reason: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reason = Some(reason);
    }

    fn complain(&self, spans: usize, error: &dyn Error) {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.spans = lost.spans.saturating_add(spans);
        lost.reason.get_or_insert_with(|| error.to_string());
        if lost.said.is_none_or(|said| said.elapsed() >= PERIOD) {
            lost.say();
        }
    }

    /// Says what has not been said yet.
    fn end(&self) {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.spans > 0 {
            lost.say();
        }
    }
}

impl Lost {
    fn say(&mut self) {
        let Self { spans, reason, .. } = std::mem::take(self);
        self.said = Some(Instant::now());
        tracing::warn!(spans, reason, "traces are lost: the collector does not take them");
    }
}

/// Sends what a thread of its own has collected, on the runtime that made it.
#[derive(Debug)]
pub(super) struct Collector {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    timeout: Duration,
    complaints: Arc<Complaints>,
}

impl Collector {
    pub(super) fn new(tls: ClientConfig, timeout: Duration, complaints: Arc<Complaints>) -> Self {
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, runtime: Handle::current(), timeout, complaints }
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
        outcome.inspect_err(|error: &HttpError| self.complaints.note(chain(error.as_ref())))
    }
}

/// The texts of an error and of what caused it.
fn chain(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
    texts.join(": ")
}
