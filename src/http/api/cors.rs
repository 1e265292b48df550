//! Scripts of which web pages may use the service (the CORS protocol of the Fetch standard).

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, Any, CorsLayer};

use super::{observe::REQUEST_ID, reply};
use crate::config::Origins;

/// How long browsers may remember what they were told; none does for longer.
const MAX_AGE: Duration = Duration::from_hours(2);

/// Tells browsers whose scripts may send requests, with any headers, and read all of the answers. Nothing that a browser
/// adds on its own, such as cookies, is wanted: scripts name their credentials themselves.
pub(super) fn layer(origins: &Origins) -> CorsLayer {
    let exposed = [REQUEST_ID, header::RETRY_AFTER].into_iter();
    let exposed = exposed.chain(reply::HEADERS.iter().copied().map(HeaderName::from_static));
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed.collect::<Vec<_>>())
        .max_age(MAX_AGE);
    match origins {
        Origins::Any => layer.allow_origin(Any),
        Origins::Listed(origins) => {
            let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
            layer.allow_origin(origins.collect::<Vec<_>>())
        }
    }
}
