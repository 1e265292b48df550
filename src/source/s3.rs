//! S3 stores, through the AWS SDK.

use std::{error::Error, time::Duration};

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_object::{GetObjectError, GetObjectOutput},
    primitives::ByteStream,
};
use url::Url;

use super::{ByteRange, S3ClientMap, Source, SourceError, SourceErrorKind, range::Part};
use crate::{
    array::{Budget, Buffer},
    credentials::Credentials,
};

/// An object in a bucket.
#[derive(Clone, Debug)]
pub struct S3Location {
    /// URL of the store, without the bucket.
    pub endpoint: Url,
    /// Name of the bucket.
    pub bucket: String,
    /// Key of the object, as it is: no escapes, and every slash means something.
    pub key: String,
}

impl S3Location {
    /// The endpoint that `source` names.
    ///
    /// # Errors
    /// If it is not a plain http or https URL.
    pub fn endpoint(source: &str) -> Result<Url, String> {
        let url = Url::parse(source).map_err(|error| format!("is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with http:// or https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials: send them as HTTP Basic authentication".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must be the URL of the store alone, without ? and #".to_owned());
        }
        Ok(url)
    }
}

/// Reads from S3 stores.
#[derive(Debug)]
pub struct S3Source {
    clients: S3ClientMap,
    read_timeout: Duration,
}

impl S3Source {
    /// Reads with the clients of a map, and waits no longer than `read_timeout` for the next bytes.
    #[must_use]
    pub const fn new(clients: S3ClientMap, read_timeout: Duration) -> Self {
        Self { clients, read_timeout }
    }

    /// Fills `buffer` with the part of `body` that is `range`.
    async fn read(
        &self,
        mut body: ByteStream,
        range: ByteRange,
        part: Part,
        buffer: &mut Buffer,
    ) -> Result<(), SourceError> {
        let mut skip = part.skip;
        let mut filled = 0;
        let room = buffer.bytes_mut();
        while part.len.is_none() || filled < room.len() {
            let Some(piece) = self.next_piece(&mut body).await? else { break };
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(piece.len());
            skip -= skipped as u64;
            let (_, piece) = piece.split_at(skipped);
            let free = room.get_mut(filled..).unwrap_or_default();
            if piece.len() > free.len() && part.len.is_none() {
                return Err(SourceError::new(
                    SourceErrorKind::TooLarge,
                    format!("the chunk has more than {} bytes", room.len()),
                ));
            }
            let taken = piece.len().min(free.len());
            free.split_at_mut(taken).0.copy_from_slice(piece.split_at(taken).0);
            filled += taken;
        }
        match part.len {
            _ if skip > 0 => Err(range.outside(None)),
            None if filled == 0 && range.offset > 0 => Err(range.outside(None)),
            Some(len) if (filled as u64) < len => Err(SourceError::new(
                SourceErrorKind::Unavailable,
                format!("the store's answer ended after {filled} of {len} bytes"),
            )),
            _ => {
                buffer.truncate(filled);
                Ok(())
            }
        }
    }

    async fn next_piece(
        &self,
        body: &mut ByteStream,
    ) -> Result<Option<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>>, SourceError> {
        match tokio::time::timeout(self.read_timeout, body.next()).await {
            Ok(piece) => piece.transpose().map_err(|error| SourceError {
                causes: causes(&error),
                ..SourceError::new(SourceErrorKind::Unavailable, "the store's answer broke off")
            }),
            Err(_) => Err(SourceError::new(
                SourceErrorKind::TimedOut,
                format!("the store sent nothing for {:?}", self.read_timeout),
            )),
        }
    }
}

impl Source for S3Source {
    type Location = S3Location;

