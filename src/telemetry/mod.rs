//! What operators see: metrics, logs, traces.

mod build;
mod collector;
mod logs;
mod metrics;
mod traces;

use std::{fmt, time::Duration};

use tokio_rustls::rustls::ClientConfig;
use tracing_subscriber::{Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

use logs::Lines;
use traces::Tracing;

pub use build::{BUILD, Build};
pub use logs::{LogFilter, LogFormat};
pub use metrics::{ChunkMetrics, InFlight, Metrics, Queueing, Stage, StoreMetrics, StoresNow, Timer, Unit, Usage};
pub use traces::{Protocol, TraceSettings, attribute, follow, propagate};

/// What is told to whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which there are.
    pub log_filter: LogFilter,
    /// Where traces go; None for nowhere.
    pub traces: Option<TraceSettings>,
}

/// Logs and traces, until it is stopped.
pub struct Telemetry {
    tracing: Option<Tracing>,
    lines: Lines,
}

impl Telemetry {
    /// Starts both. Traces are sent by the Tokio runtime that runs the caller, with this TLS if they go over HTTPS. A panic
    /// becomes a line of the log. What is there already, as in a test, keeps its
    /// place.
    ///
    /// # Errors
    /// If what sends traces cannot be set up.
    pub fn start(settings: &Settings, tls: ClientConfig) -> Result<Self, String> {
        let lines = Lines::start();
        let tracing = settings.traces.as_ref().map(|traces| Tracing::start(traces, tls)).transpose()?;
        let layers: [Option<Box<dyn Layer<Registry> + Send + Sync>>; 2] =
            [Some(lines.layer(settings.log_format, &settings.log_filter)), tracing.as_ref().map(Tracing::layer)];
        let layers: Vec<_> = layers.into_iter().flatten().collect();
        drop(tracing_subscriber::registry().with(layers).try_init());
        std::panic::set_hook(Box::new(logs::panicked));
        Ok(Self { tracing, lines })
    }

    /// Has the metrics tell what is lost of the logs.
    ///
    /// # Errors
    /// If they do already: a defect.
    pub fn watch_logs(&self, metrics: &Metrics) -> prometheus::Result<()> {
        metrics.add(self.lines.lost()?)
    }

    /// Sends and writes what has not been sent and written yet: traces for no longer than this, lines for about a second.
    pub async fn stop(self, timeout: Duration) {
        if let Some(tracing) = self.tracing {
            tracing.stop(timeout).await;
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("traces", &self.tracing.is_some()).finish_non_exhaustive()
    }
}
