//! Prometheus metrics.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus::{
    Encoder, Error, Histogram, HistogramOpts, HistogramTimer, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
    core::{AtomicI64, Collector, GenericGauge},
    exponential_buckets,
    process_collector::ProcessCollector,
};

use super::BUILD;

/// Bounds of the buckets of stages, in seconds: from what a small chunk takes to what the longest requests may.
const STAGE_BUCKETS: [f64; 18] =
    [1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// A part of the way of a request. Together they are all of it but reading its body and its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for memory, and for a thread.
    Queue,
    /// Reading the chunk, waiting for a connection and repeated reads included.
    Fetch,
    /// Decoding it.
    Decode,
    /// Reducing it.
    Reduce,
    /// Writing the result.
    Encode,
}

impl Stage {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Queue, "queue"),
        (Self::Fetch, "fetch"),
        (Self::Decode, "decode"),
        (Self::Reduce, "reduce"),
        (Self::Encode, "encode"),
    ];
}

/// How much of a resource is in use, as it is read when somebody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Its name as a label.
    pub resource: &'static str,
    /// What its units are.
    pub unit: Unit,
    /// Units in use.
    pub used: usize,
    /// Units that are free; None if there is no bound.
    pub free: Option<usize>,
    /// Requests that wait for some.
    pub waiting: usize,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things that are used one at a time.
    Permits,
    /// Memory.
    Bytes,
}

/// The series, in a registry of their own. Clones are the same series.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Series>);

#[derive(Debug)]
struct Series {
    registry: Registry,
    incoming_requests: IntCounterVec,
    outgoing_response: IntCounterVec,
    response_time: HistogramVec,
    requests_in_flight: IntGauge,
    requests_waiting: IntGaugeVec,
    permits: Used,
    memory: Used,
    fetched_bytes: IntCounterVec,
    decoded_bytes: IntCounterVec,
    returned_bytes: IntCounterVec,
    stages: [Histogram; Stage::ALL.len()],
    store_errors: IntCounterVec,
    store_retries: IntCounterVec,
    s3_clients: IntGauge,
}

/// Gauges of what is used and what is free.
#[derive(Debug)]
struct Used {
    used: IntGaugeVec,
    free: IntGaugeVec,
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
        let responses = ["status_code", "http_method", "path"];
        let chunks = ["interface", "codec"];
        let stages = registered(&registry, stages()?)?;
        // 1 ms to 65 s, each twice the one before.
        let response_buckets = exponential_buckets(0.001, 2.0, 17)?;
        let series = Series {
            incoming_requests: counters(&registry, "incoming_requests", "Requests received", &["http_method", "path"])?,
            outgoing_response: counters(&registry, "outgoing_response", "Responses sent", &responses)?,
            response_time: registered(
                &registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "response_time",
                        "Seconds from the head of a request to the head of its response",
                    )
                    .buckets(response_buckets),
                    &responses,
                )?,
            )?,
            requests_in_flight: gauge(
                &registry,
                "reductionist_requests_in_flight",
                "Requests for operations that are being answered",
            )?,
            requests_waiting: gauges(
                &registry,
                "reductionist_requests_waiting",
                "Requests that wait for a resource",
                &["resource"],
            )?,
            permits: Used {
                used: gauges(
                    &registry,
                    "reductionist_permits_used",
                    "Connections, files and threads in use",
                    &["resource"],
                )?,
                free: gauges(
                    &registry,
                    "reductionist_permits_free",
                    "Connections, files and threads that are free, where there is a limit",
                    &["resource"],
                )?,
            },
            memory: Used {
                used: gauges(
                    &registry,
                    "reductionist_memory_used_bytes",
                    "Memory that requests have been given",
                    &["resource"],
                )?,
                free: gauges(
                    &registry,
                    "reductionist_memory_free_bytes",
                    "Memory that requests may still be given",
                    &["resource"],
                )?,
            },
            fetched_bytes: counters(
                &registry,
                "reductionist_fetched_bytes_total",
                "Bytes of encoded chunks read from stores",
                &chunks,
            )?,
            decoded_bytes: counters(
                &registry,
                "reductionist_decoded_bytes_total",
                "Bytes of chunks after decoding",
                &chunks,
            )?,
            returned_bytes: counters(
                &registry,
                "reductionist_returned_bytes_total",
                "Bytes of the bodies of results",
                &chunks,
            )?,
            stages: histograms(&stages),
            store_errors: counters(
                &registry,
                "reductionist_store_errors_total",
                "Reads from stores that failed, repeated ones included",
                &["interface", "kind"],
            )?,
            store_retries: counters(
                &registry,
                "reductionist_store_retries_total",
                "Reads from stores that were repeated, by what made them fail",
                &["interface", "kind"],
            )?,
            s3_clients: gauge(&registry, "reductionist_s3_clients", "S3 clients kept, one per store and credentials")?,
            registry,
        };
        series.registry.register(Box::new(ProcessCollector::for_self()))?;
        let build = ["version", "revision", "arch"];
        gauges(&series.registry, "reductionist_build_info", "Which program this is", &build)?
            .with_label_values(&[BUILD.version, BUILD.revision, BUILD.arch])
            .set(1);
        Ok(Self(Arc::new(series)))
    }

    /// Notes a request. `path` must be the matched route, of which there are few.
    pub fn request(&self, method: &str, path: &str) {
        self.0.incoming_requests.with_label_values(&[method, path]).inc();
    }

    /// Notes its response.
    pub fn response(&self, status: u16, method: &str, path: &str, time: Duration) {
        let labels = [&status.to_string(), method, path];
        self.0.outgoing_response.with_label_values(&labels).inc();
        self.0.response_time.with_label_values(&labels).observe(time.as_secs_f64());
    }

    /// Counts a request for an operation among those in flight, until this is dropped.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        self.0.requests_in_flight.inc();
        InFlight(self.0.requests_in_flight.clone())
    }

    /// Times a stage from now on until this is dropped, whatever becomes of the request.
    #[must_use]
    pub fn timer(&self, stage: Stage) -> Timer {
        Timer { _timer: self.stage(stage).start_timer() }
    }

    /// Times what a request waits, from now on, with pauses.
    #[must_use]
    pub fn queueing(&self) -> Queueing {
        let queue = self.stage(Stage::Queue).clone();
        Queueing { queue, waited: Duration::ZERO, since: Some(Instant::now()) }
    }

    fn stage(&self, stage: Stage) -> &Histogram {
        let [queue, fetch, decode, reduce, encode] = &self.0.stages;
        match stage {
            Stage::Queue => queue,
            Stage::Fetch => fetch,
            Stage::Decode => decode,
            Stage::Reduce => reduce,
            Stage::Encode => encode,
        }
    }

    /// For the bytes of a chunk that is read through this interface and compressed by this codec.
    #[must_use]
    pub fn chunk(&self, interface: &'static str, codec: &'static str) -> ChunkMetrics {
        ChunkMetrics { labels: [interface, codec], metrics: self.clone() }
    }

    /// For reads through one interface.
    #[must_use]
    pub fn store(&self, interface: &'static str) -> StoreMetrics {
        StoreMetrics { interface, metrics: self.clone() }
    }

    /// All series in the Prometheus text format, with the state of these resources and this many S3 clients.
    ///
    /// # Errors
    /// If a series cannot be written: a defect.
    pub fn text(&self, usages: impl Iterator<Item = Usage>, s3_clients: usize) -> Result<Vec<u8>, Error> {
        usages.for_each(|usage| self.note(usage));
        set(&self.0.s3_clients, s3_clients);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0.registry.gather(), &mut text)?;
        Ok(text)
    }

    fn note(&self, Usage { resource, unit, used, free, waiting }: Usage) {
        let series = match unit {
            Unit::Permits => &self.0.permits,
            Unit::Bytes => &self.0.memory,
        };
        set(&series.used.with_label_values(&[resource]), used);
        if let Some(free) = free {
            set(&series.free.with_label_values(&[resource]), free);
        }
        set(&self.0.requests_waiting.with_label_values(&[resource]), waiting);
    }
}

