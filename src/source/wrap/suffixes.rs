//! A source that knows the first and the last bytes of any object, however short.

use crate::{
    resources::Budget,
    source::{
        error::{SourceError, SourceErrorKind},
        range::Range,
        read::{Fetched, Read, Source},
    },
};

/// Reads the first or the last bytes of objects that may have fewer. Some servers answer 416 to that, and all may where an object is empty:
/// HTTP has no words for a part of nothing (RFC 9110, section 14.4). Then the whole object is read, if it is that short.
#[derive(Clone, Debug)]
pub struct Suffixes<S> {
    /// The source to read from.
    pub source: S,
}

impl<S: Source> Source for Suffixes<S> {
    type Location = S::Location;

    async fn fetch(&self, read: &Read<'_, S::Location>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let (size, outside) = match (read.range, self.source.fetch(read, budget).await) {
            (Range::UpTo { offset: 0, size } | Range::Last(size), Err(error))
                if error.kind == SourceErrorKind::OutsideObject =>
            {
                (size, error)
            }
            (_, outcome) => return outcome,
        };
        let max_len = usize::try_from(size).unwrap_or(usize::MAX).min(read.max_len);
        let whole = Read { range: Range::From(0), max_len, ..*read };
        match self.source.fetch(&whole, budget).await {
            // The object is longer than the range: the server knows no such ranges.
            Err(error) if error.kind == SourceErrorKind::TooLarge && size <= read.max_len as u64 => Err(outside),
            outcome => outcome,
        }
    }
}
