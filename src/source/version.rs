//! Which version of an object bytes are of: its entity tag, or else when it was modified and how long it is.

use std::{fmt, fs::Metadata, os::unix::fs::MetadataExt};

use hyper::{
    HeaderMap,
    header::{self, HeaderValue},
};

use super::{
    error::{SourceError, SourceErrorKind},
    transport::fields::text,
};

/// The longest tag in bytes. Those of stores have 16 to 80.
const MAX_TAG: usize = 1 << 10;

/// The version of an object, as an entity tag (RFC 9110, section 8.8.3). `Display` gives the form that it has in headers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// Without the quotes.
    tag: String,
    strength: Strength,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Strength {
    /// Other bytes have another tag.
    Strong,
    /// Other bytes may have the same one for a moment. No server takes it as a condition.
    Weak,
}

impl Version {
    /// The version that a client names: `"tag"`, `W/"tag"`, or the tag without its quotes.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (strength, quoted) = match text.strip_prefix("W/") {
            Some(quoted) if quoted.starts_with('"') => (Strength::Weak, quoted),
            _ => (Strength::Strong, text),
        };
        let tag = quoted.strip_prefix('"').map_or(Some(quoted), |rest| rest.strip_suffix('"'));
        match tag {
            Some(tag) if is_tag(tag) => Ok(Self { tag: tag.to_owned(), strength }),
            _ => Err("must be an entity tag, as a store's ETag header has it".to_owned()),
        }
    }

    /// The version that an answer with these headers is of: its `ETag`, or one made of `Last-Modified` and the length of the
    /// object. None if it has neither.
    pub(super) fn of_answer(headers: &HeaderMap, object_len: Option<u64>) -> Option<Self> {
        let tag = headers.get(header::ETAG).and_then(|tag| std::str::from_utf8(tag.as_bytes()).ok());
        if let Some(tag) = tag.map(str::trim).filter(|tag| !tag.is_empty()) {
            return Self::parse(tag).ok();
        }
        let modified = httpdate::parse_http_date(text(headers, &header::LAST_MODIFIED)?).ok()?;
        let seconds = modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
        Some(Self { tag: format!("{seconds:x}-{:x}", object_len?), strength: Strength::Weak })
    }

    /// The version of a file: which one it is, when it was last written to, and how long it is.
    pub(super) fn of_file(metadata: &Metadata) -> Self {
        let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
        let tag = format!("{:x}-{seconds:x}.{nanos:x}-{:x}", metadata.ino(), metadata.len());
        Self { tag, strength: Strength::Strong }
    }

    /// Whether bytes of the other version are those of this one. Proxies that compress make strong tags weak.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        self.tag == other.tag
    }

    /// Checks that bytes are of this version.
    ///
    /// # Errors
    /// If they are of another one, or it is not known of which.
    pub(super) fn check(&self, there: Option<&Self>) -> Result<(), SourceError> {
        match there {
            Some(there) if self.is_of(there) => Ok(()),
            Some(there) => Err(self.differs(Some(there))),
            None => Err(SourceError::new(
                SourceErrorKind::OtherVersion,
                format!(
                    "nobody can tell whether the object is still {self}: its store names no version (leave etag out)"
                ),
            )),
        }
    }

    /// The error of an object that is of another version.
    pub(super) fn differs(&self, there: Option<&Self>) -> SourceError {
        let now = there.map_or_else(|| "another one".to_owned(), ToString::to_string);
        SourceError::new(
            SourceErrorKind::OtherVersion,
            format!("the object has changed: etag names the version {self}, and the store has {now}"),
        )
    }

    /// The value of `If-Match`; None for a weak tag, which equals nothing there (RFC 9110, section 13.1.1).
    pub(super) fn if_match(&self) -> Option<HeaderValue> {
        (self.strength == Strength::Strong).then(|| self.header())?
    }

    /// The value of a header. It is never None: tags hold nothing that a header cannot.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(self.to_string().as_bytes()).ok()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.strength == Strength::Weak { "W/" } else { "" };
        write!(f, "{mark}\"{}\"", self.tag)
    }
}

/// Whether this can stand between the quotes.
fn is_tag(tag: &str) -> bool {
    !tag.is_empty() && tag.len() <= MAX_TAG && tag.chars().all(|c| c != '"' && c > ' ' && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_answer(fields: &[(&'static str, &'static str)], len: Option<u64>) -> Option<String> {
        let fields =
            fields.iter().map(|&(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        Version::of_answer(&fields.collect(), len).map(|version| version.to_string())
    }

    #[test]
    fn tags_are_taken_with_and_without_quotes() {
        for (given, shown) in [("\"a-1\"", "\"a-1\""), ("a-1", "\"a-1\""), ("W/\"a\"", "W/\"a\""), ("W/a", "\"W/a\"")] {
            assert_eq!(Version::parse(given).expect("a tag").to_string(), shown);
        }
        for nonsense in ["", "\"", "\"\"", "a b", "a\"b", "\"a\nb\"", "\"a\"b", "\u{7f}", &"x".repeat(2000)] {
            assert!(Version::parse(nonsense).is_err(), "{nonsense:?}");
        }
    }

    #[test]
    fn an_answer_without_a_tag_is_known_by_its_date_and_length() {
        let date = ("last-modified", "Thu, 01 Jan 1970 00:00:16 GMT");
        assert_eq!(of_answer(&[("etag", "\"x\""), date], Some(1)).as_deref(), Some("\"x\""));
        assert_eq!(of_answer(&[date], Some(17)).as_deref(), Some("W/\"10-11\""));
        assert_eq!(of_answer(&[("etag", ""), date], Some(17)).as_deref(), Some("W/\"10-11\""));
        assert_eq!(of_answer(&[date], None), None);
        assert_eq!(of_answer(&[("last-modified", "yesterday")], Some(1)), None);
        assert_eq!(of_answer(&[], Some(1)), None);
    }

    #[test]
    fn weak_tags_are_compared_and_are_no_condition() {
        let version = |text| Version::parse(text).expect("a tag");
        assert!(version("\"a\"").check(Some(&version("W/\"a\""))).is_ok());
        assert!(version("\"a\"").check(Some(&version("\"b\""))).is_err());
        assert!(version("\"a\"").check(None).is_err());
        assert_eq!(version("W/\"a\"").if_match(), None);
        assert_eq!(version("a").if_match(), Some(HeaderValue::from_static("\"a\"")));
    }
}
