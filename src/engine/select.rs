//! The selected elements themselves.

use bytemuck::Pod;
use ndarray::{ArrayViewD, ArrayViewMutD};

use super::error::OperationError;
use crate::{
    array::{ByteOrder, DType, Element, Packing, Positions, Unpacked, dtype::with_dtype, to_native, write_each},
    reduce::ResultSpec,
    resources::{Budget, Buffer, Cancelled, STEP},
};

/// Brings elements into the machine's own byte order, in place.
pub(super) fn make_native(chunk: &mut Buffer, dtype: DType, from: ByteOrder, budget: &Budget) -> Result<(), Cancelled> {
    with_dtype!(dtype, T => for part in chunk.elements_mut::<<T as Element>::Word>().chunks_mut(STEP) {
        budget.cancellation().check()?;
        to_native(part, from);
    });
    Ok(())
}

const OUTSIDE: OperationError = OperationError::Defect("the chunk does not fit its shape");

/// The elements at these positions of a chunk in the native byte order; None if they are the chunk itself.
pub(super) fn selected(
    chunk: &Buffer,
    dtype: DType,
    positions: &Positions,
    spec: ResultSpec,
    budget: &mut Budget,
) -> Result<Option<Buffer>, OperationError> {
    let is_all = positions.are_in_order() && positions.len() == chunk.bytes().len() / dtype.size();
    if spec.packing.is_none() && is_all {
        return Ok(None);
    }
    with_dtype!(dtype, T => match (spec.packing, spec.dtype) {
        (None, _) => {
            let words = positions.view::<<T as Element>::Word>(chunk.elements()).ok_or(OUTSIDE)?;
            copied(&words, |word| word, budget)
        }
        (Some(packing), dtype) => {
            let view = positions.view::<T>(chunk.elements()).ok_or(OUTSIDE)?;
            match dtype {
                DType::Float32 => copied(&view, unpacked::<T, f32>(packing), budget),
                _ => copied(&view, unpacked::<T, f64>(packing), budget),
            }
        }
    })
    .map(Some)
}

fn unpacked<T: Element, U: Unpacked>(packing: Packing) -> impl Fn(T) -> U {
    move |packed| U::nearest(packing.unpack(packed.to_f64()))
}

/// A copy of the view, each element as what it is copied as.
fn copied<T: Copy, U: Pod>(
    view: &ArrayViewD<'_, T>,
    value: impl Fn(T) -> U,
    budget: &mut Budget,
) -> Result<Buffer, OperationError> {
    let mut copy = budget.allocate(view.len().saturating_mul(size_of::<U>()))?;
    let target = ArrayViewMutD::from_shape(view.shape(), copy.elements_mut::<U>())
        .map_err(|_| OperationError::Defect("a copy has another length than its original"))?;
    write_each(target, view, budget.cancellation(), &|copy, &element| *copy = value(element))?;
    Ok(copy)
}
