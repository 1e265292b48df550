//! Log lines on standard error: for people on a terminal, JSON otherwise.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `RUST_LOG` chooses what is logged; without it, this service's own lines from level info.
pub fn start_logs() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,reductionist=info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A subscriber that is there already, as in a test, keeps its place.
    drop(if std::io::stderr().is_terminal() { logs.try_init() } else { logs.json().try_init() });
}
