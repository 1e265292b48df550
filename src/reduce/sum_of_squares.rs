//! The sum of the squares of elements.

use super::{
    component::{pair, write_pairs},
    moments::{AllMoments, MOMENT, Moments, write},
    rule::{Component, Known, Own, Rule},
    total::FloatTotal,
};
use crate::array::Packing;

/// The sum of the squares of the elements, or of the values that they stand for; 0 of none.
pub(super) const RULE: Rule = Rule {
    summary: "Sum of the squares of the elements",
    accumulators: |_, elements| match elements.packing {
        None => vec![elements.squares()],
        Some(_) => elements.unpacked_sum().into_iter().chain([elements.squares()]).collect(),
    },
    finish: |known, spec, results| {
        write(known, spec, results, sum_of_squares);
        Ok(())
    },
    components: |_, _| &[SUM_OF_SQUARES],
    ..MOMENT
};

/// The same as a [`pair`].
pub(super) const SUM_OF_SQUARES: Component = Component {
    name: Some("sum_of_squares"),
    own: Some(Own {
        form: |_, _, _| pair(),
        write: |known, spec, results| {
            write_totals(known, spec.packing, results);
            Ok(())
        },
    }),
};

fn write_totals(known: Known<'_>, packing: Option<Packing>, results: &mut [u8]) {
    let all = AllMoments::new(&known);
    write_pairs(known.counts, results, |at, count| {
        let moments = all.at(at, count);
        Some(packing.map_or(moments.squares, |packing| unpacked(moments, packing)))
    });
}

#[inline(always)]
fn sum_of_squares(moments: Moments, packing: Option<Packing>) -> f64 {
    match packing {
        _ if moments.count == 0 => 0.0,
        None => moments.squares.rounded(),
        Some(packing) => unpacked(moments, packing).rounded(),
    }
}

/// Σw(sx + o)² = s²Σwx² + 2soΣwx + o²Σw.
#[inline(always)]
fn unpacked(moments: Moments, Packing { scale_factor, add_offset }: Packing) -> FloatTotal {
    let (scale, offset) = (FloatTotal::from(scale_factor), FloatTotal::from(add_offset));
    let squares = moments.squares.times(scale).times(scale);
    if add_offset == 0.0 || !squares.high.is_finite() {
        return squares;
    }
    let mixed = moments.sum.times(scale).times(offset).times(2.0.into());
    let offsets = offset.times(offset).times(moments.weight);
    let sum = squares.added(mixed).added(offsets);
    if sum.high < 0.0 { 0.0.into() } else { sum }
}