/// One request in flight.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// A stage that goes on.
#[derive(Debug)]
pub struct Timer {
    _timer: HistogramTimer,
}

/// What a request has waited so far; noted when this is dropped.
#[derive(Debug)]
pub struct Queueing {
    queue: Histogram,
    waited: Duration,
    since: Option<Instant>,
}

impl Queueing {
    /// It waits no longer.
    pub fn pause(&mut self) {
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// It waits again.
    pub fn resume(&mut self) {
        self.since = Some(Instant::now());
    }
}

impl Drop for Queueing {
    fn drop(&mut self) {
        self.pause();
        self.queue.observe(self.waited.as_secs_f64());
    }
}

/// Counts the bytes of one chunk.
#[derive(Debug)]
pub struct ChunkMetrics {
    labels: [&'static str; 2],
    metrics: Metrics,
}

impl ChunkMetrics {
    /// As it came from the store.
    pub fn fetched(&self, bytes: usize) {
        self.count(&self.metrics.0.fetched_bytes, bytes);
    }

    /// Decoded.
    pub fn decoded(&self, bytes: usize) {
        self.count(&self.metrics.0.decoded_bytes, bytes);
    }

    /// What is left of it in the answer.
    pub fn returned(&self, bytes: usize) {
        self.count(&self.metrics.0.returned_bytes, bytes);
    }

    fn count(&self, counters: &IntCounterVec, bytes: usize) {
        counters.with_label_values(&self.labels).inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

/// Counts what goes wrong with the stores behind one interface.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    interface: &'static str,
    metrics: Metrics,
}

impl StoreMetrics {
    /// A read failed. There must be few kinds.
    pub fn failed(&self, kind: &'static str) {
        self.metrics.0.store_errors.with_label_values(&[self.interface, kind]).inc();
    }

    /// It is repeated.
    pub fn repeated(&self, kind: &'static str) {
        self.metrics.0.store_retries.with_label_values(&[self.interface, kind]).inc();
    }
}

fn stages() -> Result<HistogramVec, Error> {
    let options = HistogramOpts::new("reductionist_stage_duration_seconds", "Seconds that requests spend in a stage");
    HistogramVec::new(options.buckets(STAGE_BUCKETS.to_vec()), &["stage"])
}

fn histograms(stages: &HistogramVec) -> [Histogram; Stage::ALL.len()] {
    Stage::ALL.map(|(_, name)| stages.with_label_values(&[name]))
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, series: C) -> Result<C, Error> {
    registry.register(Box::new(series.clone()))?;
    Ok(series)
}

fn counters(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, Error> {
    registered(registry, IntGauge::new(name, help)?)
}

fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

fn set(gauge: &GenericGauge<AtomicI64>, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
