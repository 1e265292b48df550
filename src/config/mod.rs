//! Settings: flags and environment variables in, one checked configuration out.

mod args;
mod chunk_cache;
mod environment;
mod error;
mod memory;
mod open_files;
mod origins;
mod paths;
mod traces;
mod values;

use std::{ffi::OsString, net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::CommandFactory;

use crate::{
    credentials::TlsFiles,
    engine::{SizeLimits, variable::ReadLimits},
    request::Defaults,
    resources::ResourceLimits,
    source::{Addressing, PerStore, Policy, Prefixes, RetryPolicy, S3Settings},
    telemetry::{self, LogFilter},
};

use error::ConfigError;
use memory::available_memory;
pub use open_files::OpenFiles;
use origins::origins;
use paths::certificate;
use traces::traces;
use values::{addressing, region};

pub use args::Args;
pub use origins::Origins;

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
    /// Largest body of a question about a variable in bytes.
    pub max_variable_body_size: usize,
    /// Longest time for a request.
    pub request_timeout: Duration,
    /// Longest time for a request about a whole variable.
    pub variable_timeout: Duration,
    /// How whole variables are read.
    pub read_limits: ReadLimits,
    /// Bytes for what is known of objects.
    pub index_memory: usize,
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
        let size_limits = size_limits(&args, memory)?;
        let s3 = s3(&args)?;
        let resources = resources(&args, memory)?;
        let policy = Policy { allowed: prefixes("--allow-source", &args.allow_source)? };
        Ok(Self {
            without_effect: args.chunk_cache.without_effect(),
            told: told(&args, &policy, memory)?,
            resources,
            check_health: args.check_health,
            telemetry: telemetry::Settings {
                log_format: args.log_format,
                log_filter: log_filter(std::env::var_os("RUST_LOG"))?,
                traces: traces(args.enable_jaeger, |name| std::env::var(name).ok())?,
            },
            use_rayon: args.use_rayon,
            size_limits,
            max_body_size: args.max_body_size,
            max_variable_body_size: args.max_variable_body_size.unwrap_or((memory / 256).clamp(64 << 10, 16 << 20)),
            request_timeout: args.request_timeout,
            variable_timeout: args.variable_timeout,
            read_limits: ReadLimits {
                gap: args.read_gap as u64,
                longest_range: args.longest_read as u64,
                at_once: args.reads_at_once.get(),
                chunks: args.max_chunks.get(),
            },
            index_memory: args.index_memory,
            s3,
            origins: origins(&args.cors_allow_origin)
                .map_err(|error| ConfigError(format!("--cors-allow-origin: {error}")))?,
            retry: RetryPolicy { retries: args.retries, first_delay: Duration::from_millis(50) },
            policy,
            defaults: Defaults { keepdims: args.keepdims },
            ca_bundle: args.ca_bundle.clone(),
            auth_token_file: args.auth_token_file.clone(),
            file_root: args.file_root.clone(),
            listen: listen(args)?,
        })
    }
}

/// The largest chunks, which memory has to have room for.
fn size_limits(args: &Args, memory: usize) -> Result<SizeLimits, ConfigError> {
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
        let problem = format!("--memory-limit {memory} is less than {LEAST_MEMORY} bytes, which no chunk fits");
        return Err(ConfigError(problem));
    }
    Ok(size_limits)
}

fn s3(args: &Args) -> Result<S3Settings, ConfigError> {
    let region = PerStore::parse(&args.s3_region, "us-east-1".into(), region);
    let addressing = PerStore::parse(&args.s3_addressing, Addressing::Path, addressing);
    if args.s3_clients.get() > MOST_S3_CLIENTS {
        return Err(ConfigError(format!("--s3-clients must be at most {MOST_S3_CLIENTS}")));
    }
    Ok(S3Settings {
        region: region.map_err(|problem| ConfigError(format!("--s3-region: {problem}")))?,
        connect_timeout: args.connect_timeout,
        read_timeout: args.read_timeout,
        max_clients: args.s3_clients,
        addressing: addressing.map_err(|problem| ConfigError(format!("--s3-addressing: {problem}")))?,
        own_credentials: prefixes("--s3-own-credentials", &args.s3_own_credentials)?,
    })
}

fn resources(args: &Args, memory: usize) -> Result<ResourceLimits, ConfigError> {
    let queue_timeout = args.queue_timeout.unwrap_or(args.request_timeout / 2);
    if queue_timeout >= args.request_timeout {
        return Err(ConfigError("--queue-timeout must be shorter than --request-timeout".to_owned()));
    }
    let threads = args.thread_limit.unwrap_or_else(default_threads);
    if threads.get() > MOST_THREADS {
        return Err(ConfigError(format!("--thread-limit must be at most {MOST_THREADS}")));
    }
    Ok(ResourceLimits {
        memory: NonZeroUsize::new(memory),
        s3_connections: args.s3_connection_limit,
        http_connections: args.http_connection_limit,
        file_reads: args.file_read_limit,
        threads,
        queue: args.max_queue,
        queue_timeout,
    })
}

fn listen(args: Args) -> Result<Listen, ConfigError> {
    Ok(Listen {
        tls: tls_files(args.https, args.cert_file, args.key_file, args.client_ca_file)?,
        host: args.host,
        port: args.port,
        admin_address: args.admin_address,
        shutdown_timeout: args.shutdown_timeout,
        shutdown_delay: args.shutdown_delay,
        client_timeout: args.client_timeout,
        max_connections: args.max_connections,
    })
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

/// Not set and empty are the same, as a deployment's template may always set it.
fn log_filter(variable: Option<OsString>) -> Result<LogFilter, ConfigError> {
    let Some(text) = variable.filter(|text| !text.is_empty()) else { return Ok(LogFilter::default()) };
    LogFilter::parse(&text.to_string_lossy()).map_err(|error| ConfigError(format!("RUST_LOG: {error}")))
}

fn default_threads() -> NonZeroUsize {
    let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    NonZeroUsize::new(cpus.saturating_sub(1)).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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
        assert_eq!(values::size("100GB"), Ok(100_000_000_000));
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
