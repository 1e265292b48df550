//! Bytes in: a location and a range become an encoded chunk.

mod address;
mod answer;
mod any;
mod aws;
mod body;
mod counted;
mod error;
mod file;
mod file_root;
mod http;
mod http_client;
mod limited;
mod per_store;
mod policy;
mod range;
mod read;
mod redirects;
mod retry;
mod s3;
mod s3_client;
mod s3_client_map;
mod s3_error;
mod s3_own_credentials;
mod stores;
mod tls;
mod version;

use crate::array::Budget;

pub use address::{AddressPolicy, OffLimits};
pub use any::{Location, Sources};
pub(crate) use aws::is_arn;
pub use counted::Counted;
pub use error::{SourceError, SourceErrorKind};
pub use file::{FileLocation, FileSource};
pub use http::{HttpLocation, HttpSource};
pub use http_client::HttpClient;
pub use limited::Limited;
pub use per_store::PerStore;
pub use policy::{Policy, PolicyError, Prefixes};
pub use range::ByteRange;
pub use read::{Fetched, Read};
pub use retry::{Retry, RetryPolicy};
pub use s3::{S3Location, S3Source};
pub use s3_client::{Addressing, S3Client};
pub use s3_client_map::{S3ClientMap, S3Settings};
pub use stores::Stores;
pub use tls::{Roots, RootsError};
pub use version::Version;

/// Anything that bytes can be read from, by range. A limited or retried source is a source around a source.
pub trait Source: Send + Sync {
    /// What names an object.
    type Location: Send + Sync;

    /// The server that an object is asked for.
    fn store<'a>(&self, location: &'a Self::Location) -> &'a str;

    /// Reads exactly the range of the object into one buffer of the budget, and says which version it is of. A range
    /// without a size ends with the object. All bytes are of one version: that of `read`, if it names one.
    fn fetch(
        &self,
        location: &Self::Location,
        read: &Read<'_>,
        budget: &mut Budget,
    ) -> impl Future<Output = Result<Fetched, SourceError>> + Send;
}
