//! The fields of a structure, one after the other.

use rust_hdf5::format::{FormatError, FormatResult, checksum::checksum_metadata};

use crate::index::{
    blocks::{Halt, Parsed},
    error::IndexError,
};

/// Reads little-endian fields from the bytes of one structure.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    what: &'static str,
    at: u64,
    bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of what begins at this offset.
    pub(super) const fn new(what: &'static str, at: u64, bytes: &'a [u8]) -> Self {
        Self { what, at, bytes }
    }

    /// The next bytes.
    pub(super) fn take(&mut self, len: usize) -> Parsed<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(|| self.wrong("it is cut off"))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The next number, of up to eight bytes.
    pub(super) fn number(&mut self, len: u8) -> Parsed<u64> {
        let taken = self.take(len.into())?;
        let mut bytes = [0; 8];
        let room = bytes.get_mut(..taken.len()).ok_or_else(|| self.wrong("it has numbers of more than eight bytes"))?;
        room.copy_from_slice(taken);
        Ok(u64::from_le_bytes(bytes))
    }

    /// The next number of one byte.
    pub(super) fn u8(&mut self) -> Parsed<u8> {
        let byte = self.take(1)?;
        byte.first().copied().ok_or_else(|| self.wrong("it is cut off"))
    }

    /// The next number of two bytes.
    pub(super) fn u16(&mut self) -> Parsed<u16> {
        let number = self.number(2)?;
        u16::try_from(number).map_err(|_| self.wrong("it is cut off"))
    }

    /// The next number of four bytes.
    pub(super) fn u32(&mut self) -> Parsed<u32> {
        let number = self.number(4)?;
        u32::try_from(number).map_err(|_| self.wrong("it is cut off"))
    }

    /// The next address of so many bytes; None if it is undefined.
    pub(super) fn address(&mut self, len: u8) -> Parsed<Option<u64>> {
        let undefined = u64::MAX.checked_shr(64_u32.saturating_sub(u32::from(len).saturating_mul(8))).unwrap_or(0);
        Ok(Some(self.number(len)?).filter(|&address| address != undefined))
    }

    /// Takes what the structure begins with.
    pub(super) fn signature(&mut self, expected: &[u8]) -> Parsed<()> {
        if self.take(expected.len())? == expected { Ok(()) } else { Err(self.wrong("its signature is wrong")) }
    }

    /// What has not been read.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// That the structure is wrong in this way.
    pub(super) fn wrong(&self, problem: &str) -> Halt {
        IndexError::malformed(self.what, self.at, problem).into()
    }
}

/// What a decoder of the library made of the structure at this offset.
pub(super) fn decoded<T>(what: &'static str, at: u64, result: FormatResult<T>) -> Parsed<T> {
    result.map_err(|error| match error {
        FormatError::UnsupportedFeature(feature) => IndexError::unsupported(format!("{what} ({feature})")).into(),
        FormatError::InvalidVersion(version) => IndexError::unsupported(format!("version {version} of {what}")).into(),
        other => IndexError::malformed(what, at, other.to_string()).into(),
    })
}

/// What is in front of the checksum that a structure ends with.
pub(super) fn checked<'a>(what: &'static str, at: u64, bytes: &'a [u8]) -> Parsed<&'a [u8]> {
    let (rest, checksum) = bytes.split_last_chunk().ok_or_else(|| IndexError::malformed(what, at, "it is cut off"))?;
    if checksum_metadata(rest) == u32::from_le_bytes(*checksum) {
        return Ok(rest);
    }
    Err(IndexError::malformed(what, at, "its checksum is wrong").into())
}
