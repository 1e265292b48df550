//! Results of packed values → those of the values that they stand for.

use bytemuck::{cast_slice, cast_slice_mut};
use multiversion::multiversion;

use crate::array::{COLUMNS, DType, Element, Packing, Unpacked, dtype::with_dtype};

use super::{Overflow, Reduction, of_nothing, part};

/// Unpacks results a few at a time, before they are written: they take no memory but their own.
pub(super) struct Unpacking {
    packing: Packing,
    /// The result of no elements.
    nothing: f64,
    /// Room for results of packed values of every dtype.
    packed: Vec<u64>,
}

impl Unpacking {
    /// For results of the rule `R`, in blocks of at most [`COLUMNS`].
    pub(super) fn of<R: Reduction>(packing: Packing, results: usize) -> Result<Self, Overflow> {
        Ok(Self { packing, nothing: of_nothing::<R, f64>()?, packed: vec![0; results.min(COLUMNS)] })
    }

    /// What [`Reduction::finish`] does, in `float32` or `float64`.
    pub(super) fn finish<R: Reduction, T: Element>(
        &mut self,
        states: &[R::State<T>],
        counts: &[u32],
        dtype: DType,
        results: &mut [u8],
    ) -> Result<(), Overflow> {
        let packed_dtype = R::packed_dtype(T::DTYPE);
        let packed = part(cast_slice_mut(&mut self.packed), 0, states.len() * packed_dtype.size());
        R::finish(states, counts, packed_dtype, packed)?;
        let (packing, nothing) = (self.packing, self.nothing);
        with_dtype!(packed_dtype, P => match dtype {
            DType::Float32 => unpack::<R, P, f32>(packing, nothing, cast_slice(packed), counts, cast_slice_mut(results)),
            _ => unpack::<R, P, f64>(packing, nothing, cast_slice(packed), counts, cast_slice_mut(results)),
        });
        Ok(())
    }
}

/// Writes each result of packed values as that of unpacked ones.
#[multiversion(targets = "simd")]
fn unpack<R: Reduction, P: Element, U: Unpacked>(
    packing: Packing,
    nothing: f64,
    packed: &[P],
    counts: &[u32],
    results: &mut [U],
) {
    for ((result, &packed), &count) in results.iter_mut().zip(packed).zip(counts) {
        let unpacked = R::unpack(packing, packed.to_f64(), count);
        *result = U::nearest(if count == 0 { nothing } else { unpacked });
    }
}
