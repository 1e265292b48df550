//! From parts of a view to rows in memory.

use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::array::{
    COLUMNS, Cancellation, Cancelled, Element, MissingRules, PIECE, Rows, Storage, Validity, copy_to_native, to_native,
};

/// Rows that are added to columns in one call, whether they are where they were or were loaded: what they come to may be
/// one term of a sum, which must not depend on that.
const MAX_ROWS: usize = 64;

/// Cuts blocks of a view into what kernels take. Rows that lie in memory as the machine and the missing rules want them
/// are taken from where they are; others are brought into scratch memory that fits the caches.
pub(super) struct Pieces<'a, T> {
    chunk: Chunk<'a, T>,
    /// Scratch memory, once it is needed.
    native: Vec<T>,
    cancellation: Cancellation,
}

/// What views are parts of.
struct Chunk<'a, T> {
    elements: &'a [T],
    storage: Storage,
    missing: &'a MissingRules<T>,
}

impl<'a, T: Element> Pieces<'a, T> {
    /// Pieces of views of `elements`, which lie as `storage` says.
    pub(super) fn new(
        elements: &'a [T],
        missing: &'a MissingRules<T>,
        storage: Storage,
        cancellation: Cancellation,
    ) -> Self {
        Self { chunk: Chunk { elements, storage, missing }, native: Vec::new(), cancellation }
    }

    /// Which elements of the pieces are missing.
    pub(super) const fn validity(&self) -> Validity<T> {
        self.chunk.missing.validity()
    }

    /// Hands out the block in parts of at most [`PIECE`] elements, parts of rows if these are longer, with the number of
    /// the first row in it.
    ///
    /// # Errors
    /// If nobody waits for what is made of them.
    pub(super) fn cut_rows(
        &mut self,
        block: &ArrayView2<'_, T>,
        mut take: impl FnMut(usize, Rows<'_, T>),
    ) -> Result<(), Cancelled> {
        let row_len = block.ncols().max(1);
        let rows_per_piece = (PIECE / row_len).clamp(1, COLUMNS);
        match self.chunk.in_place(block) {
            Some(rows) if row_len <= PIECE => {
                for (number, rows) in rows.groups(rows_per_piece).enumerate() {
                    self.cancellation.check()?;
                    take(number * rows_per_piece, rows);
                }
            }
            Some(rows) => {
                for (number, row) in rows.iter().enumerate() {
                    for piece in row.chunks(PIECE) {
                        self.cancellation.check()?;
                        take(number, Rows::dense(piece, piece.len()));
                    }
                }
            }
            None => {
                for (number, rows) in block.axis_chunks_iter(Axis(0), rows_per_piece).enumerate() {
                    for piece in rows.axis_chunks_iter(Axis(1), PIECE) {
                        self.cancellation.check()?;
                        take(number * rows_per_piece, self.load(&piece));
                    }
                }
            }
        }
        Ok(())
    }

    /// Hands out the block, of at most [`COLUMNS`] columns, in parts of whole rows.
    ///
    /// # Errors
    /// If nobody waits for what is made of them.
    pub(super) fn cut_columns(
        &mut self,
        block: &ArrayView2<'_, T>,
        mut take: impl FnMut(Rows<'_, T>),
    ) -> Result<(), Cancelled> {
        if let Some(rows) = self.chunk.in_place(block) {
            for rows in rows.groups(MAX_ROWS) {
                self.cancellation.check()?;
                take(rows);
            }
            return Ok(());
        }
        for rows in block.axis_chunks_iter(Axis(0), MAX_ROWS) {
            self.cancellation.check()?;
            take(self.load(&rows));
        }
        Ok(())
    }

    /// At most [`MAX_ROWS`] times [`COLUMNS`] elements, as the machine and the missing rules want them.
    fn load(&mut self, block: &ArrayView2<'_, T>) -> Rows<'_, T> {
        let row_len = block.ncols().max(1);
        if self.native.len() < block.len() {
            self.native.resize(block.len(), T::NOTHING);
        }
        let room = self.native.split_at_mut(block.len()).0;
        if let Ok(row) = block.view().into_shape_with_order(block.len()) {
            // Rows without gaps are one.
            self.chunk.load(&row, room);
        } else {
            let rooms = room.chunks_exact_mut(row_len);
            block.rows().into_iter().zip(rooms).for_each(|(row, room)| self.chunk.load(&row, room));
        }
        Rows::dense(room, row_len)
    }
}

impl<'a, T: Element> Chunk<'a, T> {
    /// The rows of a block where they are; None if they must be loaded.
    fn in_place(&self, block: &ArrayView2<'_, T>) -> Option<Rows<'a, T>> {
        if !self.storage.is_native::<T>() || self.missing.has_marks() {
            return None;
        }
        let (rows, row_len) = block.dim();
        let [row_stride, stride] = block.strides() else { return None };
        let is_row_in_memory = *stride == 1 || row_len == 1;
        let row_stride = if rows == 1 { row_len } else { usize::try_from(*row_stride).ok()? };
        if !is_row_in_memory || row_stride < row_len {
            return None;
        }
        let len = row_stride.checked_mul(rows.checked_sub(1)?)?.checked_add(row_len)?;
        let memory = self.elements.get(self.index_of(block.as_ptr())?..)?.get(..len)?;
        std::ptr::eq(memory.as_ptr(), block.as_ptr()).then(|| Rows::new(memory, row_stride, row_len))
    }

    /// The number of the element that stands here.
    fn index_of(&self, element: *const T) -> Option<usize> {
        Some(element.addr().checked_sub(self.elements.as_ptr().addr())? / size_of::<T>())
    }

    /// Copies a row as the machine and the missing rules want it; both have the same length.
    fn load(&self, row: &ArrayView1<'_, T>, room: &mut [T]) {
        let Storage { byte_order, shuffled } = self.storage;
        match row.to_slice() {
            _ if shuffled => {
                let first = self.index_of(row.as_ptr()).unwrap_or(usize::MAX);
                debug_assert!(first < self.elements.len(), "rows are parts of the chunk");
                let step = if row.len() == 1 { 1 } else { row.strides().first().copied().unwrap_or(1) };
                self.storage.join(self.elements, first, step, room);
            }
            Some(row) if byte_order.is_native::<T>() => return self.missing.mark_copy(row, room),
            Some(row) => copy_to_native(row, room, byte_order),
            None => {
                room.iter_mut().zip(row).for_each(|(element, &source)| *element = source);
                to_native(room, byte_order);
            }
        }
        self.missing.mark(room);
    }
}