    async fn fetch(
        &self,
        location: &S3Location,
        range: ByteRange,
        max_len: usize,
        credentials: Option<&Credentials>,
        budget: &mut Budget,
    ) -> Result<Buffer, SourceError> {
        let client = self.clients.client(&location.endpoint, credentials);
        let request = client.0.get_object().bucket(&location.bucket).key(&location.key).set_range(range.header());
        let answer = request.send().await.map_err(|error| refused(&error, range, credentials.is_some()))?;
        let part = part_of(&answer, range)?;
        let len = buffer_len(part, max_len)?;
        let mut buffer =
            budget.allocate(len).map_err(|error| SourceError::new(SourceErrorKind::Internal, error.to_string()))?;
        match self.read(answer.body, range, part, &mut buffer).await {
            Ok(()) => Ok(buffer),
            Err(error) => {
                budget.reclaim(buffer);
                Err(error)
            }
        }
    }
}

fn part_of(answer: &GetObjectOutput, range: ByteRange) -> Result<Part, SourceError> {
    range.locate(answer.content_range(), answer.content_length().and_then(|len| u64::try_from(len).ok()))
}

fn buffer_len(part: Part, max_len: usize) -> Result<usize, SourceError> {
    match part.len.map(usize::try_from) {
        None => Ok(max_len),
        Some(Ok(len)) if len <= max_len => Ok(len),
        Some(_) => Err(SourceError::new(
            SourceErrorKind::TooLarge,
            format!("the chunk has {} bytes, more than {max_len}", part.len.unwrap_or_default()),
        )),
    }
}

/// Codes by which stores refuse a reader, whatever status they send with them.
const DENIALS: &[&str] =
    &["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"];

/// What a failed GetObject means.
fn refused(error: &SdkError<GetObjectError>, range: ByteRange, has_credentials: bool) -> SourceError {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let kind = match (error, status) {
        (SdkError::TimeoutError(_), _) => SourceErrorKind::TimedOut,
        (SdkError::DispatchFailure(failure), _) if failure.is_timeout() => SourceErrorKind::TimedOut,
        (SdkError::DispatchFailure(failure), _) if failure.is_user() => SourceErrorKind::Refused,
        (SdkError::DispatchFailure(_), _) => SourceErrorKind::Unavailable,
        (SdkError::ConstructionFailure(_), _) => SourceErrorKind::Refused,
        (_, Some(status)) => kind_of(status, code),
        (_, None) => SourceErrorKind::Unavailable,
    };
    let message = match kind {
        SourceErrorKind::AccessDenied if has_credentials => {
            "Access Denied: the store refused the credentials".to_owned()
        }
        SourceErrorKind::AccessDenied => "Access Denied: the store refused to be read anonymously".to_owned(),
        SourceErrorKind::NotFound => "the store has no such object".to_owned(),
        SourceErrorKind::OutsideObject => range.outside(None).message,
        SourceErrorKind::TimedOut => "the store did not answer in time".to_owned(),
        SourceErrorKind::Unavailable if status.is_none() => "the store cannot be reached".to_owned(),
        SourceErrorKind::Unavailable => "the store failed".to_owned(),
        SourceErrorKind::Refused => "the store cannot be asked for this object".to_owned(),
        _ if status.is_some_and(|status| (300..400).contains(&status) && status != 304) => {
            "the store redirects elsewhere: is its URL, or its region, another one?".to_owned()
        }
        _ => "the store's answer makes no sense".to_owned(),
    };
    SourceError { causes: error_causes(error, status), status, ..SourceError::new(kind, message) }
}

fn kind_of(status: u16, code: &str) -> SourceErrorKind {
    match status {
        _ if DENIALS.contains(&code) => SourceErrorKind::AccessDenied,
        401 | 403 => SourceErrorKind::AccessDenied,
        404 => SourceErrorKind::NotFound,
        416 => SourceErrorKind::OutsideObject,
        429 | 500 | 502..=504 => SourceErrorKind::Unavailable,
        400..=499 => SourceErrorKind::Refused,
        _ => SourceErrorKind::Nonsense,
    }
}

/// `Code: message` as the store gave them, or what the layers below say.
fn error_causes(error: &SdkError<GetObjectError>, status: Option<u16>) -> Vec<String> {
    let said = match (error.code(), error.message()) {
        (Some(code), Some(message)) if !message.is_empty() => Some(format!("{code}: {message}")),
        (Some(code), _) => Some(code.to_owned()),
        (None, _) => None,
    };
    match (said, status) {
        (Some(said), _) => vec![said],
        (None, Some(status)) => vec![format!("the store answered with status {status}")],
        (None, None) => error.source().map(causes).unwrap_or_default(),
    }
}

/// An error and its sources, without those that only repeat what comes after them.
fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let mut causes: Vec<String> = chain.map(ToString::to_string).collect();
    causes.dedup_by(|next, previous| previous.contains(next.as_str()));
    causes
}
