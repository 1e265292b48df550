//! The number of elements that are not missing.

use crate::array::{DType, Element};

use super::{Overflow, Reduction, store};

/// The number of elements, NaN included: the driver's own count is all there is to it.
#[derive(Clone, Copy, Debug)]
pub struct Count;

impl Reduction for Count {
    const NAME: &'static str = "count";
    const KEEPS_ELEMENTS: bool = false;
    const SUMMARY: &'static str = "Number of elements that are not missing";
    type State<T: Element> = ();

    #[inline(always)]
    fn identity<T: Element>() {}

    #[inline(always)]
    fn neutral<T: Element>() -> T {
        T::NOTHING
    }

    #[inline(always)]
    fn push<T: Element>((): (), _: T) {}

    #[inline(always)]
    fn merge<T: Element>((): (), (): ()) {}

    fn default_dtype(_: DType) -> DType {
        DType::Int64
    }

    fn finish<T: Element>(_: &[()], counts: &[i64], _: DType, results: &mut [u8]) -> Result<(), Overflow> {
        store(results, counts.iter().map(|&count| Some(count)))
    }
}
