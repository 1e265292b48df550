//! Log lines on standard error.

use std::{backtrace::Backtrace, io::IsTerminal, panic::PanicHookInfo};

use tracing_subscriber::{EnvFilter, Layer, Registry};

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
            Self::Auto => std::io::stderr().is_terminal(),
            Self::Text => true,
            Self::Json => false,
        }
    }
}

/// What writes them. `RUST_LOG` chooses what is logged; without it, this service's own lines from level info.
pub(super) fn layer(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,reductionist=info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if format.is_text() {
        lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(false).with_filter(filter).boxed()
    }
}

/// Tells of a defect, in one line. `RUST_BACKTRACE=1` adds how it came to be.
pub(super) fn panicked(panic: &PanicHookInfo<'_>) {
    let (location, backtrace) = (panic.location().map(ToString::to_string), Backtrace::capture());
    let reason = panic.payload_as_str().unwrap_or("of an unknown kind");
    tracing::error!(location, reason, %backtrace, "panicked: this is a defect");
}
