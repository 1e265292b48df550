//! The largest element.

use crate::array::{DType, Element};

use super::{Overflow, Reduction, store};

/// The largest element: NaN if any is NaN, +0.0 above −0.0. Of nothing: the lowest value of the dtype,
/// −∞ in floating ones.
#[derive(Clone, Copy, Debug)]
pub struct Max;

impl Reduction for Max {
    const NAME: &'static str = "max";
    const KEEPS_ELEMENTS: bool = true;
    const SUMMARY: &'static str = "Largest element";
    type State<T: Element> = T;

    #[inline(always)]
    fn identity<T: Element>() -> T {
        T::LOWEST
    }

    #[inline(always)]
    fn neutral<T: Element>() -> T {
        T::LOWEST
    }

    #[inline(always)]
    fn push<T: Element>(max: T, element: T) -> T {
        max.larger(element)
    }

    #[inline(always)]
    fn merge<T: Element>(a: T, b: T) -> T {
        a.larger(b)
    }

    fn default_dtype(dtype: DType) -> DType {
        dtype
    }

    fn finish<T: Element>(maxima: &[T], _: &[i64], _: DType, results: &mut [u8]) -> Result<(), Overflow> {
        store(results, maxima.iter().map(|max| Some(max.canonical())))
    }
}
