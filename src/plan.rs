//! What a request will take, known before it holds anything.

use crate::{
    array::{MAX_ELEMENTS, MEMORY_UNIT, memory_units},
    codec::{DecodedLen, FilterPipeline},
    cpu::Effort,
    error::ActiveStorageError,
    operation::{Operation, OperationError},
    request::Request,
    source::{SourceError, SourceErrorKind},
};

/// The largest chunks that an operator lets requests name.
#[derive(Clone, Copy, Debug)]
pub struct SizeLimits {
    /// Bytes of an encoded chunk.
    pub chunk: usize,
    /// Bytes of a decoded chunk.
    pub decoded: usize,
    /// Bytes of the values and counts of a result.
    pub result: usize,
}

/// Work on chunks of no more bytes than this is short: it takes some 10 µs at most.
const SHORT_LEN: usize = 64 << 10;

/// The same in elements, which may be narrow, strided, and each a result of its own.
const SHORT_ELEMENTS: usize = 16 << 10;

/// More missing values than this are searched, element by element.
const SHORT_LIST: usize = 4;

/// Lengths and memory of one request.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Longest encoded chunk to expect, in bytes.
    pub max_encoded_len: usize,
    /// Length of the decoded chunk.
    pub decoded_len: DecodedLen,
    /// Most bytes that any stage of decoding makes of which nobody knows the number.
    pub decoded_limit: usize,
    /// What a longer encoded chunk breaks.
    bound: Bound,
    /// Memory units that the operation, and writing its result, take beside the decoded chunk.
    result_units: usize,
    /// Memory units that the request itself holds all the time.
    held_units: usize,
    /// Memory units that the answer holds until its client has read it.
    pub answer_units: usize,
}

/// Why an encoded chunk cannot be longer.
#[derive(Clone, Copy, Debug)]
enum Bound {
    /// It is as long as shape and dtype say.
    Shape,
    /// This setting forbids it.
    Setting(&'static str),
}

impl Plan {
    /// Plans a request for operation `O`, whose result takes `reply_units` of memory to be written.
    ///
    /// # Errors
    /// If a size that the request states, or that follows from its shape, is above a limit.
    pub fn of<O: Operation>(
        request: &Request,
        reply_units: usize,
        limits: SizeLimits,
    ) -> Result<Self, ActiveStorageError> {
        let decoded_len = decoded_len(request, limits)?;
        let encoded_len = request.pipeline.encoded_len(decoded_len.max());
        // Where the one length follows from the other, the limit of either is one of both.
        let of_decoded = limits.decoded.max(encoded_len.unwrap_or(usize::MAX));
        let (limit, setting) = match request.pipeline.decoded_len(0) {
            Some(_) if of_decoded < limits.chunk => (of_decoded, "--max-decoded-size"),
            _ => (limits.chunk, "--max-chunk-size"),
        };
        let (len, bound) = match (request.range.size(), encoded_len, decoded_len) {
            (Some(size), ..) => (usize::try_from(size).unwrap_or(usize::MAX), Bound::Setting(setting)),
            (None, Some(len), DecodedLen::Exactly(_)) => (len, Bound::Shape),
            (None, ..) => (limit, Bound::Setting(setting)),
        };
        if len > limit {
            return Err(too_large(&format!("the chunk, {len} bytes,"), limit, setting));
        }
        check_effort(&request.pipeline, len, decoded_len, limits)?;
        let stage_len = request.pipeline.decoded_len(len).unwrap_or(usize::MAX).min(decoded_len.max());
        let result_len = O::result_len(&request.task, stage_len);
        if result_len > limits.result {
            let what = match &request.task.shape {
                Some(_) => format!("the result, {result_len} bytes,"),
                None => format!("the result, up to {result_len} bytes where no shape is given,"),
            };
            return Err(too_large(&what, limits.result, "--max-result-size"));
        }
        let result_units = O::memory_units(&request.task, stage_len).saturating_add(reply_units);
        let answer_units = memory_units(result_len).saturating_add(reply_units);
        // What does not fill a unit is not worth being counted.
        let held_units = request.held_len() / MEMORY_UNIT;
        let decoded_limit = limits.decoded;
        Ok(Self { max_encoded_len: len, decoded_len, decoded_limit, bound, result_units, held_units, answer_units })
    }

    /// Most memory held at one time, in units, for an encoded chunk of this length. First the chunk is decoded
    /// stage by stage, then it is reduced; what both phases need is never there at the same time.
    #[must_use]
    pub fn memory_units(&self, pipeline: &FilterPipeline, encoded_len: usize) -> usize {
        let decoded_len = pipeline.decoded_len(encoded_len).unwrap_or(usize::MAX).min(self.decoded_len.max());
        let reducing = memory_units(decoded_len).saturating_add(self.result_units);
        let decoding = pipeline.peak_memory_units(encoded_len, self.decoded_len, self.decoded_limit);
        decoding.max(reducing).saturating_add(self.held_units)
    }

    /// What it takes to decode a chunk of this length and to answer.
    #[must_use]
    pub fn effort(&self, request: &Request, encoded_len: usize) -> Effort {
        let is_plain = request.pipeline.is_empty() && request.task.missing.values.len() <= SHORT_LIST;
        let elements = encoded_len / request.task.dtype.size();
        if is_plain && encoded_len <= SHORT_LEN && elements <= SHORT_ELEMENTS { Effort::Short } else { Effort::Long }
    }

    /// What a failed read of the chunk means for the request.
    #[must_use]
    pub fn explain(&self, error: SourceError) -> ActiveStorageError {
        match (error.kind, self.bound) {
            (SourceErrorKind::TooLarge, Bound::Setting(setting)) => {
                too_large("the chunk", self.max_encoded_len, setting)
            }
            (SourceErrorKind::TooLarge, Bound::Shape) => {
                let expected = self.max_encoded_len;
                let problem =
                    format!("{}: shape and dtype need {expected}; give the size if the object goes on", error.message);
                OperationError::WrongLength(problem).into()
            }
            _ => error.into(),
        }
    }
}

fn decoded_len(request: &Request, limits: SizeLimits) -> Result<DecodedLen, ActiveStorageError> {
    let Some(len) = request.task.decoded_len() else { return Ok(DecodedLen::AtMost(limits.decoded)) };
    if len > limits.decoded {
        return Err(too_large(&format!("the decoded chunk, {len} bytes,"), limits.decoded, "--max-decoded-size"));
    }
    match len / request.task.dtype.size() {
        elements if elements > MAX_ELEMENTS => Err(OperationError::TooManyElements(elements).into()),
        _ => Ok(DecodedLen::Exactly(len)),
    }
}

/// Chunks that are decoded pass through no more buffers than this of the largest chunk's length: nobody writes chunks with
/// more codecs than half as many.
const MAX_PASSES: usize = 8;

/// Whether decoding takes no longer than it may, however many codecs there are.
fn check_effort(
    pipeline: &FilterPipeline,
    encoded_len: usize,
    decoded_len: DecodedLen,
    limits: SizeLimits,
) -> Result<(), ActiveStorageError> {
    let (len, limit) = (
        pipeline.written_len(encoded_len, decoded_len, limits.decoded),
        limits.decoded.max(limits.chunk).saturating_mul(MAX_PASSES),
    );
    if len > limit {
        return Err(too_large(
            &format!("what all codecs together write, up to {len} bytes,"),
            limit,
            "eight times --max-decoded-size",
        ));
    }
    Ok(())
}

fn too_large(what: &str, limit: usize, setting: &'static str) -> ActiveStorageError {
    ActiveStorageError::TooLarge { what: what.to_owned(), limit, setting }
}
