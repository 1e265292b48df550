//! What every decoder reads and writes by: parts of slices that may be too short.

use super::contract::Fault;

/// The first `N` bytes, which are then gone from `bytes`.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Fault> {
    let (first, rest) = bytes.split_first_chunk().ok_or_else(early_end)?;
    *bytes = rest;
    Ok(*first)
}

/// The first `len` bytes, which are then gone from `bytes`.
pub(super) fn take_slice<'a>(bytes: &mut &'a [u8], len: usize) -> Result<&'a [u8], Fault> {
    let (first, rest) = bytes.split_at_checked(len).ok_or_else(early_end)?;
    *bytes = rest;
    Ok(first)
}

/// As many bytes as there are, at most `len`.
pub(super) fn first(bytes: &[u8], len: usize) -> &[u8] {
    bytes.split_at(len.min(bytes.len())).0
}

/// The same, to be written.
pub(super) fn first_mut(bytes: &mut [u8], len: usize) -> &mut [u8] {
    let len = len.min(bytes.len());
    bytes.split_at_mut(len).0
}

/// Bytes that headers may have beside what they need.
const HEADERS: usize = 64 << 10;

/// `each` bytes for each of `decoded`, and some for headers.
pub(super) const fn for_each_byte(each: usize, decoded: usize) -> usize {
    decoded.saturating_mul(each).saturating_add(HEADERS)
}

/// A length of 32 bits.
pub(super) fn len(number: u32) -> Result<usize, Fault> {
    usize::try_from(number).map_err(|_| Fault::Full)
}

/// Streams that may decode to nothing, where several make a chunk: each costs as much as one of some hundred bytes.
pub(super) const MAX_EMPTY: usize = 100;

pub(super) fn too_many_empty() -> Fault {
    Fault::Corrupt(format!("more than {MAX_EMPTY} streams of nothing"))
}

pub(super) fn early_end() -> Fault {
    Fault::Corrupt("the data ends early".to_owned())
}
