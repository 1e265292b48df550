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
    requests: Requests,
    resources: Resources,
    chunks: Chunks,
    stores: Stores,
    stages: [Histogram; Stage::ALL.len()],
}

/// What is asked and answered.
#[derive(Debug)]
struct Requests {
    incoming: IntCounterVec,
    outgoing: IntCounterVec,
    time: HistogramVec,
    in_flight: IntGauge,
}

impl Requests {
    fn new(registry: &Registry) -> Result<Self, Error> {
        let labels = ["status_code", "http_method", "path"];
        let time =
            HistogramOpts::new("response_time", "Seconds from the head of a request to the head of its response")
                // 1 ms to 65 s, each twice the one before.
                .buckets(exponential_buckets(0.001, 2.0, 17)?);
        Ok(Self {
            incoming: counters(registry, "incoming_requests", "Requests received", &["http_method", "path"])?,
            outgoing: counters(registry, "outgoing_response", "Responses sent", &labels)?,
            time: registered(registry, HistogramVec::new(time, &labels)?)?,
            in_flight: gauge(
                registry,
                "reductionist_requests_in_flight",
                "Requests for operations that are being answered",
            )?,
        })
    }
}

/// What is shared, and who waits for it.
#[derive(Debug)]
struct Resources {
    waiting: IntGaugeVec,
    permits: Used,
    memory: Used,
}

/// Gauges of what is used and what is free.
#[derive(Debug)]
struct Used {
    used: IntGaugeVec,
    free: IntGaugeVec,
}

impl Resources {
    fn new(registry: &Registry) -> Result<Self, Error> {
        let gauges = |name, help| gauges(registry, name, help, &["resource"]);
        Ok(Self {
            waiting: gauges("reductionist_requests_waiting", "Requests that wait for a resource")?,
            permits: Used {
                used: gauges("reductionist_permits_used", "Connections, files and threads in use")?,
                free: gauges(
                    "reductionist_permits_free",
                    "Connections, files and threads that are free, where there is a limit",
                )?,
            },
            memory: Used {
                used: gauges("reductionist_memory_used_bytes", "Memory that requests have been given")?,
                free: gauges("reductionist_memory_free_bytes", "Memory that requests may still be given")?,
            },
        })
    }

    fn note(&self, Usage { resource, unit, used, free, waiting }: Usage) {
        let series = match unit {
            Unit::Permits => &self.permits,
            Unit::Bytes => &self.memory,
        };
        set(&series.used.with_label_values(&[resource]), used);
        if let Some(free) = free {
            set(&series.free.with_label_values(&[resource]), free);
        }
        set(&self.waiting.with_label_values(&[resource]), waiting);
    }
}

/// Bytes of chunks that were read from stores.
#[derive(Debug)]
struct Chunks {
    fetched: IntCounterVec,
    decoded: IntCounterVec,
    returned: IntCounterVec,
}

impl Chunks {
    fn new(registry: &Registry) -> Result<Self, Error> {
        let counters = |name, help| counters(registry, name, help, &["interface", "codec"]);
        Ok(Self {
            fetched: counters("reductionist_fetched_bytes_total", "Bytes of encoded chunks read from stores")?,
            decoded: counters("reductionist_decoded_bytes_total", "Bytes of chunks after decoding")?,
            returned: counters("reductionist_returned_bytes_total", "Bytes of the bodies of results")?,
        })
    }
}

/// What goes wrong with stores.
#[derive(Debug)]
struct Stores {
    errors: IntCounterVec,
    retries: IntCounterVec,
    s3_clients: IntGauge,
    throttling: IntGauge,
    throttled: IntGauge,
}

/// What the service has to do with stores at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoresNow {
    /// S3 clients kept.
    pub s3_clients: usize,
    /// Stores that are asked at a pace, because they throttle.
    pub throttling: usize,
    /// Reads that wait for their turn at one of these.
    pub throttled: usize,
}

impl Stores {
    fn new(registry: &Registry) -> Result<Self, Error> {
        let counters = |name, help| counters(registry, name, help, &["interface", "kind"]);
        Ok(Self {
            errors: counters(
                "reductionist_store_errors_total",
                "Reads from stores that failed, repeated ones included",
            )?,
            retries: counters(
                "reductionist_store_retries_total",
                "Reads from stores that were repeated, by what made them fail",
            )?,
            s3_clients: gauge(registry, "reductionist_s3_clients", "S3 clients kept, one per store and credentials")?,
            throttling: gauge(
                registry,
                "reductionist_throttling_stores",
                "Stores that have refused reads as too many lately, and are asked less often for that",
            )?,
            throttled: gauge(
                registry,
                "reductionist_throttled_reads",
                "Reads that wait because their store is asked less often",
            )?,
        })
    }
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
        registry.register(Box::new(ProcessCollector::for_self()))?;
        gauges(&registry, "reductionist_build_info", "Which program this is", &["version", "revision", "arch"])?
            .with_label_values(&[BUILD.version, BUILD.revision, BUILD.arch])
            .set(1);
        Ok(Self(Arc::new(Series {
            requests: Requests::new(&registry)?,
            resources: Resources::new(&registry)?,
            chunks: Chunks::new(&registry)?,
            stores: Stores::new(&registry)?,
            stages: histograms(&registered(&registry, stages()?)?),
            registry,
        })))
    }

    /// Adds a series that is kept elsewhere.
    pub(super) fn add(&self, series: impl Collector + 'static) -> Result<(), Error> {
        self.0.registry.register(Box::new(series))
    }

    /// Notes a request. `path` must be the matched route, of which there are few.
    pub fn request(&self, method: &str, path: &str) {
        self.0.requests.incoming.with_label_values(&[method, path]).inc();
    }

    /// Notes its response.
    pub fn response(&self, status: u16, method: &str, path: &str, time: Duration) {
        let labels = [&status.to_string(), method, path];
        self.0.requests.outgoing.with_label_values(&labels).inc();
        self.0.requests.time.with_label_values(&labels).observe(time.as_secs_f64());
    }

    /// Counts a request for an operation among those in flight, until this is dropped.
    #[must_use]
    pub fn in_flight(&self) -> InFlight {
        self.0.requests.in_flight.inc();
        InFlight(self.0.requests.in_flight.clone())
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

    /// All series in the Prometheus text format, with the state of these resources and stores.
    ///
    /// # Errors
    /// If a series cannot be written: a defect.
    pub fn text(&self, usages: impl Iterator<Item = Usage>, stores: StoresNow) -> Result<Vec<u8>, Error> {
        usages.for_each(|usage| self.0.resources.note(usage));
        set(&self.0.stores.s3_clients, stores.s3_clients);
        set(&self.0.stores.throttling, stores.throttling);
        set(&self.0.stores.throttled, stores.throttled);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.0.registry.gather(), &mut text)?;
        Ok(text)
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
        self.count(&self.metrics.0.chunks.fetched, bytes);
    }

    /// Decoded, and what is left of it in the answer.
    pub fn answered(&self, decoded: usize, returned: usize) {
        self.count(&self.metrics.0.chunks.decoded, decoded);
        self.count(&self.metrics.0.chunks.returned, returned);
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
        self.metrics.0.stores.errors.with_label_values(&[self.interface, kind]).inc();
    }

    /// It is repeated.
    pub fn repeated(&self, kind: &'static str) {
        self.metrics.0.stores.retries.with_label_values(&[self.interface, kind]).inc();
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
