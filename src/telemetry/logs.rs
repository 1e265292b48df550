//! Log lines on standard error.

use std::io::IsTerminal;

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
