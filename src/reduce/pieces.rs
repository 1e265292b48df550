//! From a part of a view to plain memory in the first-level cache.

use ndarray::{ArrayView1, Axis};

use crate::array::{ByteOrder, Element, MissingRules, PIECE, copy_to_native, to_native};

/// Loads pieces of at most [`PIECE`] elements: in the native byte order, missing elements replaced, the others
/// counted. What needs none of that is not copied.
pub(super) struct Pieces<'m, T> {
    missing: &'m MissingRules<T>,
    byte_order: ByteOrder,
    neutral: T,
    native: [T; PIECE],
    replaced: [T; PIECE],
}

impl<'m, T: Element> Pieces<'m, T> {
    /// Pieces of elements in `byte_order`. The missing ones become `neutral`.
    pub(super) fn new(missing: &'m MissingRules<T>, byte_order: ByteOrder, neutral: T) -> Self {
        Self { missing, byte_order, neutral, native: [neutral; PIECE], replaced: [neutral; PIECE] }
    }

    /// Rows of `row_len` elements. Adds the number of elements that are not missing to the count of each row.
    pub(super) fn rows<'a>(&'a mut self, piece: &ArrayView1<'a, T>, row_len: usize, counts: &mut [u32]) -> &'a [T] {
        let native = native(&mut self.native, piece, self.byte_order, self.missing);
        if self.missing.is_empty() {
            for count in counts {
                *count += as_count(row_len);
            }
            return native;
        }
        let replaced = self.replaced.split_at_mut(native.len()).0;
        self.missing.replace_in_rows(native, row_len, self.neutral, replaced, counts);
        replaced
    }

    /// Rows of `width` elements. Adds 1 to the count of a column for each element that is not missing.
    pub(super) fn columns<'a>(&'a mut self, piece: &ArrayView1<'a, T>, width: usize, counts: &mut [u32]) -> &'a [T] {
        let native = native(&mut self.native, piece, self.byte_order, self.missing);
        if self.missing.is_empty() {
            let rows = as_count(native.len() / width.max(1));
            for count in counts {
                *count += rows;
            }
            return native;
        }
        let replaced = self.replaced.split_at_mut(native.len()).0;
        self.missing.replace_in_columns(native, width, self.neutral, replaced, counts);
        replaced
    }
}

/// The elements of a piece as the missing rules want them: where they are, if that is possible.
fn native<'a, T: Element>(
    room: &'a mut [T; PIECE],
    piece: &ArrayView1<'a, T>,
    byte_order: ByteOrder,
    missing: &MissingRules<T>,
) -> &'a [T] {
    let in_memory = piece.to_slice();
    if let Some(elements) = in_memory
        && byte_order.is_native::<T>()
        && !missing.has_marks()
    {
        return elements;
    }
    let room = room.split_at_mut(piece.len().min(PIECE)).0;
    if let Some(elements) = in_memory {
        copy_to_native(elements, room, byte_order);
    } else {
        room.iter_mut().zip(piece).for_each(|(element, &source)| *element = source);
        to_native(room, byte_order);
    }
    missing.mark(room);
    room
}

/// Consecutive parts of a row of at most `len` elements.
pub(super) fn cut<'a, T>(row: &ArrayView1<'a, T>, len: usize) -> impl Iterator<Item = ArrayView1<'a, T>> + use<'a, T> {
    let mut rest = *row;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(Axis(0), rest.len().min(len));
        rest = after;
        Some(piece)
    })
}

/// Elements of a piece.
fn as_count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
