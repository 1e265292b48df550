//! Where an object on a web server is.

use std::fmt;

use url::{Origin, Position, Url};

use crate::source::locate::{Locate, decoded};

/// An object on a web server. Its URL is as `url` writes it: scheme and host in lower case, no port that goes without
/// saying, no `.` and `..`. What servers may tell apart stays apart, such as `%7E` and `~`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HttpLocation {
    /// URL of the object.
    pub url: Url,
}

impl HttpLocation {
    /// The object that a URL names.
    ///
    /// # Errors
    /// If it is not an http or https URL, or holds credentials or a fragment.
    pub fn from_url(url: &str) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials: send them as HTTP Basic authentication".to_owned());
        }
        if url.fragment().is_some() {
            return Err("must not have a #; write %23 if it is part of the name".to_owned());
        }
        Ok(Self { url })
    }
}

impl Locate for HttpLocation {
    fn store(&self) -> &str {
        &self.url[..Position::BeforePath]
    }

    fn path(&self) -> Option<(Origin, Vec<u8>)> {
        let path = self.url.path().to_ascii_lowercase();
        // An escaped slash is a part of a name for some servers, and none for others.
        let is_certain = !path.contains("%2f") && !path.contains("%5c");
        is_certain.then(|| (self.url.origin(), decoded(self.url.path()).into_owned()))
    }
}

impl fmt::Display for HttpLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url[..Position::AfterPath])
    }
}

impl fmt::Debug for HttpLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query = if self.url.query().is_some() { "?.." } else { "" };
        write!(f, "HttpLocation({self}{query})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> HttpLocation {
        HttpLocation::from_url(url).expect("a URL")
    }

    #[test]
    fn spellings_of_one_url_are_equal() {
        for (one, other) in [
            ("http://web/a", "HTTP://WEB:80/a"),
            ("https://web/a", "https://web:443/a"),
            ("http://web/b/../a", "http://web/./a"),
            ("http://web", "http://web/"),
            ("http://127.0.0.1/a", "http://0x7f.1/a"),
            ("http://web/a b", "http://web/a%20b"),
        ] {
            assert_eq!(location(one), location(other));
        }
    }

    #[test]
    fn what_a_server_may_tell_apart_is_not_equal() {
        for (one, other) in [
            ("http://web/a", "https://web/a"),
            ("http://web/a", "http://web:81/a"),
            ("http://web/a", "http://web./a"),
            ("http://web/a", "http://web/A"),
            ("http://web/a", "http://web/a/"),
            ("http://web/a", "http://web//a"),
            ("http://web/a", "http://web/a?"),
            ("http://web/a?x=1&y=2", "http://web/a?y=2&x=1"),
            ("http://web/~a", "http://web/%7Ea"),
            ("http://web/%c3%a9", "http://web/%C3%A9"),
        ] {
            assert_ne!(location(one), location(other));
        }
    }

    #[test]
    fn nothing_shows_a_query() {
        let location = location("http://web/key?token=secret");
        assert_eq!(location.to_string(), "http://web/key");
        assert_eq!(format!("{location:?}"), "HttpLocation(http://web/key?..)");
    }
}
