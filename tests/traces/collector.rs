//! A collector of traces inside this process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    transport::server::{Server, TcpIncoming},
};

/// A span as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Collected {
    pub(crate) span: Span,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Attributes of the service that sent it.
    pub(crate) resource: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Collected>>>);

/// A collector, until it is dropped.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    spans: Spans,
    task: JoinHandle<()>,
}

impl Collector {
    /// One that takes gRPC.
    pub(crate) async fn grpc() -> Self {
        let spans = Spans::default();
        let service = TraceServiceServer::new(spans.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let incoming = TcpIncoming::from(listener);
        let serving = Server::builder().add_service(service).serve_with_incoming(incoming);
        Self { endpoint, spans, task: tokio::spawn(async move { serving.await.expect("it serves") }) }
    }

    /// One that takes HTTP.
    pub(crate) async fn http() -> Self {
        let spans = Spans::default();
        let router = axum::Router::new().route("/v1/traces", post(take)).with_state(spans.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        Self {
            endpoint,
            spans,
            task: tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") }),
        }
    }

    /// Everything that has come so far.
    pub(crate) fn spans(&self) -> Vec<Collected> {
        self.spans.0.lock().expect("no panic").clone()
    }

    /// The spans, once there is one with this name.
    pub(crate) async fn spans_with(&self, name: &str) -> Vec<Collected> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let spans = self.spans();
            if spans.iter().any(|collected| collected.span.name == name) {
                return spans;
            }
            assert!(Instant::now() < deadline, "no {name} in {spans:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Spans {
    fn add(&self, request: ExportTraceServiceRequest) {
        for group in request.resource_spans {
            let resource = attributes(&group.resource.unwrap_or_default().attributes);
            for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let collected =
                    Collected { attributes: attributes(&span.attributes), resource: resource.clone(), span };
                self.0.lock().expect("no panic").push(collected);
            }
        }
    }
}

fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
}

async fn take(State(spans): State<Spans>, body: Bytes) -> Vec<u8> {
    spans.add(ExportTraceServiceRequest::decode(body).expect("protobuf"));
    ExportTraceServiceResponse::default().encode_to_vec()
}

#[tonic::async_trait]
impl TraceService for Spans {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.add(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
