//! The smallest element.

use crate::array::{DType, Element};

use super::{Overflow, Reduction, store};

/// The smallest element: NaN if any is NaN, −0.0 below +0.0. Of nothing: the highest value of the dtype,
/// +∞ in floating ones.
#[derive(Clone, Copy, Debug)]
pub struct Min;

impl Reduction for Min {
    const NAME: &'static str = "min";
    const KEEPS_ELEMENTS: bool = true;
    const SUMMARY: &'static str = "Smallest element";
    type State<T: Element> = T;

    #[inline(always)]
    fn identity<T: Element>() -> T {
        T::HIGHEST
    }

    #[inline(always)]
    fn neutral<T: Element>() -> T {
        T::HIGHEST
    }

    #[inline(always)]
    fn push<T: Element>(min: T, element: T) -> T {
        min.smaller(element)
    }

    #[inline(always)]
    fn merge<T: Element>(a: T, b: T) -> T {
        a.smaller(b)
    }

    fn default_dtype(dtype: DType) -> DType {
        dtype
    }

    fn finish<T: Element>(minima: &[T], _: &[i64], _: DType, results: &mut [u8]) -> Result<(), Overflow> {
        store(results, minima.iter().map(|min| Some(min.canonical())))
    }
}
