//! Files below one directory of the operator.

use std::{
    fs::{File, Metadata},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

use super::{location::FileLocation, root::FileRoot};
use crate::{
    resources::{Budget, Connection, ConnectionPermit, ResourceManager},
    source::{
        error::{SourceError, SourceErrorKind},
        read::{Fetched, Read, Source},
        transport::part::room_for,
        version::Version,
    },
};

/// Reads files below a directory. Neither `..` nor symbolic links lead out of it.
#[derive(Clone, Debug)]
pub struct FileSource {
    root: Arc<FileRoot>,
    resources: Arc<ResourceManager>,
}

impl FileSource {
    /// Reads what is below `root`, which stays the same directory whatever is renamed later.
    ///
    /// # Errors
    /// If it is not a directory that can be read.
    pub fn new(root: &Path, resources: Arc<ResourceManager>) -> io::Result<Self> {
        Ok(Self { root: Arc::new(FileRoot::new(root)?), resources })
    }

    /// Runs work on a thread that may wait for the file system, perhaps for ever. The permit is held until the work ends, even if
    /// nobody waits for it any more, as it counts threads. That is why this limit is not a wrapper.
    async fn on_a_thread<T: Send + 'static>(
        permit: &Arc<ConnectionPermit>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, SourceError> {
        let permit = Arc::clone(permit);
        let work = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| SourceError::new(SourceErrorKind::Internal, "reading the file failed unexpectedly"))
    }
}

impl Source for FileSource {
    type Location = FileLocation;

    async fn fetch(&self, read: &Read<'_, FileLocation>, budget: &mut Budget) -> Result<Fetched, SourceError> {
        let permit = Arc::new(self.resources.connection(read.caller.client, Connection::File).await?);
        let (root, path) = (Arc::clone(&self.root), read.location.path.clone());
        let (file, metadata) = Self::on_a_thread(&permit, move || open(&root, Path::new(&path))).await??;
        let version = Version::of_file(&metadata);
        let (offset, len) = read.range.within(metadata.len())?;
        let mut buffer = budget.allocate(room_for(len, read.max_len)?)?;
        let read_all = move || {
            let outcome = file.read_exact_at(buffer.bytes_mut(), offset).and_then(|()| file.metadata());
            (buffer, outcome)
        };
        let (buffer, outcome) = Self::on_a_thread(&permit, read_all).await?;
        let outcome = outcome.map_err(|error| failed(&error)).and_then(|metadata| match read.version {
            // The file may have been written to before it was read, and meanwhile.
            Some(expected) => expected.check(Some(&version)).and(expected.check(Some(&Version::of_file(&metadata)))),
            None => Ok(()),
        });
        match outcome {
            Ok(()) => Ok(Fetched { bytes: buffer.into(), version: Some(version), object_len: Some(metadata.len()) }),
            Err(error) => {
                budget.reclaim(buffer);
                Err(error)
            }
        }
    }
}

/// The open file, and its metadata.
fn open(root: &FileRoot, path: &Path) -> Result<(File, Metadata), SourceError> {
    let file = root.open(path).map_err(|error| failed(&error))?;
    let metadata = file.metadata().map_err(|error| failed(&error))?;
    if metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(SourceError::new(SourceErrorKind::Refused, "the path names something that is not a file"))
    }
}

/// What an error of the file system means. A refusal without a number comes from [`FileRoot`].
fn failed(error: &io::Error) -> SourceError {
    use io::ErrorKind as E;
    let (kind, message) = match (error.kind(), error.raw_os_error()) {
        (E::NotFound | E::NotADirectory, _) => (SourceErrorKind::NotFound, "there is no such file"),
        (E::PermissionDenied, Some(_)) => {
            (SourceErrorKind::AccessDenied, "Access Denied: this server may not read the file")
        }
        (E::PermissionDenied, None) => {
            (SourceErrorKind::Forbidden, "the path leads out of the directory that this server reads (--file-root)")
        }
        (E::InvalidInput | E::InvalidFilename, _) => (SourceErrorKind::Refused, "the path cannot be opened"),
        (E::UnexpectedEof, _) => (SourceErrorKind::Unavailable, "the file became shorter while it was read"),
        _ => (SourceErrorKind::Unavailable, "the file cannot be read"),
    };
    SourceError::new(kind, message).caused_by(error.to_string())
}
