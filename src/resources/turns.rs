//! What is shared is handed out in turns: to each client in order of arrival, and to clients one after the other.
//!
//! Who comes first and wants much is not overtaken by those who want little, so that large requests do not starve. Who
//! has a hundred requests waiting is one of those who take turns, like one who has a single request.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

/// Those whose requests wait in one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ClientId(pub u64);

/// Too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineFull {
    /// How many of all clients, or of the one who asks, if that was too much.
    pub waiting: usize,
}

/// A number of units, of which requests hold some each.
#[derive(Debug)]
pub struct Shares {
    units: usize,
    max_waiting: usize,
    lines: Mutex<Lines>,
}

#[derive(Debug)]
struct Lines {
    free: usize,
    waiting: usize,
    /// Clients who have somebody waiting, in the order of their turns.
    turns: VecDeque<ClientId>,
    of_client: HashMap<ClientId, VecDeque<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    units: usize,
    hand_over: oneshot::Sender<Permit>,
}

/// Units that are held until this is dropped.
#[derive(Debug)]
pub struct Permit {
    shares: Arc<Shares>,
    units: usize,
}

impl Shares {
    /// This many units, for which at most `max_waiting` wait, half of them of one client.
    #[must_use]
    pub fn new(units: usize, max_waiting: usize) -> Arc<Self> {
        let lines = Lines { free: units, waiting: 0, turns: VecDeque::new(), of_client: HashMap::new() };
        Arc::new(Self { units, max_waiting, lines: Mutex::new(lines) })
    }

    /// All units, free or not.
    #[must_use]
    pub const fn units(&self) -> usize {
        self.units
    }

    /// Units that nobody holds.
    #[must_use]
    pub fn free(&self) -> usize {
        self.lines().free
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lines().waiting
    }

    /// Whether there is room for one more to wait.
    ///
    /// # Errors
    /// If there is none, and one more would have to.
    pub fn check_line(&self) -> Result<(), LineFull> {
        let Lines { free, waiting, .. } = *self.lines();
        if free > 0 && waiting == 0 || waiting < self.max_waiting { Ok(()) } else { Err(LineFull { waiting }) }
    }

    /// Takes all that is free, even if somebody waits for it.
    #[must_use]
    pub fn all(self: Arc<Self>) -> Permit {
        let free = std::mem::take(&mut self.lines().free);
        self.permit(free)
    }

    /// Takes units that are free, if nobody waits for them.
    #[must_use]
    pub fn try_acquire(self: &Arc<Self>, units: usize) -> Option<Permit> {
        let mut lines = self.lines();
        if !lines.turns.is_empty() {
            return None;
        }
        lines.free = lines.free.checked_sub(units)?;
        Some(self.permit(units))
    }

    /// Waits for units. A wait that is dropped leaves no trace. More units than there are never come.
    ///
    /// # Errors
    /// At once, if too many wait already.
    pub async fn acquire(self: &Arc<Self>, client: ClientId, units: usize) -> Result<Permit, LineFull> {
        match self.try_acquire(units) {
            Some(permit) => Ok(permit),
            None => Ok(self.stand_in_line(client, units)?.turn().await),
        }
    }

    fn stand_in_line(self: &Arc<Self>, client: ClientId, units: usize) -> Result<Wait, LineFull> {
        let (hand_over, handed_over) = oneshot::channel();
        let mut lines = self.lines();
        let of_client = lines.of_client.get(&client).map_or(0, VecDeque::len);
        if lines.waiting >= self.max_waiting {
            return Err(LineFull { waiting: lines.waiting });
        }
        if of_client >= self.max_waiting.div_ceil(2) {
            return Err(LineFull { waiting: of_client });
        }
        if of_client == 0 {
            lines.turns.push_back(client);
        }
        lines.waiting += 1;
        lines.of_client.entry(client).or_default().push_back(Waiter { units, hand_over });
        drop(lines);
        // Something may have become free since it was tried.
        self.hand_out();
        Ok(Wait { shares: Arc::clone(self), client, handed_over, is_over: false })
    }

