//! B-trees of version 2, level by level.

use std::collections::BTreeSet;

use rust_hdf5::format::chunk_index::btree_v2::{Bt2Geometry, Bt2Header, Bt2InternalNode, Bt2LeafNode};

use super::{fields::decoded, file::File};
use crate::index::{
    blocks::{Parsed, all},
    error::IndexError,
};

const WHAT: &str = "a B-tree of version 2";

/// The records of a tree, in no order, each of `record_len` bytes.
#[derive(Debug, Default)]
pub(super) struct Records {
    bytes: Vec<u8>,
    record_len: usize,
}

impl Records {
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.record_len.max(1))
    }
}

/// A node, and the records between which its own lie.
struct Node {
    address: u64,
    records: u16,
    after: Option<Vec<u8>>,
    before: Option<Vec<u8>>,
}

/// All records of the tree at this address, no more than there may be objects.
pub(super) fn all_records(file: &File<'_>, address: u64, types: &[u8]) -> Parsed<Records> {
    let limit = u64::try_from(file.view.limits().objects).unwrap_or(u64::MAX);
    let (_, records) = records(file, address, types, limit, |_, _| Ok(true))?;
    Ok(records)
}

/// Reads the tree at this address, which must have one of these types of records ("Version 2 B-trees" of the specification).
/// Nodes whose records lie between two for which `may_matter` is false are passed over.
pub(super) fn records(
    file: &File<'_>,
    address: u64,
    types: &[u8],
    limit: u64,
    may_matter: impl Fn(Option<&[u8]>, Option<&[u8]>) -> Parsed<bool>,
) -> Parsed<(u8, Records)> {
    let header = decoded(WHAT, address, Bt2Header::decode(&file.read_up_to(address, 64)?, &file.context))?;
    if !types.contains(&header.record_type) {
        return Err(IndexError::malformed(WHAT, address, "its records are of the wrong type").into());
    }
    let mut tree = Tree { file, geometry: geometry(file, &header), header, limit, records: Records::default() };
    tree.records.record_len = tree.header.record_size.into();
    if file.is_defined(tree.header.root_node_addr) && tree.header.num_records_in_root > 0 {
        tree.walk(may_matter)?;
    }
    Ok((tree.header.record_type, tree.records))
}

fn geometry(file: &File<'_>, header: &Bt2Header) -> Bt2Geometry {
    Bt2Geometry::new(header.node_size, header.record_size, header.depth, file.context.sizeof_addr)
}

struct Tree<'a> {
    file: &'a File<'a>,
    header: Bt2Header,
    geometry: Bt2Geometry,
    /// Most nodes, and records.
    limit: u64,
    records: Records,
}

impl Tree<'_> {
    fn walk(&mut self, may_matter: impl Fn(Option<&[u8]>, Option<&[u8]>) -> Parsed<bool>) -> Parsed<()> {
        let records = self.header.num_records_in_root;
        let mut level = vec![Node { address: self.header.root_node_addr, records, after: None, before: None }];
        let mut seen = BTreeSet::new();
        for depth in (0..=self.header.depth).rev() {
            for node in &level {
                if !seen.insert(node.address) {
                    return Err(IndexError::malformed(WHAT, node.address, "two nodes are one").into());
                }
            }
            self.check_count(seen.len())?;
            let nodes = all(level.iter().map(|node| self.file.read(node.address, self.header.node_size.into())))?;
            let mut below = Vec::new();
            for (node, bytes) in level.iter().zip(&nodes) {
                let children = self.add(node, depth, bytes)?;
                for child in children {
                    if may_matter(child.after.as_deref(), child.before.as_deref())? {
                        below.push(child);
                    }
                }
            }
            level = below;
        }
        Ok(())
    }

    fn check_count(&self, nodes: usize) -> Parsed<()> {
        let limit = self.limit;
        let records = self.records.bytes.len().checked_div(self.records.record_len).unwrap_or(0);
        if u64::try_from(nodes.max(records)).is_ok_and(|count| count <= limit) {
            return Ok(());
        }
        Err(IndexError::TooLarge { what: format!("the number of records of {WHAT}"), limit }.into())
    }

    /// Adds the records of a node; returns the nodes below it.
    fn add(&mut self, node: &Node, depth: u16, bytes: &[u8]) -> Parsed<Vec<Node>> {
        let record_size = self.header.record_size;
        if depth == 0 {
            let leaf = decoded(WHAT, node.address, Bt2LeafNode::decode(bytes, node.records, record_size))?;
            self.check_type(node, leaf.record_type)?;
            self.records.bytes.extend_from_slice(&leaf.record_data);
            return Ok(Vec::new());
        }
        let inner = Bt2InternalNode::decode(
            bytes,
            &self.file.context,
            depth,
            node.records,
            record_size,
            self.geometry.max_nrec_size,
            self.geometry.child_total_size(depth),
        );
        let inner = decoded(WHAT, node.address, inner)?;
        self.check_type(node, inner.record_type)?;
        self.records.bytes.extend_from_slice(&inner.record_data);
        let separators: Vec<_> = inner.record_data.chunks_exact(usize::from(record_size).max(1)).collect();
        let bound = |at: Option<usize>| at.and_then(|at| separators.get(at)).map(|&record| record.to_vec());
        let children = inner.child_addrs.iter().zip(&inner.child_nrecords).enumerate();
        Ok(children
            .map(|(at, (&address, &records))| {
                let after = bound(at.checked_sub(1)).or_else(|| node.after.clone());
                Node { address, records, after, before: bound(Some(at)).or_else(|| node.before.clone()) }
            })
            .collect())
    }

    fn check_type(&self, node: &Node, record_type: u8) -> Parsed<()> {
        if record_type == self.header.record_type {
            return Ok(());
        }
        Err(IndexError::malformed(WHAT, node.address, "a node has records of another type").into())
    }
}
