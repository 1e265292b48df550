//! What a request will take, known before it holds anything.

use crate::{
    array::memory_units, codec::DecodedLen, error::ActiveStorageError, operation::Operation, request::Request,
};

/// The largest chunks that an operator lets requests name.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimits {
    /// Bytes of an encoded chunk.
    pub chunk: usize,
    /// Bytes of a decoded chunk.
    pub decoded: usize,
}

/// Lengths and memory of one request.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Longest encoded chunk to expect, in bytes.
    pub max_encoded_len: usize,
    /// Length of the decoded chunk.
    pub decoded_len: DecodedLen,
    /// Most memory held at one time, in units.
    pub memory_units: usize,
}

impl Plan {
    /// Plans a request for operation `O`. First the encoded chunk is decoded stage by stage, then the
    /// decoded chunk is reduced; what both phases need is never there at the same time.
    ///
    /// # Errors
    /// If a size that the request states, or that follows from its shape, is above a limit.
    pub fn of<O: Operation>(request: &Request, limits: SizeLimits) -> Result<Self, ActiveStorageError> {
        let max_encoded_len = match request.range.size.map(usize::try_from) {
            None => limits.chunk,
            Some(Ok(size)) if size <= limits.chunk => size,
            Some(_) => return Err(too_large("size", request.range.size, limits.chunk, "--max-chunk-size")),
        };
        let decoded_len = match request.task.decoded_len() {
            Some(len) if len <= limits.decoded => DecodedLen::Exactly(len),
            Some(len) => {
                return Err(too_large("the decoded chunk", Some(len as u64), limits.decoded, "--max-decoded-size"));
            }
            None => DecodedLen::AtMost(limits.decoded),
        };
        let stage_len = if request.pipeline.keeps_length() { max_encoded_len } else { decoded_len.max() };
        let decoding = request.pipeline.peak_memory_units(max_encoded_len, stage_len);
        let reducing = memory_units(stage_len).saturating_add(request.task.result_memory_units::<O>(stage_len));
        Ok(Self { max_encoded_len, decoded_len, memory_units: decoding.max(reducing) })
    }
}

fn too_large(what: &str, bytes: Option<u64>, limit: usize, setting: &'static str) -> ActiveStorageError {
    ActiveStorageError::TooLarge { what: format!("{what}, {} bytes,", bytes.unwrap_or_default()), limit, setting }
}
