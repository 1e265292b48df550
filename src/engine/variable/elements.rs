//! Elements that are picked of a chunk: brought together, in the machine's own byte order, and unpacked.

use std::ops::Range;

use crate::{
    array::{DType, Element, Missing, Number, Packing, Storage, Unpacked, dtype::with_dtype, to_native},
    engine::error::OperationError,
    error::ActiveStorageError,
    reduce::ResultSpec,
    resources::{Budget, Buffer, STEP},
};

/// The elements of `size` bytes at the sums of these offsets, in C order.
pub(super) fn gathered(
    chunk: &Buffer,
    size: usize,
    offsets: &[Vec<usize>],
    budget: &mut Budget,
) -> Result<Buffer, ActiveStorageError> {
    let len = offsets.iter().fold(size, |len, offsets| len.saturating_mul(offsets.len()));
    let mut copy = budget.allocate(len).map_err(OperationError::from)?;
    let copied = match size {
        1 => gather::<u8>(chunk.elements(), offsets, copy.elements_mut(), budget),
        2 => gather::<u16>(chunk.elements(), offsets, copy.elements_mut(), budget),
        4 => gather::<u32>(chunk.elements(), offsets, copy.elements_mut(), budget),
        _ => gather::<u64>(chunk.elements(), offsets, copy.elements_mut(), budget),
    };
    copied?;
    Ok(copy)
}

/// Copies what lies at the sums of these offsets, in C order.
pub(super) fn gather<W: Copy>(
    elements: &[W],
    offsets: &[Vec<usize>],
    copy: &mut [W],
    budget: &Budget,
) -> Result<(), OperationError> {
    let (last, outer) = match offsets.split_last() {
        Some((last, outer)) => (last.as_slice(), outer),
        None => (&[0][..], &[][..]),
    };
    let mut numbers = vec![0; outer.len()];
    let runs = long_runs(last);
    for row in copy.chunks_exact_mut(last.len().max(1)) {
        budget.cancellation().check()?;
        let first = outer.iter().zip(&numbers).filter_map(|(offsets, &number)| offsets.get(number)).sum::<usize>();
        let elements = elements.get(first..).ok_or(BEYOND)?;
        match &runs {
            Some(runs) => copy_runs(elements, runs, row)?,
            None => {
                for (slot, &offset) in row.iter_mut().zip(last) {
                    *slot = *elements.get(offset).ok_or(BEYOND)?;
                }
            }
        }
        advance(&mut numbers, |axis| outer.get(axis).map_or(0, Vec::len));
    }
    Ok(())
}

/// Offsets in a run, on the average, that are worth being copied together.
const LONG_RUN: usize = 8;

/// Offsets that follow each other, as ranges; None where most are alone.
fn long_runs(offsets: &[usize]) -> Option<Vec<Range<usize>>> {
    let follows = |one: &usize, next: &usize| one.checked_add(1) == Some(*next);
    let most = offsets.len() / LONG_RUN;
    let runs = offsets.chunk_by(follows).filter_map(|run| {
        let first = *run.first()?;
        Some(first..first.saturating_add(run.len()))
    });
    let runs: Vec<_> = runs.take(most.saturating_add(1)).collect();
    (runs.len() <= most).then_some(runs)
}

/// Copies ranges of elements, one behind the other.
fn copy_runs<W: Copy>(elements: &[W], runs: &[Range<usize>], mut copy: &mut [W]) -> Result<(), OperationError> {
    for run in runs {
        let elements = elements.get(run.clone()).ok_or(BEYOND)?;
        let (room, rest) = copy.split_at_mut_checked(elements.len()).ok_or(BEYOND)?;
        room.copy_from_slice(elements);
        copy = rest;
    }
    Ok(())
}

/// The next index in C order.
pub(super) fn advance(index: &mut [usize], len: impl Fn(usize) -> usize) {
    for (axis, number) in index.iter_mut().enumerate().rev() {
        *number += 1;
        if *number < len(axis) {
            return;
        }
        *number = 0;
    }
}

/// A chunk whose shuffled elements are put together, in the machine's own byte order.
pub(super) fn joined(
    chunk: &Buffer,
    dtype: DType,
    storage: Storage,
    budget: &mut Budget,
) -> Result<Buffer, OperationError> {
    let mut copy = budget.allocate(chunk.bytes().len())?;
    with_dtype!(dtype, T => {
        let (elements, room) = (chunk.elements::<<T as Element>::Word>(), copy.elements_mut::<<T as Element>::Word>());
        for (number, room) in room.chunks_mut(STEP).enumerate() {
            budget.cancellation().check()?;
            storage.join(elements, number * STEP, 1, room);
        }
    });
    Ok(copy)
}

/// Brings elements into the machine's own byte order, in place.
pub(super) fn make_native(buffer: &mut Buffer, dtype: DType, storage: Storage) {
    with_dtype!(dtype, T => to_native(buffer.elements_mut::<<T as Element>::Word>(), storage.byte_order));
}

const BEYOND: OperationError = OperationError::Defect("a chunk has fewer elements than its shape says");

/// Elements as results have them: unpacked, NaN where they are missing, if there is a packing.
pub(super) fn unpacked(
    native: Buffer,
    dtype: DType,
    missing: &Missing<Number>,
    spec: ResultSpec,
    budget: &mut Budget,
) -> Result<Buffer, OperationError> {
    let Some(packing) = spec.packing else { return Ok(native) };
    let values = with_dtype!(dtype, T => {
        let missing = missing.typed::<T>().ok_or(OperationError::Defect("a missing value does not fit the dtype"))?;
        match spec.dtype {
            DType::Float32 => unpack::<T, f32>(&native, &missing, packing, budget)?,
            _ => unpack::<T, f64>(&native, &missing, packing, budget)?,
        }
    });
    budget.reclaim(native);
    Ok(values)
}

fn unpack<T: Element, U: Unpacked>(
    native: &Buffer,
    missing: &Missing<T>,
    packing: Packing,
    budget: &mut Budget,
) -> Result<Buffer, OperationError> {
    let elements = native.elements::<T>();
    let mut values = budget.allocate(elements.len().saturating_mul(size_of::<U>()))?;
    for (values, elements) in values.elements_mut::<U>().chunks_mut(STEP).zip(elements.chunks(STEP)) {
        budget.cancellation().check()?;
        for (value, &element) in values.iter_mut().zip(elements) {
            *value = U::nearest(if missing.contains(element) { f64::NAN } else { packing.unpack(element.to_f64()) });
        }
    }
    Ok(values)
}
