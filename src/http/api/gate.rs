//! What every request has to be, and to have, before anything is done for it.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Version, header, uri::Authority},
};

use crate::{error::ActiveStorageError, http::server::marks::NoPlace, resources::AdmissionError};

/// Whether a request can be served.
///
/// # Errors
/// What it lacks.
pub(super) fn check(request: &Request) -> Result<(), ActiveStorageError> {
    if request.extensions().get::<NoPlace>().is_some() {
        return Err(AdmissionError::NoPlace.into());
    }
    if !names_host(request.version(), request.headers()) {
        return Err(ActiveStorageError::Host);
    }
    Ok(())
}

/// Whether a request says once which host it is for (RFC 9112, section 3.2): a proxy that reads another one of two would
/// send it elsewhere. Versions before 1.1 need not say it, later ones say it in another way.
fn names_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version != Version::HTTP_11,
        (Some(host), None) => is_host(host),
        (Some(_), Some(_)) => false,
    }
}

/// A name or address, and perhaps a port; empty where a URL has none.
fn is_host(host: &HeaderValue) -> bool {
    host.is_empty() || !host.as_bytes().contains(&b'@') && Authority::try_from(host.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(version: Version, hosts: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        names_host(version, &headers)
    }

    #[test]
    fn http_1_1_names_one_host_and_other_versions_no_more() {
        for host in ["store.example", "store.example:8080", "[::1]:8080", "127.0.0.1", "my_service", ""] {
            assert!(passes(Version::HTTP_11, &[host]), "{host}");
        }
        for hosts in [&[][..], &["a", "a"], &["a", ""], &["a b"], &["user@a"], &["a/b"], &["http://a"]] {
            assert!(!passes(Version::HTTP_11, hosts), "{hosts:?}");
        }
        for version in [Version::HTTP_10, Version::HTTP_2] {
            assert!(passes(version, &[]) && passes(version, &["a"]) && !passes(version, &["a", "a"]));
        }
    }
}
