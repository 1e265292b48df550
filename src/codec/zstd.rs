//! Zstandard (RFC 8878): one frame or several, whether they say how long they are or not.

use std::cell::RefCell;

use zstd::zstd_safe::{
    DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective, get_error_name, is_error_kind,
    zstd_sys::ZSTD_ErrorCode,
};

use super::{
    contract::{Codec, Fault},
    parts::{early_end, first, for_each_byte},
};
use crate::resources::Cancellation;

/// Zstandard, by its own library.
#[derive(Clone, Copy, Debug)]
pub struct Zstd;

/// What a context takes, with the tables for a frame and a block of input; the output is its window.
const CONTEXT_LEN: usize = 384 << 10;

/// Frames and outputs of no more bytes than this are decoded in one go, which is faster for thousands of small ones.
const SHORT: usize = 64 << 10;

/// Bytes that a frame begins with.
const PREFIX_LEN: usize = 5;

/// The largest window that the format has a use for: it lies in the output, and takes no memory of its own.
const MAX_WINDOW_LOG: u32 = 31;

impl Codec for Zstd {
    fn name(&self) -> &'static str {
        "zstd"
    }

    /// A byte in a frame of its own takes 14.
    fn longest_encoded(&self, decoded: usize) -> usize {
        for_each_byte(16, decoded)
    }

    fn scratch_len(&self, _: usize) -> usize {
        CONTEXT_LEN
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        decode(encoded, decoded, cancellation)
    }
}

thread_local! {
    /// Making one takes longer than decoding a small frame, of which some formats have one for each of many blocks.
    static CONTEXT: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// Decodes frames into the front of `decoded`.
pub(super) fn decode(encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
    cancellation.check()?;
    CONTEXT.with_borrow_mut(|kept| {
        let context = match kept {
            Some(context) => context,
            None => kept.insert(new_context()?),
        };
        if encoded.len() <= SHORT && decoded.len() <= SHORT {
            return context.decompress(decoded, encoded).map_err(fault);
        }
        decode_in_steps(context, encoded, decoded, cancellation)
    })
}

fn new_context() -> Result<DCtx<'static>, Fault> {
    let mut context = DCtx::try_create().ok_or_else(|| Fault::Corrupt("no memory for a context".to_owned()))?;
    context.set_parameter(DParameter::StableOutBuffer(true)).map_err(fault)?;
    context.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG)).map_err(fault)?;
    Ok(context)
}

/// Decodes block by block, each into its place: as much is read as the library says that it needs for the next one.
fn decode_in_steps(
    context: &mut DCtx<'_>,
    encoded: &[u8],
    decoded: &mut [u8],
    cancellation: &Cancellation,
) -> Result<usize, Fault> {
    context.reset(ResetDirective::SessionOnly).map_err(fault)?;
    let mut output = OutBuffer::around(decoded);
    let (mut rest, mut wanted) = (encoded, 0);
    while !rest.is_empty() {
        cancellation.check()?;
        let next = if wanted == 0 { PREFIX_LEN } else { wanted };
        let mut input = InBuffer::around(first(rest, next));
        wanted = context.decompress_stream(&mut output, &mut input).map_err(fault)?;
        rest = rest.get(input.pos()..).unwrap_or_default();
    }
    if wanted > 0 { Err(early_end()) } else { Ok(output.pos()) }
}

fn fault(code: ErrorCode) -> Fault {
    if is_error_kind(code, ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall) {
        return Fault::Full;
    }
    Fault::Corrupt(get_error_name(code).to_owned())
}
