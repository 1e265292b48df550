//! Requests of one HTTP/2 connection and their replies, and how long they may take the client.
//!
//! In HTTP/1.1 a connection has a head to send, or a reply to take, and both have their time. In HTTP/2 it can keep a
//! reply waiting with a window of nothing while it answers pings.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{body::HttpBody, http, response::Response};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{held::Held, paced};

/// What is under way on one connection. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Exchanges {
    places: Arc<Semaphore>,
    client_timeout: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    under_way: usize,
    /// Since when there is nothing.
    idle_since: Instant,
    /// When each reply that waits for the client has to be gone, with a number of its own.
    due: BTreeSet<(Instant, u64)>,
    replies: u64,
}

/// What a connection may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on, to be looked at again then.
    Until(Instant),
    /// End: nothing has been asked for too long.
    Idle,
    /// Break: a reply is not taken.
    Stuck,
}

impl Exchanges {
    /// None so far. Those beside the first take one of the places each.
    pub(super) fn new(places: Arc<Semaphore>, client_timeout: Duration) -> Self {
        let state = State { under_way: 0, idle_since: Instant::now(), due: BTreeSet::new(), replies: 0 };
        Self { places, client_timeout, state: Arc::new(Mutex::new(state)) }
    }

    /// A request has come.
    ///
    /// # Errors
    /// If there is no place for it. It has a reply all the same.
    pub(super) fn begin(&self) -> Result<Exchange, Exchange> {
        let mut state = self.state();
        state.under_way += 1;
        let is_first = state.under_way == 1;
        drop(state);
        let place = if is_first { None } else { Arc::clone(&self.places).try_acquire_owned().ok() };
        let has_place = is_first || place.is_some();
        let exchange = Exchange { exchanges: self.clone(), due: None, _place: place };
        if has_place { Ok(exchange) } else { Err(exchange) }
    }

    /// What has become of the time.
    pub(super) fn verdict(&self) -> Verdict {
        let (state, now) = (self.state(), Instant::now());
        // A reply that is made from now on is not due before.
        let latest = if state.under_way == 0 { state.idle_since } else { now } + self.client_timeout;
        match state.due.first() {
            Some((due, _)) if *due <= now => Verdict::Stuck,
            Some((due, _)) => Verdict::Until(latest.min(*due)),
            None if latest <= now => Verdict::Idle,
            None => Verdict::Until(latest),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request until the last byte of its reply has been sent, or nobody wants it any more.
#[derive(Debug)]
pub(super) struct Exchange {
    exchanges: Exchanges,
    due: Option<(Instant, u64)>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Exchange {
    /// From now on the client has to take the reply, at the pace of [`paced`].
    pub(super) fn reply(mut self, response: Response) -> http::Response<Held<Self>> {
        let len = response.body().size_hint().exact().unwrap_or_default();
        let mut state = self.exchanges.state();
        state.replies += 1;
        let due = (Instant::now() + paced::longest(len, self.exchanges.client_timeout), state.replies);
        state.due.insert(due);
        drop(state);
        self.due = Some(due);
        response.map(|body| Held::new(body, self))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.exchanges.state();
        state.under_way -= 1;
        state.idle_since = Instant::now();
        if let Some(due) = &self.due {
            state.due.remove(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use http_body_util::BodyExt;
    use tokio::time::advance;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    fn reply(len: usize) -> Response {
        Response::new(Body::from(vec![0; len]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_a_time_after_its_last_reply_was_sent() {
        let exchanges = Exchanges::new(Arc::new(Semaphore::new(2)), TIMEOUT);
        let start = Instant::now();
        assert_eq!(exchanges.verdict(), Verdict::Until(start + TIMEOUT));
        advance(TIMEOUT / 2).await;
        let exchange = exchanges.begin().expect("a place");
        advance(5 * TIMEOUT).await;
        assert_eq!(exchanges.verdict(), Verdict::Until(start + 13 * TIMEOUT / 2), "the service takes its own time");
        let mut body = exchange.reply(reply(10)).into_body();
        let piece: Bytes = body.frame().await.expect("one").expect("whole").into_data().expect("data");
        drop(body);
        advance(TIMEOUT / 2).await;
        assert_eq!(exchanges.verdict(), Verdict::Until(start + 13 * TIMEOUT / 2), "its bytes have not gone yet");
        drop(piece);
        assert_eq!(exchanges.verdict(), Verdict::Until(start + 7 * TIMEOUT));
        advance(TIMEOUT).await;
        assert_eq!(exchanges.verdict(), Verdict::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_has_to_be_taken_in_time_whatever_else_goes_on() {
        let exchanges = Exchanges::new(Arc::new(Semaphore::new(2)), TIMEOUT);
        let start = Instant::now();
        let (short, long) = (
            exchanges.begin().expect("a place").reply(reply(10)),
            exchanges.begin().expect("a place").reply(reply(1 << 20)),
        );
        drop(exchanges.begin().expect("a place"));
        assert_eq!(exchanges.verdict(), Verdict::Until(start + TIMEOUT));
        drop(short);
        let _other = exchanges.begin().expect("a place");
        advance(2 * TIMEOUT).await;
        assert_eq!(exchanges.verdict(), Verdict::Until(start + 3 * TIMEOUT), "a megabyte has three times as long");
        advance(TIMEOUT).await;
        assert_eq!(exchanges.verdict(), Verdict::Stuck);
        drop(long);
        assert_eq!(exchanges.verdict(), Verdict::Until(start + 4 * TIMEOUT));
    }
}
