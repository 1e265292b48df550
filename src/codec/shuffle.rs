//! The byte shuffle of HDF5 and numcodecs.

use std::num::NonZeroUsize;

use super::{Codec, Fault};
use crate::array::{ByteOrder, Planes};

/// Undoes a byte shuffle.
#[derive(Clone, Copy, Debug)]
pub struct Shuffle {
    /// Size of the shuffled elements in bytes, which need not be that of the dtype.
    pub element_size: NonZeroUsize,
}

impl Codec for Shuffle {
    fn name(&self) -> &'static str {
        "shuffle"
    }

    fn keeps_length(&self) -> bool {
        true
    }

    fn shuffled_size(&self) -> Option<usize> {
        Some(self.element_size.get())
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
        let len = encoded.len();
        let planes = Planes::of(encoded, self.element_size).ok_or_else(|| {
            let size = self.element_size;
            Fault::Unsuited(format!("element_size {size} does not divide the {len} bytes of the chunk"))
        })?;
        planes.join(0, ByteOrder::NATIVE, decoded.get_mut(..len).ok_or(Fault::Full)?);
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(shuffled: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
        let mut decoded = vec![0; shuffled.len()];
        let codec = Shuffle { element_size: NonZeroUsize::new(size).unwrap() };
        codec.decode(shuffled, &mut decoded).map(|_| decoded)
    }

    #[test]
    fn the_bytes_of_an_element_come_together() {
        assert_eq!(decode(&[1, 2, 3, 11, 12, 13], 2).unwrap(), [1, 11, 2, 12, 3, 13]);
        assert!(decode(&[], 4).unwrap().is_empty());
    }

    #[test]
    fn an_element_size_that_does_not_divide_the_length_is_refused() {
        assert!(matches!(decode(&[0; 10], 4), Err(Fault::Unsuited(_))));
        assert!(matches!(decode(&[0; 10], usize::MAX), Err(Fault::Unsuited(_))));
    }
}
