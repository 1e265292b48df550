//! The bits of elements.

use std::{
    fmt::Debug,
    ops::{BitAnd, BitOr, Not},
};

use bytemuck::Pod;

/// The bits of an element, as an unsigned integer of its width: for loops that need not know what they mean. As a *mask*,
/// all of them are set or none is.
pub trait Word:
    Pod + Debug + Eq + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self> + Send + Sync
{
    /// No bit is set.
    const NONE: Self;

    /// The mask of this.
    fn mask(is_set: bool) -> Self;

    /// One more in a count of masks, if this one is set.
    #[must_use]
    fn tallied(self, mask: Self) -> Self;

    /// What has been counted.
    fn count(self) -> u64;

    /// The bytes in the opposite order.
    #[must_use]
    fn swap_bytes(self) -> Self;
}

macro_rules! words {
    ($($type:ident)*) => {$(
        impl Word for $type {
            const NONE: Self = 0;

            #[inline(always)]
            fn mask(is_set: bool) -> Self {
                Self::from(is_set).wrapping_neg()
            }

            #[inline(always)]
            fn tallied(self, mask: Self) -> Self {
                self.wrapping_sub(mask)
            }

            #[inline(always)]
            fn count(self) -> u64 {
                self.into()
            }

            #[inline(always)]
            fn swap_bytes(self) -> Self {
                Self::swap_bytes(self)
            }
        }
    )*};
}

words! { u8 u16 u32 u64 }
