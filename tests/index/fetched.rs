//! An object in memory, of which blocks are fetched as a parser asks for them.

use reductionist::index::{BLOCK_LEN, Blocks, IndexError, Step};

/// The object.
pub(crate) struct Object<'a>(pub(crate) &'a [u8]);

/// Runs a parser until it has what it needs.
pub(crate) fn finish<T>(
    object: &Object<'_>,
    blocks: &mut Blocks,
    mut step: impl FnMut(&mut Blocks) -> Result<Step<T>, IndexError>,
) -> Result<T, IndexError> {
    let len = object.0.len() as u64;
    loop {
        let ranges = match step(blocks)? {
            Step::Done(found) => return Ok(found),
            Step::Missing(ranges) => ranges,
        };
        assert!(!ranges.is_empty() && ranges.windows(2).all(|pair| pair[0].end < pair[1].start), "{ranges:?}");
        for range in ranges {
            assert_eq!(range.start % BLOCK_LEN, 0);
            let end = range.end.min(len) as usize;
            blocks.insert(range.start, &object.0[range.start as usize..end], len)?;
        }
    }
}
