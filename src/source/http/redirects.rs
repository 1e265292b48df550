//! Where objects are found that their servers redirect to, kept for a short while: a thousand chunks of an object do not
//! pay for a thousand redirects.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::Instant;
use url::Url;

use crate::credentials::Authorization;

/// Redirects that are kept. Not 0, or it does not compile.
const MOST: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// Longest URL that is kept, in bytes. Those that are signed have one or two thousand.
const MAX_URL: usize = 8 << 10;

/// How long one is kept. What an archive calls "latest" leads elsewhere from time to time.
const LIFETIME: Duration = Duration::from_mins(1);

/// A place that a reader has come to.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) url: Url,
    /// Whether this place is told who asks: it is of the origin that the reader named, and so were all before it.
    pub(super) is_told: bool,
    /// Whether it is another one than the reader named.
    pub(super) is_led: bool,
}

/// The last place on the way from a URL, for each reader of it: who has other credentials, or none, is perhaps led
/// elsewhere, or nowhere.
pub(super) struct Redirects(Mutex<LruCache<From, Kept>>);

type From = (Url, Option<Authorization>);

struct Kept {
    way: Way,
    until: Instant,
}

impl Default for Redirects {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl Redirects {
    /// Where a reader was led from a URL lately.
    pub(super) fn way(&self, url: &Url, authorization: Option<&Authorization>) -> Option<Way> {
        let mut kept = self.lock();
        // Most servers never redirect.
        if kept.is_empty() {
            return None;
        }
        let from = (url.clone(), authorization.cloned());
        let way = kept.get(&from).filter(|kept| Instant::now() < kept.until).map(|kept| kept.way.clone());
        if way.is_none() {
            kept.pop(&from);
        }
        way
    }

    /// Keeps where a reader was led.
    pub(super) fn keep(&self, url: &Url, authorization: Option<&Authorization>, way: Way) {
        if url.as_str().len().max(way.url.as_str().len()) <= MAX_URL {
            let kept = Kept { way, until: Instant::now() + LIFETIME };
            self.lock().put((url.clone(), authorization.cloned()), kept);
        }
    }

    /// Forgets it: it leads nowhere any more.
    pub(super) fn forget(&self, url: &Url, authorization: Option<&Authorization>) {
        self.lock().pop(&(url.clone(), authorization.cloned()));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<From, Kept>> {
        // A panic elsewhere cannot leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Redirects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Redirects").field(&self.lock().len()).finish()
    }
}
