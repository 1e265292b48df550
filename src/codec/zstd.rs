//! Zstandard (RFC 8878): one frame or several, whether they say how long they are or not.

use std::cell::RefCell;

use zstd::{bulk::Decompressor, zstd_safe};

use super::{Codec, Fault};

/// Zstandard, by its own library.
#[derive(Clone, Copy, Debug)]
pub struct Zstd;

/// What a context takes, with the tables for a frame; the output is its window.
const CONTEXT_LEN: usize = 256 << 10;

impl Codec for Zstd {
    fn name(&self) -> &'static str {
        "zstd"
    }

    fn decoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    fn encoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    fn scratch_len(&self, _: usize) -> usize {
        CONTEXT_LEN
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
        decode(encoded, decoded)
    }
}

thread_local! {
    /// Making one takes longer than decoding a small frame, of which some formats have one for each of many blocks.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Decodes frames into the front of `decoded`.
pub(super) fn decode(encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
    let corrupt = |error: std::io::Error| Fault::Corrupt(error.to_string());
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new().map_err(corrupt)?),
        };
        decompressor.decompress_to_buffer(encoded, decoded).map_err(|error| {
            if error.to_string() == zstd_safe::get_error_name(TOO_SMALL) { Fault::Full } else { corrupt(error) }
        })
    })
}

/// How the library says that the output is full: `ZSTD_error_dstSize_tooSmall`, negated.
const TOO_SMALL: usize = usize::MAX - 69;
