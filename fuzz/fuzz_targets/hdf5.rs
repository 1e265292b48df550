//! Any bytes as an HDF5 file: reading its index ends, keeps to the limits, and leads to nothing outside of it.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use reductionist::index::{Blocks, IndexError, Limits, Step, Stored, hdf5};

const LIMITS: Limits = Limits { rounds: 40, bytes: 1 << 20, chunks: 10_000, objects: 1000 };

fuzz_target!(|object: &[u8]| -> Corpus {
    let mut blocks = Blocks::new(LIMITS);
    let Ok(description) = finish(object, &mut blocks, hdf5::describe) else { return Corpus::Keep };
    for (path, variable) in description.variables.iter().take(16) {
        if let Stored::Contiguous { offset, size } = variable.stored {
            assert!(offset + size <= len(object), "{path} is not in the object");
        }
        let Ok(opened) = finish(object, &mut blocks, |blocks| hdf5::open(blocks, path)) else { continue };
        let Ok(table) = finish(object, &mut blocks, |blocks| opened.chunks(blocks, None)) else { continue };
        assert!(table.numbers().is_sorted_by(|one, next| one < next), "{path}");
        let ends = table.offsets().iter().zip(table.sizes()).map(|(offset, size)| offset + size);
        assert!(ends.max().unwrap_or(0) <= len(object), "a chunk of {path} is not in the object");
    }
    Corpus::Keep
});

fn finish<T>(
    object: &[u8],
    blocks: &mut Blocks,
    mut step: impl FnMut(&mut Blocks) -> Result<Step<T>, IndexError>,
) -> Result<T, IndexError> {
    loop {
        let ranges = match step(blocks)? {
            Step::Done(found) => return Ok(found),
            Step::Missing(ranges) => ranges,
        };
        for range in ranges {
            let [start, end] =
                [range.start, range.end.min(len(object))].map(|at| usize::try_from(at).expect("it is in memory"));
            blocks.insert(range.start, &object[start..end], len(object))?;
        }
        assert!(blocks.held_bytes() <= LIMITS.bytes);
    }
}

fn len(object: &[u8]) -> u64 {
    u64::try_from(object.len()).expect("it is in memory")
}
