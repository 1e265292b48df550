//! Traces for Jaeger and whatever else takes OTLP.

use std::{sync::Arc, time::Duration};

use hyper::{HeaderMap, header::HeaderValue};
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt, TraceState, TracerProvider},
};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio_rustls::rustls::ClientConfig;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry, filter::Targets};

use super::{
    BUILD,
    collector::{Collector, Complaints, Exporter},
};

/// What the service calls itself, where `OTEL_SERVICE_NAME` does not say.
const NAME: &str = env!("CARGO_PKG_NAME");

const TRACE_PARENT: &str = "traceparent";
const TRACE_STATE: &str = "tracestate";

/// Longest state of other tracing systems that is handed on, in bytes: what W3C Trace Context asks for. It is kept with each
/// span.
const MAX_STATE: usize = 512;

/// How traces are sent. Where to, and which, is read from the variables `OTEL_…` of the OpenTelemetry specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// The form.
    pub protocol: Protocol,
    /// Longest time for one export.
    pub timeout: Duration,
}

/// The two forms of OTLP that are usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Protobuf over gRPC, by default to port 4317.
    Grpc,
    /// Protobuf over HTTP/1.1, by default to port 4318.
    Http,
}

/// What makes and sends spans.
pub(super) struct Tracing {
    provider: SdkTracerProvider,
}

impl Tracing {
    pub(super) fn start(settings: &TraceSettings, tls: ClientConfig) -> Result<Self, String> {
        let complaints = Arc::<Complaints>::default();
        let exporter = match settings.protocol {
            Protocol::Grpc => SpanExporter::builder().with_tonic().with_timeout(settings.timeout).build(),
            Protocol::Http => {
                let collector = Collector::new(tls, settings.timeout, Arc::clone(&complaints));
                SpanExporter::builder().with_http().with_http_client(collector).with_timeout(settings.timeout).build()
            }
        };
        let exporter = exporter.map_err(|error| format!("traces cannot be sent (OTEL_EXPORTER_OTLP_…): {error}"))?;
        let exporter = Exporter { exporter, complaints };
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        Ok(Self { provider })
    }

    /// What makes them of this service's spans, down to level debug.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let tracer: SdkTracer = self.provider.tracer(NAME);
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(NAME, Level::DEBUG))
            .boxed()
    }

    pub(super) async fn stop(self, timeout: Duration) {
        // It waits for an export, which this runtime must go on with.
        let stopping = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(timeout));
        let problem = match tokio::time::timeout(timeout, stopping).await {
            Ok(Ok(Ok(()))) => return,
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the collector does not take them within {timeout:?}"),
        };
        tracing::warn!(problem, "the last traces could not be sent");
    }
}

/// Who the spans come from.
fn resource() -> Resource {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES");
    let mut named = attributes.split(',').map(|attribute| attribute.trim_start().starts_with("service.name="));
    let resource = Resource::builder();
    let resource = if variable("OTEL_SERVICE_NAME").is_empty() && !named.any(|named| named) {
        resource.with_service_name(NAME)
    } else {
        resource
    };
    resource.with_attribute(opentelemetry::KeyValue::new("service.version", BUILD.version)).build()
}

/// A number of bytes or elements as an attribute: larger types become texts.
#[must_use]
pub fn attribute(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Makes a span part of the trace that a request says it belongs to (`traceparent`, `tracestate` of W3C Trace Context).
pub fn follow(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    let Some(parent) = parent(headers) else { return };
    // Without traces there is nothing to follow.
    drop(span.set_parent(Context::new().with_remote_span_context(parent)));
}

/// The span of the client, if it says so once, in the form of the specification.
fn parent(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(TRACE_PARENT).iter();
    let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
    if !has_ids(parent.as_bytes()) {
        return None;
    }
    let extracted = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    let parent = extracted.span().span_context().clone();
    let state = state(headers).unwrap_or(TraceState::NONE);
    let parent = SpanContext::new(parent.trace_id(), parent.span_id(), parent.trace_flags(), true, state);
    parent.is_valid().then_some(parent)
}

/// Whether the ids are as long as they should be, and in lower case: others would be taken for something else.
fn has_ids(parent: &[u8]) -> bool {
    let is_hex = |id: Option<&[u8]>, len| {
        id.is_some_and(|id| id.len() == len && id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let mut fields = parent.split(|&byte| byte == b'-');
    is_hex(fields.next(), 2) && is_hex(fields.next(), 32) && is_hex(fields.next(), 16) && is_hex(fields.next(), 2)
}

/// What other tracing systems have to say, which may stand in several headers; None if it cannot be read or kept.
fn state(headers: &HeaderMap) -> Option<TraceState> {
    let states: Result<Vec<_>, _> = headers.get_all(TRACE_STATE).iter().map(HeaderValue::to_str).collect();
    let state = states.ok()?.join(",");
    (state.len() <= MAX_STATE).then(|| state.parse().ok()).flatten()
}

/// Tells who is asked which span asks, if traces are made.
pub fn propagate(headers: &mut HeaderMap) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    TraceContextPropagator::new().inject_context(&span.context(), &mut HeaderInjector(headers));
    if headers.get(TRACE_STATE).is_some_and(HeaderValue::is_empty) {
        headers.remove(TRACE_STATE);
    }
}
