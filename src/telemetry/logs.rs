//! Log lines on standard error.

use std::{
    backtrace::Backtrace,
    io::{IsTerminal, stderr},
    panic::PanicHookInfo,
    sync::mpsc,
    thread,
    time::Duration,
};

use prometheus::{
    IntCounter,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Lines that wait to be written; more are lost. What reads standard error may be slow, or stop: requests go on.
const LINES: usize = 8192;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// As text on a terminal, as JSON otherwise.
    Auto,
    /// For people.
    Text,
    /// One object in each line.
    Json,
}

impl LogFormat {
    fn is_text(self) -> bool {
        match self {
            Self::Auto => stderr().is_terminal(),
            Self::Text => true,
            Self::Json => false,
        }
    }
}

/// Which lines are logged, in the words of `RUST_LOG`. By default the service's own from level info, and warnings of others,
/// without those of the exporter of traces: what they say is told in one line a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// Takes the value of `RUST_LOG`.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        EnvFilter::try_new(text).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl Default for LogFilter {
    fn default() -> Self {
        Self("warn,reductionist=info,opentelemetry-otlp=off".to_owned())
    }
}

/// Longest time to write what is left at the end: a little more than the worker takes for it.
const END: Duration = Duration::from_millis(1500);

/// Writes lines from a thread of its own, in the order in which they come.
#[derive(Debug)]
pub(super) struct Lines {
    writer: NonBlocking,
    /// Writes what is left when it is dropped.
    worker: Option<WorkerGuard>,
}

impl Lines {
    pub(super) fn start() -> Self {
        let builder = NonBlockingBuilder::default().thread_name("log").buffered_lines_limit(LINES).lossy(true);
        let (writer, worker) = builder.finish(stderr());
        Self { writer, worker: Some(worker) }
    }

    /// What makes lines of events.
    pub(super) fn layer(&self, format: LogFormat, filter: &LogFilter) -> Box<dyn Layer<Registry> + Send + Sync> {
        let filter = EnvFilter::new(&filter.0);
        let lines = tracing_subscriber::fmt::layer().with_writer(self.writer.clone());
        if format.is_text() {
            lines.with_ansi(stderr().is_terminal()).with_filter(filter).boxed()
        } else {
            lines.json().flatten_event(true).with_current_span(false).with_filter(filter).boxed()
        }
    }

    /// The series of those that are lost.
    ///
    /// # Errors
    /// If there cannot be one: a defect.
    pub(super) fn lost(&self) -> prometheus::Result<LostLines> {
        Ok(LostLines { lost: self.writer.error_counter(), none: lost_lines()? })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let Some(worker) = self.worker.take() else { return };
        // It complains on standard output if it cannot write: which nobody may read either.
        let (ended, ends) = mpsc::channel::<()>();
        let end = move || {
            drop(worker);
            drop(ended);
        };
        if thread::Builder::new().name("log-end".to_owned()).spawn(end).is_ok() {
            _ = ends.recv_timeout(END);
        }
    }
}

fn lost_lines() -> prometheus::Result<IntCounter> {
    let help = "Log lines that were lost because standard error was not read fast enough";
    IntCounter::new("reductionist_log_lines_dropped_total", help)
}

/// Counts lines that are lost.
pub(super) struct LostLines {
    lost: ErrorCounter,
    /// Says what the series is; its value is made when somebody looks.
    none: IntCounter,
}

impl Collector for LostLines {
    fn desc(&self) -> Vec<&Desc> {
        self.none.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Ok(series) = lost_lines() else { return Vec::new() };
        series.inc_by(u64::try_from(self.lost.dropped_lines()).unwrap_or(u64::MAX));
        series.collect()
    }
}

/// Tells of a defect, in one line. `RUST_BACKTRACE=1` adds how it came to be.
pub(super) fn panicked(panic: &PanicHookInfo<'_>) {
    let (location, backtrace) = (panic.location().map(ToString::to_string), Backtrace::capture());
    let reason = panic.payload_as_str().unwrap_or("of an unknown kind");
    tracing::error!(location, reason, %backtrace, "panicked: this is a defect");
}
