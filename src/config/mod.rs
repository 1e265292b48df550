//! Settings: flags and environment variables in, one checked configuration out.

mod chunk_cache;
mod environment;
mod error;
mod memory;
mod open_files;
mod origins;
mod paths;
mod traces;

use std::{ffi::OsString, net::SocketAddr, num::NonZeroUsize, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use bytesize::ByteSize;
use clap::{CommandFactory, FromArgMatches, Parser, builder::BoolishValueParser};

use crate::{
    credentials::TlsFiles,
    engine::SizeLimits,
    request::Defaults,
    resources::ResourceLimits,
    source::{Addressing, PerStore, Policy, Prefixes, RetryPolicy, S3Settings},
    telemetry::{self, LogFilter, LogFormat},
};

use chunk_cache::ChunkCacheArgs;
use error::ConfigError;
use memory::available_memory;
pub use open_files::OpenFiles;
use origins::origins;
use paths::{certificate, path};
use traces::traces;

pub use origins::Origins;

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
    host: String,

    /// Port to listen on
    #[arg(long, env = "REDUCTIONIST_PORT", default_value_t = 8080)]
    port: u16,

    /// Address and port of a second listener, without TLS, for /metrics, /livez, /readyz, /version and /capabilities; /metrics
    /// is served there alone [default: none]
    #[arg(long, env = "REDUCTIONIST_ADMIN_ADDRESS", value_name = "ADDRESS:PORT")]
    admin_address: Option<SocketAddr>,

    /// Ask the service that runs with these settings whether it is alive, and exit: 0 if so, otherwise 1
    #[arg(long)]
    check_health: bool,

    /// Serve HTTPS
    #[arg(long, env = "REDUCTIONIST_HTTPS", value_parser = BoolishValueParser::new())]
    https: bool,

    /// PEM file of the certificate chain for HTTPS [default: ~/.config/reductionist/certs/cert.pem]
    #[arg(long, env = "REDUCTIONIST_CERT_FILE", value_name = "FILE", value_parser = path())]
    cert_file: Option<PathBuf>,

    /// PEM file of the private key for HTTPS [default: ~/.config/reductionist/certs/key.pem]
    #[arg(long, env = "REDUCTIONIST_KEY_FILE", value_name = "FILE", value_parser = path())]
    key_file: Option<PathBuf>,

    /// PEM file of authorities: with HTTPS, clients need a certificate signed by one [default: they need none]
    #[arg(long, env = "REDUCTIONIST_CLIENT_CA_FILE", value_name = "FILE", value_parser = path())]
    client_ca_file: Option<PathBuf>,

    /// File of tokens, one in each line: operations want one in the header x-reductionist-token [default: they want none]
    #[arg(long, env = "REDUCTIONIST_AUTH_TOKEN_FILE", value_name = "FILE", value_parser = path())]
    auth_token_file: Option<PathBuf>,

    /// Origin of web pages whose scripts may use the service, such as <https://pages.example>, or * for any; may be repeated
    /// (comma-separated in the environment) [default: none]
    #[arg(long, env = "REDUCTIONIST_CORS_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',')]
    cors_allow_origin: Vec<String>,

    /// Longest time to finish requests in flight when told to stop
    #[arg(long, alias = "graceful-shutdown-timeout", env = "REDUCTIONIST_SHUTDOWN_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    shutdown_timeout: Duration,

    /// Time between SIGTERM, when /readyz begins to fail, and the end of accepting connections
    #[arg(long, env = "REDUCTIONIST_SHUTDOWN_DELAY", value_name = "DURATION", default_value = "2s", value_parser = delay)]
    shutdown_delay: Duration,

    /// Longest time for a client to send the head of a request, to finish a TLS handshake, or to take 512 KiB of a reply
    #[arg(long, env = "REDUCTIONIST_CLIENT_TIMEOUT", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    client_timeout: Duration,

    /// Connections of clients at one time; more wait to be accepted
    #[arg(long, env = "REDUCTIONIST_MAX_CONNECTIONS", value_name = "COUNT", default_value = "8192")]
    max_connections: NonZeroUsize,

    /// Longest time for a request, from its body to its result
    #[arg(long, env = "REDUCTIONIST_REQUEST_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    request_timeout: Duration,

    /// Longest wait for memory, a connection or a thread [default: half of --request-timeout]
    #[arg(long, env = "REDUCTIONIST_QUEUE_TIMEOUT", value_name = "DURATION", value_parser = duration)]
    queue_timeout: Option<Duration>,

    /// Requests that may wait for memory; more are told to come back later
    #[arg(long, env = "REDUCTIONIST_MAX_QUEUE", value_name = "COUNT", default_value_t = 1024)]
    max_queue: usize,

    /// Longest time for a connection to a store to be made
    #[arg(long, env = "REDUCTIONIST_CONNECT_TIMEOUT", value_name = "DURATION", default_value = "5s", value_parser = duration)]
    connect_timeout: Duration,

    /// Longest wait for a store's first byte, and then for its next ones
    #[arg(long, env = "REDUCTIONIST_READ_TIMEOUT", value_name = "DURATION", default_value = "20s", value_parser = duration)]
    read_timeout: Duration,

    /// Times that a read is repeated after a failure that may pass
    #[arg(long, env = "REDUCTIONIST_RETRIES", value_name = "COUNT", default_value_t = 3)]
    retries: usize,

    /// Memory for all chunks and results in flight [default: three quarters of the machine's or container's]
    #[arg(long, env = "REDUCTIONIST_MEMORY_LIMIT", value_name = "SIZE", value_parser = size)]
    memory_limit: Option<usize>,

    /// Largest encoded chunk [default: a quarter of --memory-limit, at most 1 GiB]
    #[arg(long, env = "REDUCTIONIST_MAX_CHUNK_SIZE", value_name = "SIZE", value_parser = size)]
    max_chunk_size: Option<usize>,

    /// Largest decoded chunk [default: a quarter of --memory-limit, at most 1 GiB]
    #[arg(long, env = "REDUCTIONIST_MAX_DECODED_SIZE", value_name = "SIZE", value_parser = size)]
    max_decoded_size: Option<usize>,

    /// Largest result, values and counts together [default: --memory-limit, at most 1 GiB]
    #[arg(long, env = "REDUCTIONIST_MAX_RESULT_SIZE", value_name = "SIZE", value_parser = size)]
    max_result_size: Option<usize>,

    /// Largest request body
    #[arg(long, env = "REDUCTIONIST_MAX_BODY_SIZE", value_name = "SIZE", default_value = "1MiB", value_parser = size)]
    max_body_size: usize,

    /// Requests to S3 stores at one time [default: no limit]
    #[arg(long, alias = "connection-limit-s3", env = "REDUCTIONIST_S3_CONNECTION_LIMIT", value_name = "COUNT")]
    s3_connection_limit: Option<NonZeroUsize>,

    /// Requests to web servers at one time [default: no limit]
    #[arg(long, alias = "connection-limit-http", env = "REDUCTIONIST_HTTP_CONNECTION_LIMIT", value_name = "COUNT")]
    http_connection_limit: Option<NonZeroUsize>,

    /// Files read at one time
    #[arg(long, env = "REDUCTIONIST_FILE_READ_LIMIT", value_name = "COUNT", default_value = "32")]
    file_read_limit: NonZeroUsize,

    /// Region that S3 requests are signed for where neither the host's name nor the store itself says it, or URL=REGION for
    /// one store or bucket; may be repeated (comma-separated in the environment)
    #[arg(
        long,
        env = "REDUCTIONIST_S3_REGION",
        value_name = "[URL=]REGION",
        value_delimiter = ',',
        default_value = "us-east-1"
    )]
    s3_region: Vec<String>,

    /// Where the bucket stands in a URL: before the key (path), or before the host (virtual); or URL=STYLE for one store or
    /// bucket; may be repeated (comma-separated in the environment)
    #[arg(
        long,
        env = "REDUCTIONIST_S3_ADDRESSING",
        value_name = "[URL=]STYLE",
        value_delimiter = ',',
        default_value = "path"
    )]
    s3_addressing: Vec<String>,

    /// URL prefix of S3 sources that requests without credentials read with this server's own, from where AWS's tools
    /// look for them; may be repeated (comma-separated in the environment) [default: none]
    #[arg(long, env = "REDUCTIONIST_S3_OWN_CREDENTIALS", value_name = "URL", value_delimiter = ',')]
    s3_own_credentials: Vec<String>,

    /// PEM file of certificates that stores may be signed by, beside the system's
    #[arg(long, env = "REDUCTIONIST_CA_BUNDLE", value_name = "FILE", value_parser = path())]
    ca_bundle: Option<PathBuf>,

    /// S3 clients, one per store and credentials, that are kept for further requests
    #[arg(long, env = "REDUCTIONIST_S3_CLIENTS", value_name = "COUNT", default_value = "256")]
    s3_clients: NonZeroUsize,

    /// Threads that decode and reduce [default: one less than the CPUs, at least 1]
    #[arg(long, env = "REDUCTIONIST_THREAD_LIMIT", value_name = "COUNT")]
    thread_limit: Option<NonZeroUsize>,

    /// Decode and reduce on a Rayon pool instead of Tokio's blocking threads
    #[arg(long, env = "REDUCTIONIST_USE_RAYON", value_parser = BoolishValueParser::new())]
    use_rayon: bool,

    /// Keep reduced axes with length 1 where a request does not say
    #[arg(long, env = "REDUCTIONIST_KEEPDIMS", value_parser = BoolishValueParser::new())]
    keepdims: bool,

    /// URL prefix that sources must be below, such as <https://store.example/bucket>; may be repeated
    /// (comma-separated in the environment) [default: any source]
    #[arg(long, env = "REDUCTIONIST_ALLOW_SOURCE", value_name = "URL", value_delimiter = ',')]
    allow_source: Vec<String>,

    /// Directory whose files clients may read [default: no files]
    #[arg(long, env = "REDUCTIONIST_FILE_ROOT", value_name = "DIR", value_parser = path())]
    file_root: Option<PathBuf>,

    /// How log lines look: text, json, or auto for text on a terminal and JSON otherwise
    #[arg(long, env = "REDUCTIONIST_LOG_FORMAT", value_name = "FORMAT", default_value = "auto", value_parser = log_format)]
    log_format: LogFormat,

    /// Send traces to Jaeger, or any other collector of OTLP, as the variables of OpenTelemetry say [default: only if they
    /// name an endpoint]
    #[arg(long, env = "REDUCTIONIST_ENABLE_JAEGER", value_parser = BoolishValueParser::new())]
    enable_jaeger: bool,

    #[command(flatten)]
    chunk_cache: ChunkCacheArgs,
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

