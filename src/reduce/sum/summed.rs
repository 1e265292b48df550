//! Which accumulators sum the elements of each type, and their squares.

use half::f16;

use super::{
    float::{HalfSums, NarrowSums, WideSums, widen},
    float_squares::FloatSquares,
    integer::IntegerSums,
    term::{Square, Term},
};
use crate::{
    array::Element,
    reduce::{operation::NumOperation, rows::Rows},
};

/// A type whose elements, and their squares, can be summed.
pub(in crate::reduce) trait Summed: Element {
    /// Sums of so many results.
    fn sums(results: usize) -> Box<dyn NumOperation<Self::Word>>;

    /// Sums of squares for so many results.
    fn squares(results: usize) -> Box<dyn NumOperation<Self::Word>>;

    /// The same number, as it is added to sums of floats.
    type Term: Term;
    /// The square of that.
    type Square: Term;

    /// Elements as terms, which may need room for the same numbers as `float32`.
    fn terms<'a>(rows: Rows<'a, Self::Word>, _: &'a mut Vec<f32>) -> Rows<'a, Self::Term> {
        rows.cast()
    }
}

macro_rules! sums {
    ($($type:ident as $term:ident in $sums:ty, $squares:ty $(, by $terms:ident)?;)*) => {$(
        impl Summed for $type {
            type Term = $term;
            type Square = Square<$term>;

            fn sums(results: usize) -> Box<dyn NumOperation<Self::Word>> {
                Box::new(<$sums>::new(results))
            }

            fn squares(results: usize) -> Box<dyn NumOperation<Self::Word>> {
                Box::new(<$squares>::new(results))
            }

            $(
                fn terms<'a>(rows: Rows<'a, Self::Word>, room: &'a mut Vec<f32>) -> Rows<'a, Self::Term> {
                    $terms(rows.cast(), room)
                }
            )?
        }
    )*};
}

sums! {
    i8 as i8 in IntegerSums<i8>, IntegerSums<Square<i8>>;
    u8 as u8 in IntegerSums<u8>, IntegerSums<Square<u8>>;
    i16 as i16 in IntegerSums<i16>, IntegerSums<Square<i16>>;
    u16 as u16 in IntegerSums<u16>, IntegerSums<Square<u16>>;
    i32 as i32 in IntegerSums<i32>, IntegerSums<Square<i32>>;
    u32 as u32 in IntegerSums<u32>, IntegerSums<Square<u32>>;
    i64 as i64 in IntegerSums<i64>, IntegerSums<Square<i64>>;
    u64 as u64 in IntegerSums<u64>, IntegerSums<Square<u64>>;
    f16 as f32 in HalfSums, FloatSquares<f16>, by widen;
    f32 as f32 in NarrowSums, FloatSquares<f32>;
    f64 as f64 in WideSums, FloatSquares<f64>;
}
