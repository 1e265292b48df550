//! The largest rank of elements, and which is the first that has it.

#![expect(clippy::needless_bitwise_bool, reason = "loops without branches vectorise")]

use std::marker::PhantomData;

use multiversion::multiversion;

use super::{
    extreme::ranks,
    operation::{First, NOWHERE, NumOperation, State},
    pieces::Taken,
    rows::{COLUMNS, Columns, Rows, by_blocks},
};
use crate::array::{Element, Packing, Rank, Word, partition};

/// Rows of columns that are looked at in one go: their numbers fit the narrowest rank.
const ROWS: usize = 64;

/// Elements that are searched in one go.
const SEARCHED: usize = 32;

/// The largest rank of the elements of each result, or the largest reverse rank, and which is the first that has it or one that
/// [equals](Equal) it.
pub(super) struct Firsts<T: Element, const REVERSE: bool> {
    equal: Equal<T, REVERSE>,
    /// The largest that was seen.
    ranks: Vec<T::Rank>,
    positions: Vec<u64>,
    /// Elements that were seen of each result, missing ones too; of columns, those of the first.
    seen: Vec<u64>,
    told: Vec<First>,
    /// Room for the ranks of a piece, once it is needed.
    scratch: Vec<T::Rank>,
}

/// Which ranks stand for equal numbers: those of zeros of either sign, of NaNs, and of packed values that are the same once they
/// are unpacked.
struct Equal<T, const REVERSE: bool> {
    packing: Option<Packing>,
    of: PhantomData<T>,
}

impl<T: Element, const REVERSE: bool> Equal<T, REVERSE> {
    #[inline(always)]
    fn rank(element: T) -> T::Rank {
        if REVERSE { element.reverse_rank() } else { element.rank() }
    }

    /// The lowest rank that equals this one.
    fn lowest(&self, rank: T::Rank) -> T::Rank {
        let element = |rank: i64| {
            let rank = T::Rank::narrowed(rank);
            if REVERSE { T::of_reverse_rank(rank) } else { T::of_rank(rank) }
        };
        let wide = rank.widened();
        if element(wide).is_nan() {
            let highest = if REVERSE { T::LOWEST } else { T::HIGHEST };
            return T::Rank::narrowed(Self::rank(highest).widened().wrapping_add(1));
        }
        let Some(packing) = self.packing else {
            let zeros = Self::rank(T::zeroed()).min(Self::rank(T::NOTHING));
            return if element(wide) == T::zeroed() { zeros } else { rank };
        };
        let value = |rank: i64| packing.unpack(element(rank).to_f64());
        let least = T::Rank::LOWEST.widened();
        // Mostly there is no other.
        if wide == least || value(wide - 1) != value(wide) {
            return rank;
        }
        let lowest = partition(least, wide, |lower| value(lower) == value(wide));
        T::Rank::narrowed(i64::try_from(lowest).unwrap_or(wide))
    }
}

impl<T: Element, const REVERSE: bool> Firsts<T, REVERSE> {
    /// For so many results, of elements that stand for what the packing says.
    pub(super) fn new(packing: Option<Packing>, results: usize) -> Self {
        let results = results.min(COLUMNS);
        Self {
            equal: Equal { packing, of: PhantomData },
            ranks: vec![T::Rank::LOWEST; results],
            positions: vec![NOWHERE; results],
            seen: vec![0; results],
            told: vec![First::none(0); results],
            scratch: Vec::new(),
        }
    }
}

impl<T: Element, const REVERSE: bool> NumOperation<T::Word> for Firsts<T, REVERSE> {
    fn neutral(&self) -> T::Word {
        bytemuck::cast(if REVERSE { T::HIGHEST } else { T::LOWEST })
    }

    fn clear(&mut self, width: usize) {
        self.ranks.iter_mut().take(width).for_each(|rank| *rank = T::Rank::LOWEST);
        self.positions.iter_mut().take(width).for_each(|position| *position = NOWHERE);
        self.seen.iter_mut().take(width).for_each(|seen| *seen = 0);
    }

