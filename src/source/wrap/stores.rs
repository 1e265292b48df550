//! What is known of each store: how many reads may still be repeated after failures, and how often it may be asked at all
//! once it has said that it is asked too often.
//!
//! A store that throttles is asked at a pace, in reads a second. Each read that it refuses lowers the pace and each that it
//! answers raises it, so that only a small share is refused. A `Retry-After` is a pause for everybody.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::resources::{ClientId, Shares};

/// How many stores are remembered.
const STORES: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// How many reads of one store may be repeated after a time without failures.
const FULL: u32 = 20;

/// How many reads without failure earn one repeated read.
const EARNED_BY: u32 = 10;

/// The least pace to begin with, in reads a second: a store that refuses for a moment should not be slow for long.
const FIRST: f64 = 100.0;

/// What an answered read adds to the pace, and what a refused one takes from it. The pace settles where one read in eleven is
/// refused; from half or twice that, it gets there within seconds.
const INCREASE: f64 = 0.1;
const DECREASE: f64 = 1.0;

/// The slowest pace, which is little for any store; after many refusals in a row even that may be too much.
const SLOWEST: f64 = 10.0;
const MANY: u32 = 100;
const STANDSTILL: f64 = 1.0;

/// The longest pause that a store can ask for: one wrong answer must not shut it off for a day.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(2);

/// A store that has refused nothing for this long is asked without a pace again.
const FORGIVEN: Duration = Duration::from_mins(1);

/// A store that has answered within this time is running: if it says that it is unavailable, it means that it is asked too
/// often.
const LATELY: Duration = Duration::from_secs(10);

/// What is known of the stores that were asked last.
#[derive(Debug)]
pub struct Stores(Mutex<LruCache<String, Arc<Store>>>);

impl Default for Stores {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(STORES)))
    }
}

impl Stores {
    /// The store of this name.
    pub(super) fn store(&self, name: &str) -> Arc<Store> {
        // No panic can leave it half changed.
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(stores.get_or_insert_ref(name, Arc::default))
    }

    /// How many stores throttle now, and how many reads wait for them.
    pub(crate) fn throttling(&self) -> (usize, usize) {
        let stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let paced = stores.iter().filter(|(_, store)| store.is_paced(Instant::now()));
        paced.fold((0, 0), |(stores, reads), (_, store)| (stores + 1, reads + store.line.waiting()))
    }
}

/// What is known of one store.
#[derive(Debug)]
pub(super) struct Store {
    state: Mutex<State>,
    /// Who may ask next while there is a pace: clients take turns.
    line: Arc<Shares>,
}

#[derive(Debug, Default)]
struct State {
    /// How much of [`FULL`] is used up, in tenths of a repeated read.
    spent: u32,
    answers: Answers,
    pace: Option<Pace>,
}

/// How many reads a store answered in this second and in the one before.
#[derive(Debug, Default)]
struct Answers {
    second: Option<Instant>,
    now: u32,
    before: u32,
    last: Option<Instant>,
}

/// How often a store that throttles may be asked.
#[derive(Debug)]
struct Pace {
    /// Reads a second.
    rate: f64,
    /// When there was first a pace. Reads that began before say nothing about it.
    since: Instant,
    /// When the next read may begin.
    next: Instant,
    /// Refusals since the last answer.
    in_a_row: u32,
    /// When the last refusal came, or when the pause ends that it asked for.
    refused: Instant,
}

impl Default for Store {
    fn default() -> Self {
        Self { state: Mutex::default(), line: Shares::new(1, usize::MAX) }
    }
}

impl Store {
    /// Waits until it is a client's turn to ask the store.
    ///
    /// # Errors
    /// If that will not be before the deadline: how long it would take.
    pub(super) async fn turn(&self, client: ClientId, deadline: Instant) -> Result<(), Duration> {
        if !self.is_paced(Instant::now()) {
            return Ok(());
        }
        let place = timeout_at(deadline, self.line.acquire(client, 1)).await;
        let _place = place.map_err(|_| self.wait(Instant::now()))?;
        // A refusal may put the next read off while this one waits.
        while let Some(next) = self.begin(Instant::now()) {
            if next > deadline {
                return Err(next.saturating_duration_since(Instant::now()));
            }
            sleep_until(next).await;
        }
        Ok(())
    }

    /// Begins a read now, or says when it may.
    fn begin(&self, now: Instant) -> Option<Instant> {
        let mut state = self.state();
        let pace = state.pace.as_mut()?;
        if pace.next > now {
            return Some(pace.next);
        }
        pace.next = now + pace.gap();
        None
    }

