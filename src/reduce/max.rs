//! The largest element.

use std::marker::PhantomData;

use bytemuck::cast_slice_mut;

use crate::array::{DType, Element, Rank, Rows, Validity};

use super::{
    Overflow, Reduction,
    extreme::{LargestRanks, Ranking, fold_rows, write},
};

/// The largest element: NaN if any is NaN, +0.0 above −0.0. Of nothing: the lowest value of the dtype,
/// −∞ in floating ones.
#[derive(Clone, Copy, Debug)]
pub struct Max;

impl<T: Element> Ranking<T> for Max {
    #[inline(always)]
    fn rank(element: T) -> T::Rank {
        element.rank()
    }

    #[inline(always)]
    fn element(rank: T::Rank) -> T {
        T::of_rank(rank)
    }
}

impl Reduction for Max {
    const NAME: &'static str = "max";
    const KEEPS_ELEMENTS: bool = true;
    const SUMMARY: &'static str = "Largest element";
    type Mirrored = super::Min;
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
