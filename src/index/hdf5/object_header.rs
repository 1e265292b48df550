//! Object headers: the messages that say what a group or a dataset is.

use std::collections::BTreeSet;

use super::{
    fields::{Fields, checked},
    file::File,
};
use crate::index::{
    blocks::{Parsed, all},
    error::IndexError,
};

/// What a message is about ("Disk Format: Level 2A2 - Data Object Header Messages" of the specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind(pub(super) u16);

impl Kind {
    pub(super) const DATASPACE: Self = Self(0x1);
    pub(super) const LINK_INFO: Self = Self(0x2);
    pub(super) const DATATYPE: Self = Self(0x3);
    pub(super) const OLD_FILL_VALUE: Self = Self(0x4);
    pub(super) const FILL_VALUE: Self = Self(0x5);
    pub(super) const LINK: Self = Self(0x6);
    pub(super) const EXTERNAL_FILES: Self = Self(0x7);
    pub(super) const LAYOUT: Self = Self(0x8);
    pub(super) const FILTERS: Self = Self(0xb);
    pub(super) const ATTRIBUTE: Self = Self(0xc);
    pub(super) const SHARED_TABLE: Self = Self(0xf);
    const CONTINUATION: Self = Self(0x10);
    pub(super) const SYMBOL_TABLE: Self = Self(0x11);
    pub(super) const BTREE_K: Self = Self(0x13);
    pub(super) const ATTRIBUTE_INFO: Self = Self(0x15);
}

/// One message of an object header.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// Whether the body says where the message is instead.
    pub(super) is_shared: bool,
    /// When it was made, in comparison to others of its kind; 0 if that is not tracked.
    pub(super) creation: u16,
    pub(super) body: Vec<u8>,
}

/// An object header with all of its messages.
#[derive(Debug)]
pub(super) struct ObjectHeader {
    pub(super) address: u64,
    pub(super) messages: Vec<Message>,
}

const WHAT: &str = "an object header";

/// What is read of a header before its length is known, in bytes: most are shorter.
const LIKELY_LEN: u64 = 512;

/// The most bytes that the continuations of a header may take.
const MAX_LEN: u64 = 16 << 20;

impl ObjectHeader {
    /// Reads the header at this address ("Data Object Headers" of the specification).
    pub(super) fn read(file: &File<'_>, address: u64) -> Parsed<Self> {
        let head = file.read_up_to(address, LIKELY_LEN)?;
        let form = match head.first_chunk() {
            Some(b"OHDR") => Form::read_new(file, address, &head)?,
            _ => Form::read_old(address, &head)?,
        };
        let bytes = file.read(address, form.len)?;
        let mut header = Self { address, messages: Vec::new() };
        let mut next = header.add(file, &form, address, &bytes, form.prefix_len)?;
        let (mut seen, mut len) = (BTreeSet::from([address]), form.len);
        while !next.is_empty() {
            for &(at, more) in &next {
                len = len.saturating_add(more);
                if len > MAX_LEN {
                    return Err(IndexError::TooLarge {
                        what: format!("the size in bytes of {WHAT} at byte {address}"),
                        limit: MAX_LEN,
                    }
                    .into());
                }
                if !seen.insert(at) {
                    return Err(IndexError::malformed(WHAT, address, "its continuations go in a circle").into());
                }
            }
            let blocks = all(next.iter().map(|&(at, len)| file.read(at, len)))?;
            let mut further = Vec::new();
            for (&(at, _), bytes) in next.iter().zip(&blocks) {
                further.extend(header.add(file, &form, at, bytes, if form.is_new { 4 } else { 0 })?);
            }
            next = further;
        }
        Ok(header)
    }

    /// The first message of this kind.
    pub(super) fn first(&self, kind: Kind) -> Option<&Message> {
        self.of_kind(kind).next()
    }

    /// The messages of this kind.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| message.kind == kind)
    }

    /// Adds the messages of one block; returns where others are.
    fn add(&mut self, file: &File<'_>, form: &Form, at: u64, bytes: &[u8], prefix: usize) -> Parsed<Vec<(u64, u64)>> {
        let bytes = if form.is_new { checked(WHAT, at, bytes)? } else { bytes };
        let mut fields = Fields::new(WHAT, at, bytes);
        let prefix = fields.take(prefix)?;
        if form.is_new && !matches!(prefix.first_chunk(), Some(b"OHDR" | b"OCHK")) {
            return Err(fields.wrong("a continuation has no signature"));
        }
        let mut continuations = Vec::new();
        while fields.rest().len() >= form.envelope_len() {
            let message = form.message(&mut fields)?;
            if message.kind == Kind::CONTINUATION {
                let mut place = Fields::new(WHAT, at, &message.body);
                let address = place.number(file.context.sizeof_addr)?;
                continuations.push((address, place.number(file.context.sizeof_size)?));
            } else if message.kind != Kind(0) {
                self.messages.push(message);
            }
        }
        Ok(continuations)
    }
}

/// How a header is written.
struct Form {
    is_new: bool,
    tracks_creation: bool,
    prefix_len: usize,
    /// Bytes of its first block.
    len: u64,
}

impl Form {
    fn read_old(address: u64, head: &[u8]) -> Parsed<Self> {
        let mut fields = Fields::new(WHAT, address, head);
        if fields.u8()? != 1 {
            return Err(fields.wrong("there is none"));
        }
        fields.take(7)?;
        let len = u64::from(fields.u32()?).saturating_add(16);
        Ok(Self { is_new: false, tracks_creation: false, prefix_len: 16, len })
    }

    fn read_new(file: &File<'_>, address: u64, head: &[u8]) -> Parsed<Self> {
        let mut fields = Fields::new(WHAT, file.offset(address)?, head);
        fields.signature(b"OHDR")?;
        let version = fields.u8()?;
        if version != 2 {
            return Err(IndexError::unsupported(format!("version {version} of an HDF5 object header")).into());
        }
        let flags = fields.u8()?;
        // Four times, and two limits of how attributes are stored.
        fields.take(if flags & 0x20 == 0 { 0 } else { 16 })?;
        fields.take(if flags & 0x10 == 0 { 0 } else { 4 })?;
        let messages_len = fields.number(1 << (flags & 3))?;
        let prefix_len = head.len().saturating_sub(fields.rest().len());
        let around = u64::try_from(prefix_len).unwrap_or(u64::MAX).saturating_add(4);
        let tracks_creation = flags & 0x4 != 0;
        Ok(Self { is_new: true, tracks_creation, prefix_len, len: messages_len.saturating_add(around) })
    }

    const fn envelope_len(&self) -> usize {
        match (self.is_new, self.tracks_creation) {
            (false, _) => 8,
            (true, false) => 4,
            (true, true) => 6,
        }
    }

    fn message(&self, fields: &mut Fields<'_>) -> Parsed<Message> {
        let kind = if self.is_new { u16::from(fields.u8()?) } else { fields.u16()? };
        let len = fields.u16()?;
        let flags = fields.u8()?;
        let mut creation = 0;
        if !self.is_new {
            fields.take(3)?;
        } else if self.tracks_creation {
            creation = fields.u16()?;
        }
        let body = fields.take(len.into())?.to_vec();
        Ok(Message { kind: Kind(kind), is_shared: flags & 2 != 0, creation, body })
    }
}
