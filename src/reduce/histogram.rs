//! How many elements are in each bin.

use bytemuck::cast_slice_mut;

use super::{
    component::{ITSELF, pair},
    error::Overflow,
    operation::Accumulator,
    parameters::Parameters,
    rule::{Component, ComponentForm, ElementSpec, Heed, Known, NamedDType, Own, ResultSpec, Rule},
    total::FloatTotal,
};
use crate::array::DType;

/// How many elements are in each bin, or what they weigh.
pub(super) const HISTOGRAM: Rule = Rule {
    summary: "Number of elements in each bin",
    weights: Heed::Always,
    accumulators: counted,
    finish: write_inside,
    components: |_, elements| if elements.is_weighted { &[WEIGHTED_COUNTS] } else { &[ITSELF] },
    ..BINNED
};

/// Whether any element is not 0; false of nothing. NaN is not 0.
pub(super) const ANY: Rule = Rule {
    summary: "Whether any element is not 0",
    finish: |known, _, results| {
        truths(known, results, any);
        Ok(())
    },
    ..TRUTH
};

/// Whether no element is 0; true of nothing.
pub(super) const ALL: Rule = Rule {
    summary: "Whether no element is 0",
    finish: |known, _, results| {
        truths(known, results, all);
        Ok(())
    },
    ..TRUTH
};

const BINNED: Rule = Rule {
    summary: "",
    is_of_variables_only: true,
    is_boolean: false,
    named_dtype: NamedDType::Never,
    unpacks: true,
    weights: Heed::Never,
    default_dtype: |_| DType::Int64,
    accumulators: |parameters: &Parameters, _| vec![Accumulator::Counts(parameters.bins())],
    finish: |_, _, _| Ok(()),
    components: |_, _| &[ITSELF],
};

const TRUTH: Rule = Rule { is_boolean: true, default_dtype: |_| DType::UInt8, ..BINNED };

fn counted(parameters: &Parameters, elements: ElementSpec) -> Vec<Accumulator> {
    let counts = if elements.is_weighted { Accumulator::WeightedCounts } else { Accumulator::Counts };
    vec![counts(parameters.bins())]
}

fn write_inside(known: Known<'_>, spec: ResultSpec, results: &mut [u8]) -> Result<(), Overflow> {
    if spec.dtype == DType::Float64 {
        write_weights(known, cast_slice_mut(results));
        return Ok(());
    }
    write_counts(known, results)
}

/// What the elements in each bin weigh, as [`pair`]s.
const WEIGHTED_COUNTS: Component = Component {
    name: None,
    own: Some(Own {
        form: |parameters, _, _| ComponentForm {
            dimensions: parameters.last_dimension().into_iter().chain([2]).collect(),
            ..pair()
        },
        write: |known, _, results| {
            let (bins, results) = (known.parameters.bins(), cast_slice_mut::<u8, FloatTotal>(results));
            let inside = known.states.weighted_counts(&bins);
            results.iter_mut().zip(inside).for_each(|(result, inside)| *result = inside.told());
            if bins.is_reversed() {
                results.chunks_exact_mut(bins.len().max(1)).for_each(<[FloatTotal]>::reverse);
            }
            Ok(())
        },
    }),
};

fn write_weights(known: Known<'_>, results: &mut [f64]) {
    let bins = known.parameters.bins();
    for (slot, inside) in results.iter_mut().zip(known.states.weighted_counts(&bins)) {
        // What no element is in weighs plain 0, not the −0.0 that sums start from.
        *slot = inside.rounded() + 0.0;
    }
    if bins.is_reversed() {
        results.chunks_exact_mut(bins.len().max(1)).for_each(<[f64]>::reverse);
    }
}

fn write_counts(known: Known<'_>, results: &mut [u8]) -> Result<(), Overflow> {
    let Known { parameters, states, counts, .. } = known;
    let bins = parameters.bins();
    let len = bins.len().max(1);
    let results = cast_slice_mut::<u8, i64>(results).chunks_exact_mut(len);
    for ((result, inside), _) in results.zip(states.counts(&bins).chunks_exact(len)).zip(counts) {
        for (slot, &count) in result.iter_mut().zip(inside) {
            *slot = i64::try_from(count).map_err(|_| Overflow)?;
        }
        if bins.is_reversed() {
            result.reverse();
        }
    }
    Ok(())
}

/// Whether that is true of so many elements, so many of which are 0.
type Truth = fn(u64, u64) -> bool;

const fn any(count: u64, zeros: u64) -> bool {
    zeros < count
}

const fn all(_: u64, zeros: u64) -> bool {
    zeros == 0
}

fn truths(known: Known<'_>, results: &mut [u8], is_true: Truth) {
    let zeros = known.states.counts(&known.parameters.bins());
    for ((result, &count), &zeros) in results.iter_mut().zip(known.counts).zip(zeros) {
        *result = is_true(count, zeros).into();
    }
}
