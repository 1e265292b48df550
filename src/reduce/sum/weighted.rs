//! Sums of terms times weights: each product with what rounding leaves of it (algorithm Dot2 of Ogita, Rump and Oishi, "Accurate sum
//! and dot product", SIAM J. Sci. Comput. 26, 2005).

use std::{hint::black_box, iter::repeat};

use multiversion::{multiversion, target::match_target};

use super::{
    term::{Term, rest_of_product},
    totals::Totals,
};
use crate::reduce::{
    rows::{Columns, ROWS_AT_A_TIME, Rows, by_blocks},
    total::{FloatTotal, fold_lanes, two_sum},
    weighing::Weights,
};

/// Independent sums of a row, to which its terms go in turn: as many as there are columns in a block.
const LANES: usize = 16;

/// Sums side by side.
#[derive(Clone, Copy)]
struct Lanes<const N: usize> {
    high: [f64; N],
    low: [f64; N],
}

impl<const N: usize> Lanes<N> {
    const ZERO: Self = Self { high: [FloatTotal::ZERO.high; N], low: [FloatTotal::ZERO.low; N] };

    /// Adds the product of a term and a weight to each.
    #[inline(always)]
    #[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
    fn add<T: Term, const FUSED: bool>(&mut self, terms: [T; N], weights: [f64; N]) {
        for i in 0..N {
            let value = terms[i].value();
            let product = weights[i] * value;
            let (sum, error) = two_sum(self.high[i], product);
            let mut rest = rest_of_product::<FUSED>(weights[i], value, product);
            if !T::IS_EXACT {
                rest += weights[i] * terms[i].rest::<FUSED>(value);
            }
            self.low[i] += error + rest;
            self.high[i] = sum;
        }
    }
}

impl Lanes<LANES> {
    #[inline(always)]
    fn total(self) -> FloatTotal {
        // The compiler is not told what becomes of them: it would let that decide how wide vectors are in the loop before.
        let Self { high, low } = black_box(self);
        let mut totals = [FloatTotal::ZERO; LANES];
        for ((total, high), low) in totals.iter_mut().zip(high).zip(low) {
            *total = FloatTotal { high, low };
        }
        fold_lanes(totals, FloatTotal::merged)
    }
}

/// Weights of the terms of a row.
trait RowWeights: Copy {
    /// Of `N` terms after the other, as long as there are so many.
    fn blocks<const N: usize>(self) -> impl Iterator<Item = [f64; N]>;

    /// Of terms from this number on; 0 where there are none.
    fn some<const N: usize>(self, from: usize) -> [f64; N];
}

impl RowWeights for f64 {
    #[inline(always)]
    fn blocks<const N: usize>(self) -> impl Iterator<Item = [f64; N]> {
        repeat([self; N])
    }

    #[inline(always)]
    fn some<const N: usize>(self, _: usize) -> [f64; N] {
        [self; N]
    }
}

impl RowWeights for &[f64] {
    #[inline(always)]
    fn blocks<const N: usize>(self) -> impl Iterator<Item = [f64; N]> {
        self.as_chunks::<N>().0.iter().copied()
    }

    #[inline(always)]
    fn some<const N: usize>(self, from: usize) -> [f64; N] {
        let mut some = [0.0; N];
        let rest = self.get(from..).unwrap_or_default();
        some.iter_mut().zip(rest).for_each(|(slot, &weight)| *slot = weight);
        some
    }
}

#[inline(always)]
fn weighted_total<T: Term, const FUSED: bool>(row: &[T], weights: impl RowWeights) -> FloatTotal {
    let mut lanes = Lanes::<LANES>::ZERO;
    let (blocks, rest) = row.as_chunks::<LANES>();
    for (&block, weights) in blocks.iter().zip(weights.blocks()) {
        lanes.add::<T, FUSED>(block, weights);
    }
    if !rest.is_empty() {
        let mut last = [T::NOTHING; LANES];
        last.iter_mut().zip(rest).for_each(|(last, &term)| *last = term);
        lanes.add::<T, FUSED>(last, weights.some(row.len() - rest.len()));
    }
    lanes.total()
}

