//! Which part of a response body holds the range that was asked for. What a server says about the body is believed only where
//! it leaves no doubt.

use crate::source::{
    error::{SourceError, SourceErrorKind},
    range::Range,
};

/// A part of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// So many bytes.
    Exactly {
        /// Bytes before them.
        skip: u64,
        /// Their number.
        len: u64,
    },
    /// So many bytes, or those up to the end, wherever that is.
    UpTo {
        /// Bytes before them.
        skip: u64,
        /// Most bytes.
        len: u64,
    },
    /// All bytes up to the end, wherever that is.
    Rest {
        /// Bytes before them.
        skip: u64,
    },
    /// The last bytes before the end, at most so many.
    Tail(u64),
}

impl Part {
    /// Finds a range in an answer, by its `Content-Range` and `Content-Length`, if it has them. A body without `Content-Range` is
    /// the whole object, whatever was asked for.
    ///
    /// # Errors
    /// If the range is not inside the object, or the body does not contain it.
    pub fn of(range: Range, content_range: Option<&str>, content_length: Option<u64>) -> Result<Self, SourceError> {
        match (content_range, content_length) {
            (Some(header), _) => Self::of_part(range, header, content_length),
            (None, Some(object_len)) => {
                let (skip, len) = range.within(object_len)?;
                Ok(Self::Exactly { skip, len })
            }
            (None, None) => Ok(match range {
                Range::Bounded { offset, size } => Self::Exactly { skip: offset, len: size },
                Range::UpTo { offset, size } => Self::UpTo { skip: offset, len: size },
                Range::From(offset) => Self::Rest { skip: offset },
                Range::Last(size) => Self::Tail(size),
            }),
        }
    }

    fn of_part(range: Range, header: &str, content_length: Option<u64>) -> Result<Self, SourceError> {
        let nonsense = || {
            let message = format!("the store answered with Content-Range {header:?} to {range}");
            SourceError::new(SourceErrorKind::Nonsense, message)
        };
        let Some(ContentRange { first, end, object_len }) = ContentRange::parse(header) else {
            // Some servers answer to a range outside the object with an empty part of it.
            let object_len = object_len(header).filter(|_| content_length == Some(0));
            return match (object_len.map(|len| range.within(len)), range) {
                (Some(Err(outside)), _) => Err(outside),
                (Some(Ok((_, 0))), Range::UpTo { .. } | Range::Last(_)) => Ok(Self::Exactly { skip: 0, len: 0 }),
                _ => Err(nonsense()),
            };
        };
        let has_end = object_len == Some(end);
        let (offset, len) = match range {
            Range::UpTo { offset, size } if has_end && offset < end => (offset, size.min(end - offset)),
            Range::Bounded { offset, size } | Range::UpTo { offset, size } => (offset, size),
            Range::From(offset) if has_end && offset < end => (offset, end - offset),
            Range::Last(size) if has_end => (end.saturating_sub(size), size.min(end)),
            Range::From(_) | Range::Last(_) => return Err(nonsense()),
        };
        let body_len = end - first;
        let skip = offset.checked_sub(first).filter(|&skip| skip <= body_len).ok_or_else(nonsense)?;
        match len <= body_len - skip {
            _ if content_length.is_some_and(|len| len != body_len) => Err(nonsense()),
            true => Ok(Self::Exactly { skip, len }),
            // The body ends where the object does.
            false if has_end => Err(range.outside(object_len)),
            false => Err(nonsense()),
        }
    }

    /// How many bytes to make room for: as many as there may be, where the number is not known.
    ///
    /// # Errors
    /// If there are more than `max_len`.
    pub fn buffer_len(&self, max_len: usize) -> Result<usize, SourceError> {
        match *self {
            Self::Exactly { len, .. } | Self::UpTo { len, .. } => room_for(len, max_len),
            Self::Rest { .. } => Ok(max_len),
            Self::Tail(len) => Ok(usize::try_from(len).unwrap_or(usize::MAX).min(max_len)),
        }
    }
}

/// The length, if it is no more than `max_len`.
pub(crate) fn room_for(len: u64, max_len: usize) -> Result<usize, SourceError> {
    let too_large =
        || SourceError::new(SourceErrorKind::TooLarge, format!("the chunk has {len} bytes, more than {max_len}"));
    usize::try_from(len).ok().filter(|&len| len <= max_len).ok_or_else(too_large)
}

/// The length of the object, which even a `Content-Range` without a range can tell.
pub(super) fn object_len(content_range: &str) -> Option<u64> {
    content_range.rsplit_once('/')?.1.trim().parse().ok()
}

/// `bytes first-last/length` (RFC 9110, section 14.4): `first` < `end` ≤ `length`.
struct ContentRange {
    first: u64,
    /// The byte after the last one.
    end: u64,
    object_len: Option<u64>,
}