/// What an operator should know of variables of this process that are no settings.
///
/// # Errors
/// If a setting that closes something may be meant by one.
pub fn told_of_environment() -> Result<Vec<String>, ConfigError> {
    environment::told(&Args::command(), std::env::vars_os())
}

/// Where to listen, and how.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Host name or address.
    pub host: String,
    /// Port; 0 for any free one.
    pub port: u16,
    /// Where operators are served on their own.
    pub admin_address: Option<SocketAddr>,
    /// Certificate, key and authorities of clients, for HTTPS.
    pub tls: Option<TlsFiles>,
    /// Longest time to drain.
    pub shutdown_timeout: Duration,
    /// Time for others to see that it will stop.
    pub shutdown_delay: Duration,
    /// Longest time to wait for a client.
    pub client_timeout: Duration,
    /// Connections at one time.
    pub max_connections: NonZeroUsize,
}

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The listener.
    pub listen: Listen,
    /// Whether to ask a service that runs, instead of being one.
    pub check_health: bool,
    /// Logs and traces.
    pub telemetry: telemetry::Settings,
    /// Shared resources.
    pub resources: ResourceLimits,
    /// Whether CPU work runs on Rayon.
    pub use_rayon: bool,
    /// Largest chunks.
    pub size_limits: SizeLimits,
    /// Largest request body in bytes.
    pub max_body_size: usize,
    /// Longest time for a request.
    pub request_timeout: Duration,
    /// S3 clients.
    pub s3: S3Settings,
    /// Certificates to believe, beside the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Tokens that requests need.
    pub auth_token_file: Option<PathBuf>,
    /// Web pages whose scripts may use the service; None if there are none.
    pub origins: Option<Origins>,
    /// Where files may be read.
    pub file_root: Option<PathBuf>,
    /// Repeated reads.
    pub retry: RetryPolicy,
    /// Allowed sources.
    pub policy: Policy,
    /// What requests need not say.
    pub defaults: Defaults,
    /// Variables that are set, and have no effect in this version.
    pub without_effect: Vec<&'static str>,
    /// What an operator should know of settings that make sense, and perhaps not the sense that is meant.
    pub told: Vec<String>,
}

