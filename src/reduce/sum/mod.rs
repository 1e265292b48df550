//! Sums, of elements and of their squares: exact for integers, compensated for floats.

mod addend;
mod component;
mod float;
mod float_columns;
mod float_rows;
mod float_squares;
mod integer;
mod integer_squares;
mod summed;
mod term;
mod totals;
mod weight_sums;
mod weighted;
mod weighted_sums;

use bytemuck::{Zeroable, cast_slice_mut};
use multiversion::multiversion;

use super::{
    error::Overflow,
    operation::{Accumulator, Sums},
    rule::{Heed, Known, NamedDType, ResultSpec, Rule},
    total::FloatTotal,
};
use crate::array::{DType, Element, Kind, Packing, Unpacked, dtype::with_dtype};

pub(super) use component::{SUM, WEIGHTED_SUM};
pub(super) use summed::Summed;
pub(super) use term::Square;
pub(super) use weight_sums::WeightSums;
pub(super) use weighted_sums::{ROWS, WeightedSums};

/// The sum of the elements; 0 if there are none. NaN and ∞ are added as IEEE 754 says.
pub(super) const RULE: Rule = Rule {
    summary: "Sum of the elements",
    is_of_variables_only: false,
    is_boolean: false,
    named_dtype: NamedDType::Always,
    unpacks: true,
    weights: Heed::Always,
    default_dtype,
    accumulators: |_, elements| elements.unpacked_sum(),
    finish,
    components: |_, elements| if elements.is_weighted { &[WEIGHTED_SUM] } else { &[SUM] },
};

/// The same for 32 and 64 bits, for narrower ones the widest integer of the kind, or `float32`.
fn default_dtype(elements: DType) -> DType {
    match (elements.kind(), elements.size()) {
        (_, 4..) => elements,
        (Kind::Signed, _) => DType::Int64,
        (Kind::Unsigned, _) => DType::UInt64,
        (Kind::Float, _) => DType::Float32,
    }
}

fn finish(known: Known<'_>, spec: ResultSpec, results: &mut [u8]) -> Result<(), Overflow> {
    let sums = known.sums();
    if let (Some(packing), weights @ Sums::Floats(_)) = (spec.packing, known.states.sums(&Accumulator::Weights)) {
        write_weighted(sums, weights, packing, spec.dtype, known.counts, results);
        return Ok(());
    }
    if let Some(packing) = spec.packing {
        let unpacked = |(sum, &count): (f64, &u64)| if count == 0 { 0.0 } else { packing.unpack_sum(sum, count) };
        match sums {
            Sums::Integers(sums) => {
                write_unpacked(sums.iter().map(|&sum| sum as f64).zip(known.counts).map(unpacked), spec.dtype, results);
            }
            Sums::Floats(sums) => {
                write_unpacked(
                    sums.iter().map(|sum| sum.rounded()).zip(known.counts).map(unpacked),
                    spec.dtype,
                    results,
                );
            }
            Sums::None => {}
        }
        return Ok(());
    }
    let fits = with_dtype!(spec.dtype, U => match sums {
        Sums::Integers(sums) => write_each(sums, known.counts, cast_slice_mut(results), U::from_integer),
        Sums::Floats(sums) => write_floats::<U>(sums, known.counts, cast_slice_mut(results)),
        Sums::None => true,
    });
    if fits { Ok(()) } else { Err(Overflow) }
}

/// Writes s × Σwx + o × Σw of each result, rounded once.
fn write_weighted(
    sums: Sums<'_>,
    weights: Sums<'_>,
    packing: Packing,
    dtype: DType,
    counts: &[u64],
    results: &mut [u8],
) {
    let unpacked = |at| Some(component::unpacked(sums.total(at)?, weights.total(at)?, packing));
    with_dtype!(dtype, U => {
        for (at, (result, &count)) in cast_slice_mut::<u8, U>(results).iter_mut().zip(counts).enumerate() {
            let nearest = unpacked(at).filter(|_| count > 0).and_then(FloatTotal::nearest);
            *result = nearest.unwrap_or(U::zeroed());
        }
    });
}

fn write_unpacked(unpacked: impl Iterator<Item = f64>, dtype: DType, results: &mut [u8]) {
    if dtype == DType::Float32 {
        let results = cast_slice_mut::<u8, f32>(results).iter_mut();
        results.zip(unpacked).for_each(|(result, unpacked)| *result = f32::nearest(unpacked));
    } else {
        let results = cast_slice_mut::<u8, f64>(results).iter_mut();
        results.zip(unpacked).for_each(|(result, unpacked)| *result = unpacked);
    }
}

/// Totals that are written at one time.
const AT_A_TIME: usize = 32;

