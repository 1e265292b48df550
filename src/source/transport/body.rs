//! The body of an HTTP answer → one buffer that holds the range and nothing else.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;

use crate::{
    array::{Budget, Buffer},
    source::{
        error::{SourceError, SourceErrorKind, causes},
        range::{ByteRange, Part},
    },
};

/// A body that arrives piece by piece.
pub(super) struct Body<B> {
    pub(super) body: B,
    /// Longest wait for the next piece.
    pub(super) read_timeout: Duration,
}

impl<B> Body<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Reads `range`, which is `part` of the body, into a buffer of the budget, to which the buffer returns if that
    /// fails.
    ///
    /// # Errors
    /// If the body ends early, breaks off, stalls, or the range is longer than `max_len`.
    pub(super) async fn read(
        mut self,
        range: ByteRange,
        part: Part,
        max_len: usize,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let len = part.buffer_len(max_len)?;
        let mut buffer =
            budget.allocate(len).map_err(|error| SourceError::new(SourceErrorKind::Internal, error.to_string()))?;
        match self.fill(&mut buffer, range, part).await {
            Ok(filled) => {
                budget.truncate(&mut buffer, filled);
                Ok(buffer)
            }
            Err(error) => {
                budget.reclaim(buffer);
                Err(error)
            }
        }
    }

    /// The number of bytes that the range has.
    async fn fill(&mut self, buffer: &mut Buffer, range: ByteRange, part: Part) -> Result<usize, SourceError> {
        let mut skip = part.skip;
        let mut filled = 0;
        let room = buffer.bytes_mut();
        while part.len.is_none() || filled < room.len() {
            let Some(piece) = self.next_piece().await? else { break };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            skip -= skipped as u64;
            let (_, piece) = piece.split_at(skipped);
            let free = room.get_mut(filled..).unwrap_or_default();
            if piece.len() > free.len() && part.len.is_none() {
                return Err(SourceError::new(
                    SourceErrorKind::TooLarge,
                    format!("the chunk has more than {} bytes", room.len()),
                ));
            }
            let taken = piece.len().min(free.len());
            free.split_at_mut(taken).0.copy_from_slice(piece.split_at(taken).0);
            filled += taken;
        }
        match part.len {
            _ if skip > 0 => Err(range.outside(None)),
            None if filled == 0 && range.offset > 0 => Err(range.outside(None)),
            Some(len) if (filled as u64) < len => Err(SourceError::new(
                SourceErrorKind::Unavailable,
                format!("the store's answer ended after {filled} of {len} bytes"),
            )),
            _ => Ok(filled),
        }
    }

    /// The next bytes; None at the end.
    async fn next_piece(&mut self) -> Result<Option<Bytes>, SourceError> {
        loop {
            let frame = tokio::time::timeout(self.read_timeout, self.body.frame()).await.map_err(|_| {
                let message = format!("the store sent nothing for {:?}", self.read_timeout);
                SourceError::new(SourceErrorKind::TimedOut, message)
            })?;
            match frame {
                None => return Ok(None),
                // What is no data are trailers, which say nothing that matters here.
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
                Some(Err(error)) => {
                    let error: Box<dyn Error + Send + Sync> = error.into();
                    let broken = SourceError::new(SourceErrorKind::Unavailable, "the store's answer broke off");
                    return Err(SourceError { causes: causes(error.as_ref()), ..broken });
                }
            }
        }
    }
}
