//! The byte shuffle of HDF5 and numcodecs.

use std::num::NonZeroUsize;

use super::contract::{Codec, Fault};
use crate::array::{ByteOrder, Planes};
use crate::resources::{Cancellation, Cancelled, step_of};

/// Undoes a byte shuffle.
#[derive(Clone, Copy, Debug)]
pub struct Shuffle {
    /// Size of the shuffled elements in bytes, which need not be that of the dtype.
    pub element_size: NonZeroUsize,
    /// Whether there must be whole elements: true of a chunk's own. Behind a checksum or another codec, HDF5 leaves the bytes
    /// that make no element at the end as they are.
    pub is_whole: bool,
}

impl Codec for Shuffle {
    fn name(&self) -> &'static str {
        "shuffle"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        Some(encoded)
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        Some(decoded)
    }

    fn shuffled_size(&self) -> Option<usize> {
        Some(self.element_size.get())
    }

    fn make_first(&mut self) {
        self.is_whole = true;
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let (len, size) = (encoded.len(), self.element_size);
        let rest_len = len % size;
        if self.is_whole && rest_len > 0 {
            return Err(Fault::Unsuited(format!("element_size {size} does not divide the {len} bytes of the chunk")));
        }
        let (shuffled, rest) = encoded.split_at(len - rest_len);
        let (elements, decoded_rest) = decoded.get_mut(..len).ok_or(Fault::Full)?.split_at_mut(shuffled.len());
        join(shuffled, size, elements, cancellation)?;
        decoded_rest.copy_from_slice(rest);
        Ok(len)
    }
}

/// Puts whole elements of this size together.
pub(super) fn join(
    shuffled: &[u8],
    size: NonZeroUsize,
    elements: &mut [u8],
    cancellation: &Cancellation,
) -> Result<(), Cancelled> {
    let Some(planes) = Planes::of(shuffled, size) else { return Ok(()) };
    let step = step_of(size.get());
    for (number, elements) in elements.chunks_mut(step).enumerate() {
        cancellation.check()?;
        planes.join(number * (step / size), ByteOrder::NATIVE, elements);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(shuffled: &[u8], size: usize, is_whole: bool) -> Result<Vec<u8>, Fault> {
        let mut decoded = vec![0; shuffled.len()];
        let codec = Shuffle { element_size: NonZeroUsize::new(size).unwrap(), is_whole };
        codec.decode(shuffled, &mut decoded, &Cancellation::never()).map(|_| decoded)
    }

    #[test]
    fn the_bytes_of_an_element_come_together() {
        assert_eq!(decode(&[1, 2, 3, 11, 12, 13], 2, true).unwrap(), [1, 11, 2, 12, 3, 13]);
        assert!(decode(&[], 4, true).unwrap().is_empty());
    }

    #[test]
    fn an_element_size_that_does_not_divide_the_length_is_refused() {
        assert!(matches!(decode(&[0; 10], 4, true), Err(Fault::Unsuited(_))));
        assert!(matches!(decode(&[0; 10], usize::MAX, true), Err(Fault::Unsuited(_))));
    }

    #[test]
    fn what_makes_no_element_behind_a_checksum_stays_as_it_was() {
        assert_eq!(decode(&[1, 2, 11, 12, 21, 22, 7], 3, false).unwrap(), [1, 11, 21, 2, 12, 22, 7]);
        assert_eq!(decode(&[1, 2], 3, false).unwrap(), [1, 2]);
    }
}
