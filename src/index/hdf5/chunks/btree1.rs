//! B-trees of version 1, which index chunks in files that every HDF5 library can read.

use std::collections::BTreeSet;

use rust_hdf5::format::btree_v1::{ChunkBTreeV1Node, ChunkKey};

use super::found::{Found, WHAT};
use crate::index::{
    blocks::{Parsed, all},
    error::IndexError,
    hdf5::fields::decoded,
};

/// Reads the tree at this address ("Version 1 B-trees" of the specification), all nodes of a level at once.
pub(super) fn read(found: &mut Found<'_>, root: u64) -> Parsed<()> {
    let (mut level, mut seen, mut height) = (vec![root], BTreeSet::new(), None);
    while !level.is_empty() {
        if let Some(&twice) = level.iter().find(|&&address| !seen.insert(address)) {
            return Err(IndexError::malformed(WHAT, twice, "two nodes of its tree are one").into());
        }
        check_count(found, seen.len())?;
        let nodes = all(level.iter().map(|&address| node(found, address)))?;
        let root_level = nodes.first().map(|node| node.level);
        let expected = height.map_or(root_level, |height: u8| height.checked_sub(1));
        if nodes.iter().any(|node| Some(node.level) != expected) {
            return Err(IndexError::malformed(WHAT, root, "the levels of its tree are in disorder").into());
        }
        height = expected;
        level = Vec::new();
        for node in &nodes {
            if height == Some(0) { add_leaf(found, node)? } else { level.extend(children(found, node)?) }
        }
    }
    Ok(())
}

fn check_count(found: &Found<'_>, nodes: usize) -> Parsed<()> {
    let limit = found.file.view.limits().chunks;
    if u64::try_from(nodes).is_ok_and(|nodes| nodes <= limit) {
        return Ok(());
    }
    Err(IndexError::TooLarge { what: format!("the number of nodes of {WHAT}"), limit }.into())
}

fn node(found: &Found<'_>, address: u64) -> Parsed<ChunkBTreeV1Node> {
    let (file, rank) = (found.file, found.shape.len());
    let sizeof_addr = usize::from(file.context.sizeof_addr);
    let len = file.node_ranks.chunk_btree_node_size(sizeof_addr, rank);
    let bytes = file.read_up_to(address, u64::try_from(len).unwrap_or(u64::MAX))?;
    let max_entries = file.node_ranks.chunk_max_entries();
    decoded(WHAT, address, ChunkBTreeV1Node::decode(&bytes, sizeof_addr, rank, max_entries))
}

fn add_leaf(found: &mut Found<'_>, node: &ChunkBTreeV1Node) -> Parsed<()> {
    for (key, &address) in node.keys.iter().zip(&node.children) {
        let position = position(found, key);
        let is_whole = position.iter().zip(found.grid.chunk_shape()).map(|(at, len)| at.saturating_mul(*len));
        if !is_whole.eq(key.offsets.iter().copied().take(position.len())) || key.offsets.last() != Some(&0) {
            return Err(IndexError::malformed(WHAT, address, "a chunk begins in the middle of another one").into());
        }
        found.add(&position, address, Some((key.chunk_size.into(), key.filter_mask)))?;
    }
    Ok(())
}

/// The nodes below this one that may have chunks of the region: each has those from its key up to the next.
fn children(found: &Found<'_>, node: &ChunkBTreeV1Node) -> Parsed<Vec<u64>> {
    if node.children.is_empty() {
        return Err(IndexError::malformed(WHAT, None, "a node of its tree has nothing below it").into());
    }
    let bounds: Vec<_> = node.keys.iter().map(|key| position(found, key)).collect();
    let may_matter = |(bounds, _): &(&[Vec<u64>; 2], _)| {
        let [first, last] = bounds;
        found.region.may_touch(Some(first), Some(last))
    };
    Ok(bounds.array_windows().zip(node.children.iter().copied()).filter(may_matter).map(|(_, child)| child).collect())
}

/// The position in the grid of the chunk that the first element of a key is in.
fn position(found: &Found<'_>, key: &ChunkKey) -> Vec<u64> {
    let chunk_shape = found.grid.chunk_shape();
    key.offsets.iter().zip(chunk_shape).map(|(at, &len)| at.checked_div(len).unwrap_or(0)).collect()
}
