//! What requests share.

use std::{sync::Arc, time::Duration};

use crate::{
    config::Config,
    cpu::Cpu,
    plan::SizeLimits,
    request::Defaults,
    resource_manager::ResourceManager,
    source::{Limited, Policy, Retry, S3ClientMap, S3Source},
    telemetry::Metrics,
};

/// Everything that a request finds when it comes: made once, shared by all, no globals beside it.
#[derive(Debug)]
pub struct App {
    /// The semaphores.
    pub resources: Arc<ResourceManager>,
    /// Where CPU-bound work runs.
    pub cpu: Cpu,
    /// S3 stores.
    pub s3: Retry<Limited<S3Source>>,
    /// Which sources may be read.
    pub policy: Policy,
    /// The largest chunks.
    pub size_limits: SizeLimits,
    /// The largest request body in bytes.
    pub max_body_size: usize,
    /// Longest time for a whole request.
    pub request_timeout: Duration,
    /// What requests need not say.
    pub defaults: Defaults,
    /// Counters for operators.
    pub metrics: Metrics,
}

impl App {
    /// Builds what the configuration describes.
    ///
    /// # Errors
    /// If threads cannot be started or metrics not be registered.
    pub fn new(config: &Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let resources = Arc::new(ResourceManager::new(&config.resources));
        let cpu = if config.use_rayon {
            Cpu::rayon(Arc::clone(&resources), config.resources.threads.get())?
        } else {
            Cpu::blocking(Arc::clone(&resources))
        };
        let s3 = S3Source::new(S3ClientMap::new(&config.s3), config.s3.read_timeout);
        Ok(Self {
            s3: Retry { source: Limited { source: s3, resources: Arc::clone(&resources) }, policy: config.retry },
            cpu,
            resources,
            policy: config.policy.clone(),
            size_limits: config.size_limits,
            max_body_size: config.max_body_size,
            request_timeout: config.request_timeout,
            defaults: config.defaults,
            metrics: Metrics::new()?,
        })
    }
}
