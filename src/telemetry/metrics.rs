//! Prometheus metrics.

use std::time::Duration;

use prometheus::{
    Encoder, Error, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder, exponential_buckets,
};

/// The series, in a registry of their own.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    incoming_requests: IntCounterVec,
    outgoing_response: IntCounterVec,
    response_time: HistogramVec,
}

impl Metrics {
    /// Content type of [`text`](Self::text).
    pub const CONTENT_TYPE: &'static str = prometheus::TEXT_FORMAT;

    /// Registers the series.
    ///
    /// # Errors
    /// If a name is taken twice: a defect.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let incoming_requests =
            IntCounterVec::new(Opts::new("incoming_requests", "Requests received"), &["http_method", "path"])?;
        let outgoing_response = IntCounterVec::new(
            Opts::new("outgoing_response", "Responses sent"),
            &["status_code", "http_method", "path"],
        )?;
        let response_time = HistogramVec::new(
            // 1 ms to 65 s, each twice the one before.
            HistogramOpts::new("response_time", "Seconds from the head of a request to the head of its response")
                .buckets(exponential_buckets(0.001, 2.0, 17)?),
            &["status_code", "http_method", "path"],
        )?;
        registry.register(Box::new(incoming_requests.clone()))?;
        registry.register(Box::new(outgoing_response.clone()))?;
        registry.register(Box::new(response_time.clone()))?;
        Ok(Self { registry, incoming_requests, outgoing_response, response_time })
    }

    /// Notes a request. `path` must be the matched route, of which there are few.
    pub fn request(&self, method: &str, path: &str) {
        self.incoming_requests.with_label_values(&[method, path]).inc();
    }

    /// Notes its response.
    pub fn response(&self, status: u16, method: &str, path: &str, time: Duration) {
        let labels = [&status.to_string(), method, path];
        self.outgoing_response.with_label_values(&labels).inc();
        self.response_time.with_label_values(&labels).observe(time.as_secs_f64());
    }

    /// All series in the Prometheus text format.
    ///
    /// # Errors
    /// If a series cannot be written: a defect.
    pub fn text(&self) -> Result<Vec<u8>, Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}
