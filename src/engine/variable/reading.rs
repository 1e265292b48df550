//! Reading objects for one request: for whom, until when, and that all bytes of an object are of one version.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::progress::Progress;
use crate::{
    credentials::Caller,
    engine::{Asking, Engine},
    error::ActiveStorageError,
    resources::{BodyPermit, Budget, MEMORY_UNIT},
    source::{Fetched, Locate, Location, Range, Read, Source, SourceErrorKind, Version},
    telemetry::Stage,
};

/// What one request reads.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    caller: Caller,
    /// Reads what lies where the client's credentials do not belong.
    stranger: Caller,
    /// The object that the client's credentials are for.
    home: Location,
    /// When the client will no longer wait.
    deadline: Instant,
    /// Longest time for one read, all attempts together.
    patience: Duration,
    pub(super) progress: &'a Progress,
    /// Most numbers of the answer, where they are bounded.
    most_numbers: Option<usize>,
    /// What stands for the request until it is admitted, if it is long.
    body: Mutex<Option<BodyPermit>>,
    versions: Mutex<HashMap<Location, Expected>>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// The version that bytes of an object have to be of.
#[derive(Clone, Debug)]
enum Expected {
    /// The client says so.
    Named(Version),
    /// Others were.
    Seen(Version),
}

impl Expected {
    const fn version(&self) -> &Version {
        match self {
            Self::Named(version) | Self::Seen(version) => version,
        }
    }
}

impl<'a> Reading<'a> {
    /// For one who asks about `home`, of which the version may be known, and whose credentials are those of it.
    pub(super) fn new(
        asking: Asking,
        home: Location,
        version: Option<Version>,
        patience: Duration,
        progress: &'a Progress,
    ) -> Self {
        let Asking { caller, deadline, most_numbers, body } = asking;
        let body = Mutex::new(body);
        let stranger = Caller { authorization: None, ..caller.clone() };
        let versions =
            Mutex::new(version.into_iter().map(|version| (home.clone(), Expected::Named(version))).collect());
        let (requests, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { caller, stranger, home, deadline, patience, progress, most_numbers, body, versions, requests, bytes }
    }

    /// For the same client, but about another object: their credentials are for it only if it is where that of the request is.
    pub(super) fn elsewhere(&self, home: Location) -> Self {
        let caller = if self.is_at_home(&home) { &self.caller } else { &self.stranger };
        let asking = Asking { caller: caller.clone(), deadline: self.deadline, body: None, most_numbers: None };
        Self::new(asking, home, None, self.patience, self.progress)
    }

    /// Counts what was read of another object, too.
    pub(super) fn count(&self, elsewhere: &Self) {
        let (requests, bytes) = elsewhere.read();
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back what stood for the request, now that it has memory of its own.
    pub(super) fn admitted(&self) {
        drop(self.body.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Who asks.
    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Refuses an answer of so many numbers, if that is more than its form is for.
    ///
    /// # Errors
    /// If it is.
    pub(super) fn check_numbers(&self, numbers: usize) -> Result<(), ActiveStorageError> {
        match self.most_numbers {
            Some(limit) if numbers > limit => Err(ActiveStorageError::TooManyNumbers { numbers, limit }),
            _ => Ok(()),
        }
    }

    /// The object that was asked about.
    pub(super) const fn home(&self) -> &Location {
        &self.home
    }

    /// The version of an object, once it is known.
    pub(super) fn version(&self, location: &Location) -> Option<Version> {
        self.expected(location).map(|expected| expected.version().clone())
    }

    fn expected(&self, location: &Location) -> Option<Expected> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(location).cloned()
    }

    /// Requests to stores, and bytes that came.
    pub(super) fn read(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Reads a range into memory of the budget. It is of the version that other bytes of the object were.
    ///
    /// # Errors
    /// If it cannot be read, or the object has changed.
    pub(super) async fn fetch(
        &self,
        engine: &Engine,
        location: &Location,
        range: Range,
        max_len: usize,
        budget: &mut Budget,
    ) -> Result<Fetched, ActiveStorageError> {
        let expected = self.expected(location);
        let known = expected.as_ref().map(Expected::version);
        let caller = if self.is_at_home(location) { &self.caller } else { &self.stranger };
        let deadline = self.deadline.min(Instant::now() + self.patience);
        let read = Read { location, range, max_len, version: known, caller, deadline };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let _timer = engine.metrics.timer(Stage::Fetch);
        let fetched = engine.sources.fetch(&read, budget).await.map_err(|error| match (error.kind, &expected) {
            (SourceErrorKind::OtherVersion, Some(Expected::Seen(_))) => changed(location),
            _ => ActiveStorageError::from(error),
        })?;
        self.bytes.fetch_add(fetched.bytes.len() as u64, Ordering::Relaxed);
        self.progress.receive(fetched.bytes.len() as u64);
        self.learn(location, fetched.version.as_ref())?;
        Ok(fetched)
    }

    /// Reads one byte of the object that was asked about, to know its version; that it is the one which the client named, if they
    /// did.
    ///
    /// # Errors
    /// If it cannot be read, or is of another version.
    pub(super) async fn ask(
        &self,
        engine: &Engine,
        budget: &mut Budget,
    ) -> Result<Option<Version>, ActiveStorageError> {
        let first = Range::UpTo { offset: 0, size: 1 };
        Ok(self.fetch(engine, &self.home, first, MEMORY_UNIT, budget).await?.version)
    }

    /// Asks for the version that the client named, if nothing was read that is of it.
    ///
    /// # Errors
    /// If the object is of another one.
    pub(super) async fn confirm(&self, engine: &Engine, budget: &mut Budget) -> Result<(), ActiveStorageError> {
        if let Some(Expected::Named(_)) = self.expected(&self.home) {
            self.ask(engine, budget).await?;
        }
        Ok(())
    }

    /// The first answer says which version all others are to be of.
    fn learn(&self, location: &Location, version: Option<&Version>) -> Result<(), ActiveStorageError> {
        let mut versions = self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        match (versions.get(location), version) {
            (Some(Expected::Seen(seen)), Some(version)) if !seen.is_of(version) => Err(changed(location)),
            (Some(Expected::Named(_)) | None, Some(version)) => {
                versions.insert(location.clone(), Expected::Seen(version.clone()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_at_home(&self, location: &Location) -> bool {
        location == &self.home
            || location.path().map(|(origin, _)| origin) == self.home.path().map(|(origin, _)| origin)
                && location.interface() == self.home.interface()
    }
}

fn changed(location: &Location) -> ActiveStorageError {
    ActiveStorageError::Changed { object: location.to_string() }
}