/// Largest default for one chunk.
const LARGEST_DEFAULT_CHUNK: usize = 1 << 30;

/// Longest duration: clocks can add it to any time.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Least memory that makes sense.
const LEAST_MEMORY: usize = 64 << 10;

/// Most S3 clients: their places are allocated at the start.
const MOST_S3_CLIENTS: usize = 1 << 16;

/// Most threads that decode and reduce; more than CPUs make no sense, and no machine has this many.
const MOST_THREADS: usize = 512;

impl Config {
    /// Checks the settings together.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn from_args(args: Args) -> Result<Self, ConfigError> {
        let memory = args.memory_limit.unwrap_or_else(|| available_memory() / 4 * 3);
        let default_chunk = (memory / 4).min(LARGEST_DEFAULT_CHUNK);
        let size_limits = SizeLimits {
            chunk: args.max_chunk_size.unwrap_or(default_chunk),
            decoded: args.max_decoded_size.unwrap_or(default_chunk),
            result: args.max_result_size.unwrap_or_else(|| memory.min(LARGEST_DEFAULT_CHUNK)),
        };
        for (setting, limit) in [("--max-chunk-size", size_limits.chunk), ("--max-decoded-size", size_limits.decoded)] {
            if limit > memory {
                return Err(ConfigError(format!("{setting} {limit} is more than --memory-limit {memory}")));
            }
        }
        if memory < LEAST_MEMORY {
            return Err(ConfigError(format!(
                "--memory-limit {memory} is less than {LEAST_MEMORY} bytes, which no chunk fits"
            )));
        }
        let region = PerStore::parse(&args.s3_region, "us-east-1".into(), region);
        let region = region.map_err(|problem| ConfigError(format!("--s3-region: {problem}")))?;
        let addressing = PerStore::parse(&args.s3_addressing, Addressing::Path, addressing);
        let addressing = addressing.map_err(|problem| ConfigError(format!("--s3-addressing: {problem}")))?;
        if args.s3_clients.get() > MOST_S3_CLIENTS {
            return Err(ConfigError(format!("--s3-clients must be at most {MOST_S3_CLIENTS}")));
        }
        let queue_timeout = args.queue_timeout.unwrap_or(args.request_timeout / 2);
        if queue_timeout >= args.request_timeout {
            return Err(ConfigError("--queue-timeout must be shorter than --request-timeout".to_owned()));
        }
        let threads = args.thread_limit.unwrap_or_else(default_threads);
        if threads.get() > MOST_THREADS {
            return Err(ConfigError(format!("--thread-limit must be at most {MOST_THREADS}")));
        }
        let policy = Policy { allowed: prefixes("--allow-source", &args.allow_source)? };
        let told = told(&args, &policy, memory)?;
        Ok(Self {
            without_effect: args.chunk_cache.without_effect(),
            told,
            resources: ResourceLimits {
                memory: NonZeroUsize::new(memory),
                s3_connections: args.s3_connection_limit,
                http_connections: args.http_connection_limit,
                file_reads: args.file_read_limit,
                threads,
                queue: args.max_queue,
                queue_timeout,
            },
            check_health: args.check_health,
            telemetry: telemetry::Settings {
                log_format: args.log_format,
                log_filter: log_filter(std::env::var_os("RUST_LOG"))?,
                traces: traces(args.enable_jaeger, |name| std::env::var(name).ok())?,
            },
            use_rayon: args.use_rayon,
            size_limits,
            max_body_size: args.max_body_size,
            request_timeout: args.request_timeout,
            s3: S3Settings {
                region,
                connect_timeout: args.connect_timeout,
                read_timeout: args.read_timeout,
                max_clients: args.s3_clients,
                addressing,
                own_credentials: prefixes("--s3-own-credentials", &args.s3_own_credentials)?,
            },
            ca_bundle: args.ca_bundle,
            auth_token_file: args.auth_token_file,
            origins: origins(&args.cors_allow_origin)
                .map_err(|error| ConfigError(format!("--cors-allow-origin: {error}")))?,
            file_root: args.file_root,
            retry: RetryPolicy { retries: args.retries, first_delay: Duration::from_millis(50) },
            policy,
            defaults: Defaults { keepdims: args.keepdims },
            listen: Listen {
                tls: tls_files(args.https, args.cert_file, args.key_file, args.client_ca_file)?,
                host: args.host,
                port: args.port,
                admin_address: args.admin_address,
                shutdown_timeout: args.shutdown_timeout,
                shutdown_delay: args.shutdown_delay,
                client_timeout: args.client_timeout,
                max_connections: args.max_connections,
            },
        })
    }
}

