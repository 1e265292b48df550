//! Reductionist reads a storage chunk of a dataset by byte range, decodes it, reduces it and answers with a
//! few bytes. The modules stand in the order of a request's way.

pub mod config;

pub mod app;

pub mod http;

pub mod credentials;
pub mod request;

pub mod admission;
pub mod plan;
pub mod resource_manager;

pub mod source;

pub mod cpu;

pub mod codec;

pub mod array;

pub mod reduce;

pub mod operation;

pub mod error;
pub mod telemetry;
