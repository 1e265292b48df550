//! What a request will take, known before it holds anything.

use super::{
    error::OperationError,
    result::{CountsShape, results_len},
};
use crate::{
    array::{DType, MAX_ELEMENTS, Number, Order, Storage},
    codec::{DecodedLen, FilterPipeline},
    error::ActiveStorageError,
    index::ChunkRef,
    operation::Operation,
    reduce::Question,
    request::Request,
    resources::{Effort, MEMORY_UNIT, memory_units},
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

/// Elements of a row that is worth being loaded on its own.
const LONG_ROW: usize = 32;

/// What a request will do, and take.
#[derive(Debug)]
pub struct Plan {
    /// What is done with the decoded chunk.
    pub operation: Operation,
    /// What is asked of it.
    pub question: Question,
    /// The chunk.
    pub chunk: ChunkRef,
    /// How the elements of the decoded chunk lie.
    pub storage: Storage,
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
    /// Plans a request whose result takes so much memory to be written as `reply_units` says of its counts.
    ///
    /// # Errors
    /// If a size that the request states, or that follows from its shape, is above a limit.
    pub fn new(
        request: Request,
        reply_units: impl FnOnce(&CountsShape) -> Result<usize, ActiveStorageError>,
        limits: SizeLimits,
    ) -> Result<Self, ActiveStorageError> {
        let Request { operation, question, mut chunk, .. } = request;
        let storage = spare_passes(operation, &question, &mut chunk);
        let reply_units = reply_units(&CountsShape::new(operation, &question, &chunk))?;
        let decoded_len = decoded_len(&chunk, limits)?;
        let (max_encoded_len, bound) = encoded_len(&chunk, decoded_len, limits)?;
        check_effort(&chunk, max_encoded_len, decoded_len, limits)?;
        let pipeline = &chunk.encoding.pipeline;
        let stage_len = pipeline.decoded_len(max_encoded_len).unwrap_or(usize::MAX).min(decoded_len.max());
        let result = ResultMemory::new(operation, &question, &chunk, stage_len);
        result.check(&chunk, limits)?;
        Ok(Self {
            max_encoded_len,
            decoded_len,
            decoded_limit: limits.decoded,
            bound,
            result_units: result.units.saturating_add(reply_units),
            // What does not fill a unit is not worth being counted.
            held_units: held_len(&question) / MEMORY_UNIT,
            answer_units: memory_units(result.len).saturating_add(reply_units),
            operation,
            question,
            chunk,
            storage,
        })
    }

    /// Most memory held at one time, in units, for an encoded chunk of this length. First the chunk is decoded
    /// stage by stage, then it is reduced; what both phases need is never there at the same time.
    #[must_use]
    pub fn peak_units(&self, encoded_len: usize) -> usize {
        let pipeline = &self.chunk.encoding.pipeline;
        let decoded_len = pipeline.decoded_len(encoded_len).unwrap_or(usize::MAX).min(self.decoded_len.max());
        let reducing = memory_units(decoded_len).saturating_add(self.result_units);
        let decoding = pipeline.peak_units(encoded_len, self.decoded_len, self.decoded_limit);
        decoding.max(reducing).saturating_add(self.held_units)
    }

    /// What it takes to decode a chunk of this length and to answer.
    #[must_use]
    pub fn effort(&self, encoded_len: usize) -> Effort {
        let is_plain = self.chunk.encoding.pipeline.is_empty() && self.question.missing.values.len() <= SHORT_LIST;
        let elements = encoded_len / self.chunk.encoding.dtype.size();
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

/// Leaves out of decoding what reading the elements does in passing: reversed axes make no difference to a single result, and
/// the bytes of long rows of elements are joined as they are loaded. Nothing is decoded of a chunk that was never written. How
/// elements lie then.
fn spare_passes(operation: Operation, question: &Question, chunk: &mut ChunkRef) -> Storage {
    let is_one_result = operation.accepts().axis && question.reduced.is_none();
    if is_one_result && chunk.encoding.pipeline.leave_reversed() {
        chunk.encoding.order = Order::F;
    }
    if chunk.fill_value.is_some() {
        chunk.encoding.pipeline = FilterPipeline::default();
        return Storage::NATIVE;
    }
    let shuffled = leaves_shuffled(operation, question, chunk)
        && chunk.encoding.pipeline.leave_shuffled(chunk.encoding.dtype.size());
    Storage { byte_order: chunk.encoding.byte_order, shuffled }
}

/// Whether elements may stay as the byte shuffle of HDF5 left them until they are taken row by row: if they are neighbours
/// in the chunk that are taken together, and enough of them, that is as fast as to put all of them together before.
fn leaves_shuffled(operation: Operation, question: &Question, chunk: &ChunkRef) -> bool {
    if operation == Operation::Select {
        return false;
    }
    let Some(shape) = &chunk.encoding.shape else { return true };
    let nearest = match chunk.encoding.order {
        Order::C => shape.len().saturating_sub(1),
        Order::F => 0,
    };
    let Some(&len) = shape.get(nearest) else { return false };
    match chunk.selection.as_ref().and_then(|selection| selection.get(nearest)) {
        Some(slice) => matches!(slice.stride, None | Some(1)) && slice.len_of(len) >= LONG_ROW,
        None => question.reduced.is_none() || len >= LONG_ROW,
    }
}

fn decoded_len(chunk: &ChunkRef, limits: SizeLimits) -> Result<DecodedLen, ActiveStorageError> {
    let Some(len) = chunk.encoding.decoded_len() else { return Ok(DecodedLen::AtMost(limits.decoded)) };
    if len > limits.decoded {
        return Err(too_large(&format!("the decoded chunk, {len} bytes,"), limits.decoded, "--max-decoded-size"));
    }
    match len / chunk.encoding.dtype.size() {
        elements if elements > MAX_ELEMENTS => Err(OperationError::TooManyElements(elements).into()),
        _ => Ok(DecodedLen::Exactly(len)),
    }
}

/// The longest encoded chunk to expect, and why it cannot be longer.
fn encoded_len(
    chunk: &ChunkRef,
    decoded_len: DecodedLen,
    limits: SizeLimits,
) -> Result<(usize, Bound), ActiveStorageError> {
    let pipeline = &chunk.encoding.pipeline;
    let encoded_len = pipeline.encoded_len(decoded_len.max());
    // Where the one length follows from the other, the limit of either is one of both.
    let of_decoded = limits.decoded.max(encoded_len.unwrap_or(usize::MAX));
    let (limit, setting) = match pipeline.decoded_len(0) {
        Some(_) if of_decoded < limits.chunk => (of_decoded, "--max-decoded-size"),
        _ => (limits.chunk, "--max-chunk-size"),
    };
    let (len, bound) = match (chunk.range.size(), encoded_len, decoded_len) {
        (Some(size), ..) => (usize::try_from(size).unwrap_or(usize::MAX), Bound::Setting(setting)),
        (None, Some(len), DecodedLen::Exactly(_)) => (len, Bound::Shape),
        (None, ..) => (limit, Bound::Setting(setting)),
    };
    if len > limit {
        return Err(too_large(&format!("the chunk, {len} bytes,"), limit, setting));
    }
    Ok((len, bound))
}

/// What a result of a decoded chunk of at most some length takes.
struct ResultMemory {
    /// Memory units beside the decoded chunk.
    units: usize,
    /// Bytes of values, and of the counts of a reduction.
    len: usize,
}

impl ResultMemory {
    fn new(operation: Operation, question: &Question, chunk: &ChunkRef, decoded_len: usize) -> Self {
        let elements = chunk.encoding.dtype;
        let array_len = |len: usize, dtype: DType| len.saturating_mul(dtype.size());
        match operation {
            Operation::Reduce(_) => {
                let results = results_len(question, chunk, decoded_len);
                let values =
                    question.statistics.iter().map(|asked| question.result_of(asked.statistic, elements).dtype);
                let arrays = values.chain([DType::Int64]).map(|dtype| array_len(results, dtype));
                arrays.fold(Self { units: 0, len: 0 }, |all, len| Self {
                    units: all.units.saturating_add(memory_units(len)),
                    len: all.len.saturating_add(len),
                })
            }
            Operation::Select => {
                let spec = question.elements(elements);
                let selected = chunk.selected_shape(decoded_len).into_iter().fold(1, usize::saturating_mul);
                let len = array_len(selected, spec.dtype);
                let is_copied = chunk.selection.is_some() || spec.packing.is_some();
                // A count, and its value, for all.
                Self { units: if is_copied { memory_units(len) } else { 0 }.saturating_add(2), len }
            }
        }
    }

    fn check(&self, chunk: &ChunkRef, limits: SizeLimits) -> Result<(), ActiveStorageError> {
        let len = self.len;
        if len <= limits.result {
            return Ok(());
        }
        let what = match &chunk.encoding.shape {
            Some(_) => format!("the result, {len} bytes,"),
            None => format!("the result, up to {len} bytes where no shape is given,"),
        };
        Err(too_large(&what, limits.result, "--max-result-size"))
    }
}

/// Memory in bytes that a question keeps until its chunk is reduced, where that has no bound of its own, and what is made of
/// it then.
fn held_len(question: &Question) -> usize {
    // Beside each missing value there is one of the dtype, and room to sort those.
    const OF_A_VALUE: usize = size_of::<Number>() + 2 * size_of::<u64>();
    question.missing.values.len().saturating_mul(OF_A_VALUE)
}

/// Chunks that are decoded pass through no more buffers than this of the largest chunk's length: nobody writes chunks with
/// more codecs than half as many.
const MAX_PASSES: usize = 8;

/// Whether decoding takes no longer than it may, however many codecs there are.
fn check_effort(
    chunk: &ChunkRef,
    encoded_len: usize,
    decoded_len: DecodedLen,
    limits: SizeLimits,
) -> Result<(), ActiveStorageError> {
    let len = chunk.encoding.pipeline.written_len(encoded_len, decoded_len, limits.decoded);
    let limit = limits.decoded.max(limits.chunk).saturating_mul(MAX_PASSES);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        reduce::Statistic,
        request::{ApiVersion, Defaults},
    };

    fn planned(fields: &str, operation: Operation) -> Plan {
        let body = format!(r#"{{"source": "http://s", "bucket": "b", "object": "o", {fields}}}"#);
        let defaults = Defaults { keepdims: false };
        let request = Request::from_json(body.as_bytes(), ApiVersion::V1, operation, defaults).expect("a request");
        Plan::new(request, |_| Ok(0), SizeLimits { chunk: 1 << 20, decoded: 1 << 20, result: 1 << 20 }).expect("small")
    }

    #[test]
    fn decoding_is_spared_what_reading_does_in_passing() {
        let chain = r#"{"name": "transpose", "configuration": {"order": [1, 0]}}, {"name": "bytes", "configuration": {"endian": "big"}}, "shuffle""#;
        let fields = format!(r#""dtype": "int32", "shape": [64, 64], "codecs": [{chain}]"#);
        let sum = planned(&fields, Operation::Reduce(Statistic::Sum));
        let encoding = &sum.chunk.encoding;
        assert_eq!((encoding.pipeline.is_empty(), encoding.order, sum.storage.shuffled), (true, Order::F, true));
        let select = planned(&fields, Operation::Select).chunk.encoding;
        assert_eq!((select.pipeline.compression(), select.order), ("shuffle", Order::C));
        let unwritten = planned(&format!(r#"{fields}, "size": 0, "fill_value": 1"#), Operation::Select);
        assert!(unwritten.chunk.encoding.pipeline.is_empty() && unwritten.storage == Storage::NATIVE);
    }
}
