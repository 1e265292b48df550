//! Where bytes come from: a location and a range go in, the bytes and the version of their object come out.
//!
//! `s3/`, `http/` and `file/` read, `transport/` is what the first two share, and `wrap/` is what is done around reading. A length is
//! checked before memory is taken for it, and all memory is of the reader's budget.

mod error;
mod file;
mod http;
mod locate;
mod location;
mod per_store;
mod policy;
mod range;
mod read;
mod s3;
mod sources;
mod transport;
mod version;
mod wrap;

pub use error::{SourceError, SourceErrorKind};
pub use file::{location::FileLocation, source::FileSource};
pub use http::{location::HttpLocation, source::HttpSource};
pub use locate::Locate;
pub use location::Location;
pub use per_store::PerStore;
pub use policy::{Policy, PolicyError, Prefixes};
pub use range::Range;
pub use read::{Fetched, Read, Source};
pub(crate) use s3::aws::is_arn;
pub use s3::{
    client::{Addressing, S3Client},
    client_map::{S3ClientMap, S3Settings},
    location::S3Location,
    source::S3Source,
};
pub use sources::{Setup, Sources};
pub use transport::{
    address::{AddressPolicy, OffLimits},
    client::HttpClient,
    part::Part,
    tls::{Roots, RootsError},
};
pub use version::Version;
pub use wrap::{
    counted::Counted,
    limited::Limited,
    retry::{Retry, RetryPolicy},
    stores::Stores,
    suffixes::Suffixes,
};
