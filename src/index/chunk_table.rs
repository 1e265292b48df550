//! Where the chunks of an array lie in an object.

use super::{error::IndexError, grid::Grid};

/// The chunks of an array that were written, in the order of its grid. Columns are of one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkTable {
    number: Vec<u64>,
    offset: Vec<u64>,
    size: Vec<u64>,
    filter_mask: Vec<u32>,
}

/// One chunk that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its number in the [`Grid`] of the array.
    pub number: u64,
    /// Where it begins, in bytes from the beginning of the object.
    pub offset: u64,
    /// How many bytes it takes there.
    pub size: u64,
    /// The filters that were skipped for it: bit 0 for the first one, and so on.
    pub filter_mask: u32,
}

impl ChunkTable {
    /// Sorts chunks, and sees to it that each is one.
    ///
    /// # Errors
    /// If a chunk is not of the grid, is there twice, has no bytes, or overlaps another one or the end of the object.
    pub fn new(mut chunks: Vec<StoredChunk>, grid: &Grid, object_len: u64) -> Result<Self, IndexError> {
        chunks.sort_unstable_by_key(|chunk| chunk.offset);
        let mut free = 0;
        for chunk in &chunks {
            let end = chunk.offset.checked_add(chunk.size).filter(|&end| end <= object_len && chunk.size > 0);
            let Some(end) = end.filter(|_| chunk.number < grid.len()) else {
                let problem = format!("its {} bytes are not in the object, which has {object_len}", chunk.size);
                return Err(IndexError::malformed(name(chunk, grid), chunk.offset, problem));
            };
            if chunk.offset < free {
                return Err(IndexError::malformed(name(chunk, grid), chunk.offset, "it overlaps another chunk"));
            }
            free = end;
        }
        Self::sorted(chunks, grid)
    }

    /// Sorts chunks that a client lists. They may lie in several objects, and the same bytes may be several chunks.
    ///
    /// # Errors
    /// If a chunk is not of the grid, or is there twice.
    pub fn listed(chunks: Vec<StoredChunk>, grid: &Grid) -> Result<Self, IndexError> {
        if let Some(chunk) = chunks.iter().find(|chunk| chunk.number >= grid.len()) {
            let problem = format!("the grid has {} chunks", grid.len());
            return Err(IndexError::malformed(name(chunk, grid), chunk.offset, problem));
        }
        Self::sorted(chunks, grid)
    }

    fn sorted(mut chunks: Vec<StoredChunk>, grid: &Grid) -> Result<Self, IndexError> {
        chunks.sort_unstable_by_key(|chunk| chunk.number);
        if let Some([chunk, _]) = chunks.array_windows().find(|[one, next]| one.number == next.number) {
            return Err(IndexError::malformed(name(chunk, grid), chunk.offset, "it is there twice"));
        }
        Ok(Self {
            number: chunks.iter().map(|chunk| chunk.number).collect(),
            offset: chunks.iter().map(|chunk| chunk.offset).collect(),
            size: chunks.iter().map(|chunk| chunk.size).collect(),
            filter_mask: chunks.iter().map(|chunk| chunk.filter_mask).collect(),
        })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.number.len()
    }

    /// Whether no chunk was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.number.is_empty()
    }

    /// The numbers of the chunks in the [`Grid`], ascending.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        &self.number
    }

    /// Where the chunks begin, in bytes from the beginning of the object.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        &self.offset
    }

    /// How many bytes the chunks take.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.size
    }

    /// The filters that were skipped: bit 0 for the first one, and so on.
    #[must_use]
    pub fn filter_masks(&self) -> &[u32] {
        &self.filter_mask
    }

    /// The chunk of this number in the grid; None if it was never written.
    #[must_use]
    pub fn find(&self, number: u64) -> Option<StoredChunk> {
        let at = self.number.binary_search(&number).ok()?;
        Some(StoredChunk {
            number,
            offset: *self.offset.get(at)?,
            size: *self.size.get(at)?,
            filter_mask: *self.filter_mask.get(at)?,
        })
    }
}

fn name(chunk: &StoredChunk, grid: &Grid) -> String {
    grid.position(chunk.number).map_or_else(|| format!("chunk {}", chunk.number), |at| format!("chunk {at:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(chunks: &[(u64, u64, u64)]) -> Result<ChunkTable, IndexError> {
        let stored = |&(number, offset, size): &_| StoredChunk { number, offset, size, filter_mask: 0 };
        ChunkTable::new(chunks.iter().map(stored).collect(), &Grid::new(&[4], &[1]).unwrap(), 100)
    }

    #[test]
    fn chunks_are_found_by_their_number() {
        let table = table(&[(3, 0, 10), (1, 10, 90)]).unwrap();
        assert_eq!((table.numbers(), table.offsets(), table.sizes()), (&[1, 3][..], &[10, 0][..], &[90, 10][..]));
        assert_eq!(table.find(3).map(|chunk| chunk.size), Some(10));
        assert_eq!((table.find(0), table.len(), table.is_empty()), (None, 2, false));
    }

    #[test]
    fn listed_chunks_may_share_bytes_but_no_place_in_the_grid() {
        let grid = Grid::new(&[4], &[1]).unwrap();
        let listed = |numbers: [u64; 2]| {
            let chunks = numbers.map(|number| StoredChunk { number, offset: 7, size: 3, filter_mask: 0 });
            ChunkTable::listed(chunks.to_vec(), &grid)
        };
        assert_eq!(listed([3, 0]).unwrap().numbers(), [0, 3]);
        assert!(listed([1, 1]).unwrap_err().to_string().contains("twice"));
        assert!(listed([1, 4]).unwrap_err().to_string().contains("the grid has 4 chunks"));
    }

    #[test]
    fn chunks_that_are_no_chunks_are_refused() {
        for (wrong, told) in [
            (&[(1, 0, 10), (1, 20, 10)][..], "chunk [1] at byte 0: it is there twice"),
            (&[(1, 0, 10), (2, 9, 10)], "chunk [2] at byte 9: it overlaps"),
            (&[(1, 91, 10)], "not in the object"),
            (&[(1, u64::MAX, 10)], "not in the object"),
            (&[(1, 5, 0)], "not in the object"),
            (&[(4, 5, 1)], "chunk 4 at byte 5"),
        ] {
            let error = table(wrong).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
