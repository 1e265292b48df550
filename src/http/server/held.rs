//! A body whose bytes hold something until the last of them has been sent.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
};
use http_body::{Frame, SizeHint};

/// A body that holds a `T`, and whose bytes do: it is gone as soon as the connection has sent them.
pub(in crate::http) struct Held<T> {
    body: Body,
    held: Arc<T>,
}

impl<T> Held<T> {
    pub(in crate::http) fn new(body: Body, held: T) -> Self {
        Self { body, held: Arc::new(held) }
    }
}

impl<T: Send + Sync + 'static> HttpBody for Held<T> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let hold = |bytes| Bytes::from_owner(Piece { bytes, _held: Arc::clone(&self.held) });
        frame.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(hold))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes that are sent from where they are.
struct Piece<T> {
    bytes: Bytes,
    _held: Arc<T>,
}

impl<T> AsRef<[u8]> for Piece<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
