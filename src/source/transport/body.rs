//! The body of an HTTP answer in, one buffer with the range and nothing else out.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;

use super::part::Part;
use crate::{
    resources::{Budget, Buffer},
    source::{
        error::{SourceError, SourceErrorKind, causes},
        range::Range,
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
    /// Reads `range`, which is `part` of the body, into a buffer of the budget. If that fails, the budget gets it back.
    ///
    /// # Errors
    /// If the body ends early, breaks off or stalls, or the range is longer than `max_len`.
    pub(super) async fn read(
        mut self,
        range: Range,
        part: Part,
        max_len: usize,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let len = part.buffer_len(max_len)?;
        let mut buffer = budget.allocate(len)?;
        let room = buffer.bytes_mut();
        let filled = match part {
            Part::Exactly { skip, .. } => self.fill_all(room, range, skip).await,
            Part::UpTo { skip, .. } => self.fill_what_there_is(room, range, skip).await,
            Part::Rest { skip } => self.fill_to_the_end(room, range, skip).await,
            Part::Tail(len) => self.fill_with_the_last(room, len).await,
        };
        match filled {
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

    /// Fills the room with what follows the first `skip` bytes.
    async fn fill_all(&mut self, room: &mut [u8], range: Range, skip: u64) -> Result<usize, SourceError> {
        let len = room.len();
        match self.fill(room, skip).await? {
            (_, skip) if skip > 0 => Err(range.outside(None)),
            (filled, _) if filled < len => Err(SourceError::new(
                SourceErrorKind::Unavailable,
                format!("the store's answer ended after {filled} of {len} bytes"),
            )),
            (filled, _) => Ok(filled),
        }
    }

    /// Fills the room with what follows the first `skip` bytes, as far as it goes; how many bytes those are.
    async fn fill_what_there_is(&mut self, room: &mut [u8], range: Range, skip: u64) -> Result<usize, SourceError> {
        match self.fill(room, skip).await?.0 {
            0 if skip > 0 => Err(range.outside(None)),
            filled => Ok(filled),
        }
    }

    /// Writes what follows the first `skip` bytes into the room until that is full or there is no more: how many bytes were
    /// written, and how many were still to be skipped at the end.
    async fn fill(&mut self, room: &mut [u8], mut skip: u64) -> Result<(usize, u64), SourceError> {
        let len = room.len();
        let mut free = room;
        while !free.is_empty() {
            let Some(piece) = self.next_behind(&mut skip).await? else { break };
            let taken = piece.len().min(free.len());
            let (now, later) = free.split_at_mut(taken);
            now.copy_from_slice(piece.split_at(taken).0);
            free = later;
        }
        Ok((len - free.len(), skip))
    }

    /// Writes all that follows the first `skip` bytes into the room; how many bytes those are.
    async fn fill_to_the_end(&mut self, room: &mut [u8], range: Range, skip: u64) -> Result<usize, SourceError> {
        let (mut left_to_skip, len) = (skip, room.len());
        let mut free = room;
        while let Some(piece) = self.next_behind(&mut left_to_skip).await? {
            let (now, later) = free.split_at_mut_checked(piece.len()).ok_or_else(|| too_long(len))?;
            now.copy_from_slice(&piece);
            free = later;
        }
        match len - free.len() {
            0 if skip > 0 => Err(range.outside(None)),
            filled => Ok(filled),
        }
    }

    /// Writes the last `wanted` bytes of the body into the room, or all if there are fewer; how many bytes those are.
    async fn fill_with_the_last(&mut self, room: &mut [u8], wanted: u64) -> Result<usize, SourceError> {
        // The room is a ring: when it is full, the oldest bytes are overwritten.
        let (mut end, mut is_full) = (0, false);
        while let Some(piece) = self.next_piece().await? {
            let (_, last) = piece.split_at(piece.len().saturating_sub(room.len()));
            let (first, rest) = last.split_at(last.len().min(room.len() - end));
            room.split_at_mut(end).1.split_at_mut(first.len()).0.copy_from_slice(first);
            room.split_at_mut(rest.len()).0.copy_from_slice(rest);
            is_full |= piece.len() > first.len();
            end = if rest.is_empty() { end + first.len() } else { rest.len() };
        }
        if is_full && wanted > room.len() as u64 {
            return Err(too_long(room.len()));
        }
        if is_full {
            room.rotate_left(end);
        }
        Ok(if is_full { room.len() } else { end })
    }

    /// The next bytes, less those that are still to be skipped; None at the end.
    async fn next_behind(&mut self, skip: &mut u64) -> Result<Option<Bytes>, SourceError> {
        let Some(mut piece) = self.next_piece().await? else { return Ok(None) };
        let skipped = usize::try_from(*skip).unwrap_or(usize::MAX).min(piece.len());
        *skip -= skipped as u64;
        Ok(Some(piece.split_off(skipped)))
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
                // A frame without data holds trailers, which do not matter here.
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

fn too_long(max_len: usize) -> SourceError {
    SourceError::new(SourceErrorKind::TooLarge, format!("the chunk has more than {max_len} bytes"))
}
