//! A file with an index of thousands of chunks, no two of whose nodes are near each other.

use rust_hdf5::format::btree_v1::{BTreeV1Config, ChunkBTreeV1Tree, ChunkKey};

pub(crate) const CHUNKS: u64 = 3400;

/// Bytes between two nodes.
const APART: usize = 128 << 10;

/// The layout of a dataset of `CHUNKS` chunks of one element of four bytes: what is said of it, and no address.
const LAYOUT: &[u8] = &[3, 2, 2, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 4, 0, 0, 0];

/// The file, of whose chunks none was written, with a tree that says where they all are.
pub(crate) fn written(file: &[u8]) -> Vec<u8> {
    let nodes = |at: u64| (1..=at).map(|node| node * APART as u64).collect::<Vec<_>>();
    let chunk = |number: u64, first: u64| (ChunkKey::for_chunk(&[number], &[1, 4], 4, 0), first + number * 4);
    let tree = |first: u64| {
        let chunks: Vec<_> = (0..CHUNKS).map(|number| chunk(number, first)).collect();
        ChunkBTreeV1Tree::build(&chunks, ChunkKey::right_bound(&[CHUNKS - 1], &[1, 4]), &BTreeV1Config::default(), 8)
    };
    let places = nodes(tree(0).node_count() as u64);
    let first = places.last().unwrap() + APART as u64;
    let tree = tree(first);
    let mut written = file.to_vec();
    written.resize(first as usize + CHUNKS as usize * 4, 0);
    for (&at, node) in places.iter().zip(tree.encode(&places).unwrap()) {
        written[at as usize..][..node.len()].copy_from_slice(&node);
    }
    let layout = file.windows(LAYOUT.len()).position(|bytes| bytes == LAYOUT).expect("the layout");
    written[layout + 3..][..8].copy_from_slice(&tree.root_address(&places).to_le_bytes());
    written
}
