//! Connections: listeners, event loops, HTTP/1.1 and HTTP/2, pacing, TLS, draining. Knows of requests only that a router
//! answers them.

mod check_health;
mod connection;
mod event_loops;
mod exchanges;
mod half_closed;
pub(super) mod held;
pub(super) mod marks;
mod paced;
mod serve;
mod tls;
mod unread;

pub use check_health::check_health;
pub use event_loops::EventLoops;
pub use serve::{ServeOptions, serve};
pub use tls::{Tls, TlsError};
