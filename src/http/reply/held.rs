//! A body that holds a permit until its last byte has been sent.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Error,
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use http_body::{Frame, SizeHint};

use crate::resource_manager::AnswerPermit;

/// Has the bytes of a long answer hold the permit: the body is gone as soon as the connection has taken them over.
pub(in crate::http) fn held(response: Response, mut permit: AnswerPermit) -> Response {
    let len = response.body().size_hint().exact().and_then(|len| usize::try_from(len).ok());
    permit.shrink(len.unwrap_or(usize::MAX));
    if permit.is_for_long_answer() {
        response.map(|body| Body::new(Held { body, permit: Arc::new(permit) }))
    } else {
        response
    }
}

struct Held {
    body: Body,
    permit: Arc<AnswerPermit>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let hold = |bytes| Bytes::from_owner(Piece { bytes, _permit: Arc::clone(&self.permit) });
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
struct Piece {
    bytes: Bytes,
    _permit: Arc<AnswerPermit>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
