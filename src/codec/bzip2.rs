//! bzip2: one stream or several.

use bzip2::{Decompress, Status};

use super::{
    contract::{Codec, Fault},
    parts::{MAX_EMPTY, early_end, first, first_mut, for_each_byte, too_many_empty},
};
use crate::resources::Cancellation;

/// bzip2.
#[derive(Clone, Copy, Debug)]
pub struct Bzip2;

/// What decoding takes at the highest level, which any stream may be of.
const STATE_LEN: usize = 4 << 20;

/// Bytes that are read and written between two looks at whether somebody waits: decoding is slow, and what a block of 900 kB
/// begins with needs all of it.
const SLICE: usize = 64 << 10;

/// First bytes of every stream.
const MAGIC: &[u8] = b"BZh";

impl Codec for Bzip2 {
    fn name(&self) -> &'static str {
        "bz2"
    }

    /// A byte in a stream of its own takes 37.
    fn longest_encoded(&self, decoded: usize) -> usize {
        for_each_byte(48, decoded)
    }

    fn scratch_len(&self, _: usize) -> usize {
        STATE_LEN
    }

    fn decode(&self, mut encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let (mut written, mut empty) = (0, 0);
        loop {
            let (read, len) = decode_stream(encoded, decoded.split_at_mut(written).1, cancellation)?;
            written += len;
            empty += usize::from(len == 0);
            if empty > MAX_EMPTY {
                return Err(too_many_empty());
            }
            encoded = encoded.get(read..).unwrap_or_default();
            if !encoded.starts_with(MAGIC) {
                return Ok(written);
            }
        }
    }
}

/// Decodes one stream: bytes read and written.
fn decode_stream(encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<(usize, usize), Fault> {
    let mut stream = Decompress::new(false);
    let bytes = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    loop {
        cancellation.check()?;
        let (read, written) = (bytes(stream.total_in()), bytes(stream.total_out()));
        let input = first(encoded.get(read..).unwrap_or_default(), SLICE);
        // One byte of room behind a full output tells a stream that is at its end from one that goes on.
        let mut probe = [0];
        let is_full = written >= decoded.len();
        let output = if is_full { &mut probe[..] } else { first_mut(decoded.split_at_mut(written).1, SLICE) };
        let status = stream.decompress(input, output).map_err(|error| Fault::Corrupt(error.to_string()))?;
        let now = (bytes(stream.total_in()), bytes(stream.total_out()));
        if now.1 > decoded.len() {
            return Err(Fault::Full);
        }
        if status == Status::StreamEnd {
            return Ok(now);
        }
        if now == (read, written) {
            return Err(early_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bzip2::{Compression, write::BzEncoder};

    use super::*;

    fn stream(data: &[u8]) -> Vec<u8> {
        let mut encoder = BzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn streams_follow_each_other_but_not_thousands_of_nothing() {
        let (mut decoded, never) = ([0; 10], Cancellation::never());
        let several = [stream(b"abc"), stream(b""), stream(b"de")].concat();
        assert_eq!(Bzip2.decode(&several, &mut decoded, &never).unwrap(), 5);
        assert_eq!(&decoded[..5], b"abcde");
        assert!(matches!(Bzip2.decode(&several, &mut decoded[..4], &never), Err(Fault::Full)));
        assert!(matches!(Bzip2.decode(&stream(b"").repeat(1000), &mut decoded, &never), Err(Fault::Corrupt(_))));
        assert!(matches!(Bzip2.decode(&several[..20], &mut decoded, &never), Err(Fault::Corrupt(_))));
    }
}
