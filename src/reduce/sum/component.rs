//! Sums that are to be merged.

use bytemuck::cast_slice_mut;

use crate::{
    array::{DType, Kind, Packing, ValueType},
    reduce::{
        component::{pair, write_pairs},
        moments::AllMoments,
        operation::Sums,
        parameters::Parameters,
        rule::{Component, ComponentForm, Known, Own, ResultSpec},
        total::FloatTotal,
    },
};

/// The sum of the elements: exact of integers, and a [`pair`] of others and of unpacked values.
pub(in crate::reduce) const SUM: Component = Component {
    name: Some("sum"),
    own: Some(Own {
        form,
        write: |known, spec, results| {
            write(known, spec.packing, results);
            Ok(())
        },
    }),
};

fn form(_: &Parameters, elements: DType, spec: ResultSpec) -> ComponentForm {
    match (elements.kind(), spec.packing) {
        (Kind::Signed | Kind::Unsigned, None) => ValueType::Int128.into(),
        (Kind::Float, _) | (_, Some(_)) => pair(),
    }
}

/// The sum of the elements, each as often as it weighs: a [`pair`].
pub(in crate::reduce) const WEIGHTED_SUM: Component = Component {
    own: Some(Own {
        form: |_, _, _| pair(),
        write: |known, spec, results| {
            write(known, spec.packing, results);
            Ok(())
        },
    }),
    ..SUM
};

fn write(known: Known<'_>, packing: Option<Packing>, results: &mut [u8]) {
    match (known.sums(), packing) {
        (Sums::None, _) => {}
        (Sums::Integers(sums), None) => {
            let results = cast_slice_mut::<u8, i128>(results).iter_mut();
            results.zip(sums).for_each(|(result, &sum)| *result = sum);
        }
        // As they are: a zero keeps its sign.
        (Sums::Floats(sums), None) => write_pairs(known.counts, results, |at, _| sums.get(at).copied()),
        (_, Some(packing)) => {
            let all = AllMoments::new(&known);
            write_pairs(known.counts, results, |at, count| {
                let moments = all.at(at, count);
                Some(unpacked(moments.sum, moments.weight, packing))
            });
        }
    }
}

/// Σw(sx + o) = sΣwx + oΣw.
pub(super) fn unpacked(
    sum: FloatTotal,
    weight: FloatTotal,
    Packing { scale_factor, add_offset }: Packing,
) -> FloatTotal {
    let scaled = sum.times(scale_factor.into());
    if add_offset == 0.0 { scaled } else { scaled.added(weight.times(add_offset.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_unpacked_values_keeps_what_its_rounding_leaves() {
        let packing = Packing { scale_factor: 0.1, add_offset: 1e17 };
        let sum = unpacked(4.0.into(), 5.0.into(), packing).told();
        assert_eq!((sum.high, sum.low), (5e17, 0.4));
        let cancelled = unpacked((-10.0).into(), 1.0.into(), Packing { scale_factor: 0.1, add_offset: 1.0 }).told();
        // As 0.1 has it in float64, which is a little more.
        assert_eq!((cancelled.high, cancelled.low), (-2f64.powi(-54), 0.0));
        let infinite = unpacked(f64::INFINITY.into(), 1.0.into(), packing).told();
        assert_eq!((infinite.high, infinite.low), (f64::INFINITY, 0.0));
    }
}
