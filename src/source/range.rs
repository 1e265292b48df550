//! Byte ranges: what is asked for, what a server answered, and the part of the answer that was asked for.

use super::error::{SourceError, SourceErrorKind};

/// Bytes of an object, from `offset` on: `size` of them, or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes; None to the end of the object.
    pub size: Option<u64>,
}

/// The part of a response body that holds the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes of the body before the range.
    pub skip: u64,
    /// Length of the range; None if only the end of the body tells.
    pub len: Option<u64>,
}

impl Part {
    /// Bytes to make room for: all there may be, where only the end tells.
    ///
    /// # Errors
    /// If the range is longer than `max_len`.
    pub fn buffer_len(&self, max_len: usize) -> Result<usize, SourceError> {
        match self.len.map(|len| (len, usize::try_from(len))) {
            None => Ok(max_len),
            Some((_, Ok(len))) if len <= max_len => Ok(len),
            Some((len, _)) => Err(SourceError::new(
                SourceErrorKind::TooLarge,
                format!("the chunk has {len} bytes, more than {max_len}"),
            )),
        }
    }
}

impl ByteRange {
    /// The value of a `Range` header (RFC 9110, section 14.1.2); None where the whole object is wanted.
    #[must_use]
    pub fn header(&self) -> Option<String> {
        match (self.offset, self.size) {
            (0, None) => None,
            (offset, None) => Some(format!("bytes={offset}-")),
            (offset, Some(size)) => Some(format!("bytes={offset}-{}", offset.saturating_add(size).saturating_sub(1))),
        }
    }

    /// Finds the range in an answer with these headers. What a server says about the body is trusted only
    /// where it leaves no doubt: a body without `Content-Range` is the whole object, whatever was asked.
    ///
    /// # Errors
    /// If the range is not inside the object, or the body does not contain it.
    pub fn locate(&self, content_range: Option<&str>, content_length: Option<u64>) -> Result<Part, SourceError> {
        match content_range {
            Some(header) => self.locate_in_part(header, content_length),
            None => self.locate_in_object(content_length),
        }
    }

    fn locate_in_object(&self, object_len: Option<u64>) -> Result<Part, SourceError> {
        let Some(object_len) = object_len else {
            return Ok(Part { skip: self.offset, len: self.size });
        };
        if !self.is_inside(object_len) {
            return Err(self.outside(Some(object_len)));
        }
        let len = self.size.unwrap_or(object_len.saturating_sub(self.offset));
        Ok(Part { skip: self.offset, len: Some(len) })
    }

    fn locate_in_part(&self, header: &str, content_length: Option<u64>) -> Result<Part, SourceError> {
        let nonsense = || {
            SourceError::new(
                SourceErrorKind::Nonsense,
                format!("the store answered with Content-Range {header:?} to {self}"),
            )
        };
        let Some(ContentRange { first, last, object_len }) = ContentRange::parse(header) else {
            // Some servers have no better words for a range outside the object than an empty part of it.
            return Err(match object_len(header) {
                Some(len) if content_length == Some(0) && !self.is_inside(len) => self.outside(Some(len)),
                _ => nonsense(),
            });
        };
        let body_len = last - first + 1;
        if content_length.is_some_and(|len| len != body_len) {
            return Err(nonsense());
        }
        let skip = self.offset.checked_sub(first).ok_or_else(nonsense)?;
        let after = body_len.checked_sub(skip).ok_or_else(nonsense)?;
        match self.size {
            Some(size) if size <= after => Ok(Part { skip, len: Some(size) }),
            // The end of the body is the end of the object: there is no more.
            Some(_) if object_len == Some(last + 1) => Err(self.outside(object_len)),
            None if object_len == Some(last + 1) && after > 0 => Ok(Part { skip, len: Some(after) }),
            _ => Err(nonsense()),
        }
    }

    /// Whether an object of this length has the range.
    fn is_inside(&self, object_len: u64) -> bool {
        match self.size {
            Some(size) => self.offset.checked_add(size).is_some_and(|end| end <= object_len),
            None => self.offset == 0 || self.offset < object_len,
        }
    }

    /// The range is not inside an object of this length.
    pub(super) fn outside(&self, object_len: Option<u64>) -> SourceError {
        let object =
            object_len.map_or_else(|| "the object".to_owned(), |len| format!("the object, which has {len} bytes"));
        SourceError::new(SourceErrorKind::OutsideObject, format!("{self} is outside {object}"))
    }
}

impl std::fmt::Display for ByteRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.size {
            Some(size) => write!(f, "the range of {size} bytes at offset {}", self.offset),
            None => write!(f, "the range from offset {} on", self.offset),
        }
    }
}

/// The length of the object, as any `Content-Range` may say it.
pub(super) fn object_len(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.trim().parse().ok()
}

