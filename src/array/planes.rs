//! The byte shuffle of HDF5 (filter 2) and numcodecs: all first bytes of the elements, then all second bytes, and so on.

use std::num::NonZeroUsize;

use multiversion::multiversion;

use super::ByteOrder;

/// Shuffled bytes, which lie in one plane for each byte of an element.
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a> {
    shuffled: &'a [u8],
    element_size: usize,
    /// Length of a plane.
    count: usize,
}

impl<'a> Planes<'a> {
    /// The planes of elements of this size; None if the bytes are not a whole number of them.
    #[must_use]
    pub fn of(shuffled: &'a [u8], element_size: NonZeroUsize) -> Option<Self> {
        let element_size = element_size.get();
        let is_whole = shuffled.len().is_multiple_of(element_size);
        is_whole.then_some(Self { shuffled, element_size, count: shuffled.len() / element_size })
    }

    /// Puts the elements from the `first` on together, as many as `elements` has room for, and turns them from
    /// `byte_order` to the machine's own. What there is no byte for is not written.
    pub fn join(&self, first: usize, byte_order: ByteOrder, elements: &mut [u8]) {
        // As many as the compiler transposes in vectors.
        match self.element_size {
            1 => join_planes::<1, 64>(self.ordered(first, byte_order), elements),
            2 => join_planes::<2, 64>(self.ordered(first, byte_order), elements),
            4 => join_planes::<4, 64>(self.ordered(first, byte_order), elements),
            8 => join_planes::<8, 32>(self.ordered(first, byte_order), elements),
            size => {
                for byte in 0..size {
                    let plane = self.plane(byte, size, byte_order).get(first..).unwrap_or_default();
                    for (slot, &source) in elements.iter_mut().skip(byte).step_by(size).zip(plane) {
                        *slot = source;
                    }
                }
            }
        }
    }

    /// The same for elements `step` apart.
    pub fn pick(&self, first: usize, step: isize, byte_order: ByteOrder, elements: &mut [u8]) {
        let size = self.element_size;
        for byte in 0..size {
            let plane = self.plane(byte, size, byte_order);
            let mut at = Some(first);
            for slot in elements.iter_mut().skip(byte).step_by(size) {
                if let Some(&source) = at.and_then(|at| plane.get(at)) {
                    *slot = source;
                }
                at = at.and_then(|at| at.checked_add_signed(step));
            }
        }
    }

    /// The planes in the machine's order, from the `first` element on.
    fn ordered<const SIZE: usize>(&self, first: usize, byte_order: ByteOrder) -> [&'a [u8]; SIZE] {
        std::array::from_fn(|byte| self.plane(byte, SIZE, byte_order).get(first..).unwrap_or_default())
    }

    /// The plane of one byte of elements of `size` bytes in the machine's order.
    fn plane(&self, byte: usize, size: usize, byte_order: ByteOrder) -> &'a [u8] {
        let number = if byte_order == ByteOrder::NATIVE { byte } else { size - 1 - byte };
        self.shuffled.get(number * self.count..).and_then(|rest| rest.get(..self.count)).unwrap_or_default()
    }
}

/// Puts elements together whose bytes lie in one plane each; `BLOCK` of them at a time, as many as the compiler transposes
/// in vectors.
#[multiversion(targets = "simd")]
#[expect(clippy::indexing_slicing, reason = "arrays of SIZE and BLOCK, indexed below SIZE and BLOCK")]
pub fn join_planes<const SIZE: usize, const BLOCK: usize>(planes: [&[u8]; SIZE], elements: &mut [u8]) {
    let (element_blocks, element_rest) = elements.as_chunks_mut::<SIZE>().0.as_chunks_mut::<BLOCK>();
    let whole = element_blocks.len() * BLOCK;
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
        for (element, &source) in element_rest.iter_mut().zip(plane.get(whole..).unwrap_or_default()) {
            element[byte] = source;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_any_size_comes_back_in_either_byte_order() {
        for size in [1, 2, 3, 4, 5, 8, 12, 16, 1000] {
            for count in [0, 1, 2, 63, 64, 65, 200] {
                let elements: Vec<u8> = (0..size * count).map(|i| u8::try_from(i * 7 % 253).unwrap()).collect();
                let elements: Vec<&[u8]> = elements.chunks(size).collect();
                let shuffled: Vec<u8> =
                    (0..size).flat_map(|byte| elements.iter().map(move |element| element[byte])).collect();
                let planes = Planes::of(&shuffled, NonZeroUsize::new(size).unwrap()).unwrap();
                for (first, step) in [(0_usize, 1), (1, 1), (65, 1), (0, 3), (5, 7), (199, -1), (64, -3)] {
                    let picked: Vec<&[u8]> = (0..)
                        .map_while(|i: isize| elements.get(first.checked_add_signed(i * step)?).copied())
                        .collect();
                    for byte_order in [ByteOrder::Little, ByteOrder::Big] {
                        let mut expected = picked.iter().map(|element| element.to_vec()).collect::<Vec<_>>();
                        if byte_order != ByteOrder::NATIVE {
                            for element in &mut expected {
                                element.reverse();
                            }
                        }
                        let (mut joined, expected) = (vec![0; picked.len() * size], expected.concat());
                        planes.pick(first, step, byte_order, &mut joined);
                        assert_eq!(joined, expected, "{count} of {size} bytes, from {first}, each {step}");
                        if step == 1 {
                            joined.fill(0);
                            planes.join(first, byte_order, &mut joined);
                            assert_eq!(joined, expected, "{count} of {size} bytes, from {first}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_whole_number_of_elements_has_no_planes() {
        assert!(Planes::of(&[0; 10], NonZeroUsize::new(4).unwrap()).is_none());
        assert!(Planes::of(&[0; 10], NonZeroUsize::MAX).is_none());
    }
}
