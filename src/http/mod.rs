//! The door: the only code that knows axum, status codes and headers.

mod api;
mod server;

pub use api::{admin_router, router, served};
pub use server::{EventLoops, ServeOptions, Tls, TlsError, check_health, serve};
