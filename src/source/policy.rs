//! Which sources the operator lets clients read.

use std::borrow::Cow;

use url::Url;

/// URL prefixes that sources must be below; none for any source.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    allowed: Vec<Prefix>,
}

/// The operator's policy does not allow a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this server does not read from {0}; its operator decides which sources it reads (--allow-source)")]
pub struct PolicyError(String);

#[derive(Clone, Debug)]
struct Prefix {
    endpoint: Endpoint,
    path: String,
}

/// Where a URL leads to, without its path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl From<&Url> for Endpoint {
    fn from(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default(),
        }
    }
}

impl Policy {
    /// Allows what is below one of the prefixes, such as `https://store.example:9000/bucket/path`.
    ///
    /// # Errors
    /// If a prefix is not an absolute URL with a host.
    pub fn new(prefixes: &[String]) -> Result<Self, String> {
        let allowed = prefixes.iter().map(|prefix| Prefix::parse(prefix)).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// Whether every source is allowed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allowed.is_empty()
    }

    /// Checks an object: `path` is its decoded path below `endpoint`'s own.
    ///
    /// # Errors
    /// If it is below none of the prefixes, or has `.` or `..` in its path, which some stores resolve.
    pub fn check(&self, endpoint: &Url, path: &str) -> Result<(), PolicyError> {
        let full = format!("{}/{path}", decoded(endpoint.path()).trim_end_matches('/'));
        let climbs = full.split('/').any(|segment| matches!(segment, "." | ".."));
        let is_allowed = !climbs && self.allowed.iter().any(|prefix| prefix.covers(&endpoint.into(), &full));
        if self.is_open() || is_allowed {
            Ok(())
        } else {
            Err(PolicyError(format!("{}/{path}", endpoint.as_str().trim_end_matches('/'))))
        }
    }
}

/// A path as it is meant: what URLs write as `%20` is a space.
fn decoded(path: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy()
}

impl Prefix {
    fn parse(prefix: &str) -> Result<Self, String> {
        let url = Url::parse(prefix).map_err(|error| format!("{prefix:?} is not a URL: {error}"))?;
        let has_more =
            !url.username().is_empty() || url.password().is_some() || url.query().or(url.fragment()).is_some();
        if !matches!(url.scheme(), "http" | "https") || has_more {
            return Err(format!("{prefix:?} is not a plain http or https URL"));
        }
        Ok(Self { endpoint: (&url).into(), path: decoded(url.path()).trim_end_matches('/').to_owned() })
    }

    /// A prefix ends where a segment of the path ends.
    fn covers(&self, endpoint: &Endpoint, path: &str) -> bool {
        let rest = path.strip_prefix(&self.path);
        self.endpoint == *endpoint && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(prefix: &str, endpoint: &str, path: &str) -> bool {
        let policy = Policy::new(&[prefix.to_owned()]).expect("a URL");
        policy.check(&Url::parse(endpoint).expect("a URL"), path).is_ok()
    }

    #[test]
    fn a_prefix_ends_at_a_boundary() {
        assert!(allows("http://store:9000/data", "http://store:9000", "data/key"));
        assert!(allows("http://store:9000/data/", "http://store:9000/", "data/key"));
        assert!(!allows("http://store:9000/data", "http://store:9000", "data-private/key"));
        assert!(allows("http://store:9000", "http://store:9000", "anything/at/all"));
        assert!(allows("http://store/a/b", "http://store/a", "b/c"));
    }

    #[test]
    fn escapes_mean_what_they_stand_for() {
        for prefix in ["http://store/open/with space", "http://store/open/with%20space"] {
            assert!(allows(prefix, "http://store", "open/with space/key"));
            assert!(!allows(prefix, "http://store", "open/with%20space/key"));
        }
    }

    #[test]
    fn scheme_host_and_port_must_be_the_same() {
        assert!(!allows("https://store", "http://store", "data/key"));
        assert!(!allows("https://store", "https://store.example", "data/key"));
        assert!(!allows("https://store", "https://store:444", "data/key"));
        assert!(allows("https://store", "https://STORE:443", "data/key"));
    }

    #[test]
    fn paths_that_climb_are_refused() {
        assert!(!allows("http://store/data/open", "http://store", "data/open/../closed"));
        assert!(!allows("http://store/data/open", "http://store", "data/open/.."));
        assert!(allows("http://store/data/open", "http://store", "data/open/..x"));
    }

    #[test]
    fn without_prefixes_everything_is_allowed() {
        assert!(Policy::default().check(&Url::parse("http://store").expect("a URL"), "data/../key").is_ok());
    }
}
