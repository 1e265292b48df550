//! Settings of the chunk cache that existing deployments have. They are known, and have no effect in this version.

use std::ffi::OsString;

use clap::{Args, builder::BoolishValueParser};

/// Taken as they are: nobody acts on them.
#[derive(Debug, Args)]
pub(super) struct ChunkCacheArgs {
    /// Keep chunks on disk
    #[arg(long, env = "REDUCTIONIST_USE_CHUNK_CACHE", hide = true, value_parser = BoolishValueParser::new())]
    use_chunk_cache: bool,

    /// Directory of the chunks
    #[arg(long, env = "REDUCTIONIST_CHUNK_CACHE_PATH", hide = true, value_name = "DIR")]
    chunk_cache_path: Option<OsString>,

    /// Time for which a chunk is kept
    #[arg(long, env = "REDUCTIONIST_CHUNK_CACHE_AGE", hide = true, value_name = "DURATION")]
    chunk_cache_age: Option<OsString>,

    /// Time between two looks for chunks that are too old
    #[arg(long, env = "REDUCTIONIST_CHUNK_CACHE_PRUNE_INTERVAL", hide = true, value_name = "DURATION")]
    chunk_cache_prune_interval: Option<OsString>,

    /// Size of all chunks
    #[arg(long, env = "REDUCTIONIST_CHUNK_CACHE_SIZE_LIMIT", hide = true, value_name = "SIZE")]
    chunk_cache_size_limit: Option<OsString>,

    /// Chunks that wait to be written
    #[arg(
        long,
        env = "REDUCTIONIST_CHUNK_CACHE_QUEUE_SIZE",
        alias = "chunk-cache-buffer-size",
        hide = true,
        value_name = "COUNT"
    )]
    chunk_cache_queue_size: Option<OsString>,

    /// What a chunk is found by
    #[arg(long, env = "REDUCTIONIST_CHUNK_CACHE_KEY", hide = true, value_name = "TEXT")]
    chunk_cache_key: Option<OsString>,

    /// Answer from the cache without asking the store who may read
    #[arg(long, env = "REDUCTIONIST_CHUNK_CACHE_BYPASS_AUTH", hide = true, value_parser = BoolishValueParser::new())]
    chunk_cache_bypass_auth: bool,
}

impl ChunkCacheArgs {
    /// The names of those that somebody set in vain.
    pub(super) fn without_effect(&self) -> Vec<&'static str> {
        [
            ("REDUCTIONIST_CHUNK_CACHE_AGE", self.chunk_cache_age.is_some()),
            ("REDUCTIONIST_CHUNK_CACHE_BYPASS_AUTH", self.chunk_cache_bypass_auth),
            ("REDUCTIONIST_CHUNK_CACHE_KEY", self.chunk_cache_key.is_some()),
            ("REDUCTIONIST_CHUNK_CACHE_PATH", self.chunk_cache_path.is_some()),
            ("REDUCTIONIST_CHUNK_CACHE_PRUNE_INTERVAL", self.chunk_cache_prune_interval.is_some()),
            ("REDUCTIONIST_CHUNK_CACHE_QUEUE_SIZE", self.chunk_cache_queue_size.is_some()),
            ("REDUCTIONIST_CHUNK_CACHE_SIZE_LIMIT", self.chunk_cache_size_limit.is_some()),
            ("REDUCTIONIST_USE_CHUNK_CACHE", self.use_chunk_cache),
        ]
        .into_iter()
        .filter_map(|(name, is_set)| is_set.then_some(name))
        .collect()
    }
}
