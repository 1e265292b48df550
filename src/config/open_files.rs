//! How many files a process may have open, and how many of them are for clients: connections of clients and to stores are
//! files as well.

use std::num::NonZeroUsize;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Files that are open at the start, where the system does not tell.
const UNKNOWN_OPEN: usize = 64;

/// The limit of open files and what it has to suffice for.
#[derive(Clone, Copy, Debug)]
pub struct OpenFiles {
    /// None if there is no limit.
    limit: Option<usize>,
    /// Files that are open already, and connections of others than clients.
    taken: usize,
}

impl OpenFiles {
    /// Raises the limit to what the system allows: what it gives a process at first is far from that. `others` is the number
    /// of connections beside those of clients.
    #[must_use]
    pub fn raise(others: usize) -> Self {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays what it is");
        }
        let current = getrlimit(Resource::Nofile).current;
        Self { limit: current.and_then(|limit| usize::try_from(limit).ok()), taken: open_now().saturating_add(others) }
    }

    /// As many of the connections that are wanted as leave a file for what each of them asks for, so that clients who ask
    /// for nothing keep nobody from reading. None if there is not even one.
    #[must_use]
    pub fn connections(self, wanted: NonZeroUsize) -> Option<NonZeroUsize> {
        let Some(limit) = self.limit else { return Some(wanted) };
        NonZeroUsize::new(wanted.get().min(limit.saturating_sub(self.taken) / 2))
    }

    /// The limit, for people.
    #[must_use]
    pub fn limit(self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }
}

fn open_now() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(UNKNOWN_OPEN, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_of_a_client_leaves_a_file_for_what_it_asks_for() {
        let connections = |limit, wanted| {
            let files = OpenFiles { limit, taken: 100 };
            files.connections(NonZeroUsize::new(wanted).expect("not 0")).map(NonZeroUsize::get)
        };
        assert_eq!(connections(None, 8192), Some(8192));
        assert_eq!(connections(Some(20_000), 8192), Some(8192));
        assert_eq!(connections(Some(1024), 8192), Some(462));
        assert_eq!(connections(Some(1024), 462), Some(462));
        assert_eq!(connections(Some(102), 8192), Some(1));
        for too_few in [0, 100, 101] {
            assert_eq!(connections(Some(too_few), 8192), None, "{too_few}");
        }
    }

    #[test]
    fn what_the_system_allows_is_made_use_of() {
        let files = OpenFiles::raise(0);
        assert_eq!(files.limit.map(|limit| limit as u64), getrlimit(Resource::Nofile).maximum);
        assert!(files.taken > 2, "at least the standard streams are open");
    }
}
