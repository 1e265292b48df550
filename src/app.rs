//! What requests share.

use std::{
    error::Error,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    config::{Config, Origins},
    credentials::Tokens,
    engine::{Engine, VariableSettings, variable::Variables},
    request::Defaults,
    resources::{Cpu, ResourceManager},
    source::{AddressPolicy, FileSource, HttpClient, HttpSource, Policy, Roots, S3ClientMap, S3Source, Setup, Sources},
    telemetry::Metrics,
};

/// Everything that a request finds when it comes: made once, shared by all, no globals beside it.
#[derive(Clone, Debug)]
pub struct App {
    /// What answers questions.
    pub engine: Engine,
    /// What answers questions about variables.
    pub variables: Arc<dyn Variables>,
    /// Which sources may be read.
    pub policy: Policy,
    /// The largest request body in bytes.
    pub max_body_size: usize,
    /// The largest body of a question about a variable, in bytes.
    pub max_variable_body_size: usize,
    /// Longest time for a whole request; for a question about a variable, without progress.
    pub request_timeout: Duration,
    /// Longest time for a whole question about a variable.
    pub variable_timeout: Duration,
    /// What requests need not say.
    pub defaults: Defaults,
    /// Tokens that requests need; None if they need none.
    pub tokens: Option<Tokens>,
    /// Web pages whose scripts may use the service; None if there are none.
    pub origins: Option<Origins>,
    /// Makes numbers of clients' names, other ones each time the service starts.
    pub client_ids: RandomState,
    /// Names for requests that have none.
    pub request_ids: Arc<RequestIds>,
    /// Whether metrics are served by a listener of their own.
    pub metrics_are_elsewhere: bool,
    stopping: Arc<AtomicBool>,
    giving_up: Arc<AtomicBool>,
}

/// What every request has a share of.
pub type Shared = Arc<App>;

impl App {
    /// Builds what the configuration describes.
    ///
    /// # Errors
    /// If threads cannot be started, metrics not be registered, or a file or directory that is named cannot be used.
    pub fn new(config: &Config) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let resources = Arc::new(ResourceManager::new(&config.resources));
        let cpu = if config.use_rayon {
            Cpu::rayon(Arc::clone(&resources), config.resources.threads.get())?
        } else {
            Cpu::blocking(Arc::clone(&resources))
        };
        let metrics = Metrics::new()?;
        let tokens = config.auth_token_file.as_deref().map(Tokens::load);
        let settings = VariableSettings::new(config.read_limits, config.index_memory, config.request_timeout);
        let engine = Engine {
            sources: sources(config, &resources, &metrics)?,
            cpu,
            resources,
            size_limits: config.size_limits,
            variables: Arc::new(settings),
            metrics,
        };
        Ok(Self {
            variables: Arc::new(engine.clone()),
            engine,
            policy: config.policy.clone(),
            max_body_size: config.max_body_size,
            max_variable_body_size: config.max_variable_body_size,
            request_timeout: config.request_timeout,
            variable_timeout: config.variable_timeout,
            defaults: config.defaults,
            tokens: tokens.transpose().map_err(|error| format!("--auth-token-file: {error}"))?,
            origins: config.origins.clone(),
            client_ids: RandomState::new(),
            request_ids: Arc::default(),
            metrics_are_elsewhere: config.listen.admin_address.is_some(),
            stopping: Arc::default(),
            giving_up: Arc::default(),
        })
    }

    /// Says that no more requests are wanted, though they are still answered.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether that has been said.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Says that what is still in flight is given up.
    pub fn give_up(&self) {
        self.giving_up.store(true, Ordering::Relaxed);
    }

    /// Whether that has been said.
    #[must_use]
    pub fn has_given_up(&self) -> bool {
        self.giving_up.load(Ordering::Relaxed)
    }

    /// The same app with connections of its own to stores; everything else is shared.
    #[must_use]
    pub fn with_own_connections(&self) -> Self {
        let sources = self.engine.sources.with_own_connections();
        let engine = Engine { sources, ..self.engine.clone() };
        Self { variables: Arc::new(engine.clone()), engine, ..self.clone() }
    }
}

/// Makes names that no other request has had, here or, as good as surely, elsewhere.
#[derive(Debug, Default)]
pub struct RequestIds {
    /// Other ones each time the service starts.
    state: RandomState,
    made: AtomicU64,
}

impl RequestIds {
    /// The next one: 16 hexadecimal digits.
    #[must_use]
    pub fn next(&self) -> String {
        format!("{:016x}", self.state.hash_one(self.made.fetch_add(1, Ordering::Relaxed)))
    }
}

fn sources(
    config: &Config,
    resources: &Arc<ResourceManager>,
    metrics: &Metrics,
) -> Result<Sources, Box<dyn Error + Send + Sync>> {
    let roots = Roots::load(config.ca_bundle.as_deref()).map_err(|error| format!("--ca-bundle: {error}"))?;
    let addresses = AddressPolicy::allowing(config.policy.allowed.addresses());
    let client = HttpClient::new(roots.client_config()?, addresses, config.s3.connect_timeout, config.s3.read_timeout);
    let s3 = S3Source::new(Arc::new(S3ClientMap::new(&config.s3, &roots)), client.clone(), config.s3.read_timeout);
    let http = HttpSource::new(client, config.s3.read_timeout, config.policy.clone());
    let file = config.file_root.as_deref().map(|root| FileSource::new(root, Arc::clone(resources)));
    let file = file.transpose().map_err(|error| format!("--file-root: {error}"))?;
    Ok(Sources::new(Setup {
        s3,
        http,
        file,
        retry: config.retry,
        resources: Arc::clone(resources),
        metrics: metrics.clone(),
        stores: Arc::default(),
    }))
}