impl Listen {
    /// The addresses that the host name stands for.
    ///
    /// # Errors
    /// If it stands for none.
    pub async fn addresses(&self) -> Result<Vec<SocketAddr>, ConfigError> {
        match tokio::net::lookup_host((self.host.as_str(), self.port)).await {
            Ok(addresses) => Ok(addresses.collect()),
            Err(error) => Err(ConfigError(format!("--host {:?} is no address: {error}", self.host))),
        }
    }
}

fn tls_files(
    https: bool,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca: Option<PathBuf>,
) -> Result<Option<TlsFiles>, ConfigError> {
    if !https && client_ca.is_some() {
        return Err(ConfigError(
            "--client-ca-file needs --https: without it nobody is asked for a certificate".to_owned(),
        ));
    }
    let file = |setting: &str, file: Option<PathBuf>, name| {
        let file = file.map_or_else(|| certificate(name), Ok);
        file.map_err(|error| ConfigError(format!("--https needs {setting}: {error}")))
    };
    let files = || {
        let (cert, key) = (file("--cert-file", cert_file, "cert.pem")?, file("--key-file", key_file, "key.pem")?);
        Ok(TlsFiles { cert, key, client_ca })
    };
    https.then(files).transpose()
}

/// What is worth a word at the start, though it need not be a mistake.
fn told(args: &Args, policy: &Policy, memory: usize) -> Result<Vec<String>, ConfigError> {
    let mut told = Vec::new();
    let there = available_memory();
    if memory > there {
        told.push(format!("--memory-limit {memory} is more than the {there} bytes that this machine or container has"));
    }
    if args.shutdown_timeout < args.request_timeout {
        told.push(format!(
            "--shutdown-timeout {:?} is shorter than --request-timeout {:?}: an end may cut requests off",
            args.shutdown_timeout, args.request_timeout
        ));
    }
    for (setting, urls) in [("--allow-source", &args.allow_source), ("--s3-own-credentials", &args.s3_own_credentials)]
    {
        for url in urls.iter().filter(|url| url.contains('*')) {
            told.push(format!("{setting} {url}: * stands for itself; a prefix is for all that begins with it"));
        }
    }
    for url in &args.s3_own_credentials {
        if !policy.meets(&prefixes("--s3-own-credentials", std::slice::from_ref(url))?) {
            told.push(format!("--s3-own-credentials {url} is outside of --allow-source: nobody can read it"));
        }
    }
    Ok(told)
}

