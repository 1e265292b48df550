//! Arrays whose axes were written in another order, as Zarr v3's `transpose` does.

use ndarray::{ArrayView, ArrayViewMut, IxDyn};

use super::contract::{Codec, Fault};
use crate::array::write_each;
use crate::resources::Cancellation;

/// Puts axes back in their order.
#[derive(Clone, Debug)]
pub struct Transpose {
    /// Lengths of the axes of the decoded chunk.
    pub shape: Vec<usize>,
    /// For each axis as written, which one of the decoded chunk it is.
    pub order: Vec<usize>,
    /// Size of an element in bytes.
    pub element_size: usize,
}

impl Codec for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        Some(encoded)
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        Some(decoded)
    }

    fn reverses_axes(&self) -> bool {
        self.order.iter().copied().eq((0..self.shape.len()).rev())
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let decoded = decoded.get_mut(..encoded.len()).ok_or(Fault::Full)?;
        match self.element_size {
            1 => self.decode_elements::<1>(encoded, decoded, cancellation),
            2 => self.decode_elements::<2>(encoded, decoded, cancellation),
            4 => self.decode_elements::<4>(encoded, decoded, cancellation),
            8 => self.decode_elements::<8>(encoded, decoded, cancellation),
            size => Err(Fault::Unsuited(format!("no elements of {size} bytes"))),
        }
    }
}

impl Transpose {
    fn decode_elements<const SIZE: usize>(
        &self,
        encoded: &[u8],
        decoded: &mut [u8],
        cancellation: &Cancellation,
    ) -> Result<usize, Fault> {
        let wrong = || Fault::Unsuited(format!("the chunk's {} bytes are not those of its shape", encoded.len()));
        let written: Option<Vec<usize>> = self.order.iter().map(|&axis| self.shape.get(axis).copied()).collect();
        let written = ArrayView::from_shape(IxDyn(&written.ok_or_else(wrong)?), encoded.as_chunks::<SIZE>().0);
        let mut inverse = vec![0; self.order.len()];
        for (axis, &of) in self.order.iter().enumerate() {
            *inverse.get_mut(of).ok_or_else(wrong)? = axis;
        }
        let read = ArrayViewMut::from_shape(IxDyn(&self.shape), decoded.as_chunks_mut::<SIZE>().0);
        let (written, read) = (written.map_err(|_| wrong())?, read.map_err(|_| wrong())?);
        write_each(read, &written.permuted_axes(inverse), cancellation, &|read, written| *read = *written)?;
        Ok(encoded.len())
    }
}
