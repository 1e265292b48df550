//! What kernels take: rows of elements in memory.

use bytemuck::Pod;

/// Results that are side by side in memory: as many as fit the first-level cache with their states.
pub(super) const COLUMNS: usize = 512;

/// Most elements of rows that kernels take at a time: they fit the first-level cache, and sums of them their integers.
pub(super) const PIECE: usize = 2048;

/// Rows whose columns are added before it is looked whether that is exact: what they come to is one term of a sum, which must
/// not depend on where they lie, or on what fits a cache.
pub(super) const GROUP: usize = 64;

/// Rows of equal length, at equal distances in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a, T> {
    elements: &'a [T],
    stride: usize,
    row_len: usize,
}

impl<'a, T> Rows<'a, T> {
    /// Rows of `row_len` elements, of which each begins `stride` elements, no less than its length, after the one
    /// before. Memory after the last row is not looked at.
    #[must_use]
    pub(super) fn new(elements: &'a [T], stride: usize, row_len: usize) -> Self {
        let (row_len, stride) = (row_len.max(1), stride.max(row_len).max(1));
        // What is left behind the last whole row belongs to none.
        let len = elements.len().checked_sub(row_len).map_or(0, |rest| rest / stride * stride + row_len);
        Self { elements: elements.get(..len).unwrap_or(elements), stride, row_len }
    }

    /// Rows that follow each other without gaps.
    #[must_use]
    pub(super) fn dense(elements: &'a [T], row_len: usize) -> Self {
        Self::new(elements, row_len, row_len)
    }

    /// Number of rows.
    #[must_use]
    #[inline(always)]
    pub(super) const fn len(&self) -> usize {
        self.elements.len().div_ceil(self.stride)
    }

    /// Elements of a row.
    #[must_use]
    #[inline(always)]
    pub(super) const fn row_len(&self) -> usize {
        self.row_len
    }

    /// The same rows of elements of another type of the same size.
    #[must_use]
    #[inline(always)]
    pub(super) fn cast<U: Pod>(self) -> Rows<'a, U>
    where
        T: Pod,
    {
        // Looked at when it is compiled: types of other sizes are no program, and nothing panics when it runs.
        const { assert!(size_of::<T>() == size_of::<U>() && align_of::<T>() == align_of::<U>()) };
        Rows { elements: bytemuck::cast_slice(self.elements), stride: self.stride, row_len: self.row_len }
    }

    /// The rows, one by one.
    #[inline(always)]
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let row_len = self.row_len;
        self.elements.chunks(self.stride).map(move |row| row.get(..row_len).unwrap_or(row))
    }

    /// Consecutive groups of at most `len` rows.
    #[inline(always)]
    pub(super) fn groups(&self, len: usize) -> impl Iterator<Item = Self> + use<'a, T> {
        let Self { stride, row_len, .. } = *self;
        self.elements.chunks(stride * len.max(1)).map(move |elements| Self::new(elements, stride, row_len))
    }

    /// Of each row, `N` elements from the `first` on; copies, since loops over what may be changed do not vectorise.
    #[inline(always)]
    pub(super) fn blocks<const N: usize>(&self, first: usize) -> impl Iterator<Item = [T; N]> + use<'a, T, N>
    where
        T: Copy,
    {
        let elements = self.elements.get(first..).unwrap_or_default();
        elements.chunks(self.stride).map_while(|row| row.first_chunk::<N>().copied())
    }
}

/// `N` neighbouring columns, from the `first` on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<const N: usize> {
    pub(super) first: usize,
}

impl<const N: usize> Columns<N> {
    /// What belongs to these columns.
    #[inline(always)]
    pub(super) fn of<S>(self, states: &mut [S]) -> Option<&mut [S; N]> {
        states.get_mut(self.first..)?.first_chunk_mut()
    }
}

/// `by_blocks!(width, kernel(arguments))` calls `kernel(Columns { first }, arguments)` for blocks of 16 columns as long
/// as there are so many, then for smaller ones, until all columns up to `width` have been in one.
macro_rules! by_blocks {
    ($width:expr, $kernel:ident($($argument:expr),*)) => {{
        let (width, mut first) = ($width, 0_usize);
        while first + 16 <= width {
            $kernel($crate::reduce::rows::Columns::<16> { first }, $($argument),*);
            first += 16;
        }
        while first + 4 <= width {
            $kernel($crate::reduce::rows::Columns::<4> { first }, $($argument),*);
            first += 4;
        }
        while first < width {
            $kernel($crate::reduce::rows::Columns::<1> { first }, $($argument),*);
            first += 1;
        }
    }};
}
pub(super) use by_blocks;

/// Rows that are folded into a block of columns at one time: as many as make the loads and stores of what the columns
/// hold cheap, and no more than the CPU fetches ahead side by side.
pub(super) const ROWS_AT_A_TIME: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_at_their_distance_and_end_with_the_last_whole_one() {
        let elements: Vec<u8> = (0..23).collect();
        let rows = Rows::new(&elements, 10, 3);
        assert_eq!(rows.len(), 3);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [[0, 1, 2], [10, 11, 12], [20, 21, 22]]);
        assert_eq!(Rows::new(&elements, 10, 4).len(), 2, "the third one is not whole");
        assert_eq!(Rows::new(&elements, 30, 24).len(), 0);
        assert_eq!(Rows::dense(&elements, 5).iter().last(), Some(&[15, 16, 17, 18, 19][..]));
        assert_eq!(rows.groups(2).map(|group| group.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(rows.blocks::<2>(1).collect::<Vec<_>>(), [[1, 2], [11, 12], [21, 22]]);
        assert_eq!(rows.blocks::<4>(0).count(), 2, "a block may lie in the gap, but not behind the end");
    }
}
