//! The smallest element.

use std::marker::PhantomData;

use bytemuck::cast_slice_mut;

use crate::array::{DType, Element, Rank, Rows, Validity};

use super::{
    Overflow, Reduction,
    extreme::{LargestRanks, Ranking, fold_rows, write},
};

/// The smallest element: NaN if any is NaN, −0.0 below +0.0. Of nothing: the highest value of the dtype,
/// +∞ in floating ones.
#[derive(Clone, Copy, Debug)]
pub struct Min;

impl<T: Element> Ranking<T> for Min {
    #[inline(always)]
    fn rank(element: T) -> T::Rank {
        element.reverse_rank()
    }

    #[inline(always)]
    fn element(rank: T::Rank) -> T {
        T::of_reverse_rank(rank)
    }
}

impl Reduction for Min {
    const NAME: &'static str = "min";
    const KEEPS_ELEMENTS: bool = true;
    const SUMMARY: &'static str = "Smallest element";
    type Mirrored = super::Max;
    type State<T: Element> = T::Rank;
    type Columns<T: Element> = LargestRanks<T, Self>;

    fn identity<T: Element>() -> T::Rank {
        T::Rank::LOWEST
    }

    fn fold_rows<T: Element>(ranks: &mut [T::Rank], counts: &mut [u32], rows: Rows<'_, T>, validity: Validity<T>) {
        fold_rows(ranks, counts, rows, validity, PhantomData::<Self>);
    }

    fn default_dtype(dtype: DType) -> DType {
        dtype
    }

    fn finish<T: Element>(ranks: &[T::Rank], _: &[u32], _: DType, results: &mut [u8]) -> Result<(), Overflow> {
        write::<T, _>(ranks, cast_slice_mut(results), PhantomData::<Self>);
        Ok(())
    }
}
