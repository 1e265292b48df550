//! The values of a variable, put together of what its index leads to.

use std::sync::Arc;

use reductionist::{
    codec::{DecodedLen, FilterList},
    index::{Blocks, Stored, StoredChunk, Variable, hdf5::Opened},
    resources::{Budget, Pool},
};

use super::fetched::{Object, finish};

const LIMIT: usize = 1 << 24;

/// All elements in C order, as they are stored.
pub(crate) fn values(object: &Object<'_>, blocks: &mut Blocks, opened: &Opened) -> Vec<u8> {
    let variable = opened.variable();
    let size = variable.dtype().expect("numbers").size();
    let count: u64 = variable.shape.iter().product();
    // Values that stand for nothing are zeros in h5py.
    let fill = variable.fill_value.clone().unwrap_or_else(|| vec![0; size]);
    match &variable.stored {
        Stored::Nowhere | Stored::Elsewhere => fill.repeat(count as usize),
        Stored::Inline(bytes) => bytes.clone(),
        Stored::Contiguous { offset, size } => object.0[*offset as usize..][..*size as usize].to_vec(),
        Stored::Chunks { shape } => {
            let mut values = fill.repeat(count as usize);
            let grid = opened.grid().expect("it has chunks");
            let table = finish(object, blocks, |blocks| opened.chunks(blocks, None)).unwrap();
            for &number in table.numbers() {
                let chunk = decoded(object, variable, shape, table.find(number).unwrap());
                place(&chunk, shape, &grid.position(number).unwrap(), &mut values, &variable.shape, size);
            }
            values
        }
    }
}

fn decoded(object: &Object<'_>, variable: &Variable, shape: &[u64], chunk: StoredChunk) -> Vec<u8> {
    let dtype = variable.dtype().unwrap();
    let list = FilterList { filters: &variable.filters, compression: None, mask: chunk.filter_mask };
    let pipeline = list.pipeline(dtype).expect("filters that there are");
    let len = DecodedLen::Exactly(shape.iter().product::<u64>() as usize * dtype.size());
    let encoded = &object.0[chunk.offset as usize..][..chunk.size as usize];
    let units = pipeline.peak_units(encoded.len(), len, LIMIT);
    let mut budget = Budget::unshared(units, Arc::new(Pool::new(1, 0)));
    let mut buffer = budget.allocate(encoded.len()).unwrap();
    buffer.bytes_mut().copy_from_slice(encoded);
    let decoded = pipeline.decode(buffer, len, LIMIT, &mut budget).unwrap();
    assert_eq!(decoded.bytes().len(), shape.iter().product::<u64>() as usize * dtype.size());
    decoded.bytes().to_vec()
}

/// Copies the elements of a chunk that lie in the array to where they belong.
fn place(chunk: &[u8], chunk_shape: &[u64], position: &[u64], values: &mut [u8], shape: &[u64], size: usize) {
    for (at, element) in chunk.chunks_exact(size).enumerate() {
        let (mut rest, mut target, mut stride, mut is_inside) = (at as u64, 0, 1, true);
        for axis in (0..shape.len()).rev() {
            let index = position[axis] * chunk_shape[axis] + rest % chunk_shape[axis];
            rest /= chunk_shape[axis];
            is_inside &= index < shape[axis];
            target += index * stride;
            stride *= shape[axis];
        }
        if is_inside {
            values[target as usize * size..][..size].copy_from_slice(element);
        }
    }
}
