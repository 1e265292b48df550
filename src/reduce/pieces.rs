//! From blocks of rows to what kernels take: elements as the machine wants them, and masks of those that are not missing.

use multiversion::multiversion;

use super::{
    layout::Block,
    rows::{COLUMNS, Columns, PIECE, ROWS_AT_A_TIME, Rows, by_blocks},
    screen::{Screen, fill},
    weighing::{Weigher, Weights},
};
use crate::{
    array::{Storage, Word, copy_to_native, to_native},
    resources::{Cancellation, Cancelled},
};

/// Cuts blocks into pieces. Rows that lie in memory as the machine wants them are taken from where they are; others are
/// brought into scratch memory.
pub(super) struct Pieces<'a, W: Word> {
    elements: &'a [W],
    storage: Storage,
    screen: Option<&'a dyn Screen<W>>,
    cancellation: &'a Cancellation,
    /// What weighs the elements; None where each counts once.
    pub(super) weigher: Option<Weigher<'a>>,
    /// Elements as the machine wants them, once they have to be loaded.
    native: Vec<W>,
    /// Masks of the elements of a piece, and the elements with others in the place of missing ones.
    masks: Vec<W>,
    filled: Vec<W>,
}

/// Some rows, and which of their elements are not missing.
pub(super) struct Piece<'a, W> {
    rows: Rows<'a, W>,
    weights: Weights<'a>,
    missing: Option<Masked<'a, W>>,
}

/// What an operation folds of a piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken<'a, W> {
    /// The elements, with one that changes nothing in the place of missing ones.
    pub(super) rows: Rows<'a, W>,
    /// Masks of those that are not missing, one after the other; None where none is missing.
    pub(super) masks: Option<&'a [W]>,
    /// What they weigh, missing or not.
    pub(super) weights: Weights<'a>,
}

impl<W: Word> Taken<'_, W> {
    /// The rows, one by one.
    pub(super) fn each(self) -> impl Iterator<Item = Self> {
        self.groups(1)
    }

    /// Consecutive groups of at most `len` rows.
    pub(super) fn groups(self, len: usize) -> impl Iterator<Item = Self> {
        let row_len = self.rows.row_len();
        self.rows.groups(len).enumerate().map(move |(number, rows)| {
            let first = number * len;
            let masks = self.masks.map(|masks| masks.get(first * row_len..).unwrap_or_default());
            Self { rows, masks, weights: self.weights.of_rows(first, len, row_len) }
        })
    }

    /// Whether the element at this place, counted over all rows, is not missing.
    pub(super) fn is_valid(&self, at: usize) -> bool {
        self.masks.is_none_or(|masks| masks.get(at).is_some_and(|&mask| mask != W::NONE))
    }
}

impl<'a, W> From<Rows<'a, W>> for Taken<'a, W> {
    /// Rows of which nothing is missing, and each element counts once.
    fn from(rows: Rows<'a, W>) -> Self {
        Self { rows, masks: None, weights: Weights::Equal }
    }
}

/// What is needed where elements may be missing.
struct Masked<'a, W> {
    masks: &'a [W],
    /// The elements, with this in the place of missing ones once it is asked for.
    filled: &'a mut [W],
    neutral: Option<W>,
}

impl<'a, W: Word> Pieces<'a, W> {
    /// Pieces of `elements`, which lie as `storage` says, and of which some are missing if there is a screen.
    pub(super) fn new(
        elements: &'a [W],
        storage: Storage,
        screen: Option<&'a dyn Screen<W>>,
        cancellation: &'a Cancellation,
    ) -> Self {
        Self {
            elements,
            storage,
            screen,
            cancellation,
            weigher: None,
            native: Vec::new(),
            masks: Vec::new(),
            filled: Vec::new(),
        }
    }

