//! A location of any kind.

use std::fmt;

use url::Origin;

use super::{file::location::FileLocation, http::location::HttpLocation, locate::Locate, s3::location::S3Location};

/// An object, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// In a bucket of an S3 store.
    S3(S3Location),
    /// On a web server.
    Http(HttpLocation),
    /// In a file of this machine.
    File(FileLocation),
}

impl Location {
    /// What such objects are read through.
    #[must_use]
    pub const fn interface(&self) -> &'static str {
        match self {
            Self::S3(_) => "s3",
            Self::Http(_) => "http",
            Self::File(_) => "file",
        }
    }

    /// Host of the store, where that is all that it tells: hosts of other URLs can have the name of a bucket in them.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        match self {
            Self::S3(location) => location.endpoint.host_str(),
            Self::Http(_) | Self::File(_) => None,
        }
    }

    const fn any(&self) -> &dyn Locate {
        match self {
            Self::S3(location) => location,
            Self::Http(location) => location,
            Self::File(location) => location,
        }
    }
}

impl Locate for Location {
    fn store(&self) -> &str {
        self.any().store()
    }

    fn path(&self) -> Option<(Origin, Vec<u8>)> {
        self.any().path()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any().fmt(f)
    }
}
