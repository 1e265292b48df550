//! Where objects were found that their servers redirect to, kept for a short while: a thousand chunks of one object should
//! not cost a thousand redirects.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::Instant;
use url::Url;

use crate::credentials::Authorization;

/// How many are kept.
const MOST: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// The longest URL that is kept, in bytes. Signed URLs have one or two thousand.
const MAX_URL: usize = 8 << 10;

/// How long one is kept. What an archive calls "latest" moves from time to time.
const LIFETIME: Duration = Duration::from_mins(1);

/// A URL on the way to an object.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) url: Url,
    /// Whether the credentials are sent there: it is of the origin that the reader named, and so were all hops before it.
    pub(super) is_trusted: bool,
    /// Whether a server redirected there.
    pub(super) is_redirect: bool,
}

/// The last hop on the way from a URL, by reader: with other credentials, or none, the way may be another one.
pub(super) struct Redirects(Mutex<LruCache<Start, Kept>>);

type Start = (Url, Option<Authorization>);

struct Kept {
    hop: Hop,
    until: Instant,
}

impl Default for Redirects {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl Redirects {
    /// Where the way of a reader from a URL ended lately.
    pub(super) fn last_hop(&self, url: &Url, authorization: Option<&Authorization>) -> Option<Hop> {
        let mut kept = self.lock();
        // Most servers never redirect.
        if kept.is_empty() {
            return None;
        }
        let start = (url.clone(), authorization.cloned());
        let hop = kept.get(&start).filter(|kept| Instant::now() < kept.until).map(|kept| kept.hop.clone());
        if hop.is_none() {
            kept.pop(&start);
        }
        hop
    }

    /// Keeps where the way of a reader ended.
    pub(super) fn keep(&self, url: &Url, authorization: Option<&Authorization>, hop: Hop) {
        if url.as_str().len().max(hop.url.as_str().len()) <= MAX_URL {
            let kept = Kept { hop, until: Instant::now() + LIFETIME };
            self.lock().put((url.clone(), authorization.cloned()), kept);
        }
    }

    /// Forgets where it ended.
    pub(super) fn forget(&self, url: &Url, authorization: Option<&Authorization>) {
        self.lock().pop(&(url.clone(), authorization.cloned()));
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Start, Kept>> {
        // No panic can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Redirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Redirects").field(&self.lock().len()).finish()
    }
}
