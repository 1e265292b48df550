//! Where the largest and the smallest element are.

use bytemuck::cast_slice_mut;

use super::{
    component::ITSELF,
    extreme,
    operation::Accumulator,
    parameters::Parameters,
    rule::{Component, ComponentForm, Heed, Known, NamedDType, Own, ResultSpec, Rule},
};
use crate::array::{DType, Packing, ValueType};

/// Where the first of the largest elements is, as an index for each dimension that is reduced; −1 of nothing. NaN is the largest,
/// and zeros of either sign are equal, and so are packed values that stand for the same number.
pub(super) const ARGMAX: Rule = Rule {
    summary: "Where the first of the largest elements is",
    accumulators: |_, elements| vec![largest_unless(reverses(elements.packing), elements.packing)],
    finish: |known, spec, results| {
        finish(known, &largest_unless(reverses(spec.packing), spec.packing), results);
        Ok(())
    },
    components: |_, _| &[LARGEST, POSITION],
    ..ARG
};

/// Where the first of the smallest elements is; NaN is the smallest here.
pub(super) const ARGMIN: Rule = Rule {
    summary: "Where the first of the smallest elements is",
    accumulators: |_, elements| vec![largest_unless(!reverses(elements.packing), elements.packing)],
    finish: |known, spec, results| {
        finish(known, &largest_unless(!reverses(spec.packing), spec.packing), results);
        Ok(())
    },
    components: |_, _| &[SMALLEST, POSITION],
    ..ARG
};

/// What both have in common.
const ARG: Rule = Rule {
    summary: "",
    is_of_variables_only: true,
    is_boolean: false,
    named_dtype: NamedDType::Never,
    unpacks: true,
    weights: Heed::Never,
    default_dtype: |_| DType::Int64,
    accumulators: |_, _| Vec::new(),
    finish: |_, _, _| Ok(()),
    components: |_, _| &[],
};

/// Where it is.
const POSITION: Component = Component { name: Some("position"), ..ITSELF };

/// The largest element, as `max` has it, but that zeros of either sign are one.
const LARGEST: Component = Component {
    name: Some("value"),
    own: Some(Own {
        form: value_form,
        write: |known, spec, results| {
            let accumulator = largest_unless(reverses(spec.packing), spec.packing);
            extreme::finish(known, value_spec(known.elements, spec), &accumulator, f64::NEG_INFINITY, results);
            Ok(())
        },
    }),
};

/// The smallest element, as `min` has it.
const SMALLEST: Component = Component {
    own: Some(Own {
        form: value_form,
        write: |known, spec, results| {
            let accumulator = largest_unless(!reverses(spec.packing), spec.packing);
            extreme::finish(known, value_spec(known.elements, spec), &accumulator, f64::INFINITY, results);
            Ok(())
        },
    }),
    ..LARGEST
};

fn value_form(_: &Parameters, elements: DType, spec: ResultSpec) -> ComponentForm {
    ValueType::from(value_spec(elements, spec).dtype).into()
}

/// What values are where the results are positions.
fn value_spec(elements: DType, spec: ResultSpec) -> ResultSpec {
    ResultSpec { dtype: if spec.packing.is_some() { DType::Float64 } else { elements }, ..spec }
}

fn reverses(packing: Option<Packing>) -> bool {
    packing.is_some_and(Packing::reverses)
}

const fn largest_unless(is_smallest: bool, packing: Option<Packing>) -> Accumulator {
    if is_smallest { Accumulator::FirstSmallest(packing) } else { Accumulator::FirstLargest(packing) }
}

/// Writes an index for each dimension that is reduced.
fn finish(known: Known<'_>, accumulator: &Accumulator, results: &mut [u8]) {
    let Parameters::Reduced(lens) = &known.parameters else { return };
    let results = cast_slice_mut::<u8, i64>(results).chunks_exact_mut(lens.len().max(1));
    for ((indices, first), &count) in results.zip(known.states.firsts(accumulator)).zip(known.counts) {
        let mut rest = first.position;
        for (index, &len) in indices.iter_mut().zip(lens.iter()).rev() {
            let len = (len as u64).max(1);
            *index = if count == 0 { -1 } else { (rest % len).cast_signed() };
            rest /= len;
        }
    }
}
