//! The largest and the smallest element.
//!
//! Elements become ranks first, signed integers of which the largest is the same in whatever order it is looked for: one
//! loop for all types of a width, and for both ends of their order.

use bytemuck::cast_slice_mut;
use multiversion::multiversion;

use super::{
    component::ITSELF,
    operation::{Accumulator, NumOperation, State},
    pieces::Taken,
    rows::{COLUMNS, Columns, PIECE, ROWS_AT_A_TIME, Rows, by_blocks},
    rule::{Heed, Known, NamedDType, ResultSpec, Rule},
};
use crate::array::{DType, Element, Packing, Rank, Unpacked, dtype::with_dtype};

/// The largest element: NaN if any is NaN, +0.0 above −0.0. Of nothing: the lowest value of the dtype, −∞ in floating ones.
pub(super) const MAX: Rule = Rule {
    summary: "Largest element",
    accumulators: |_, elements| vec![largest_unless(reverses(elements.packing))],
    finish: |known, spec, results| {
        finish(known, spec, &largest_unless(reverses(spec.packing)), f64::NEG_INFINITY, results);
        Ok(())
    },
    ..EXTREME
};

/// The smallest element: NaN if any is NaN, −0.0 below +0.0. Of nothing: the highest value of the dtype, +∞ in floating
/// ones.
pub(super) const MIN: Rule = Rule {
    summary: "Smallest element",
    accumulators: |_, elements| vec![largest_unless(!reverses(elements.packing))],
    finish: |known, spec, results| {
        finish(known, spec, &largest_unless(!reverses(spec.packing)), f64::INFINITY, results);
        Ok(())
    },
    ..EXTREME
};

/// What both have in common.
const EXTREME: Rule = Rule {
    summary: "",
    is_of_variables_only: false,
    is_boolean: false,
    named_dtype: NamedDType::Unpacked,
    unpacks: true,
    weights: Heed::Never,
    default_dtype: |elements| elements,
    accumulators: |_, _| Vec::new(),
    finish: |_, _, _| Ok(()),
    components: |_, _| &[ITSELF],
};

/// Whether the largest of packed values stands for the smallest.
fn reverses(packing: Option<Packing>) -> bool {
    packing.is_some_and(Packing::reverses)
}

const fn largest_unless(is_smallest: bool) -> Accumulator {
    if is_smallest { Accumulator::Smallest } else { Accumulator::Largest }
}

/// The largest rank of the elements of each result, or the largest reverse rank.
pub(super) struct Ranks<T: Element, const REVERSE: bool> {
    largest: Vec<T::Rank>,
    /// Room for the ranks of a piece, once it is needed.
    scratch: Vec<T::Rank>,
    widened: Vec<i64>,
}

impl<T: Element, const REVERSE: bool> Ranks<T, REVERSE> {
    /// For so many results.
    pub(super) fn new(results: usize) -> Self {
        let results = results.min(COLUMNS);
        Self { largest: vec![T::Rank::LOWEST; results], scratch: Vec::new(), widened: vec![0; results] }
    }
}

impl<T: Element, const REVERSE: bool> NumOperation<T::Word> for Ranks<T, REVERSE> {
    fn neutral(&self) -> T::Word {
        bytemuck::cast(if REVERSE { T::HIGHEST } else { T::LOWEST })
    }

    fn clear(&mut self, width: usize) {
        self.largest.iter_mut().take(width).for_each(|rank| *rank = T::Rank::LOWEST);
    }

    fn fold_rows(&mut self, first: usize, Taken { rows, .. }: Taken<'_, T::Word>) {
        let Some(largest) = self.largest.get_mut(first..) else { return };
        fold_rows(largest, ranks::<T, REVERSE>(rows, &mut self.scratch));
    }

    fn fold_columns(&mut self, Taken { rows, .. }: Taken<'_, T::Word>) {
        for rows in rows.groups(PIECE / rows.row_len().min(PIECE)) {
            fold_columns(&mut self.largest, ranks::<T, REVERSE>(rows, &mut self.scratch));
        }
    }

    fn settle(&mut self, width: usize) {
        for (wide, rank) in self.widened.iter_mut().zip(&self.largest).take(width) {
            *wide = rank.widened();
        }
    }

