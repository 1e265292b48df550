//! A sequence of CBOR items (RFC 8742): how far the work is, again and again, and last what came of it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Error,
    body::{Body, Bytes},
    response::Response,
};
use http_body::{Body as HttpBody, Frame};
use minicbor_serde::Serializer;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::{Written, form::AnswerForm};
use crate::{
    engine::variable::{Done, Progress},
    error::ActiveStorageError,
    http::api::reply::error::{Failure, status},
};

/// Time from one item to the next.
const STEP: Duration = Duration::from_millis(500);

/// Work on an answer. It stops when it is dropped.
pub(in crate::http::api) type Work = Pin<Box<dyn Future<Output = Result<Written, ActiveStorageError>> + Send>>;

/// A body that works while it is read, and tells how far it is.
struct Sequence {
    work: Option<Work>,
    progress: Arc<Progress>,
    ticks: Interval,
    /// The last item.
    last: Body,
}

#[derive(Serialize)]
struct ProgressItem {
    progress: DoneMap,
}

#[derive(Serialize)]
struct DoneMap {
    chunks_done: u64,
    chunks: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct ErrorItem<'a> {
    error: ErrorMap<'a>,
}

#[derive(Serialize)]
struct ErrorMap<'a> {
    status: u16,
    message: &'a str,
    caused_by: &'a [String],
}

/// The answer of work that tells of its progress. What is found before anything is read has a status of its own.
///
/// # Errors
/// Whatever keeps the work from being planned.
pub(in crate::http::api) async fn sequence(
    mut work: Work,
    progress: Arc<Progress>,
) -> Result<Response, ActiveStorageError> {
    tokio::select! {
        biased;
        written = &mut work => return Ok(written?.into_response(AnswerForm::Sequence)),
        () = progress.planned() => {}
    }
    let mut ticks = interval_at(tokio::time::Instant::now() + STEP, STEP);
    // A client that has not read for a while needs to know the present state alone.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let body = Sequence { work: Some(work), progress, ticks, last: Body::empty() };
    Ok(Written::whole(Vec::new(), None).into_response(AnswerForm::Sequence).map(|_| Body::new(body)))
}

impl HttpBody for Sequence {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Some(work) = &mut this.work {
            let Poll::Ready(outcome) = work.as_mut().poll(context) else {
                let Poll::Ready(_) = this.ticks.poll_tick(context) else { return Poll::Pending };
                return Poll::Ready(Some(item(&progress_item(this.progress.done())).map(Frame::data)));
            };
            this.work = None;
            this.last = outcome.map_or_else(|error| failed(&error), Written::into_body);
        }
        Pin::new(&mut this.last).poll_frame(context)
    }
}

const fn progress_item(done: Done) -> ProgressItem {
    let Done { chunks_done, chunks, bytes } = done;
    ProgressItem { progress: DoneMap { chunks_done, chunks, bytes } }
}

/// The last item of work that failed. The log has no other line of it: the status of the answer is long sent.
fn failed(error: &ActiveStorageError) -> Body {
    let (status, Failure { message, caused_by }) = (status(error).as_u16(), Failure::of(error));
    let causes = caused_by.join(" | ");
    tracing::info!(status, error = message, caused_by = causes, "request failed after its answer had begun");
    let error = ErrorMap { status, message: &message, caused_by: &caused_by };
    item(&ErrorItem { error }).map_or_else(|_| Body::empty(), Body::from)
}

fn item<T: Serialize>(item: &T) -> Result<Bytes, Error> {
    let mut bytes = Vec::new();
    item.serialize(&mut Serializer::new(&mut bytes)).map_err(Error::new)?;
    Ok(bytes.into())
}
