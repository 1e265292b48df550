//! The number of elements that are not missing.

use bytemuck::cast_slice_mut;

use crate::array::{Columns, DType, Element};

use super::{Overflow, Reduction};

/// The number of elements, NaN included: the driver's own count is all there is to it.
#[derive(Clone, Copy, Debug)]
pub struct Count;

impl Reduction for Count {
    const NAME: &'static str = "count";
    const KEEPS_ELEMENTS: bool = false;
    const SUMMARY: &'static str = "Number of elements that are not missing";
    type State<T: Element> = ();
    type Columns<T: Element> = Nothing;

    fn identity<T: Element>() {}

    fn neutral<T: Element>() -> T {
        T::NOTHING
    }

    fn fold_rows<T: Element>(_: &mut [()], _: &[T], _: usize) {}

    fn default_dtype(_: DType) -> DType {
        DType::Int64
    }

    fn finish<T: Element>(_: &[()], counts: &[u32], _: DType, results: &mut [u8]) -> Result<(), Overflow> {
        for (result, &count) in cast_slice_mut::<u8, i64>(results).iter_mut().zip(counts) {
            *result = count.into();
        }
        Ok(())
    }
}

/// All that a count remembers beside the driver's own.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl<T> Columns<T, ()> for Nothing {
    fn new() -> Self {
        Self
    }

    fn clear(&mut self, _: usize) {}

    fn add_rows(&mut self, _: &[T], _: usize) {}

    fn write(&mut self, _: &mut [()]) {}
}