/// `bytes first-last/length` (RFC 9110, section 14.4), with `first` ≤ `last` < `length`.
struct ContentRange {
    first: u64,
    last: u64,
    object_len: Option<u64>,
}

impl ContentRange {
    fn parse(header: &str) -> Option<Self> {
        let (unit, rest) = header.trim().split_once(' ')?;
        // Names of units do not care for case (RFC 9110, section 14.1).
        let (range, object_len) = rest.trim_start().split_once('/').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        let object_len = if object_len == "*" { None } else { Some(object_len.parse().ok()?) };
        let is_valid = first <= last && last < object_len.unwrap_or(u64::MAX);
        is_valid.then_some(Self { first, last, object_len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(offset: u64, size: u64) -> ByteRange {
        ByteRange { offset, size: Some(size) }
    }

    const fn from(offset: u64) -> ByteRange {
        ByteRange { offset, size: None }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for a whole result")]
    fn part(skip: u64, len: u64) -> Result<Part, SourceErrorKind> {
        Ok(Part { skip, len: Some(len) })
    }

    fn locate(range: ByteRange, content_range: Option<&str>, len: Option<u64>) -> Result<Part, SourceErrorKind> {
        range.locate(content_range, len).map_err(|error| error.kind)
    }

    #[test]
    fn headers_name_the_last_byte() {
        assert_eq!(range(0, 10).header().as_deref(), Some("bytes=0-9"));
        assert_eq!(range(5, 1).header().as_deref(), Some("bytes=5-5"));
        assert_eq!(from(7).header().as_deref(), Some("bytes=7-"));
        assert_eq!(from(0).header(), None);
        assert_eq!(range(u64::MAX, 1).header().as_deref(), Some(&*format!("bytes={0}-{1}", u64::MAX, u64::MAX - 1)));
    }

    #[test]
    fn an_exact_answer_is_taken_whole() {
        assert_eq!(locate(range(5, 10), Some("bytes 5-14/100"), Some(10)), part(0, 10));
        assert_eq!(locate(range(5, 10), Some("bytes 5-14/*"), None), part(0, 10));
        assert_eq!(locate(range(5, 10), Some("Bytes 5-14/100"), Some(10)), part(0, 10));
        assert_eq!(locate(range(5, 10), Some(" BYTES  5-14/100 "), Some(10)), part(0, 10));
        assert_eq!(locate(from(90), Some("bytes 90-99/100"), Some(10)), part(0, 10));
        assert_eq!(locate(from(0), None, Some(100)), part(0, 100));
        assert_eq!(locate(from(0), None, Some(0)), part(0, 0));
        assert_eq!(locate(from(0), None, None), Ok(Part { skip: 0, len: None }));
    }

    #[test]
    fn an_answer_that_contains_the_range_is_cut() {
        assert_eq!(locate(range(5, 10), None, Some(100)), part(5, 10));
        assert_eq!(locate(range(5, 10), Some("bytes 0-99/100"), Some(100)), part(5, 10));
        assert_eq!(locate(from(5), None, Some(100)), part(5, 95));
    }

    #[test]
    fn a_range_beyond_the_object_is_outside() {
        let outside = Err(SourceErrorKind::OutsideObject);
        assert_eq!(locate(range(95, 10), Some("bytes 95-99/100"), Some(5)), outside);
        assert_eq!(locate(range(95, 10), None, Some(100)), outside);
        assert_eq!(locate(range(101, 1), None, Some(100)), outside);
        assert_eq!(locate(from(100), None, Some(100)), outside);
    }

    #[test]
    fn a_content_range_that_makes_no_sense_may_still_say_that_the_object_is_too_short() {
        let outside = Err(SourceErrorKind::OutsideObject);
        for header in ["bytes 0-0/0", "bytes */3", "bytes 0--1/0"] {
            assert_eq!(locate(range(0, 4), Some(header), Some(0)), outside, "{header}");
        }
        assert_eq!(locate(from(3), Some("bytes */3"), Some(0)), outside);
        assert_eq!(locate(range(0, 4), Some("bytes */4"), Some(0)), Err(SourceErrorKind::Nonsense));
    }

    #[test]
    fn an_answer_that_does_not_contain_the_range_is_nonsense() {
        let nonsense = Err(SourceErrorKind::Nonsense);
        for header in [
            "bytes 6-15/100",
            "bytes 5-10/100",
            "bytes 20-40/100",
            "bytes 0-3/100",
            "bytes 5-14/10",
            "bytes 14-5/100",
            "items 5-14/100",
            "bytes */100",
            "bytes 5-14",
            "",
            "bytes 5-18446744073709551615/*",
        ] {
            assert_eq!(locate(range(5, 10), Some(header), None), nonsense, "{header}");
        }
        assert_eq!(locate(range(5, 10), Some("bytes 5-14/100"), Some(11)), nonsense);
        assert_eq!(locate(from(5), Some("bytes 5-14/*"), Some(10)), nonsense);
    }
}