impl ContentRange {
    fn parse(header: &str) -> Option<Self> {
        let (unit, rest) = header.trim().split_once(' ')?;
        // Names of units are case-insensitive (RFC 9110, section 14.1).
        let (range, object_len) = rest.trim_start().split_once('/').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
        let (first, last) = range.split_once('-')?;
        let (first, end) = (first.parse().ok()?, last.parse::<u64>().ok()?.checked_add(1)?);
        let object_len = if object_len == "*" { None } else { Some(object_len.parse().ok()?) };
        let is_valid = first < end && end <= object_len.unwrap_or(u64::MAX);
        is_valid.then_some(Self { first, end, object_len })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn range(offset: u64, size: u64) -> Range {
        Range::Bounded { offset, size }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for a whole result")]
    fn part(skip: u64, len: u64) -> Result<Part, SourceErrorKind> {
        Ok(Part::Exactly { skip, len })
    }

    fn locate(range: Range, content_range: Option<&str>, len: Option<u64>) -> Result<Part, SourceErrorKind> {
        Part::of(range, content_range, len).map_err(|error| error.kind)
    }

    #[test]
    fn an_exact_answer_is_taken_whole() {
        assert_eq!(locate(range(5, 10), Some("bytes 5-14/100"), Some(10)), part(0, 10));
        assert_eq!(locate(range(5, 10), Some("bytes 5-14/*"), None), part(0, 10));
        assert_eq!(locate(range(5, 10), Some("Bytes 5-14/100"), Some(10)), part(0, 10));
        assert_eq!(locate(range(5, 10), Some(" BYTES  5-14/100 "), Some(10)), part(0, 10));
        assert_eq!(locate(Range::From(90), Some("bytes 90-99/100"), Some(10)), part(0, 10));
        assert_eq!(locate(Range::From(0), None, Some(100)), part(0, 100));
        assert_eq!(locate(Range::From(0), None, Some(0)), part(0, 0));
        assert_eq!(locate(Range::From(0), None, None), Ok(Part::Rest { skip: 0 }));
        assert_eq!(locate(Range::Last(10), Some("bytes 90-99/100"), Some(10)), part(0, 10));
        assert_eq!(locate(Range::Last(1000), Some("bytes 0-99/100"), Some(100)), part(0, 100));
    }

    #[test]
    fn an_answer_that_contains_the_range_is_cut() {
        assert_eq!(locate(range(5, 10), None, Some(100)), part(5, 10));
        assert_eq!(locate(range(5, 10), Some("bytes 0-99/100"), Some(100)), part(5, 10));
        assert_eq!(locate(Range::From(5), None, Some(100)), part(5, 95));
        assert_eq!(locate(Range::From(5), None, None), Ok(Part::Rest { skip: 5 }));
        assert_eq!(locate(Range::Last(10), Some("bytes 50-99/100"), None), part(40, 10));
        assert_eq!(locate(Range::Last(10), None, Some(100)), part(90, 10));
        assert_eq!(locate(Range::Last(10), None, Some(7)), part(0, 7));
        assert_eq!(locate(Range::Last(10), None, Some(0)), part(0, 0));
        assert_eq!(locate(Range::Last(10), None, None), Ok(Part::Tail(10)));
    }

    #[test]
    fn a_range_beyond_the_object_is_outside() {
        let outside = Err(SourceErrorKind::OutsideObject);
        assert_eq!(locate(range(95, 10), Some("bytes 95-99/100"), Some(5)), outside);
        assert_eq!(locate(range(95, 10), None, Some(100)), outside);
        assert_eq!(locate(range(101, 1), None, Some(100)), outside);
        assert_eq!(locate(Range::From(100), None, Some(100)), outside);
    }

    #[test]
    fn a_content_range_that_makes_no_sense_may_still_say_that_the_object_is_too_short() {
        let outside = Err(SourceErrorKind::OutsideObject);
        for header in ["bytes 0-0/0", "bytes */3", "bytes 0--1/0"] {
            assert_eq!(locate(range(0, 4), Some(header), Some(0)), outside, "{header}");
        }
        assert_eq!(locate(Range::From(3), Some("bytes */3"), Some(0)), outside);
        assert_eq!(locate(Range::Last(4), Some("bytes 0-0/0"), Some(0)), part(0, 0));
        for range in [range(0, 4), Range::Last(4)] {
            assert_eq!(locate(range, Some("bytes */4"), Some(0)), Err(SourceErrorKind::Nonsense));
        }
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
            assert_eq!(locate(Range::Last(95), Some(header), None), nonsense, "{header}");
        }
        assert_eq!(locate(range(5, 10), Some("bytes 5-14/100"), Some(11)), nonsense);
        assert_eq!(locate(Range::From(5), Some("bytes 5-14/*"), Some(10)), nonsense);
        assert_eq!(locate(Range::From(15), Some("bytes 5-14/15"), Some(10)), nonsense);
        assert_eq!(locate(Range::Last(10), Some("bytes 90-99/*"), Some(10)), nonsense);
        assert_eq!(locate(Range::Last(11), Some("bytes 90-99/100"), Some(10)), nonsense);
    }

    fn ranges() -> impl Strategy<Value = Range> {
        prop_oneof![
            (0..30_u64, 1..30_u64).prop_map(|(offset, size)| Range::Bounded { offset, size }),
            (0..30_u64).prop_map(Range::From),
            (0..30_u64, 1..30_u64).prop_map(|(offset, size)| Range::UpTo { offset, size }),
            (1..30_u64).prop_map(Range::Last),
        ]
    }

    proptest! {
        /// A server that sends any part of an object, and says so, has sent the range or it has not.
        #[test]
        fn what_is_found_in_a_part_of_an_object_is_the_range(
            range in ranges(),
            object_len in 1..30_u64,
            (before, len) in (0..30_u64, 0..30_u64),
            is_whole_length_known: bool,
        ) {
            let first = before % object_len;
            let last = first + len % (object_len - first);
            let total = if is_whole_length_known { object_len.to_string() } else { "*".to_owned() };
            let found = Part::of(range, Some(&format!("bytes {first}-{last}/{total}")), Some(last - first + 1));
            let is_there = range.within(object_len).ok().filter(|&(offset, len)| {
                let has_all = matches!(range, Range::UpTo { size, .. } if size == len);
                let is_certain = is_whole_length_known || range.size().is_some() || has_all;
                is_certain && first <= offset && offset + len <= last + 1
            });
            let expected = is_there.map(|(offset, len)| Part::Exactly { skip: offset - first, len });
            prop_assert_eq!(found.ok(), expected);
        }
    }
}