    /// Hands out the block in pieces of at most [`PIECE`] elements, parts of rows if these are longer, with the number of
    /// the first row in it.
    ///
    /// # Errors
    /// If nobody waits for what is made of them.
    pub(super) fn cut_rows(
        &mut self,
        block: Block,
        mut take: impl FnMut(usize, &mut Piece<'_, W>),
    ) -> Result<(), Cancelled> {
        let rows_per_piece = (PIECE / block.row.len.max(1)).clamp(1, COLUMNS);
        for (number, rows) in block.by_rows(rows_per_piece).enumerate() {
            for part in rows.by_columns(PIECE) {
                take(number * rows_per_piece, &mut self.piece(part)?);
            }
        }
        Ok(())
    }

    /// Hands out the block, of at most [`COLUMNS`] columns, in pieces of so many whole rows.
    ///
    /// # Errors
    /// If nobody waits for what is made of them.
    pub(super) fn cut_columns(
        &mut self,
        block: Block,
        rows_at_once: usize,
        mut take: impl FnMut(&mut Piece<'_, W>),
    ) -> Result<(), Cancelled> {
        block.by_rows(rows_at_once).try_for_each(|rows| {
            take(&mut self.piece(rows)?);
            Ok(())
        })
    }

    /// Bytes that it holds.
    #[cfg(test)]
    pub(super) fn held_len(&self) -> usize {
        let weights = self.weigher.as_ref().map_or(0, Weigher::held_len);
        weights + (self.native.len() + self.masks.len() + self.filled.len()) * size_of::<W>()
    }

    fn piece(&mut self, block: Block) -> Result<Piece<'_, W>, Cancelled> {
        self.cancellation.check()?;
        let rows = match in_place(self.elements, self.storage, block) {
            Some(rows) => rows,
            None => load(self.elements, self.storage, block, &mut self.native),
        };
        let missing = self.screen.map(|screen| {
            let len = rows.len() * rows.row_len();
            let masks = room(&mut self.masks, len);
            screen.screen(rows, masks);
            Masked { masks, filled: room(&mut self.filled, len), neutral: None }
        });
        let weights = self.weigher.as_mut().map_or(Weights::Equal, |weigher| weigher.weights(block));
        Ok(Piece { rows, weights, missing })
    }
}

impl<W: Word> Piece<'_, W> {
    /// Adds the number of elements of each row that are not missing to its count.
    pub(super) fn count_rows(&self, counts: &mut [u64]) {
        match &self.missing {
            Some(missing) => count_rows(Rows::dense(missing.masks, self.rows.row_len()), counts),
            None => counts.iter_mut().take(self.rows.len()).for_each(|count| *count += self.rows.row_len() as u64),
        }
    }

    /// Adds the number of all elements that are not missing to the first count.
    pub(super) fn count_all(&self, counts: &mut [u64]) {
        let len = self.rows.len() * self.rows.row_len();
        match (&self.missing, counts.first_mut()) {
            (Some(missing), _) => count_rows(Rows::dense(missing.masks, len), counts),
            (None, Some(count)) => *count += len as u64,
            (None, None) => {}
        }
    }

    /// Adds the number of elements of each column that are not missing to its count.
    pub(super) fn count_columns(&self, counts: &mut [u64]) {
        match &self.missing {
            Some(missing) => count_columns(Rows::dense(missing.masks, self.rows.row_len()), counts),
            None => counts.iter_mut().take(self.rows.row_len()).for_each(|count| *count += self.rows.len() as u64),
        }
    }

    /// The rows, with `neutral` in the place of missing elements.
    pub(super) fn taken(&mut self, neutral: W) -> Taken<'_, W> {
        let Some(missing) = &mut self.missing else {
            return Taken { weights: self.weights, ..self.rows.into() };
        };
        if missing.neutral != Some(neutral) {
            fill(self.rows, missing.masks, neutral, missing.filled);
            missing.neutral = Some(neutral);
        }
        Taken {
            rows: Rows::dense(missing.filled, self.rows.row_len()),
            masks: Some(missing.masks),
            weights: self.weights,
        }
    }
}

