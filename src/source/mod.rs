//! Bytes in: a location and a range become an encoded chunk.

mod address;
mod any;
mod body;
mod counted;
mod error;
mod file;
mod file_root;
mod http;
mod http_client;
mod limited;
mod policy;
mod range;
mod retry;
mod s3;
mod s3_client;
mod s3_client_map;
mod s3_error;
mod s3_own_credentials;
mod tls;

use crate::{
    array::{Budget, Buffer},
    credentials::Caller,
};

pub use address::{AddressPolicy, OffLimits};
pub use any::{Location, Sources};
pub use counted::Counted;
pub use error::{SourceError, SourceErrorKind};
pub use file::{FileLocation, FileSource};
pub use http::{HttpLocation, HttpSource};
pub use http_client::HttpClient;
pub use limited::Limited;
pub use policy::{Policy, PolicyError, Prefixes};
pub use range::ByteRange;
pub use retry::{Allowances, Retry, RetryPolicy};
pub use s3::{S3Location, S3Source};
pub use s3_client::{Addressing, S3Client};
pub use s3_client_map::{S3ClientMap, S3Settings};
pub use tls::{Roots, RootsError};

/// Anything that bytes can be read from, by range. A limited or retried source is a source around a source.
pub trait Source: Send + Sync {
    /// What names an object.
    type Location: Send + Sync;

    /// The server that an object is asked for.
    fn store<'a>(&self, location: &'a Self::Location) -> &'a str;

    /// Reads exactly `range` of the object into one buffer of the budget. A range without a size ends with
    /// the object and may be as long as the budget allows, but no longer than `max_len`.
    fn fetch(
        &self,
        location: &Self::Location,
        range: ByteRange,
        max_len: usize,
        caller: &Caller,
        budget: &mut Budget,
    ) -> impl Future<Output = Result<Buffer, SourceError>> + Send;
}