/// Writes each total as a `U`; false if one does not fit.
#[multiversion(targets = "simd")]
fn write_floats<U: Element>(totals: &[FloatTotal], counts: &[u64], results: &mut [U]) -> bool {
    let mut fit = true;
    let blocks = totals.chunks(AT_A_TIME).zip(counts.chunks(AT_A_TIME)).zip(results.chunks_mut(AT_A_TIME));
    for ((totals, counts), results) in blocks {
        // Most are exact, and done with sooner.
        fit &= if totals.iter().fold(true, |all, total| all & total.is_exact()) {
            write_each(totals, counts, results, |total| total.exact().nearest())
        } else {
            write_each(totals, counts, results, FloatTotal::nearest)
        };
    }
    fit
}

#[inline(always)]
fn write_each<S: Copy, U: Element>(
    sums: &[S],
    counts: &[u64],
    results: &mut [U],
    nearest: impl Fn(S) -> Option<U>,
) -> bool {
    let mut fit = true;
    for ((result, &sum), &count) in results.iter_mut().zip(sums).zip(counts) {
        let nearest = nearest(sum);
        fit &= nearest.is_some();
        // The sum of nothing is plain 0, not the −0.0 that sums start from.
        *result = if count == 0 { U::zeroed() } else { nearest.unwrap_or(U::NOTHING) };
    }
    fit
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;
    use crate::reduce::{
        operation::{Knows, NumOperation, State, States},
        parameters::Parameters,
        rows::Rows,
    };

    struct Told<'a, T: Summed>(&'a dyn NumOperation<T::Word>);

    impl<T: Summed> Knows for Told<'_, T> {
        fn state(&self, _: usize) -> Option<State<'_>> {
            Some(self.0.state(1))
        }
    }

    fn sum<T: Summed>(elements: &[T]) -> T {
        let mut sums = T::sums(1);
        let words = bytemuck::cast_slice(elements);
        let result = |sums: &mut Box<dyn NumOperation<T::Word>>| {
            let mut result = T::zeroed();
            sums.settle(1);
            let states = States { accumulators: &[Accumulator::Sum], knows: &Told::<T>(&**sums) };
            let known = Known { elements: T::DTYPE, counts: &[1], parameters: &Parameters::None, states: &states };
            let spec = ResultSpec { dtype: T::DTYPE, packing: None };
            finish(known, spec, bytemuck::bytes_of_mut(&mut result)).expect("no overflow");
            result
        };
        sums.fold_rows(0, Rows::dense(words, elements.len()).into());
        let by_row = result(&mut sums);
        sums.clear(1);
        sums.fold_columns(Rows::dense(words, 1).into());
        assert_eq!(by_row.canonical().rank(), result(&mut sums).canonical().rank());
        by_row
    }

    #[test]
    fn what_cancels_leaves_the_small_terms() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[1e30_f32, 1.0, -1e30]), 1.0);
    }

    #[test]
    fn infinities_and_nan_are_as_in_plain_addition() {
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(sum(&[1.0, f32::NEG_INFINITY, 2.0]), f32::NEG_INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(sum(&[f64::NAN, 1.0]).is_nan());
    }

    #[test]
    fn a_float16_sum_is_rounded_once() {
        // Half an ulp of 1 is a tie; float32 cannot hold what makes the difference.
        let (half_ulp, tiny) = (f16::from_f32_const(1.0 / 2048.0), f16::from_bits(1));
        assert_eq!(sum(&[f16::ONE, half_ulp]).to_bits(), 0x3c00);
        assert_eq!(sum(&[f16::ONE, half_ulp, tiny]).to_bits(), 0x3c01);
        assert_eq!(sum(&[f16::ONE, half_ulp, -tiny]).to_bits(), 0x3c00);
        assert_eq!(sum(&[-f16::ONE, -half_ulp, -tiny]).to_bits(), 0xbc01);
    }

    #[test]
    fn a_sum_beside_the_largest_float_is_finite_in_any_order() {
        let (large, largest) = (-1.5 * 2f64.powi(971), f64::MAX);
        assert_eq!(sum(&[large, largest]), large + largest);
        assert_eq!(sum(&[largest, large]), large + largest);
    }

    #[test]
    fn negative_zero_alone_stays_negative() {
        assert!(sum(&[-0.0_f64, -0.0]).is_sign_negative());
        assert!(sum(&[-0.0_f32, 0.0]).is_sign_positive());
    }

    #[test]
    fn a_float32_sum_is_rounded_once() {
        // Just above the middle of two float32 neighbours, by less than float64 can show.
        let ulp = f32::EPSILON;
        assert_eq!(sum(&[1.0_f32, ulp / 2.0, 1e-30]), 1.0 + ulp);
        assert_eq!(sum(&[1.0_f32, ulp / 2.0, -1e-30]), 1.0);
        assert_eq!(sum(&[-1.0_f32, -ulp / 2.0, -1e-30]), -1.0 - ulp);
    }
}
