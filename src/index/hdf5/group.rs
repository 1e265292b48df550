//! What a group holds: old groups in symbol tables, new ones in links.

use std::collections::BTreeSet;

use rust_hdf5::format::{
    btree_v1::BTreeV1Node,
    local_heap::LocalHeapHeader,
    messages::{
        link::{LinkMessage, LinkTarget},
        link_info::LinkInfoMessage,
    },
    superblock::SymbolTableCache,
    symbol_table::SymbolTableNode,
};

use super::{
    btree2,
    fields::{Fields, decoded},
    file::File,
    heap::Heap,
    object_header::{Kind, ObjectHeader},
    shared,
};
use crate::index::{
    blocks::{Parsed, all},
    error::IndexError,
};

/// One entry of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) name: String,
    pub(super) target: Target,
}

/// What an entry leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The object whose header is at this address.
    Object(u64),
    /// The object at this path of the same file.
    Path(String),
    /// An object of another file, or whatever an application makes of it.
    Elsewhere,
}

/// Whether this is the header of a group.
pub(super) fn is_group(header: &ObjectHeader) -> bool {
    let kinds = [Kind::SYMBOL_TABLE, Kind::LINK_INFO, Kind::LINK];
    header.messages.iter().any(|message| kinds.contains(&message.kind))
}

/// The entries of a group ("Group" of the specification), in no order.
pub(super) fn links(file: &File<'_>, header: &ObjectHeader) -> Parsed<Vec<Link>> {
    let compact = header.of_kind(Kind::LINK).map(|message| link(file, header.address, &shared::body(file, message)?));
    let mut found = all(compact)?;
    if let Some(message) = header.first(Kind::LINK_INFO) {
        const WHAT: &str = "the links of a group";
        let (info, _) = decoded(WHAT, header.address, LinkInfoMessage::decode(&message.body, &file.context))?;
        if info.is_dense() {
            found.extend(dense(file, &info)?);
        }
    }
    if let Some(message) = header.first(Kind::SYMBOL_TABLE) {
        found.extend(symbols(file, header.address, &message.body)?);
    }
    Ok(found)
}

fn link(file: &File<'_>, at: u64, body: &[u8]) -> Parsed<Link> {
    let (message, _) = decoded("a link", at, LinkMessage::decode(body, &file.context))?;
    let target = match message.target {
        LinkTarget::Hard { address } => Target::Object(address),
        LinkTarget::Soft { target } => Target::Path(target),
        LinkTarget::External { .. } | LinkTarget::UserDefined { .. } => Target::Elsewhere,
    };
    Ok(Link { name: message.name, target })
}

/// Bytes of an identifier in the heaps of links.
const ID_LEN: usize = 7;

fn dense(file: &File<'_>, info: &LinkInfoMessage) -> Parsed<Vec<Link>> {
    let heap = Heap::read(file, info.fractal_heap_address);
    let records = btree2::all_records(file, info.name_btree_address, &[5]);
    let (heap, records) = (heap?, records?);
    // The hash of the name, and then the identifier.
    let ids = records.iter().map(|record| record.get(4..4 + ID_LEN).unwrap_or_default());
    let bodies = heap.objects(ids)?;
    all(bodies.iter().map(|body| link(file, info.fractal_heap_address, body)))
}

fn symbols(file: &File<'_>, at: u64, body: &[u8]) -> Parsed<Vec<Link>> {
    let mut fields = Fields::new("a symbol table", at, body);
    let [tree, heap] = [fields.number(file.context.sizeof_addr)?, fields.number(file.context.sizeof_addr)?];
    let names = local_heap(file, heap);
    let nodes = symbol_nodes(file, tree);
    let (names, nodes) = (names?, nodes?);
    let mut links = Vec::new();
    for entry in nodes.iter().flat_map(|node| &node.entries) {
        let target = match entry.cache {
            SymbolTableCache::SoftLink { value_offset } => Target::Path(string(&names, value_offset.into())?),
            _ => Target::Object(entry.obj_header_addr),
        };
        links.push(Link { name: string(&names, entry.name_offset)?, target });
    }
    Ok(links)
}

fn local_heap(file: &File<'_>, address: u64) -> Parsed<Vec<u8>> {
    let [sizeof_addr, sizeof_size] = [file.context.sizeof_addr, file.context.sizeof_size].map(usize::from);
    let header = file.read_up_to(address, 64)?;
    let header = decoded("a local heap", address, LocalHeapHeader::decode(&header, sizeof_addr, sizeof_size))?;
    file.read(header.data_addr, header.data_size)
}

fn string(heap: &[u8], offset: u64) -> Parsed<String> {
    let rest = usize::try_from(offset).ok().and_then(|offset| heap.get(offset..)).unwrap_or_default();
    match rest.iter().position(|&byte| byte == 0) {
        Some(len) => Ok(String::from_utf8_lossy(rest.get(..len).unwrap_or_default()).into_owned()),
        None => Err(IndexError::malformed("a name in a local heap", None, "it has no end").into()),
    }
}

/// The leaves of the tree of a group, read level by level.
fn symbol_nodes(file: &File<'_>, root: u64) -> Parsed<Vec<SymbolTableNode>> {
    const WHAT: &str = "the B-tree of a group";
    let [sizeof_addr, sizeof_size] = [file.context.sizeof_addr, file.context.sizeof_size].map(usize::from);
    let node_len = file.node_ranks.snode_btree_node_size(sizeof_addr, sizeof_size);
    let max_entries = file.node_ranks.snode_max_entries();
    let (mut level, mut seen, mut height) = (vec![root], BTreeSet::new(), None);
    while height != Some(0) {
        check_new(file, &level, &mut seen)?;
        let nodes = all(level.iter().map(|&address| {
            let bytes = file.read_up_to(address, u64::try_from(node_len).unwrap_or(u64::MAX))?;
            decoded(WHAT, address, BTreeV1Node::decode(&bytes, sizeof_addr, sizeof_size, max_entries))
        }))?;
        let Some(first) = nodes.first() else { return Ok(Vec::new()) };
        let is_next = height.is_none_or(|height: u8| height.checked_sub(1) == Some(first.level));
        if !is_next || nodes.iter().any(|node| node.level != first.level) {
            return Err(IndexError::malformed(WHAT, root, "its levels are in disorder").into());
        }
        height = Some(first.level);
        level = nodes.into_iter().flat_map(|node| node.children).collect();
    }
    check_new(file, &level, &mut seen)?;
    let leaf_len = file.node_ranks.symbol_table_node_size(sizeof_addr, sizeof_size);
    let max_entries = file.node_ranks.sym_leaf_max_entries();
    all(level.iter().map(|&address| {
        let bytes = file.read_up_to(address, u64::try_from(leaf_len).unwrap_or(u64::MAX))?;
        decoded(
            "the symbols of a group",
            address,
            SymbolTableNode::decode(&bytes, sizeof_addr, sizeof_size, max_entries),
        )
    }))
}

fn check_new(file: &File<'_>, level: &[u64], seen: &mut BTreeSet<u64>) -> Parsed<()> {
    if let Some(&twice) = level.iter().find(|&&address| !seen.insert(address)) {
        return Err(IndexError::malformed("the B-tree of a group", twice, "two nodes are one").into());
    }
    let limit = file.view.limits().objects;
    if seen.len() <= limit {
        return Ok(());
    }
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    Err(IndexError::TooLarge { what: "the number of nodes of a group".to_owned(), limit }.into())
}
