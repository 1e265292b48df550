//! Sums of floats, side by side.

use multiversion::{multiversion, target::match_target};

use super::{float_rows::Extent, term::Term, totals::Totals};
use crate::reduce::{
    rows::{COLUMNS, Columns, GROUP, ROWS_AT_A_TIME, Rows, by_blocks},
    total::{FloatTotal, two_sum},
};

/// Adds rows of `float32` to the totals of their columns.
pub(super) fn add_narrow_columns(totals: &mut Totals, plain: &mut PlainColumns, rows: Rows<'_, f32>) {
    for rows in rows.groups(GROUP) {
        if are_exact(rows) { add_plain(totals, plain, rows) } else { add_wide_columns(totals, rows) }
    }
}

/// Adds rows of terms to the totals of their columns, term by term.
#[multiversion(targets = "simd")]
pub(super) fn add_wide_columns<T: Term>(totals: &mut Totals, rows: Rows<'_, T>) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        match_target! {
            "x86_64+fma" => by_blocks!(rows.row_len(), add_fused_to_block(totals, rows)),
            _ => by_blocks!(rows.row_len(), add_to_block(totals, rows)),
        }
    }
}

#[inline(always)]
fn add_fused_to_block<T: Term, const N: usize>(columns: Columns<N>, totals: &mut Totals, rows: Rows<'_, T>) {
    add_each_to_block::<T, N, true>(columns, totals, rows);
}

#[inline(always)]
fn add_to_block<T: Term, const N: usize>(columns: Columns<N>, totals: &mut Totals, rows: Rows<'_, T>) {
    add_each_to_block::<T, N, false>(columns, totals, rows);
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_each_to_block<T: Term, const N: usize, const FUSED: bool>(
    columns: Columns<N>,
    totals: &mut Totals,
    rows: Rows<'_, T>,
) {
    let (Some(high), Some(low)) = (columns.of(&mut totals.high), columns.of(&mut totals.low)) else { return };
    let (mut highs, mut lows) = (*high, *low);
    for row in rows.blocks::<N>(columns.first) {
        for i in 0..N {
            let term = row[i].value();
            let mut error;
            (highs[i], error) = two_sum(highs[i], term);
            if !T::IS_EXACT {
                error += row[i].rest::<FUSED>(term);
            }
            lows[i] += error;
        }
    }
    (*high, *low) = (highs, lows);
}

/// Whether plain sums of columns are exact.
#[multiversion(targets = "simd")]
fn are_exact(rows: Rows<'_, f32>) -> bool {
    let mut extent = Extent::NONE;
    for row in rows.iter() {
        for &element in row {
            extent.add(element);
        }
    }
    extent.is_exact(rows.len())
}

/// Plain sums of the elements of each column of a few rows.
pub(super) struct PlainColumns(Vec<f64>);

impl PlainColumns {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        Self(vec![FloatTotal::ZERO.high; results.min(COLUMNS)])
    }

    #[cfg(test)]
    pub(super) fn held_len(&self) -> usize {
        self.0.len() * size_of::<f64>()
    }
}

/// Adds rows whose plain sums are exact.
#[multiversion(targets = "simd")]
fn add_plain(totals: &mut Totals, plain: &mut PlainColumns, rows: Rows<'_, f32>) {
    let width = rows.row_len();
    plain.0.iter_mut().take(width).for_each(|sum| *sum = FloatTotal::ZERO.high);
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(width, add_plain_to_block(plain, rows));
    }
    by_blocks!(width, settle_block(totals, plain));
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn add_plain_to_block<const N: usize>(columns: Columns<N>, plain: &mut PlainColumns, rows: Rows<'_, f32>) {
    let Some(sums) = columns.of(&mut plain.0) else { return };
    let mut new = *sums;
    for row in rows.blocks::<N>(columns.first) {
        for i in 0..N {
            new[i] += f64::from(row[i]);
        }
    }
    *sums = new;
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn settle_block<const N: usize>(columns: Columns<N>, totals: &mut Totals, plain: &mut PlainColumns) {
    let (Some(high), Some(low)) = (columns.of(&mut totals.high), columns.of(&mut totals.low)) else { return };
    let Some(&mut terms) = columns.of(&mut plain.0) else { return };
    let (mut highs, mut lows) = (*high, *low);
    for i in 0..N {
        let error;
        (highs[i], error) = two_sum(highs[i], terms[i]);
        lows[i] += error;
    }
    (*high, *low) = (highs, lows);
}