fn prefixes(setting: &str, urls: &[String]) -> Result<Prefixes, ConfigError> {
    Prefixes::parse(urls).map_err(|error| ConfigError(format!("{setting}: {error}")))
}

fn region(text: &str) -> Result<Arc<str>, String> {
    let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_name { Ok(text.into()) } else { Err("must be a name such as us-east-1".to_owned()) }
}

fn addressing(text: &str) -> Result<Addressing, String> {
    match text {
        "path" => Ok(Addressing::Path),
        "virtual" => Ok(Addressing::Virtual),
        _ => Err("must be path or virtual".to_owned()),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be auto, text or json".to_owned()),
    }
}

/// Not set and empty are the same, as a deployment's template may always set it.
fn log_filter(variable: Option<OsString>) -> Result<LogFilter, ConfigError> {
    let Some(text) = variable.filter(|text| !text.is_empty()) else { return Ok(LogFilter::default()) };
    LogFilter::parse(&text.to_string_lossy()).map_err(|error| ConfigError(format!("RUST_LOG: {error}")))
}

fn default_threads() -> NonZeroUsize {
    let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(cpus.saturating_sub(1)).unwrap_or(NonZeroUsize::MIN)
}

fn size(text: &str) -> Result<usize, String> {
    let ByteSize(bytes) = ByteSize::from_str(text).map_err(|_| format!("{text:?} is no size such as 256MiB"))?;
    match usize::try_from(bytes) {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a possible size")),
        Ok(bytes) => Ok(bytes),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration = delay(text)?;
    if duration.is_zero() { Err("a duration must be longer than 0".to_owned()) } else { Ok(duration) }
}

/// A duration that may be 0.
fn delay(text: &str) -> Result<Duration, String> {
    let duration = match text.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|_| format!("{text:?} is no duration such as 30s"))?,
    };
    if duration > LONGEST { Err(format!("{text:?} is longer than a year")) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> Result<Config, String> {
        let args = Args::try_parse_from([&["reductionist"], args].concat()).map_err(|error| error.to_string())?;
        Config::from_args(args).map_err(|error| error.to_string())
    }

    #[test]
    fn sizes_and_durations_take_units_or_bare_numbers() {
        let config = config(&[
            "--memory-limit",
            "256MiB",
            "--max-chunk-size",
            "1000",
            "--shutdown-timeout",
            "5",
            "--request-timeout",
            "1m 30s",
        ])
        .unwrap();
        assert_eq!(config.resources.memory, NonZeroUsize::new(256 << 20));
        assert_eq!(config.size_limits.chunk, 1000);
        assert_eq!(config.size_limits.decoded, 64 << 20);
        assert_eq!(config.listen.shutdown_timeout, Duration::from_secs(5));
        assert_eq!(config.request_timeout, Duration::from_secs(90));
        assert_eq!(size("100GB"), Ok(100_000_000_000));
    }

    #[test]
    fn settings_that_make_no_sense_are_named() {
        for (args, name) in [
            (&["--memory-limit", "0"][..], "memory-limit"),
            (&["--memory-limit", "lots"], "memory-limit"),
            (&["--memory-limit", "1MiB", "--max-chunk-size", "2MiB"], "--max-chunk-size"),
            (&["--client-ca-file", "x"], "--https"),
            (&["--thread-limit", "0"], "thread-limit"),
            (&["--request-timeout", "0s"], "request-timeout"),
            (&["--client-timeout", "18446744073709551615"], "client-timeout"),
            (&["--allow-source", "data"], "--allow-source"),
            (&["--allow-source", "ftp://store"], "--allow-source"),
            (&["--memory-limit", "100"], "--memory-limit"),
            (&["--s3-region", ""], "--s3-region"),
            (&["--s3-region", "a\nb"], "--s3-region"),
            (&["--s3-clients", "18446744073709551615"], "--s3-clients"),
            (&["--thread-limit", "100000"], "--thread-limit"),
            (&["--queue-timeout", "60s"], "--queue-timeout"),
            (&["--s3-own-credentials", "store"], "--s3-own-credentials"),
            (&["--s3-addressing", "dns"], "--s3-addressing"),
            (&["--http-connection-limit", "0"], "--http-connection-limit"),
            (&["--port", "70000"], "port"),
            (&["--admin-address", "localhost"], "admin-address"),
            (&["--log-format", "xml"], "log-format"),
        ] {
            let error = config(args).unwrap_err();
            assert!(error.contains(name), "{args:?}: {error}");
        }
    }
}
