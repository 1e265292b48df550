//! The byte shuffle of HDF5 (filter 2) and numcodecs: all first bytes of the elements, then all second
//! bytes, and so on.

use std::num::NonZeroUsize;

use multiversion::multiversion;

use super::{Codec, Fault};

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

    fn decode(&self, encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
        let size = self.element_size.get();
        let len = encoded.len();
        if !len.is_multiple_of(size) {
            return Err(Fault::Unsuited(format!("element_size {size} does not divide the {len} bytes of the chunk")));
        }
        let decoded = decoded.get_mut(..len).ok_or(Fault::Full)?;
        match size {
            1 => decoded.copy_from_slice(encoded),
            2 => unshuffle::<2, 64>(encoded, decoded),
            4 => unshuffle::<4, 64>(encoded, decoded),
            8 => unshuffle::<8, 32>(encoded, decoded),
            _ => unshuffle_any(encoded, decoded, size),
        }
        Ok(len)
    }
}

/// Both slices hold the same number of whole elements of `SIZE` bytes. `BLOCK` of them are taken at a time: as many as
/// the compiler transposes in vectors.
#[multiversion(targets = "simd")]
#[expect(clippy::indexing_slicing, reason = "arrays of SIZE and BLOCK, indexed below SIZE and BLOCK")]
fn unshuffle<const SIZE: usize, const BLOCK: usize>(shuffled: &[u8], elements: &mut [u8]) {
    let (elements, _) = elements.as_chunks_mut::<SIZE>();
    let planes: [&[u8]; SIZE] = planes(shuffled, elements.len());
    let (element_blocks, element_rest) = elements.as_chunks_mut::<BLOCK>();
    let mut plane_blocks = planes.map(|plane| plane.as_chunks::<BLOCK>().0.iter());
    for block in element_blocks {
        let planes: [&[u8; BLOCK]; SIZE] = plane_blocks.each_mut().map(|blocks| blocks.next().unwrap_or(&[0; BLOCK]));
        for i in 0..BLOCK {
            for byte in 0..SIZE {
                block[i][byte] = planes[byte][i];
            }
        }
    }
    for (byte, plane) in planes.iter().enumerate() {
        for (element, &source) in element_rest.iter_mut().zip(plane.as_chunks::<BLOCK>().1) {
            element[byte] = source;
        }
    }
}

/// The shuffled bytes cut into one plane per byte of an element.
#[inline(always)]
fn planes<const SIZE: usize>(shuffled: &[u8], count: usize) -> [&[u8]; SIZE] {
    let mut rest = shuffled;
    std::array::from_fn(|_| {
        let (plane, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
        rest = after;
        plane
    })
}

fn unshuffle_any(shuffled: &[u8], elements: &mut [u8], size: usize) {
    let count = elements.len() / size;
    if count == 0 {
        return;
    }
    for (offset, plane) in shuffled.chunks_exact(count).enumerate() {
        for (byte, &source) in elements.iter_mut().skip(offset).step_by(size).zip(plane) {
            *byte = source;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffle(elements: &[u8], size: usize) -> Vec<u8> {
        (0..size).flat_map(|offset| elements.iter().skip(offset).step_by(size).copied()).collect()
    }

    fn decode(shuffled: &[u8], size: usize) -> Result<Vec<u8>, Fault> {
        let mut decoded = vec![0; shuffled.len()];
        let codec = Shuffle { element_size: NonZeroUsize::new(size).unwrap() };
        codec.decode(shuffled, &mut decoded).map(|_| decoded)
    }

    #[test]
    fn every_size_and_length_comes_back() {
        for size in [1, 2, 3, 4, 5, 8, 12, 16, 1000] {
            for count in [0, 1, 2, 63, 64, 65, 200] {
                let elements: Vec<u8> = (0..size * count).map(|i| u8::try_from(i * 7 % 253).unwrap()).collect();
                assert_eq!(decode(&shuffle(&elements, size), size).unwrap(), elements, "{size} x {count}");
            }
        }
    }

    #[test]
    fn an_element_size_that_does_not_divide_the_length_is_refused() {
        assert!(matches!(decode(&[0; 10], 4), Err(Fault::Unsuited(_))));
        assert!(matches!(decode(&[0; 10], usize::MAX), Err(Fault::Unsuited(_))));
    }
}
