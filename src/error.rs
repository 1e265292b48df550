//! The one error that the API answers with.

use crate::{
    codec::CodecError,
    engine::{OperationError, variable::VariableError},
    index::IndexError,
    request::{RequestError, shortened},
    resources::{AdmissionError, CpuError},
    source::{PolicyError, SourceError},
};

/// Everything that can keep a request from a result, layer by layer in the order of its way.
#[derive(Debug, thiserror::Error)]
pub enum ActiveStorageError {
    /// No route has this path.
    #[error(
        "there is no such route; the operations are count, max, min, select and sum, at /v1/count … and /v2/count …, and \
         describe, reduce and select of whole variables at /variables/v1/describe …"
    )]
    NotFound,
    /// The route has another method.
    #[error("{method} is not possible here; operations take POST, /metrics takes GET")]
    MethodNotAllowed {
        /// The method used.
        method: String,
    },
    /// Nobody knows for sure which host the request is for.
    #[error("a request of HTTP/1.1 needs the header Host, once: the name or address of this server")]
    Host,
    /// The body does not say that it is JSON.
    #[error("the request body must be JSON; send the header Content-Type: application/json")]
    UnsupportedMediaType,
    /// The body does not say that it is JSON or CBOR.
    #[error(
        "the request body must be JSON or CBOR; send the header Content-Type: application/json, or application/cbor"
    )]
    UnsupportedBody,
    /// The body is compressed.
    #[error("the request body must be sent as it is, without the header Content-Encoding")]
    ContentEncoding,
    /// The body broke off or could not be read.
    #[error("the request body could not be read: {0}")]
    UnreadableBody(String),
    /// The client may not use the service.
    #[error(
        "this server wants a token of its own: send it as header x-reductionist-token, or ask its operator for one"
    )]
    Token,
    /// The credentials are not HTTP Basic.
    #[error(
        "the Authorization header must be HTTP Basic: user name (access key) and password (secret key); for web servers it \
         may be Bearer and a token"
    )]
    Authorization,
    /// Nobody else pays than the owner of a bucket, or the client.
    #[error("x-amz-request-payer must be requester, or be left out")]
    RequestPayer,
    /// The session token cannot be used.
    #[error(
        "x-amz-security-token must be one token of visible characters, beside the HTTP Basic credentials it is for"
    )]
    SessionToken,
    /// The body is no valid request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Something is larger than a limit.
    #[error("{what} is larger than the limit of {limit} bytes ({setting})")]
    TooLarge {
        /// What is too large.
        what: String,
        /// How large it may be.
        limit: usize,
        /// The setting that says so.
        setting: &'static str,
    },
    /// The answer has too many numbers to be written as text.
    #[error("the answer has {numbers} numbers, and JSON is for no more than {limit}: ask for application/cbor")]
    TooManyNumbers {
        /// How many it has.
        numbers: usize,
        /// How many are possible.
        limit: usize,
    },
    /// More would have to be read or kept than the operator allows.
    #[error(
        "{chunks} chunks would be read, {stored} bytes as stored and {decoded} decoded, with {memory} bytes of memory: {what} \
         is above the limit of {limit} ({setting}); select a smaller part, or split it"
    )]
    TooMuch {
        /// Chunks that the selection touches.
        chunks: u64,
        /// Their bytes as they are stored.
        stored: u64,
        /// Their bytes once they are decoded.
        decoded: u64,
        /// Most bytes of memory in use at one time.
        memory: u64,
        /// Which of these is too much.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
        /// The setting that says so.
        setting: &'static str,
    },
    /// The operator does not allow the source.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// There is no room for the request.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The process has been told to stop.
    #[error("the server is shutting down; ask another one")]
    Stopping,
    /// The store was too slow.
    #[error("the request took longer than {0:?} (--request-timeout)")]
    DeadlineExceeded(std::time::Duration),
    /// A question about a variable took too long.
    #[error("the request took longer than {0:?} (--variable-timeout); select a smaller part, or split it")]
    VariableDeadlineExceeded(std::time::Duration),
    /// The work on a question about a variable stands still.
    #[error("nothing came of the request for {0:?} (--request-timeout)")]
    Stalled(std::time::Duration),
    /// The index of an object cannot be had.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// An object became another one while it was read.
    #[error("{object} changed while it was read: nothing of the result would be certain; ask again")]
    Changed {
        /// Its URL.
        object: String,
    },
    /// One chunk of a variable failed.
    #[error("chunk {index:?}, at byte {offset} of {object}: {error}")]
    Chunk {
        /// Its place in the grid of chunks.
        index: Vec<u64>,
        /// Where it begins, in bytes from the beginning of the object.
        offset: u64,
        /// URL of the object.
        object: String,
        /// What is wrong with it.
        error: Box<Self>,
    },
    /// The chunk could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The chunk could not be decoded.
    #[error("the chunk cannot be decoded")]
    Codec(#[from] CodecError),
    /// The operation gave no result.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The variable gave no result.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// The work on a CPU thread did not end.
    #[error(transparent)]
    Cpu(#[from] CpuError),
    /// The reply cannot be put into the wire form.
    #[error("{0}")]
    Reply(String),
}

impl ActiveStorageError {
    /// What led to the error, root cause last.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let causes: Vec<String> = match self {
            Self::Request(RequestError::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
            Self::Request(RequestError::NotAnObject(cause) | RequestError::NotAMap(cause)) => vec![cause.to_string()],
            Self::Source(error) => error.causes.clone(),
            Self::Codec(error) => vec![error.to_string()],
            Self::Chunk { error, .. } => error.causes(),
            _ => Vec::new(),
        };
        // Whatever a store or a client wrote.
        causes.into_iter().map(shortened).collect()
    }
}
