//! From parts of a view to rows in memory.

use ndarray::{ArrayView2, Axis};

use crate::array::{ByteOrder, COLUMNS, Element, MissingRules, PIECE, Rows, Validity, copy_to_native, to_native};

/// Rows that are added to columns in one call, whether they are where they were or were loaded: what they come to may be
/// one term of a sum, which must not depend on that.
const MAX_ROWS: usize = 64;

/// Cuts blocks of a view into what kernels take. Rows that lie in memory as the machine and the missing rules want them
/// are taken from where they are; others are brought into scratch memory that fits the caches.
pub(super) struct Pieces<'a, T> {
    /// What the view is a part of.
    elements: &'a [T],
    missing: &'a MissingRules<T>,
    byte_order: ByteOrder,
    /// Scratch memory, once it is needed.
    native: Vec<T>,
}

impl<'a, T: Element> Pieces<'a, T> {
    /// Pieces of views of `elements`, which are in `byte_order`.
    pub(super) fn new(elements: &'a [T], missing: &'a MissingRules<T>, byte_order: ByteOrder) -> Self {
        Self { elements, missing, byte_order, native: Vec::new() }
    }

    /// Which elements of the pieces are missing.
    pub(super) const fn validity(&self) -> Validity<T> {
        self.missing.validity()
    }

    /// Hands out the block in parts of at most [`PIECE`] elements, parts of rows if these are longer, with the number of
    /// the first row in it.
    pub(super) fn cut_rows(&mut self, block: &ArrayView2<'_, T>, mut take: impl FnMut(usize, Rows<'_, T>)) {
        let row_len = block.ncols().max(1);
        let rows_per_piece = (PIECE / row_len).clamp(1, COLUMNS);
        match self.in_place(block) {
            Some(rows) if row_len <= PIECE => {
                for (number, rows) in rows.groups(rows_per_piece).enumerate() {
                    take(number * rows_per_piece, rows);
                }
            }
            Some(rows) => {
                for (number, row) in rows.iter().enumerate() {
                    row.chunks(PIECE).for_each(|piece| take(number, Rows::dense(piece, piece.len())));
                }
            }
            None => {
                for (number, rows) in block.axis_chunks_iter(Axis(0), rows_per_piece).enumerate() {
                    for piece in rows.axis_chunks_iter(Axis(1), PIECE) {
                        take(number * rows_per_piece, self.load(&piece));
                    }
                }
            }
        }
    }

    /// Hands out the block, of at most [`COLUMNS`] columns, in parts of whole rows.
    pub(super) fn cut_columns(&mut self, block: &ArrayView2<'_, T>, mut take: impl FnMut(Rows<'_, T>)) {
        if let Some(rows) = self.in_place(block) {
            return rows.groups(MAX_ROWS).for_each(take);
        }
        for rows in block.axis_chunks_iter(Axis(0), MAX_ROWS) {
            take(self.load(&rows));
        }
    }

    /// The rows of a block where they are; None if they must be loaded.
    fn in_place(&self, block: &ArrayView2<'_, T>) -> Option<Rows<'a, T>> {
        if !self.byte_order.is_native::<T>() || self.missing.has_marks() {
            return None;
        }
        let (rows, row_len) = block.dim();
        let [row_stride, stride] = block.strides() else { return None };
        let is_row_in_memory = *stride == 1 || row_len == 1;
        let row_stride = if rows == 1 { row_len } else { usize::try_from(*row_stride).ok()? };
        if !is_row_in_memory || row_stride < row_len {
            return None;
        }
        let bytes_before = block.as_ptr().addr().checked_sub(self.elements.as_ptr().addr())?;
        let len = row_stride.checked_mul(rows.checked_sub(1)?)?.checked_add(row_len)?;
        let memory = self.elements.get(bytes_before / size_of::<T>()..)?.get(..len)?;
        std::ptr::eq(memory.as_ptr(), block.as_ptr()).then(|| Rows::new(memory, row_stride, row_len))
    }

    /// At most [`MAX_ROWS`] times [`COLUMNS`] elements, brought into the machine's byte order and marked as the missing rules want it.
    fn load(&mut self, block: &ArrayView2<'_, T>) -> Rows<'_, T> {
        let row_len = block.ncols().max(1);
        if self.native.len() < block.len() {
            self.native.resize(block.len(), T::NOTHING);
        }
        let room = self.native.split_at_mut(block.len()).0;
        for (row, room) in block.rows().into_iter().zip(room.chunks_exact_mut(row_len)) {
            match row.to_slice() {
                Some(row) if self.byte_order.is_native::<T>() => {
                    self.missing.mark_copy(row, room);
                    continue;
                }
                Some(row) => copy_to_native(row, room, self.byte_order),
                None => {
                    room.iter_mut().zip(&row).for_each(|(element, &source)| *element = source);
                    to_native(room, self.byte_order);
                }
            }
            self.missing.mark(room);
        }
        Rows::dense(room, row_len)
    }
}
