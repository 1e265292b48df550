//! Which sources the operator lets clients read.

use std::net::IpAddr;

use url::{Host, Origin, Url};

use super::{
    locate::{Locate, directory},
    location::Location,
};

/// URL prefixes, such as `https://store.example:9000/bucket/path`.
#[derive(Clone, Debug, Default)]
pub struct Prefixes(Vec<Prefix>);

/// Which sources clients may name. Files need no prefix: the operator names their root.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Every source has to be below one of these; if there are none, any source is allowed.
    pub allowed: Prefixes,
}

/// A source that the operator does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this server does not read from {0}; its operator decides which sources it reads (--allow-source)")]
pub struct PolicyError(String);

#[derive(Clone, Debug)]
pub(super) struct Prefix {
    origin: Origin,
    /// Its bytes, which need not be UTF-8.
    path: Vec<u8>,
}

impl Policy {
    /// Whether every source is allowed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allowed.0.is_empty()
    }

    /// Whether anything below these prefixes may be read.
    #[must_use]
    pub fn meets(&self, prefixes: &Prefixes) -> bool {
        let meet = |one: &Prefix, other: &Prefix| one.holds(other) || other.holds(one);
        self.is_open() || prefixes.0.iter().any(|prefix| self.allowed.0.iter().any(|allowed| meet(allowed, prefix)))
    }

    /// Checks an object.
    ///
    /// # Errors
    /// If it is below none of the prefixes, or not certainly so: some stores resolve `..` and the like.
    pub fn check(&self, location: &Location) -> Result<(), PolicyError> {
        if self.is_open() || matches!(location, Location::File(_)) || self.allowed.cover(location) {
            Ok(())
        } else {
            Err(PolicyError(location.to_string()))
        }
    }
}

impl Prefixes {
    /// Reads what an operator wrote.
    ///
    /// # Errors
    /// If a prefix is not an absolute URL with a host.
    pub fn parse(prefixes: &[String]) -> Result<Self, String> {
        prefixes.iter().map(|prefix| Prefix::parse(prefix)).collect::<Result<_, _>>().map(Self)
    }

    /// The addresses among the hosts.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().filter_map(|prefix| match prefix.origin {
            Origin::Tuple(_, Host::Ipv4(address), _) => Some(address.into()),
            Origin::Tuple(_, Host::Ipv6(address), _) => Some(address.into()),
            _ => None,
        })
    }

    /// Whether an object is certainly below one of the prefixes.
    #[must_use]
    pub fn cover(&self, location: &dyn Locate) -> bool {
        if self.0.is_empty() {
            return false;
        }
        certain_path(location).is_some_and(|(origin, path)| self.0.iter().any(|prefix| prefix.covers(&origin, &path)))
    }
}

/// Origin and path of an object; None where the path has parts that some servers resolve.
fn certain_path(location: &dyn Locate) -> Option<(Origin, Vec<u8>)> {
    // `..;x` is a step up for servers that cut parameters off each part of a path.
    let climbs = |segment: &[u8]| matches!(segment.split(|&byte| byte == b';').next(), Some(b"." | b".."));
    location.path().filter(|(_, path)| !path.split(|byte| matches!(byte, b'/' | b'\\')).any(climbs))
}

impl Prefix {
    pub(super) fn parse(prefix: &str) -> Result<Self, String> {
        let url = Url::parse(prefix).map_err(|error| format!("{prefix:?} is not a URL: {error}"))?;
        let has_more =
            !url.username().is_empty() || url.password().is_some() || url.query().or(url.fragment()).is_some();
        if !matches!(url.scheme(), "http" | "https") || has_more {
            return Err(format!("{prefix:?} is not a plain http or https URL"));
        }
        Ok(Self { origin: url.origin(), path: directory(url.path()) })
    }

    /// Whether an object is certainly below this prefix.
    pub(super) fn covers_location(&self, location: &dyn Locate) -> bool {
        certain_path(location).is_some_and(|(origin, path)| self.covers(&origin, &path))
    }

    /// How many bytes of a path it determines.
    pub(super) const fn len(&self) -> usize {
        self.path.len()
    }

    /// Whether another prefix is below this one.
    fn holds(&self, other: &Self) -> bool {
        self.covers(&other.origin, &other.path)
    }

