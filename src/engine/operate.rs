//! From the encoded chunk to the result: decode → fold → finish. All of it is work for a CPU thread.

use super::{
    error::OperationError,
    plan::Plan,
    result::{OperationResult, nesting},
    select::{make_native, selected},
};
use crate::{
    array::{Element, MAX_ELEMENTS, Number, Order, Positions, Storage, dtype::with_dtype},
    codec::CodecError,
    error::ActiveStorageError,
    index::Encoding,
    operation::Operation,
    reduce::{Chunk, Finished, Question, Results, reduce},
    resources::{Budget, Buffer, STEP},
};

impl Plan {
    /// Makes every element of a chunk that was never written its fill value, which the dtype can hold.
    ///
    /// # Errors
    /// If nobody waits for what is made of the chunk.
    pub fn fill(&self, chunk: &mut Buffer, value: Number, budget: &Budget) -> Result<(), OperationError> {
        with_dtype!(self.chunk.encoding.dtype, T => {
            let value = T::from_number(value).ok_or(OperationError::Defect("a fill value does not fit the dtype"))?;
            for part in chunk.elements_mut::<T>().chunks_mut(STEP) {
                budget.cancellation().check()?;
                part.fill(value);
            }
        });
        Ok(())
    }

    /// The chunk without its codecs, if there are any.
    ///
    /// # Errors
    /// If a stage finds its input corrupt, or longer than it may be; or if nobody waits any more.
    pub fn decode(&self, encoded: Buffer, budget: &mut Budget) -> Result<Buffer, CodecError> {
        self.chunk.encoding.pipeline.decode(encoded, self.decoded_len, self.decoded_limit, budget)
    }

    /// What the operation makes of an encoded chunk, in the memory of a budget of [`peak_units`](Self::peak_units).
    ///
    /// # Errors
    /// As [`decode`](Self::decode) and [`operate`](Self::operate).
    pub fn run(&self, mut encoded: Buffer, budget: &mut Budget) -> Result<OperationResult, ActiveStorageError> {
        if let Some(fill_value) = self.chunk.fill_value {
            self.fill(&mut encoded, fill_value, budget)?;
        }
        let chunk = self.decode(encoded, budget)?;
        Ok(self.operate(chunk, budget)?)
    }

    /// What the operation makes of the decoded chunk.
    ///
    /// # Errors
    /// If the chunk has another length than dtype and shape say, a result does not fit its dtype, or there
    /// is no memory for it.
    pub fn operate(&self, chunk: Buffer, budget: &mut Budget) -> Result<OperationResult, OperationError> {
        check_len(&self.chunk.encoding, chunk.bytes().len())?;
        let positions = self.positions(chunk.bytes().len())?;
        match self.operation {
            Operation::Reduce(_) => self.reduce(&chunk, &positions, budget),
            Operation::Select => self.select(chunk, positions, budget),
        }
    }

    fn reduce(
        &self,
        bytes: &Buffer,
        positions: &Positions,
        budget: &mut Budget,
    ) -> Result<OperationResult, OperationError> {
        let (Encoding { dtype, order, .. }, question) = (&self.chunk.encoding, &self.question);
        let chunk = Chunk { bytes, dtype: *dtype, storage: self.storage, positions, order: *order, weights: &[] };
        let Results { statistics, counts, .. } = reduce(question, chunk, budget)?;
        let [Finished { dtype, values, .. }] =
            statistics.try_into().map_err(|_| OperationError::Defect("a chunk is asked for one statistic"))?;
        let (shape, one_count) = result_shape(question, &positions.shape());
        let nesting = nesting(question, &self.chunk);
        Ok(OperationResult { dtype, shape, order: *order, values, counts, one_count, nesting })
    }

    fn select(
        &self,
        mut chunk: Buffer,
        positions: Positions,
        budget: &mut Budget,
    ) -> Result<OperationResult, OperationError> {
        let (Encoding { dtype, order, .. }, question) = (&self.chunk.encoding, &self.question);
        make_native(&mut chunk, *dtype, self.storage.byte_order, budget)?;
        let shape = positions.shape();
        let positions = if *order == Order::F { positions.reversed() } else { positions };
        let spec = question.elements(*dtype);
        let copy = selected(&chunk, *dtype, &positions, spec, budget)?;
        let elements = Chunk {
            bytes: &chunk,
            dtype: *dtype,
            storage: Storage::NATIVE,
            positions: &positions,
            order: Order::C,
            weights: &[],
        };
        let Results { counts, .. } = reduce(question, elements, budget)?;
        let (dtype, values) = (spec.dtype, copy.unwrap_or(chunk));
        Ok(OperationResult { dtype, shape, order: *order, values, counts, one_count: true, nesting: vec![1] })
    }

    /// Where the selected elements lie in a decoded chunk of this length.
    fn positions(&self, len: usize) -> Result<Positions, OperationError> {
        let Encoding { dtype, shape, order, .. } = &self.chunk.encoding;
        let shape = shape.clone().unwrap_or_else(|| vec![len / dtype.size()]);
        let all = Positions::new(&shape, *order).ok_or(OperationError::Defect("the chunk does not fit its shape"))?;
        Ok(all.select(self.chunk.selection.as_deref().unwrap_or_default()))
    }
}

fn check_len(encoding: &Encoding, len: usize) -> Result<(), OperationError> {
    let (size, dtype) = (encoding.dtype.size(), encoding.dtype.name());
    match (&encoding.shape, encoding.decoded_len()) {
        (Some(shape), Some(expected)) if expected != len => Err(OperationError::WrongLength(format!(
            "the chunk has {len} bytes after decoding, but shape {shape:?} of {dtype} has {expected}"
        ))),
        (None, _) if !len.is_multiple_of(size) => Err(OperationError::WrongLength(format!(
            "the chunk has {len} bytes after decoding, which is not a whole number of {dtype} elements"
        ))),
        _ if len / size > MAX_ELEMENTS => Err(OperationError::TooManyElements(len / size)),
        _ => Ok(()),
    }
}

/// The shape of the results of elements of this shape, and whether there is one of all.
fn result_shape(question: &Question, shape: &[usize]) -> (Vec<usize>, bool) {
    let Question { reduced, keepdims, .. } = question;
    let Some(reduced) = reduced else {
        return (if *keepdims { vec![1; shape.len()] } else { Vec::new() }, true);
    };
    let kept = shape.iter().zip(reduced).filter(|&(_, &reduced)| *keepdims || !reduced);
    let shape = kept.map(|(&len, &reduced)| if reduced { 1 } else { len }).collect();
    (shape, !reduced.is_empty() && reduced.iter().all(|&reduced| reduced))
}
