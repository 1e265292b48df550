//! What operators see: metrics and logs.

mod logs;
mod metrics;

pub use logs::start_logs;
pub use metrics::Metrics;
