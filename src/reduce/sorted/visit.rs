//! Elements of a chunk one by one, with the result that each belongs to.

use crate::{
    array::{Element, Word},
    reduce::{
        Chunk, Part,
        error::ReduceError,
        layout::{Along, Layout, Visiting},
        pieces::{Pieces, Taken},
        question::Question,
        rows::{COLUMNS, GROUP, PIECE, ROWS_AT_A_TIME},
        screen::screen,
    },
    resources::Cancellation,
};

/// What looks at elements.
pub(super) trait Visit<T: Element> {
    /// Looks at elements of one result.
    fn visit(&mut self, result: usize, elements: Seen<'_, T>);

    /// Looks at elements of consecutive results, one of each.
    fn visit_across(&mut self, first: usize, elements: Seen<'_, T>);
}

/// Elements next to each other, some of which may be missing: these are [`LOWEST`](Element::LOWEST) here.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a, T: Element> {
    elements: &'a [T],
    /// None where none is missing.
    masks: Option<&'a [T::Word]>,
}

/// Most elements of a block: those of any type fit the first-level cache beside what is made of them.
pub(super) const BLOCK: usize = 256;

impl<T: Element> Seen<'_, T> {
    /// Those that are not missing, in blocks of at most [`BLOCK`].
    pub(super) fn blocks(self, mut take: impl FnMut(&[T])) {
        let Some(masks) = self.masks else {
            return self.elements.chunks(BLOCK).for_each(take);
        };
        for (elements, masks) in self.elements.chunks(BLOCK).zip(masks.chunks(BLOCK)) {
            let (mut valid, mut len) = ([T::NOTHING; BLOCK], 0);
            for (&element, &mask) in elements.iter().zip(masks) {
                if let Some(slot) = valid.get_mut(len) {
                    *slot = element;
                }
                len += usize::from(mask != T::Word::NONE);
            }
            take(valid.get(..len).unwrap_or(&valid));
        }
    }

    /// Those that are not missing, and the number of each.
    pub(super) fn valid(self) -> impl Iterator<Item = (usize, T)> {
        let masks = self.masks;
        let is_valid =
            move |number: usize| masks.is_none_or(|masks| masks.get(number).is_some_and(|&mask| mask != T::Word::NONE));
        self.elements.iter().copied().enumerate().filter(move |&(number, _)| is_valid(number))
    }
}

/// Has all elements of a chunk looked at, in any order.
///
/// # Errors
/// If nobody waits any more.
pub(super) fn visit<T: Element>(
    question: &Question,
    chunk: Chunk<'_>,
    visitor: &mut impl Visit<T>,
    cancellation: &Cancellation,
) -> Result<(), ReduceError> {
    let part = Part::new(question, chunk);
    if part.positions.is_empty() {
        return Ok(());
    }
    let missing = question.missing.typed::<T>();
    let screen = screen(missing.ok_or(ReduceError::Defect("a missing value does not fit the dtype"))?);
    let mut pieces = Pieces::new(chunk.bytes.elements(), chunk.storage, screen.as_deref(), cancellation);
    let layout = Layout::new(&part.positions, &[], &part.reduced, Visiting::InAnyOrder);
    match (layout.along, layout.rows_per_result) {
        (Along::Reduced, 1) => each_row(&layout, &mut pieces, visitor),
        (Along::Reduced, _) => rows(&layout, &mut pieces, visitor),
        (Along::Kept, _) => columns(&layout, &mut pieces, visitor),
    }
}

fn seen<T: Element>(taken: Taken<'_, T::Word>) -> Seen<'_, T> {
    let elements = taken.rows.cast::<T>().iter().next().unwrap_or_default();
    Seen { elements, masks: taken.masks }
}

fn neutral<T: Element>() -> T::Word {
    bytemuck::cast(T::LOWEST)
}

/// Each row is of a result of its own.
fn each_row<T: Element>(
    layout: &Layout,
    pieces: &mut Pieces<'_, T::Word>,
    visitor: &mut impl Visit<T>,
) -> Result<(), ReduceError> {
    let mut first = 0;
    for block in layout.blocks() {
        pieces.cut_rows(block, |number, piece| {
            for (row, taken) in piece.taken(neutral::<T>()).each().enumerate() {
                visitor.visit(first + number + row, seen(taken));
            }
        })?;
        first += block.rows.len;
    }
    Ok(())
}

/// `rows_per_result` rows one after the other are of one result.
fn rows<T: Element>(
    layout: &Layout,
    pieces: &mut Pieces<'_, T::Word>,
    visitor: &mut impl Visit<T>,
) -> Result<(), ReduceError> {
    let (mut result, mut rows_seen) = (0, 0);
    for block in layout.blocks() {
        pieces.cut_rows(block, |_, piece| {
            piece.taken(neutral::<T>()).each().for_each(|taken| visitor.visit(result, seen(taken)));
        })?;
        rows_seen += block.rows.len;
        if rows_seen >= layout.rows_per_result {
            (result, rows_seen) = (result + 1, 0);
        }
    }
    Ok(())
}

/// Each element of a row is of a result of its own, to which `rows_per_result` rows belong.
fn columns<T: Element>(
    layout: &Layout,
    pieces: &mut Pieces<'_, T::Word>,
    visitor: &mut impl Visit<T>,
) -> Result<(), ReduceError> {
    for (number, tile) in layout.tiles(COLUMNS).enumerate() {
        let rows_at_once = (2 * PIECE / tile.row_len().max(1)).clamp(ROWS_AT_A_TIME, GROUP);
        let (mut first, mut rows_seen) = (number * COLUMNS, 0);
        for block in tile.blocks() {
            pieces.cut_columns(block, rows_at_once, |piece| {
                piece.taken(neutral::<T>()).each().for_each(|taken| visitor.visit_across(first, seen(taken)));
            })?;
            rows_seen += block.rows.len;
            if rows_seen >= layout.rows_per_result {
                (first, rows_seen) = (first + layout.row_len(), 0);
            }
        }
    }
    Ok(())
}
