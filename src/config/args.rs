//! The flags, as they are written.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, builder::BoolishValueParser};

use super::{
    chunk_cache::ChunkCacheArgs,
    environment,
    paths::path,
    values::{delay, duration, log_format, size},
};
use crate::telemetry::LogFormat;

/// Reduces storage chunks of climate data next to the store that keeps them.
///
/// Every flag has an environment variable of the same meaning. Sizes take units ("256MiB"; a bare number is
/// bytes), durations too ("30s"; a bare number is seconds).
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct Args {
    /// Address to listen on
    #[arg(long, env = "REDUCTIONIST_HOST", default_value = "0.0.0.0")]
    pub(super) host: String,

    /// Port to listen on
    #[arg(long, env = "REDUCTIONIST_PORT", default_value_t = 8080)]
    pub(super) port: u16,

    /// Address and port of a second listener, without TLS, for /metrics, /livez, /readyz, /version and /capabilities; /metrics
    /// is served there alone [default: none]
    #[arg(long, env = "REDUCTIONIST_ADMIN_ADDRESS", value_name = "ADDRESS:PORT")]
    pub(super) admin_address: Option<SocketAddr>,

    /// Ask the service that runs with these settings whether it is alive, and exit: 0 if so, otherwise 1
    #[arg(long)]
    pub(super) check_health: bool,

    /// Serve HTTPS
    #[arg(long, env = "REDUCTIONIST_HTTPS", value_parser = BoolishValueParser::new())]
    pub(super) https: bool,

    /// PEM file of the certificate chain for HTTPS [default: ~/.config/reductionist/certs/cert.pem]
    #[arg(long, env = "REDUCTIONIST_CERT_FILE", value_name = "FILE", value_parser = path())]
    pub(super) cert_file: Option<PathBuf>,

    /// PEM file of the private key for HTTPS [default: ~/.config/reductionist/certs/key.pem]
    #[arg(long, env = "REDUCTIONIST_KEY_FILE", value_name = "FILE", value_parser = path())]
    pub(super) key_file: Option<PathBuf>,

    /// PEM file of authorities: with HTTPS, clients need a certificate signed by one [default: they need none]
    #[arg(long, env = "REDUCTIONIST_CLIENT_CA_FILE", value_name = "FILE", value_parser = path())]
    pub(super) client_ca_file: Option<PathBuf>,

    /// File of tokens, one in each line: operations want one in the header x-reductionist-token [default: they want none]
    #[arg(long, env = "REDUCTIONIST_AUTH_TOKEN_FILE", value_name = "FILE", value_parser = path())]
    pub(super) auth_token_file: Option<PathBuf>,

    /// Origin of web pages whose scripts may use the service, such as <https://pages.example>, or * for any; may be repeated
    /// (comma-separated in the environment) [default: none]
    #[arg(long, env = "REDUCTIONIST_CORS_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    pub(super) cors_allow_origin: Vec<String>,

    /// Longest time to finish requests in flight when told to stop
    #[arg(long, alias = "graceful-shutdown-timeout", env = "REDUCTIONIST_SHUTDOWN_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) shutdown_timeout: Duration,

    /// Time between SIGTERM, when /readyz begins to fail, and the end of accepting connections
    #[arg(long, env = "REDUCTIONIST_SHUTDOWN_DELAY", value_name = "DURATION", default_value = "2s", value_parser = delay)]
    pub(super) shutdown_delay: Duration,

    /// Longest time for a client to send the head of a request, to finish a TLS handshake, or to take 512 KiB of a reply
    #[arg(long, env = "REDUCTIONIST_CLIENT_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(super) client_timeout: Duration,

    /// Connections of clients at one time; more wait to be accepted
    #[arg(long, env = "REDUCTIONIST_MAX_CONNECTIONS", value_name = "COUNT", default_value = "8192")]
    pub(super) max_connections: NonZeroUsize,

    /// Longest time for a request, from its body to its result
    #[arg(long, env = "REDUCTIONIST_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(super) request_timeout: Duration,

    /// Longest time for a question about a whole variable, which --request-timeout bounds as long as nothing comes of it
    #[arg(long, env = "REDUCTIONIST_VARIABLE_TIMEOUT", value_name = "DURATION", default_value = "600s", value_parser = duration)]
    pub(super) variable_timeout: Duration,

    /// Longest wait for memory, a connection or a thread [default: half of --request-timeout]
    #[arg(long, env = "REDUCTIONIST_QUEUE_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    pub(super) queue_timeout: Option<Duration>,

    /// Requests that may wait for memory; more are told to come back later
    #[arg(long, env = "REDUCTIONIST_MAX_QUEUE", value_name = "COUNT", default_value_t = 1024)]
    pub(super) max_queue: usize,

    /// Longest time for a connection to a store to be made
    #[arg(long, env = "REDUCTIONIST_CONNECT_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(super) connect_timeout: Duration,

    /// Longest wait for a store's first byte, and then for its next ones
    #[arg(long, env = "REDUCTIONIST_READ_TIMEOUT", value_name = "DURATION", default_value = "20s", value_parser = duration)]
    pub(super) read_timeout: Duration,

    /// Times that a read is repeated after a failure that may pass
    #[arg(long, env = "REDUCTIONIST_RETRIES", value_name = "COUNT", default_value_t = 3)]
    pub(super) retries: usize,

    /// Memory for all chunks and results in flight [default: three quarters of the machine's or container's]
    #[arg(long, env = "REDUCTIONIST_MEMORY_LIMIT", value_name = "SIZE", value_parser = size)]
    pub(super) memory_limit: Option<usize>,

    /// Largest encoded chunk [default: a quarter of --memory-limit, at most 1 GiB]
    #[arg(long, env = "REDUCTIONIST_MAX_CHUNK_SIZE", value_name = "SIZE", value_parser = size)]
    pub(super) max_chunk_size: Option<usize>,

    /// Largest decoded chunk [default: a quarter of --memory-limit, at most 1 GiB]
    #[arg(long, env = "REDUCTIONIST_MAX_DECODED_SIZE", value_name = "SIZE", value_parser = size)]
    pub(super) max_decoded_size: Option<usize>,

    /// Largest result, values and counts together [default: --memory-limit, at most 1 GiB]
    #[arg(long, env = "REDUCTIONIST_MAX_RESULT_SIZE", value_name = "SIZE", value_parser = size)]
    pub(super) max_result_size: Option<usize>,

    /// Largest request body
    #[arg(long, env = "REDUCTIONIST_MAX_BODY_SIZE", value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    pub(super) max_body_size: usize,

    /// Bytes between two chunks of a variable that are read in vain rather than by two requests
    #[arg(long, env = "REDUCTIONIST_READ_GAP", value_name = "SIZE", default_value = "256KiB", value_parser = size)]
    pub(super) read_gap: usize,

    /// Longest range that several chunks of a variable are read by
    #[arg(long, env = "REDUCTIONIST_LONGEST_READ", value_name = "SIZE", default_value = "8MiB", value_parser = size)]
    pub(super) longest_read: usize,

    /// Reads of one variable at one time, as far as there is memory
    #[arg(long, env = "REDUCTIONIST_READS_AT_ONCE", value_name = "COUNT", default_value = "16")]
    pub(super) reads_at_once: NonZeroUsize,

    /// Chunks of a variable that one request may ask about
    #[arg(long, env = "REDUCTIONIST_MAX_CHUNKS", value_name = "COUNT", default_value = "4000000")]
    pub(super) max_chunks: NonZeroUsize,

    /// Memory, beside --memory-limit, for what is known of objects: their variables, and where chunks lie
    #[arg(long, env = "REDUCTIONIST_INDEX_MEMORY", value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    pub(super) index_memory: usize,

    /// Largest body of a question about a whole variable [default: a 256th of --memory-limit, at most 16 MiB]
    #[arg(long, env = "REDUCTIONIST_MAX_VARIABLE_BODY_SIZE", value_name = "SIZE", value_parser = size)]
    pub(super) max_variable_body_size: Option<usize>,

    /// Requests to S3 stores at one time [default: no limit]
    #[arg(long, alias = "connection-limit-s3", env = "REDUCTIONIST_S3_CONNECTION_LIMIT", value_name = "COUNT")]
    pub(super) s3_connection_limit: Option<NonZeroUsize>,

    /// Requests to web servers at one time [default: no limit]
    #[arg(long, alias = "connection-limit-http", env = "REDUCTIONIST_HTTP_CONNECTION_LIMIT", value_name = "COUNT")]
    pub(super) http_connection_limit: Option<NonZeroUsize>,

    /// Files read at one time
    #[arg(long, env = "REDUCTIONIST_FILE_READ_LIMIT", value_name = "COUNT", default_value = "32")]
    pub(super) file_read_limit: NonZeroUsize,

    /// Region that S3 requests are signed for where neither the host's name nor the store itself says it, or URL=REGION for
    /// one store or bucket; may be repeated (comma-separated in the environment)
    #[arg(
        long,
        env = "REDUCTIONIST_S3_REGION",
        value_name = "[URL=]REGION",
        value_delimiter = ',',
        default_value = "us-east-1"
    )]
    pub(super) s3_region: Vec<String>,

    /// Where the bucket stands in a URL: before the key (path), or before the host (virtual); or URL=STYLE for one store or
    /// bucket; may be repeated (comma-separated in the environment)
    #[arg(
        long,
        env = "REDUCTIONIST_S3_ADDRESSING",
        value_name = "[URL=]STYLE",
        value_delimiter = ',',
        default_value = "path"
    )]
    pub(super) s3_addressing: Vec<String>,

    /// URL prefix of S3 sources that requests without credentials read with this server's own, from where AWS's tools
    /// look for them; may be repeated (comma-separated in the environment) [default: none]
    #[arg(long, env = "REDUCTIONIST_S3_OWN_CREDENTIALS", value_name = "URL", value_delimiter = ',')]
    pub(super) s3_own_credentials: Vec<String>,

    /// PEM file of certificates that stores may be signed by, beside the system's
    #[arg(long, env = "REDUCTIONIST_CA_BUNDLE", value_name = "FILE", value_parser = path())]
    pub(super) ca_bundle: Option<PathBuf>,

    /// S3 clients, one per store and credentials, that are kept for further requests
    #[arg(long, env = "REDUCTIONIST_S3_CLIENTS", value_name = "COUNT", default_value = "256")]
    pub(super) s3_clients: NonZeroUsize,

    /// Threads that decode and reduce [default: one less than the CPUs, at least 1]
    #[arg(long, env = "REDUCTIONIST_THREAD_LIMIT", value_name = "COUNT")]
    pub(super) thread_limit: Option<NonZeroUsize>,

    /// Decode and reduce on a Rayon pool instead of Tokio's blocking threads
    #[arg(long, env = "REDUCTIONIST_USE_RAYON", value_parser = BoolishValueParser::new())]
    pub(super) use_rayon: bool,

    /// Keep reduced axes with length 1 where a request does not say
    #[arg(long, env = "REDUCTIONIST_KEEPDIMS", value_parser = BoolishValueParser::new())]
    pub(super) keepdims: bool,

    /// URL prefix that sources must be below, such as <https://store.example/bucket>; may be repeated
    /// (comma-separated in the environment) [default: any source]
    #[arg(long, env = "REDUCTIONIST_ALLOW_SOURCE", value_name = "URL", value_delimiter = ',')]
    pub(super) allow_source: Vec<String>,

    /// Directory whose files clients may read [default: no files]
    #[arg(long, env = "REDUCTIONIST_FILE_ROOT", value_name = "DIR", value_parser = path())]
    pub(super) file_root: Option<PathBuf>,

    /// How log lines look: text, json, or auto for text on a terminal and JSON otherwise
    #[arg(long, env = "REDUCTIONIST_LOG_FORMAT", value_name = "FORMAT", default_value = "auto", value_parser = log_format)]
    pub(super) log_format: LogFormat,

    /// Send traces to Jaeger, or any other collector of OTLP, as the variables of OpenTelemetry say [default: only if they
    /// name an endpoint]
    #[arg(long, env = "REDUCTIONIST_ENABLE_JAEGER", value_parser = BoolishValueParser::new())]
    pub(super) enable_jaeger: bool,

    #[command(flatten)]
    pub(super) chunk_cache: ChunkCacheArgs,
}

impl Args {
    /// The flags of this process, and the variables of its environment.
    ///
    /// # Errors
    /// What clap says of them; among it, what `--help` and `--version` print.
    pub fn of_process() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&environment::without_service_links(Self::command()).try_get_matches()?)
    }
}