    fn fold_rows(&mut self, first: usize, taken: Taken<'_, T::Word>) {
        let states = self.ranks.iter_mut().zip(&mut self.positions).zip(&mut self.seen).skip(first);
        let ranks = ranks::<T, REVERSE>(taken.rows, &mut self.scratch);
        for ((((rank, position), seen), row), taken) in states.zip(ranks.iter()).zip(taken.each()) {
            let largest = largest(row);
            if largest > *rank || *position == NOWHERE {
                let lowest = self.equal.lowest(largest);
                if lowest > *rank || *position == NOWHERE {
                    *position = place(row, lowest, taken).map_or(NOWHERE, |at| *seen + at as u64);
                }
                *rank = largest;
            }
            *seen += row.len() as u64;
        }
    }

    fn fold_columns(&mut self, taken: Taken<'_, T::Word>) {
        let row_len = taken.rows.row_len();
        for (number, rows) in taken.rows.groups(ROWS).enumerate() {
            let Some(seen) = self.seen.first_mut() else { return };
            let masks = taken.masks.and_then(|masks| masks.get(number * ROWS * row_len..));
            let lot = Lot { rows: rows.cast(), masks: masks.map(|masks| Rows::dense(masks, row_len)), seen: *seen };
            fold_columns(&mut self.ranks, &mut self.positions, lot, &self.equal);
            *seen += rows.len() as u64;
        }
    }

    fn settle(&mut self, width: usize) {
        let states = self.ranks.iter().zip(&self.positions).take(width);
        for (told, (rank, &position)) in self.told.iter_mut().zip(states) {
            *told = First { rank: self.equal.lowest(*rank).widened(), position };
        }
    }

    fn state(&self, width: usize) -> State<'_> {
        State::Firsts(self.told.get(..width).unwrap_or(&self.told))
    }

    #[cfg(test)]
    fn held_len(&self) -> usize {
        (self.ranks.len() + self.scratch.len()) * size_of::<T::Rank>()
            + self.seen.len() * 2 * size_of::<u64>()
            + size_of_val(&*self.told)
    }
}

#[multiversion(targets = "simd")]
fn largest<R: Rank>(row: &[R]) -> R {
    row.iter().fold(R::LOWEST, |largest, &rank| largest.max(rank))
}

/// Which element of a row is the first of this rank or a higher one. Missing ones have the lowest rank.
fn place<R: Rank, W: Word>(ranks: &[R], lowest: R, row: Taken<'_, W>) -> Option<usize> {
    if lowest == R::LOWEST { (0..ranks.len()).find(|&at| row.is_valid(at)) } else { search(ranks, lowest) }
}

#[multiversion(targets = "simd")]
fn search<R: Rank>(ranks: &[R], lowest: R) -> Option<usize> {
    for (number, some) in ranks.chunks(SEARCHED).enumerate() {
        if some.iter().fold(false, |is_there, &rank| is_there | (rank >= lowest)) {
            return Some(number * SEARCHED + some.iter().position(|&rank| rank >= lowest)?);
        }
    }
    None
}

/// Some rows of columns.
#[derive(Clone, Copy)]
struct Lot<'a, T: Element> {
    rows: Rows<'a, T>,
    masks: Option<Rows<'a, T::Word>>,
    /// Rows that were seen before.
    seen: u64,
}

#[multiversion(targets = "simd")]
fn fold_columns<T: Element, const REVERSE: bool>(
    ranks: &mut [T::Rank],
    positions: &mut [u64],
    lot: Lot<'_, T>,
    equal: &Equal<T, REVERSE>,
) {
    by_blocks!(lot.rows.row_len(), fold_block(ranks, positions, lot, equal));
}