    /// Whether a path is below this prefix, which ends where one of its segments ends.
    fn covers(&self, origin: &Origin, path: &[u8]) -> bool {
        let rest = path.strip_prefix(self.path.as_slice());
        self.origin == *origin && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{http::location::HttpLocation, s3::location::S3Location};

    fn policy(prefix: &str) -> Policy {
        Policy { allowed: Prefixes::parse(&[prefix.to_owned()]).expect("a URL") }
    }

    /// Whether an object of an S3 store is allowed.
    fn allows(prefix: &str, endpoint: &str, path: &str) -> bool {
        let (bucket, key) = path.split_once('/').expect("bucket and key");
        let endpoint = Url::parse(endpoint).expect("a URL");
        let location = S3Location { endpoint, bucket: Some(bucket.to_owned()), key: key.to_owned() };
        policy(prefix).check(&Location::S3(location)).is_ok()
    }

    /// Whether an object of a web server is allowed.
    fn allows_url(prefix: &str, url: &str) -> bool {
        policy(prefix).check(&Location::Http(HttpLocation::from_url(url).expect("a URL"))).is_ok()
    }

    #[test]
    fn a_prefix_ends_at_a_boundary() {
        assert!(allows("http://store:9000/data", "http://store:9000", "data/key"));
        assert!(allows("http://store:9000/data/", "http://store:9000/", "data/key"));
        assert!(!allows("http://store:9000/data", "http://store:9000", "data-private/key"));
        assert!(allows("http://store:9000", "http://store:9000", "anything/at/all"));
        assert!(allows("http://store/a/b", "http://store/a", "b/c"));
        assert!(allows_url("http://web/data", "http://web/data/file.nc?version=2"));
        assert!(!allows_url("http://web/data", "http://web/data-private/file.nc"));
    }

    #[test]
    fn prefixes_meet_if_one_is_below_the_other() {
        let meet = |allowed, other: &str| policy(allowed).meets(&Prefixes::parse(&[other.to_owned()]).expect("a URL"));
        for (allowed, other) in [
            ("http://store", "http://store/data"),
            ("http://store/data", "http://store"),
            ("http://store/data", "http://store:80/data/"),
        ] {
            assert!(meet(allowed, other), "{allowed} {other}");
        }
        for (allowed, other) in [
            ("http://store/data", "http://store/data-private"),
            ("http://store", "https://store"),
            ("http://store/a", "http://other/a"),
        ] {
            assert!(!meet(allowed, other), "{allowed} {other}");
        }
        assert!(Policy::default().meets(&Prefixes::default()));
    }

    #[test]
    fn escapes_mean_what_they_stand_for() {
        for prefix in ["http://store/open/with space", "http://store/open/with%20space"] {
            assert!(allows(prefix, "http://store", "open/with space/key"));
            assert!(!allows(prefix, "http://store", "open/with%20space/key"));
            assert!(allows_url(prefix, "http://store/open/with%20space/key"));
            assert!(!allows_url(prefix, "http://store/open/with%2520space/key"));
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_not_all_the_same() {
        assert!(allows_url("http://web/%FE", "http://web/%FE/key"));
        assert!(!allows_url("http://web/%FE", "http://web/%FF/key"));
        assert!(!allows("http://store/%FE/data", "http://store/%FF", "data/key"));
    }

    #[test]
    fn scheme_host_and_port_must_be_the_same() {
        assert!(!allows("https://store", "http://store", "data/key"));
        assert!(!allows("https://store", "https://store.example", "data/key"));
        assert!(!allows("https://store", "https://store:444", "data/key"));
        assert!(allows("https://store", "https://STORE:443", "data/key"));
        assert!(!allows_url("https://web", "https://web.example/key"));
    }

    #[test]
    fn paths_that_climb_are_refused() {
        assert!(!allows("http://store/data/open", "http://store", "data/open/../closed"));
        assert!(!allows("http://store/data/open", "http://store", "data/open/.."));
        assert!(allows("http://store/data/open", "http://store", "data/open/..x"));
        for url in
            ["open/../x", "open/%2e%2e/x", "open/..;a=b/x", "open%2Fx", "open/..%2fx", "open/..%5Cx", "open/..\\x"]
        {
            assert!(!allows_url("http://web/open", &format!("http://web/{url}")), "{url}");
        }
        assert!(allows_url("http://web/open", "http://web/closed/../open/x"));
    }

    #[test]
    fn without_prefixes_everything_is_allowed() {
        let location = HttpLocation::from_url("http://web/data%2Fkey").expect("a URL");
        assert!(Policy::default().check(&Location::Http(location)).is_ok());
    }

    #[test]
    fn a_refusal_does_not_repeat_a_query() {
        let location = HttpLocation::from_url("http://web/key?token=secret").expect("a URL");
        let refused = policy("http://elsewhere").check(&Location::Http(location)).expect_err("elsewhere");
        assert_eq!(refused.0, "http://web/key");
    }
}