    /// Gives those whose turn it is what they wait for, as far as it is there.
    fn hand_out(self: &Arc<Self>) {
        loop {
            let Some(Waiter { units, hand_over }) = self.lines().next() else { return };
            // To one who has just left, it comes back at once. Not while the lines are locked.
            drop(hand_over.send(self.permit(units)));
        }
    }

    fn give_back(self: &Arc<Self>, units: usize) {
        self.lines().free += units;
        self.hand_out();
    }

    fn permit(self: &Arc<Self>, units: usize) -> Permit {
        Permit { shares: Arc::clone(self), units }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Nothing that can panic leaves them half changed.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// The one whose turn it is, if there is enough; what it gets is no longer free.
    fn next(&mut self) -> Option<Waiter> {
        let client = *self.turns.front()?;
        let line = self.of_client.get_mut(&client)?;
        self.free = self.free.checked_sub(line.front()?.units)?;
        let waiter = line.pop_front();
        self.waiting -= 1;
        self.turns.pop_front();
        if line.is_empty() {
            self.of_client.remove(&client);
        } else {
            self.turns.push_back(client);
        }
        waiter
    }

    /// Forgets those of a client who have left.
    fn forget_leavers(&mut self, client: ClientId) {
        let Some(line) = self.of_client.get_mut(&client) else { return };
        let before = line.len();
        line.retain(|waiter| !waiter.hand_over.is_closed());
        self.waiting -= before - line.len();
        if line.is_empty() {
            self.of_client.remove(&client);
            self.turns.retain(|other| *other != client);
        }
    }
}

/// A place in a line, until it is dropped.
struct Wait {
    shares: Arc<Shares>,
    client: ClientId,
    handed_over: oneshot::Receiver<Permit>,
    /// Whether its turn has come: then it stands in no line.
    is_over: bool,
}

impl Wait {
    async fn turn(mut self) -> Permit {
        match (&mut self.handed_over).await {
            Ok(permit) => {
                self.is_over = true;
                permit
            }
            // Whoever is in a line is told, or leaves it: lines are not dropped while somebody is in them.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.handed_over.close();
        self.shares.lines().forget_leavers(self.client);
        // The next one may want less.
        self.shares.hand_out();
    }
}

impl Permit {
    /// Units that it holds.
    #[must_use]
    pub const fn units(&self) -> usize {
        self.units
    }

    /// Takes units out of it, into a permit of their own; None if it has not so many.
    #[must_use]
    pub fn split(&mut self, units: usize) -> Option<Self> {
        self.units = self.units.checked_sub(units)?;
        Some(self.shares.permit(units))
    }