/// The number of no row: nothing in the column is better than what is known.
const fn no_row<R: Rank>() -> R {
    R::LOWEST
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn fold_block<T: Element, const REVERSE: bool, const N: usize>(
    columns: Columns<N>,
    ranks: &mut [T::Rank],
    positions: &mut [u64],
    lot: Lot<'_, T>,
    equal: &Equal<T, REVERSE>,
) {
    let (Some(ranks), Some(positions)) = (columns.of(ranks), columns.of(positions)) else { return };
    let is_known = positions.iter().all(|&position| position != NOWHERE);
    let (largest, rows) = if is_known {
        better::<T, REVERSE, N>(columns, lot, *ranks)
    } else {
        first::<T, REVERSE, N>(columns, lot, *ranks, positions)
    };
    if rows.iter().all(|&row| row == no_row()) {
        return;
    }
    for i in 0..N {
        let Ok(row) = u64::try_from(rows[i].widened()) else { continue };
        let lowest = equal.lowest(largest[i]);
        if lowest > ranks[i] || positions[i] == NOWHERE {
            let column = columns.first + i;
            let row = if lowest == largest[i] { row } else { row_of::<T, REVERSE>(lot, column, lowest).unwrap_or(row) };
            positions[i] = lot.seen + row;
        }
        ranks[i] = largest[i];
    }
}

/// For each column the largest rank, and the number of the first row that has it, if it is above what is known.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn better<T: Element, const REVERSE: bool, const N: usize>(
    columns: Columns<N>,
    lot: Lot<'_, T>,
    known: [T::Rank; N],
) -> ([T::Rank; N], [T::Rank; N]) {
    let (mut largest, mut rows) = (known, [no_row(); N]);
    for (number, row) in (0..).zip(lot.rows.blocks::<N>(columns.first)) {
        let (number, row) = (T::Rank::narrowed(number), row.map(Equal::<T, REVERSE>::rank));
        for i in 0..N {
            let is_better = row[i] > largest[i];
            largest[i] = if is_better { row[i] } else { largest[i] };
            rows[i] = if is_better { number } else { rows[i] };
        }
    }
    (largest, rows)
}

/// The same where of some columns nothing is known: the first element is better than nothing, however low its rank.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn first<T: Element, const REVERSE: bool, const N: usize>(
    columns: Columns<N>,
    lot: Lot<'_, T>,
    known: [T::Rank; N],
    positions: &[u64; N],
) -> ([T::Rank; N], [T::Rank; N]) {
    let nothing = T::Rank::narrowed(-1);
    let (mut largest, mut rows) = (known, positions.map(|at| if at == NOWHERE { nothing } else { no_row() }));
    let mut masks = lot.masks.map(|masks| masks.blocks::<N>(columns.first));
    for (number, row) in (0..).zip(lot.rows.blocks::<N>(columns.first)) {
        let (number, row) = (T::Rank::narrowed(number), row.map(Equal::<T, REVERSE>::rank));
        let masks = masks.as_mut().and_then(Iterator::next).unwrap_or([T::Word::mask(true); N]);
        for i in 0..N {
            let is_better = (row[i] > largest[i]) | ((rows[i] == nothing) & (masks[i] != T::Word::NONE));
            largest[i] = if is_better { row[i] } else { largest[i] };
            rows[i] = if is_better { number } else { rows[i] };
        }
    }
    (largest, rows)
}

/// The number of the first row in which a column has this rank or a higher one, and the element is not missing.
fn row_of<T: Element, const REVERSE: bool>(lot: Lot<'_, T>, column: usize, lowest: T::Rank) -> Option<u64> {
    let mut masks = lot.masks.map(|masks| masks.iter());
    let has_it = |row: &[T]| {
        let mask = masks.as_mut().and_then(Iterator::next).and_then(|masks| masks.get(column));
        let rank = row.get(column).map(|&element| Equal::<T, REVERSE>::rank(element));
        mask != Some(&T::Word::NONE) && rank.is_some_and(|rank| rank >= lowest)
    };
    lot.rows.iter().position(has_it).map(|row| row as u64)
}