/// Room for `len` words, made larger if it is not enough.
fn room<W: Word>(scratch: &mut Vec<W>, len: usize) -> &mut [W] {
    if scratch.len() < len {
        scratch.resize(len, W::NONE);
    }
    scratch.split_at_mut(len).0
}

/// The rows of a block where they are; None if they must be loaded.
fn in_place<W: Word>(elements: &[W], storage: Storage, block: Block) -> Option<Rows<'_, W>> {
    let Block { first, rows, row, .. } = block;
    if !storage.is_native::<W>() || row.step != 1 && row.len != 1 {
        return None;
    }
    let step = if rows.len == 1 { row.len } else { usize::try_from(rows.step).ok()? };
    if step < row.len {
        return None;
    }
    let len = step.checked_mul(rows.len.checked_sub(1)?)?.checked_add(row.len)?;
    Some(Rows::new(elements.get(first..)?.get(..len)?, step, row.len))
}

/// The rows of a block as the machine wants them, brought into scratch memory.
fn load<'a, W: Word>(elements: &[W], storage: Storage, block: Block, scratch: &'a mut Vec<W>) -> Rows<'a, W> {
    let Block { rows, row, .. } = block;
    let room = room(scratch, rows.len * row.len);
    let is_one_row = rows.len == 1 || rows.step == row.step.wrapping_mul(row.len.cast_signed());
    if is_one_row {
        load_row(elements, storage, block.first, row.step, room);
    } else {
        for (row, room) in block.by_rows(1).zip(room.chunks_exact_mut(row.len)) {
            load_row(elements, storage, row.first, row.row.step, room);
        }
    }
    Rows::dense(room, row.len)
}

/// As many elements as there is room for, `step` apart from the `first` on.
fn load_row<W: Word>(elements: &[W], storage: Storage, first: usize, step: isize, room: &mut [W]) {
    if storage.shuffled {
        storage.join(elements, first, step, room);
    } else if step == 1 {
        let row = elements.get(first..).and_then(|rest| rest.get(..room.len())).unwrap_or_default();
        copy_to_native(row, room, storage.byte_order);
    } else {
        let mut at = Some(first);
        for element in room.iter_mut() {
            *element = at.and_then(|at| elements.get(at)).copied().unwrap_or(W::NONE);
            at = at.and_then(|at| at.checked_add_signed(step));
        }
        to_native(room, storage.byte_order);
    }
}

/// Masks of a row that are counted at one time: their number fits the word.
pub(super) const fn tallied<W>() -> usize {
    if size_of::<W>() == 1 { 128 } else { PIECE }
}

#[multiversion(targets = "simd")]
pub(super) fn count_rows<W: Word>(masks: Rows<'_, W>, counts: &mut [u64]) {
    for (count, row) in counts.iter_mut().zip(masks.iter()) {
        for masks in row.chunks(tallied::<W>()) {
            *count += masks.iter().fold(W::NONE, |tally, &mask| tally.tallied(mask)).count();
        }
    }
}

#[multiversion(targets = "simd")]
fn count_columns<W: Word>(masks: Rows<'_, W>, counts: &mut [u64]) {
    for masks in masks.groups(ROWS_AT_A_TIME) {
        by_blocks!(masks.row_len(), count_block(counts, masks));
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "arrays of N, indexed below N")]
fn count_block<W: Word, const N: usize>(columns: Columns<N>, counts: &mut [u64], masks: Rows<'_, W>) {
    let Some(counts) = columns.of(counts) else { return };
    let mut tallies = [W::NONE; N];
    for row in masks.blocks::<N>(columns.first) {
        for i in 0..N {
            tallies[i] = tallies[i].tallied(row[i]);
        }
    }
    for i in 0..N {
        counts[i] += tallies[i].count();
    }
}
