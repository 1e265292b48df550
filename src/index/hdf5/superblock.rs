//! The superblock: where a file begins, and what it is made of.

use rust_hdf5::format::{
    FormatContext,
    btree_v1::BTreeV1Config,
    messages::superblock_ext::{BtreeKMessage, SharedMessageTableMessage},
    superblock::{HDF5_SIGNATURE, SuperblockV2V3},
};

use super::{
    fields::{Fields, decoded},
    file::File,
    object_header::{Kind, ObjectHeader},
};
use crate::index::{
    blocks::{BLOCK_LEN, Parsed, View, all},
    error::IndexError,
};

/// Bytes that a superblock takes at most.
const SUPERBLOCK_LEN: u64 = 128;

/// The most that is looked at in search of a superblock, in bytes: user blocks are larger hardly ever.
const LAST_SUPERBLOCK: u64 = 8 << 20;

/// Reads the superblock ("Disk Format: Level 0A" of the specification), wherever it is.
pub(super) fn open<'a>(view: &'a View<'a>) -> Parsed<File<'a>> {
    let base = find_superblock(view)?;
    let bytes = view.read_up_to(base, SUPERBLOCK_LEN)?;
    let mut file = File::new(view, base);
    match bytes.get(HDF5_SIGNATURE.len()) {
        Some(0 | 1) => read_old(&mut file, &bytes)?,
        Some(2 | 3) => read_new(&mut file, &bytes)?,
        Some(version) => {
            return Err(IndexError::unsupported(format!("version {version} of the HDF5 superblock")).into());
        }
        None => return Err(IndexError::malformed("the superblock", base, "it is cut off").into()),
    }
    Ok(file)
}

fn read_old(file: &mut File<'_>, bytes: &[u8]) -> Parsed<()> {
    let mut fields = Fields::new("the superblock", file.base, bytes);
    fields.signature(&HDF5_SIGNATURE)?;
    let version = fields.u8()?;
    fields.take(4)?;
    let [sizeof_addr, sizeof_size, _] = [fields.u8()?, fields.u8()?, fields.u8()?];
    set_sizes(file, sizeof_addr, sizeof_size)?;
    file.node_ranks.sym_leaf_k = fields.u16()?;
    file.node_ranks.snode_internal_k = fields.u16()?;
    fields.take(4)?;
    if version == 1 {
        file.node_ranks.chunk_internal_k = fields.u16()?;
        fields.take(2)?;
    }
    // Base address, free space, end of file and driver information; then the entry of the root group, with its name first.
    for len in [sizeof_addr, sizeof_addr, sizeof_addr, sizeof_addr, sizeof_size] {
        fields.number(len)?;
    }
    file.root = fields.address(sizeof_addr)?.ok_or_else(|| fields.wrong("it has no root group"))?;
    Ok(())
}

fn read_new(file: &mut File<'_>, bytes: &[u8]) -> Parsed<()> {
    let superblock = decoded("the superblock", file.base, SuperblockV2V3::decode(bytes))?;
    set_sizes(file, superblock.sizeof_offsets, superblock.sizeof_lengths)?;
    file.root = superblock.root_group_object_header_address;
    let extension = superblock.superblock_extension_address;
    if file.is_defined(extension) { read_extension(file, extension) } else { Ok(()) }
}

fn read_extension(file: &mut File<'_>, address: u64) -> Parsed<()> {
    let header = ObjectHeader::read(file, address)?;
    if let Some(message) = header.first(Kind::BTREE_K) {
        let ranks = decoded("the ranks of B-tree nodes", address, BtreeKMessage::decode(&message.body))?;
        file.node_ranks = BTreeV1Config {
            sym_leaf_k: ranks.sym_leaf_k,
            snode_internal_k: ranks.snode_internal_k,
            chunk_internal_k: ranks.chunk_internal_k,
        };
    }
    if let Some(message) = header.first(Kind::SHARED_TABLE) {
        let table = SharedMessageTableMessage::decode(&message.body, &file.context);
        file.shared_messages = Some(decoded("the table of shared messages", address, table)?);
    }
    Ok(())
}

fn set_sizes(file: &mut File<'_>, sizeof_addr: u8, sizeof_size: u8) -> Parsed<()> {
    if ![sizeof_addr, sizeof_size].iter().all(|size| matches!(size, 2 | 4 | 8)) {
        let what = format!("an HDF5 file with offsets of {sizeof_addr} and lengths of {sizeof_size} bytes");
        return Err(IndexError::unsupported(what).into());
    }
    file.context = FormatContext { sizeof_addr, sizeof_size };
    Ok(())
}

/// Where a superblock may be: at the beginning, or at 512 bytes or twice, four times … as many.
fn places(len: u64) -> impl Iterator<Item = u64> {
    let doubled = (9..64).map(|bits| 1 << bits).take_while(|&at| at <= LAST_SUPERBLOCK);
    std::iter::once(0).chain(doubled).take_while(move |&at| at < len)
}

/// Whether there is a superblock in what an object begins with.
pub(super) fn is_in(beginning: &[u8]) -> bool {
    let is_here = |at| {
        usize::try_from(at)
            .ok()
            .and_then(|at| beginning.get(at..))
            .is_some_and(|rest| rest.starts_with(&HDF5_SIGNATURE))
    };
    places(u64::try_from(beginning.len()).unwrap_or(u64::MAX)).any(is_here)
}

/// The superblock is looked for in what is there before more is asked for.
fn find_superblock(view: &View<'_>) -> Parsed<u64> {
    let places: Vec<_> = places(view.len()).collect();
    let is_here = |at: u64| view.read_up_to(at, 8).map(|bytes| bytes == HDF5_SIGNATURE);
    let (first, later) = places.split_at(places.partition_point(|&at| at < BLOCK_LEN));
    for part in [first, later] {
        let found = all(part.iter().map(|&at| is_here(at)))?;
        if let Some((&at, _)) = part.iter().zip(found).find(|(_, is_here)| *is_here) {
            return Ok(at);
        }
    }
    Err(IndexError::NotThisFormat { format: "HDF5", problem: "it has no superblock".to_owned() }.into())
}
