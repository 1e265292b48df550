//! A web server inside the process: `tower-http` serves the files of a directory, ranges included, and asks for HTTP
//! Basic credentials below `/private`.

use std::{net::SocketAddr, path::Path};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use headers::{Authorization, HeaderMapExt, authorization::Basic};
use tokio::{net::TcpListener, task::JoinHandle};
use tower_http::services::ServeDir;

use super::{ACCESS_KEY, SECRET_KEY};

/// A web server, until it is dropped.
pub struct Web {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Web {
    /// Serves the files below `root`. `/moved/…` leads to the same path without `moved`, `/away/…` to another server,
    /// and `/round` to itself.
    pub async fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let router = Router::new()
            .route("/moved/{*path}", get(|request: Request| async move { moved(&request, "/moved") }))
            .route("/away/{*path}", get(|| async { Redirect::temporary("http://127.0.0.2:1/public/ten") }))
            .route("/round", get(|| async { Redirect::temporary("/round") }))
            .fallback_service(ServeDir::new(root))
            .layer(middleware::from_fn(authorized));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn moved(request: &Request, prefix: &str) -> Redirect {
    Redirect::permanent(request.uri().path().strip_prefix(prefix).unwrap_or_default())
}

async fn authorized(request: Request, next: Next) -> Response {
    let basic = request.headers().typed_get::<Authorization<Basic>>();
    let is_known = basic.is_some_and(|basic| (basic.username(), basic.password()) == (ACCESS_KEY, SECRET_KEY));
    if request.uri().path().starts_with("/private") && !is_known {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}
