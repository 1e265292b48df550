//! How elements lie in a decoded chunk.

use std::num::NonZeroUsize;

use super::{ByteOrder, Element, planes::Planes};

/// How the bytes of elements lie in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The order of the bytes of one element.
    pub byte_order: ByteOrder,
    /// Whether all first bytes lie together, then all second bytes and so on, as the byte shuffle of HDF5 leaves them. A
    /// view of such a chunk says which elements are meant, but does not hold their values.
    pub shuffled: bool,
}

impl Storage {
    /// As the machine wants it.
    pub const NATIVE: Self = Self { byte_order: ByteOrder::NATIVE, shuffled: false };

    /// Whether elements of type `T` stored like this are as the machine wants them.
    #[must_use]
    pub fn is_native<T: Element>(self) -> bool {
        self.byte_order.is_native::<T>() && (!self.shuffled || size_of::<T>() == 1)
    }

    /// Puts elements of a shuffled chunk together, from the `first` on each `step`-th, in the machine's own byte order:
    /// as many as `joined` has room for.
    pub fn join<T: Element>(self, chunk: &[T], first: usize, step: isize, joined: &mut [T]) {
        let size = NonZeroUsize::new(size_of::<T>());
        let Some(planes) = size.and_then(|size| Planes::of(bytemuck::cast_slice(chunk), size)) else { return };
        let joined = bytemuck::cast_slice_mut(joined);
        match step {
            1 => planes.join(first, self.byte_order, joined),
            _ => planes.pick(first, step, self.byte_order, joined),
        }
    }
}