/// Adds each row of terms, times their weights, to the total that `result` names.
#[multiversion(targets = "simd")]
pub(super) fn add_weighted_rows<T: Term, F: Fn(usize) -> usize>(
    totals: &mut Totals,
    rows: Rows<'_, T>,
    weights: Weights<'_>,
    result: F,
) {
    for (number, row) in rows.iter().enumerate() {
        let total = match_target! {
            "x86_64+fma" => row_total::<T, true>(row, weights.of_rows(number, 1, row.len())),
            _ => row_total::<T, false>(row, weights.of_rows(number, 1, row.len())),
        };
        totals.merge(result(number), std::iter::once(total));
    }
}

#[inline(always)]
fn row_total<T: Term, const FUSED: bool>(row: &[T], weights: Weights<'_>) -> FloatTotal {
    match weights {
        Weights::Equal => weighted_total::<T, FUSED>(row, 1.0),
        Weights::OfRows(weights) => weighted_total::<T, FUSED>(row, weights.first().copied().unwrap_or(f64::NAN)),
        Weights::OfColumns(weights) | Weights::OfElements(weights) => weighted_total::<T, FUSED>(row, weights),
    }
}

/// Adds each of the terms, times its weight, to the total of its column.
#[multiversion(targets = "simd")]
pub(super) fn add_weighted_columns<T: Term>(totals: &mut Totals, rows: Rows<'_, T>, weights: Weights<'_>) {
    let row_len = rows.row_len();
    for (number, rows) in rows.groups(ROWS_AT_A_TIME).enumerate() {
        let weights = weights.of_rows(number * ROWS_AT_A_TIME, ROWS_AT_A_TIME, row_len);
        match_target! {
            "x86_64+fma" => by_blocks!(row_len, add_fused_to_block(totals, rows, weights)),
            _ => by_blocks!(row_len, add_to_block(totals, rows, weights)),
        }
    }
}

#[inline(always)]
fn add_fused_to_block<T: Term, const N: usize>(
    columns: Columns<N>,
    totals: &mut Totals,
    rows: Rows<'_, T>,
    weights: Weights<'_>,
) {
    add_each_to_block::<T, N, true>(columns, totals, rows, weights);
}

#[inline(always)]
fn add_to_block<T: Term, const N: usize>(
    columns: Columns<N>,
    totals: &mut Totals,
    rows: Rows<'_, T>,
    weights: Weights<'_>,
) {
    add_each_to_block::<T, N, false>(columns, totals, rows, weights);
}

#[inline(always)]
fn add_each_to_block<T: Term, const N: usize, const FUSED: bool>(
    columns: Columns<N>,
    totals: &mut Totals,
    rows: Rows<'_, T>,
    weights: Weights<'_>,
) {
    let blocks = rows.blocks::<N>(columns.first);
    match weights {
        Weights::Equal => add_blocks::<T, N, FUSED>(columns, totals, blocks.zip(repeat([1.0; N]))),
        Weights::OfRows(weights) => {
            add_blocks::<T, N, FUSED>(columns, totals, blocks.zip(weights.iter().map(|&weight| [weight; N])));
        }
        Weights::OfColumns(weights) => {
            add_blocks::<T, N, FUSED>(columns, totals, blocks.zip(repeat(weights.some(columns.first))));
        }
        Weights::OfElements(weights) => {
            let weights = Rows::dense(weights, rows.row_len());
            add_blocks::<T, N, FUSED>(columns, totals, blocks.zip(weights.blocks::<N>(columns.first)));
        }
    }
}

#[inline(always)]
fn add_blocks<T: Term, const N: usize, const FUSED: bool>(
    columns: Columns<N>,
    totals: &mut Totals,
    blocks: impl Iterator<Item = ([T; N], [f64; N])>,
) {
    let (Some(high), Some(low)) = (columns.of(&mut totals.high), columns.of(&mut totals.low)) else { return };
    let mut lanes = Lanes { high: *high, low: *low };
    for (terms, weights) in blocks {
        lanes.add::<T, FUSED>(terms, weights);
    }
    (*high, *low) = (lanes.high, lanes.low);
}