    /// How long it takes until all reads that wait now have begun.
    fn wait(&self, now: Instant) -> Duration {
        let waiting = u32::try_from(self.line.waiting()).unwrap_or(u32::MAX);
        let wait =
            |pace: &Pace| pace.next.saturating_duration_since(now).saturating_add(pace.gap().saturating_mul(waiting));
        self.state().pace.as_ref().map_or(Duration::ZERO, wait).min(LONGEST_RETRY_AFTER)
    }

    /// Notes a read that was answered.
    pub(super) fn answered(&self, now: Instant) {
        let mut state = self.state();
        state.spent = state.spent.saturating_sub(1);
        state.answers.count(now);
        let measured = f64::from(state.answers.a_second(now));
        if let Some(pace) = &mut state.pace {
            pace.in_a_row = 0;
            // A pace far above what is asked for would soon mean nothing.
            if pace.rate < FIRST.max(2.0 * measured) {
                pace.rate += INCREASE;
            }
        }
    }

    /// Notes a read, begun at `begun`, that the store refused because it is asked too often, and for how long it wants to be
    /// left alone, if it says so.
    pub(super) fn refused(&self, begun: Instant, now: Instant, retry_after: Option<Duration>) {
        let mut state = self.state();
        let measured = f64::from(state.answers.a_second(now));
        let pace = state.pace.get_or_insert_with(|| Pace {
            rate: measured.max(FIRST),
            since: now,
            next: now,
            in_a_row: 0,
            refused: now,
        });
        if begun >= pace.since {
            pace.rate = (pace.rate - DECREASE).max(SLOWEST);
            pace.in_a_row = pace.in_a_row.saturating_add(1);
        }
        let pause = retry_after.map_or_else(|| pace.gap(), |pause| pause.min(LONGEST_RETRY_AFTER));
        pace.next = pace.next.max(now + pause);
        pace.refused = pace.next;
    }

    /// Notes a read that failed for another reason, with the status that the store answered with, if it did. A store that
    /// cannot be reached, or has not answered for a while, does not throttle: readers that wait for it should learn that.
    pub(super) fn failed(&self, now: Instant, status: Option<u16>) {
        if status.is_none() || !self.is_there(now) {
            self.state().pace = None;
        }
    }

    /// Whether the store has answered lately.
    pub(super) fn is_there(&self, now: Instant) -> bool {
        self.state().answers.last.is_some_and(|last| now.saturating_duration_since(last) < LATELY)
    }

    /// Takes one of the reads that may be repeated; false if there is none left. A store that keeps failing is not to get
    /// several reads of each request as well.
    pub(super) fn may_be_asked_again(&self) -> bool {
        let mut state = self.state();
        let spent = state.spent.saturating_add(EARNED_BY);
        let is_allowed = spent <= FULL * EARNED_BY;
        if is_allowed {
            state.spent = spent;
        }
        is_allowed
    }

    /// Whether reads wait for their turns; no longer once the last refusal is long ago.
    fn is_paced(&self, now: Instant) -> bool {
        let mut state = self.state();
        state.pace.take_if(|pace| now.saturating_duration_since(pace.refused) > FORGIVEN);
        state.pace.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// The time between reads.
    fn gap(&self) -> Duration {
        let rate = if self.in_a_row < MANY { self.rate } else { STANDSTILL };
        Duration::from_secs_f64(rate.max(STANDSTILL).recip())
    }
}

impl Answers {
    fn count(&mut self, now: Instant) {
        self.turn(now);
        self.now = self.now.saturating_add(1);
        self.last = Some(now);
    }

    /// The more of both: this second is not over yet.
    fn a_second(&mut self, now: Instant) -> u32 {
        self.turn(now);
        self.now.max(self.before)
    }

