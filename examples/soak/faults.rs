//! The faults of a store, and the order in which they come.

use std::collections::BTreeMap;

use crate::Random;

/// What can go wrong with one request to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The connection is reset, and for a moment no other one is accepted.
    Refuse,
    /// The connection is reset in the middle of the body.
    ResetMidBody,
    /// Nothing comes after the middle of the body.
    Stall,
    /// The body comes a byte at a time, one each second.
    Trickle,
    /// The answer is this error.
    Status(u16),
    /// `Content-Length` is less than what comes.
    ShortContentLength,
    /// `Content-Length` is more than what comes.
    LongContentLength,
    /// `Content-Range` names other bytes than were asked for.
    WrongContentRange,
    /// The answer is right, but the connection does not stay as long as it seems to.
    CloseIdle,
}

impl Fault {
    const ALL: [Self; 11] = [
        Self::Refuse,
        Self::ResetMidBody,
        Self::Stall,
        Self::Trickle,
        Self::Status(429),
        Self::Status(500),
        Self::Status(503),
        Self::ShortContentLength,
        Self::LongContentLength,
        Self::WrongContentRange,
        Self::CloseIdle,
    ];

    fn name(self) -> String {
        match self {
            Self::Status(status) => format!("status {status}"),
            other => format!("{other:?}"),
        }
    }
}

/// So many faults, all kinds equally often, in random order, with good answers between them.
pub(crate) struct Faults {
    random: Random,
    to_come: Vec<Fault>,
    made: BTreeMap<String, usize>,
    armed: bool,
}

impl Faults {
    pub(crate) fn new(count: usize, seed: u64) -> Self {
        let mut random = Random(seed);
        let mut to_come: Vec<_> = Fault::ALL.into_iter().cycle().take(count).collect();
        random.shuffle(&mut to_come);
        Self { random, to_come, made: BTreeMap::new(), armed: false }
    }

    /// From now on there are faults.
    pub(crate) fn arm(&mut self) {
        self.armed = true;
    }

    /// What the next request meets. Two of three are spared, so that a repeated read has a chance.
    pub(crate) fn next(&mut self) -> Option<Fault> {
        if !self.armed || self.random.below(3) > 0 {
            return None;
        }
        let fault = self.to_come.pop()?;
        *self.made.entry(fault.name()).or_default() += 1;
        Some(fault)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound)
    }

    pub(crate) fn are_over(&self) -> bool {
        self.to_come.is_empty()
    }

    pub(crate) fn made(&self) -> &BTreeMap<String, usize> {
        &self.made
    }
}