    /// Takes what another one of the same shares holds.
    pub fn merge(&mut self, mut other: Self) {
        debug_assert!(Arc::ptr_eq(&self.shares, &other.shares), "units are of one kind");
        self.units += std::mem::take(&mut other.units);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.units > 0 {
            self.shares.give_back(self.units);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Result<Permit, LineFull>>>>;

    fn wait(shares: &Arc<Shares>, client: u64, units: usize) -> Waiting {
        let shares = Arc::clone(shares);
        let mut waiting: Waiting = Box::pin(async move { shares.acquire(ClientId(client), units).await });
        assert!(polled(&mut waiting).is_none(), "it has to wait");
        waiting
    }

    fn polled(waiting: &mut Waiting) -> Option<Result<Permit, LineFull>> {
        match pin!(waiting).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    fn refusal(shares: &Arc<Shares>, client: u64) -> Option<LineFull> {
        shares.stand_in_line(ClientId(client), 1).err()
    }

    #[test]
    fn one_request_of_a_client_does_not_wait_behind_a_hundred_of_another() {
        let shares = Shares::new(1, 1000);
        let held = shares.try_acquire(1).expect("free");
        let mut hundred: Vec<_> = (0..100).map(|_| wait(&shares, 1, 1)).collect();
        let mut single = wait(&shares, 2, 1);
        drop(held);
        drop(polled(&mut hundred[0]).expect("the first comes first"));
        assert!(polled(&mut hundred[1]).is_none(), "it is somebody else's turn");
        drop(polled(&mut single).expect("the second client comes second"));
        for waiting in hundred.iter_mut().skip(1) {
            drop(polled(waiting).expect("in order"));
        }
        assert_eq!((shares.free(), shares.waiting()), (1, 0));
    }

    #[test]
    fn small_requests_do_not_overtake_a_large_one_for_ever() {
        let shares = Shares::new(10, 1000);
        let mut held = shares.try_acquire(8).expect("free");
        let mut large = wait(&shares, 1, 10);
        let mut small = wait(&shares, 2, 1);
        assert!(shares.try_acquire(1).is_none(), "somebody waits, even if so much is free");
        drop(held.split(4));
        assert!(polled(&mut large).is_none() && polled(&mut small).is_none());
        drop(held);
        drop(polled(&mut large).expect("all are free").expect("there was room to wait"));
        assert!(polled(&mut small).is_some());
    }

    #[test]
    fn who_leaves_makes_room_for_the_next() {
        let shares = Shares::new(10, 1000);
        let held = shares.try_acquire(8).expect("free");
        let large = wait(&shares, 1, 10);
        let mut small = wait(&shares, 2, 2);
        let middle = wait(&shares, 1, 5);
        drop(large);
        assert!(polled(&mut small).is_none(), "it is the turn of the other client's next one");
        drop(middle);
        drop(polled(&mut small).expect("it is next, and there is enough"));
        assert_eq!(shares.waiting(), 0);
        drop(held);
        // Handed over, but never looked at.
        let held = shares.try_acquire(10).expect("all came back");
        let waiting = wait(&shares, 3, 10);
        drop(held);
        assert_eq!(shares.free(), 0);
        drop(waiting);
        assert_eq!(shares.free(), 10);
    }

    #[test]
    fn a_line_has_an_end_and_one_client_gets_half_of_it() {
        let shares = Shares::new(1, 5);
        let _held = shares.try_acquire(1).expect("free");
        let mut first: Vec<_> = (0..3).map(|_| wait(&shares, 1, 1)).collect();
        assert_eq!(refusal(&shares, 1), Some(LineFull { waiting: 3 }));
        let _others = [wait(&shares, 2, 1), wait(&shares, 3, 1)];
        assert_eq!(refusal(&shares, 4), Some(LineFull { waiting: 5 }));
        drop(first.pop());
        assert_eq!(refusal(&shares, 1), None);
    }

    #[test]
    fn parts_of_a_permit_come_back_one_by_one() {
        let shares = Shares::new(10, 0);
        let mut permit = shares.try_acquire(6).expect("free");
        let part = permit.split(2).expect("it has so many");
        assert!(permit.split(5).is_none());
        assert_eq!((permit.units(), part.units(), shares.free()), (4, 2, 4));
        permit.merge(part);
        assert_eq!((permit.units(), shares.free()), (6, 4));
        drop(permit);
        assert_eq!(shares.free(), 10);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nothing_is_lost_when_many_come_and_go_at_once() {
        let shares = Shares::new(7, 10_000);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..2000_u64 {
            let shares = Arc::clone(&shares);
            tasks.spawn(async move {
                let units = usize::try_from(number % 7).expect("small") + 1;
                let permit = shares.acquire(ClientId(number % 5), units);
                // Some leave at any point of their wait.
                let _permit = tokio::select! {
                    permit = permit => Some(permit),
                    () = leave_after(number % 3) => None,
                };
                tokio::task::yield_now().await;
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.expect("no panic");
        }
        assert_eq!((shares.free(), shares.waiting()), (7, 0));
        assert!(shares.lines().turns.is_empty() && shares.lines().of_client.is_empty());
    }

    async fn leave_after(yields: u64) {
        if yields == 0 {
            std::future::pending::<()>().await;
        }
        for _ in 0..yields * 20 {
            tokio::task::yield_now().await;
        }
    }
}
