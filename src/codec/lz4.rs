//! LZ4 blocks, in the two frames that climate data has.

use lz4::block::decompress_to_buffer;

use super::{
    Codec, Fault,
    parts::{len, take, take_slice},
};

/// numcodecs: the decoded length in four bytes, little-endian, and one block.
#[derive(Clone, Copy, Debug)]
pub struct Lz4;

/// HDF5 (filter 32004): the decoded length in eight bytes and that of a block in four, then blocks, each with its encoded
/// length before it; all big-endian. A block that is as long as before was left as it was.
#[derive(Clone, Copy, Debug)]
pub struct Hdf5Lz4;

impl Codec for Lz4 {
    fn name(&self) -> &'static str {
        "lz4"
    }

    fn decoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    fn encoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    fn decode(&self, mut encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
        let claimed = len(u32::from_le_bytes(take(&mut encoded)?))?;
        let room = decoded.get_mut(..claimed).ok_or(Fault::Full)?;
        decode_block(encoded, room)?;
        Ok(claimed)
    }
}

impl Codec for Hdf5Lz4 {
    fn name(&self) -> &'static str {
        "lz4"
    }

    fn decoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    fn encoded_len(&self, _: usize) -> Option<usize> {
        None
    }

    fn decode(&self, mut encoded: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
        let claimed = usize::try_from(u64::from_be_bytes(take(&mut encoded)?)).map_err(|_| Fault::Full)?;
        let block_len = len(u32::from_be_bytes(take(&mut encoded)?))?;
        let room = decoded.get_mut(..claimed).ok_or(Fault::Full)?;
        if block_len == 0 && claimed > 0 {
            return Err(Fault::Corrupt("blocks of no bytes".to_owned()));
        }
        for block in room.chunks_mut(block_len.max(1)) {
            let encoded_len = len(u32::from_be_bytes(take(&mut encoded)?))?;
            let encoded = take_slice(&mut encoded, encoded_len)?;
            if encoded_len == block.len() {
                block.copy_from_slice(encoded);
            } else {
                decode_block(encoded, block)?;
            }
        }
        Ok(claimed)
    }
}

/// Decodes a block that fills `decoded`.
pub(super) fn decode_block(encoded: &[u8], decoded: &mut [u8]) -> Result<(), Fault> {
    let room = i32::try_from(decoded.len()).map_err(|_| Fault::Unsuited("blocks of LZ4 end at 2 GiB".to_owned()))?;
    match decompress_to_buffer(encoded, Some(room), decoded) {
        Ok(written) if written == decoded.len() => Ok(()),
        Ok(written) => Err(Fault::Corrupt(format!("a block decodes to {written} bytes, not {room}"))),
        Err(_) => Err(Fault::Corrupt(format!("a block is not valid, or decodes to more than {room} bytes"))),
    }
}
