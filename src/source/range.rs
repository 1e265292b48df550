//! Byte ranges of an object.

use std::fmt;

use super::error::{SourceError, SourceErrorKind};

/// Bytes of an object, at least one of them; only [`UpTo`](Self::UpTo) and [`From`](Self::From) from the first byte on, and
/// [`Last`](Self::Last), find none in an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Exactly these.
    Bounded {
        /// First byte.
        offset: u64,
        /// Number of bytes.
        size: u64,
    },
    /// These, or as many of them as there are before the end of the object.
    UpTo {
        /// First byte.
        offset: u64,
        /// Most bytes.
        size: u64,
    },
    /// All from this one on.
    From(u64),
    /// The last ones: so many, or all there are.
    Last(u64),
}

impl Range {
    /// The bytes from `offset` on: `size` of them, or all.
    #[must_use]
    pub const fn new(offset: u64, size: Option<u64>) -> Self {
        match size {
            Some(size) => Self::Bounded { offset, size },
            None => Self::From(offset),
        }
    }

    /// Number of bytes, where it does not depend on the object.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        match *self {
            Self::Bounded { size, .. } => Some(size),
            Self::UpTo { .. } | Self::From(_) | Self::Last(_) => None,
        }
    }

    /// The value of a `Range` header (RFC 9110, section 14.1.2); None where the whole object is wanted.
    #[must_use]
    pub fn header(&self) -> Option<String> {
        match *self {
            Self::From(0) => None,
            Self::From(offset) => Some(format!("bytes={offset}-")),
            Self::Last(size) => Some(format!("bytes=-{size}")),
            Self::Bounded { offset, size } | Self::UpTo { offset, size } => {
                Some(format!("bytes={offset}-{}", offset.saturating_add(size).saturating_sub(1)))
            }
        }
    }

    /// Offset and number of the bytes in an object of this length.
    ///
    /// # Errors
    /// If the object does not have them.
    pub fn within(&self, object_len: u64) -> Result<(u64, u64), SourceError> {
        match *self {
            Self::Bounded { offset, size } if offset.checked_add(size).is_some_and(|end| end <= object_len) => {
                Ok((offset, size))
            }
            Self::From(offset) if offset == 0 || offset < object_len => Ok((offset, object_len - offset)),
            Self::UpTo { offset, size } if offset == 0 || offset < object_len => {
                Ok((offset, size.min(object_len - offset)))
            }
            Self::Last(size) => Ok((object_len.saturating_sub(size), size.min(object_len))),
            Self::Bounded { .. } | Self::UpTo { .. } | Self::From(_) => Err(self.outside(Some(object_len))),
        }
    }

    /// The range is not inside an object of this length.
    pub(super) fn outside(&self, object_len: Option<u64>) -> SourceError {
        let object =
            object_len.map_or_else(|| "the object".to_owned(), |len| format!("the object, which has {len} bytes"));
        SourceError::new(SourceErrorKind::OutsideObject, format!("{self} is outside {object}"))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bounded { offset, size } => write!(f, "the range of {size} bytes at offset {offset}"),
            Self::UpTo { offset, size } => write!(f, "the range of up to {size} bytes at offset {offset}"),
            Self::From(offset) => write!(f, "the range from offset {offset} on"),
            Self::Last(size) => write!(f, "the range of the last {size} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_name_the_last_byte() {
        let header = |range: Range| range.header();
        assert_eq!(header(Range::new(0, Some(10))).as_deref(), Some("bytes=0-9"));
        assert_eq!(header(Range::new(5, Some(1))).as_deref(), Some("bytes=5-5"));
        assert_eq!(header(Range::new(7, None)).as_deref(), Some("bytes=7-"));
        assert_eq!(header(Range::new(0, None)), None);
        assert_eq!(header(Range::Last(7)).as_deref(), Some("bytes=-7"));
        let end = format!("bytes={0}-{1}", u64::MAX, u64::MAX - 1);
        assert_eq!(header(Range::new(u64::MAX, Some(1))), Some(end));
    }

    #[test]
    fn a_range_lies_inside_an_object_or_is_none_of_it() {
        let within = |range: Range, len| range.within(len).map_err(|error| error.to_string());
        assert_eq!(within(Range::new(2, Some(3)), 5), Ok((2, 3)));
        assert_eq!(within(Range::new(2, None), 5), Ok((2, 3)));
        assert_eq!(within(Range::new(0, None), 0), Ok((0, 0)));
        for (size, expected) in [(1, (4, 1)), (5, (0, 5)), (6, (0, 5)), (u64::MAX, (0, 5))] {
            assert_eq!(within(Range::Last(size), 5), Ok(expected));
            assert_eq!(within(Range::Last(size), 0), Ok((0, 0)));
        }
        let told = "the range of 4 bytes at offset 2 is outside the object, which has 5 bytes";
        assert_eq!(within(Range::new(2, Some(4)), 5), Err(told.to_owned()));
        for (size, expected) in [(1, (2, 1)), (3, (2, 3)), (4, (2, 3)), (u64::MAX, (2, 3))] {
            assert_eq!(within(Range::UpTo { offset: 2, size }, 5), Ok(expected));
        }
        assert_eq!(within(Range::UpTo { offset: 0, size: 9 }, 0), Ok((0, 0)));
        for range in [
            Range::UpTo { offset: 5, size: 1 },
            Range::new(5, None),
            Range::new(u64::MAX, None),
            Range::new(u64::MAX, Some(u64::MAX)),
        ] {
            assert!(within(range, 5).is_err(), "{range}");
        }
    }
}