    /// Begins a new second if the last one is over.
    fn turn(&mut self, now: Instant) {
        let seconds = self.second.map_or(u64::MAX, |second| now.saturating_duration_since(second).as_secs());
        if seconds > 0 {
            self.before = if seconds == 1 { self.now } else { 0 };
            self.now = 0;
            self.second = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_keeps_failing_is_no_longer_asked_again_and_others_are() {
        let (stores, now) = (Stores::default(), Instant::now());
        let bad = stores.store("bad");
        assert_eq!((0..100).filter(|_| bad.may_be_asked_again()).count(), 20);
        assert!(stores.store("good").may_be_asked_again());
        for _ in 0..9 {
            bad.answered(now);
        }
        assert!(!bad.may_be_asked_again());
        bad.answered(now);
        assert!(stores.store("bad").may_be_asked_again() && !bad.may_be_asked_again());
        for _ in 0..10_000 {
            bad.answered(now);
        }
        assert_eq!((0..100).filter(|_| bad.may_be_asked_again()).count(), 20, "there is a most");
    }

    #[test]
    fn stores_that_clients_make_up_are_forgotten() {
        let stores = Stores::default();
        for number in 0..1000 {
            assert!(stores.store(&format!("fails {number}")).may_be_asked_again());
        }
        assert_eq!(stores.0.lock().expect("nobody panics").len(), 256);
    }

    /// Asks a store that answers `allowed` reads in each second, `concurrent` at a time, until so many have been answered;
    /// says how many were refused.
    async fn ask(store: &Arc<Store>, allowed: u32, answers: usize, concurrent: usize) -> usize {
        let left = Arc::new(Mutex::new((answers, 0_usize, Answers::default())));
        let reader = |client: usize| {
            let (store, left) = (Arc::clone(store), Arc::clone(&left));
            tokio::spawn(async move {
                while left.lock().expect("nobody panics").0 > 0 {
                    let deadline = Instant::now() + Duration::from_mins(10);
                    store.turn(ClientId(client as u64), deadline).await.expect("before the deadline");
                    let begun = Instant::now();
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    let mut left = left.lock().expect("nobody panics");
                    left.2.turn(begun);
                    if left.2.now < allowed {
                        left.2.now += 1;
                        left.0 = left.0.saturating_sub(1);
                        store.answered(Instant::now());
                    } else {
                        left.1 += 1;
                        store.refused(begun, Instant::now(), None);
                    }
                }
            })
        };
        for task in (0..concurrent).map(reader).collect::<Vec<_>>() {
            task.await.expect("it ends");
        }
        let left = left.lock().expect("nobody panics");
        left.1
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_throttles_is_asked_nearly_as_often_as_it_allows() {
        for (allowed, concurrent) in [(100, 16), (20, 64), (1000, 32), (5, 4)] {
            // Less than the slowest pace is asked for again and again.
            let tolerated = if allowed < 10 { 2 } else { 0 };
            let (store, start) = (Arc::<Store>::default(), Instant::now());
            let answers = allowed as usize * 30;
            let refused = ask(&store, allowed, answers, concurrent).await;
            let seconds = start.elapsed().as_secs_f64();
            assert!(seconds < 30.0 * 1.6, "{allowed} a second: 30 seconds' worth took {seconds}");
            let most = answers / 5 + tolerated * answers + 100 + 2 * concurrent;
            assert!(refused < most, "{allowed} a second: {refused} of {answers} were refused");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_stops_throttling_is_soon_asked_as_often_as_before() {
        let store = Arc::<Store>::default();
        ask(&store, 20, 400, 16).await;
        let start = Instant::now();
        ask(&store, u32::MAX, 5_000, 16).await;
        let seconds = start.elapsed().as_secs_f64();
        assert!(seconds < 60.0, "5000 answers took {seconds} s");
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert!(!store.is_paced(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_asks_before_the_time_that_a_store_names() {
        let (store, start) = (Store::default(), Instant::now());
        store.refused(start, start, Some(Duration::from_secs(7)));
        let soon = store.turn(ClientId(1), start + Duration::from_secs(6)).await;
        assert!(soon.is_err_and(|wait| wait == Duration::from_secs(7)), "told at once");
        assert_eq!(start.elapsed(), Duration::ZERO);
        store.turn(ClientId(1), start + Duration::from_secs(8)).await.expect("it comes");
        assert!(start.elapsed() >= Duration::from_secs(7));
        // However long a store wants to be left alone.
        store.refused(start, Instant::now(), Some(Duration::from_secs(1 << 40)));
        assert!(store.wait(Instant::now()) <= LONGEST_RETRY_AFTER);
    }

    #[tokio::test(start_paused = true)]
    async fn clients_take_turns_at_a_store_that_throttles() {
        let (store, now) = (Arc::new(Store::default()), Instant::now());
        store.refused(now, now, None);
        let order = Arc::new(Mutex::new(Vec::new()));
        let asks = |client: u64| {
            let (store, order) = (Arc::clone(&store), Arc::clone(&order));
            tokio::spawn(async move {
                store.turn(ClientId(client), Instant::now() + Duration::from_mins(10)).await.expect("it comes");
                order.lock().expect("nobody panics").push(client);
            })
        };
        let mut tasks: Vec<_> = (0..50).map(|_| asks(1)).collect();
        tokio::task::yield_now().await;
        tasks.push(asks(2));
        for task in tasks {
            task.await.expect("it ends");
        }
        let order = order.lock().expect("nobody panics");
        assert!(order.iter().position(|&client| client == 2).is_some_and(|place| place <= 2), "{order:?}");
    }
}
