//! How elements lie in a decoded chunk.

use std::num::NonZeroUsize;

use super::{byte_order::ByteOrder, planes::Planes, word::Word};

/// How the bytes of elements lie in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The order of the bytes of one element.
    pub byte_order: ByteOrder,
    /// Whether all first bytes lie together, then all second bytes and so on, as the byte shuffle of HDF5 leaves
    /// them.
    pub shuffled: bool,
}

impl Storage {
    /// As the machine wants it.
    pub const NATIVE: Self = Self { byte_order: ByteOrder::NATIVE, shuffled: false };

    /// Whether elements of this width stored like this are as the machine wants them.
    #[must_use]
    pub fn is_native<W: Word>(self) -> bool {
        self.byte_order.is_native::<W>() && (!self.shuffled || size_of::<W>() == 1)
    }

    /// Puts elements of a shuffled chunk together, from the `first` on each `step`-th, in the machine's own byte order:
    /// as many as `joined` has room for.
    pub fn join<W: Word>(self, chunk: &[W], first: usize, step: isize, joined: &mut [W]) {
        let size = NonZeroUsize::new(size_of::<W>());
        let Some(planes) = size.and_then(|size| Planes::of(bytemuck::cast_slice(chunk), size)) else { return };
        let joined = bytemuck::cast_slice_mut(joined);
        match step {
            1 => planes.join(first, self.byte_order, joined),
            _ => planes.pick(first, step, self.byte_order, joined),
        }
    }
}