    fn state(&self, width: usize) -> State<'_> {
        State::Ranks(self.widened.get(..width).unwrap_or(&self.widened))
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        (self.largest.len() + self.scratch.len()) * size_of::<T::Rank>() + self.widened.len() * size_of::<i64>()
    }
}

/// The ranks of the elements of a piece: they themselves, where they are signed integers.
pub(super) fn ranks<'a, T: Element, const REVERSE: bool>(
    rows: Rows<'a, T::Word>,
    room: &'a mut Vec<T::Rank>,
) -> Rows<'a, T::Rank> {
    if T::IS_RANK && !REVERSE {
        return rows.cast();
    }
    let len = rows.len() * rows.row_len();
    if room.len() < len {
        room.resize(len, T::Rank::LOWEST);
    }
    let room = room.split_at_mut(len).0;
    write_ranks::<T, REVERSE>(rows.cast(), room);
    Rows::dense(room, rows.row_len())
}

#[multiversion(targets = "simd")]
fn write_ranks<T: Element, const REVERSE: bool>(rows: Rows<'_, T>, ranks: &mut [T::Rank]) {
    for (row, ranks) in rows.iter().zip(ranks.chunks_exact_mut(rows.row_len())) {
        for (rank, &element) in ranks.iter_mut().zip(row) {
            *rank = if REVERSE { element.reverse_rank() } else { element.rank() };
        }
    }
}

/// The larger of each rank and those of a row.
#[multiversion(targets = "simd")]
fn fold_rows<R: Rank>(largest: &mut [R], rows: Rows<'_, R>) {
    for (largest, row) in largest.iter_mut().zip(rows.iter()) {
        *largest = row.iter().fold(*largest, |largest, &rank| largest.max(rank));
    }
}

#[multiversion(targets = "simd")]
fn fold_columns<R: Rank>(largest: &mut [R], rows: Rows<'_, R>) {
    for rows in rows.groups(ROWS_AT_A_TIME) {
        by_blocks!(rows.row_len(), fold_block(largest, rows));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn fold_block<R: Rank, const N: usize>(columns: Columns<N>, largest: &mut [R], rows: Rows<'_, R>) {
    let Some(states) = columns.of(largest) else { return };
    let mut largest = *states;
    for row in rows.blocks::<N>(columns.first) {
        for i in 0..N {
            largest[i] = largest[i].max(row[i]);
        }
    }
    *states = largest;
}

/// Writes the elements of the ranks that this accumulator knows, or the values that they stand for; those of no elements stand for
/// `nothing`.
pub(super) fn finish(known: Known<'_>, spec: ResultSpec, accumulator: &Accumulator, nothing: f64, results: &mut [u8]) {
    let ranks = known.states.ranks(accumulator);
    with_dtype!(known.elements, T => {
        let element = match accumulator {
            Accumulator::Smallest | Accumulator::FirstSmallest(_) => T::of_reverse_rank,
            _ => T::of_rank,
        };
        write(known, &ranks, element, spec, nothing, results);
    });
}

fn write<T: Element>(
    known: Known<'_>,
    ranks: &[i64],
    element: fn(T::Rank) -> T,
    spec: ResultSpec,
    nothing: f64,
    results: &mut [u8],
) {
    let element = |&rank: &i64| element(T::Rank::narrowed(rank)).canonical();
    match (spec.packing, spec.dtype) {
        (None, _) => {
            for (result, rank) in cast_slice_mut::<u8, T>(results).iter_mut().zip(ranks) {
                *result = element(rank);
            }
        }
        (Some(packing), dtype) => {
            let unpacked = ranks
                .iter()
                .zip(known.counts)
                .map(|(rank, &count)| if count == 0 { nothing } else { packing.unpack(element(rank).to_f64()) });
            match dtype {
                DType::Float32 => write_unpacked::<f32>(unpacked, cast_slice_mut(results)),
                _ => write_unpacked::<f64>(unpacked, cast_slice_mut(results)),
            }
        }
    }
}

fn write_unpacked<U: Unpacked>(unpacked: impl Iterator<Item = f64>, results: &mut [U]) {
    for (result, unpacked) in results.iter_mut().zip(unpacked) {
        *result = U::nearest(unpacked);
    }
}
