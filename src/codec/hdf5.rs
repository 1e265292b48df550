//! HDF5's own filters that pack bits, decoded by the crate `rust-hdf5`.

use rust_hdf5::format::{nbit_scaleoffset, szip};

use super::{
    contract::{Codec, Fault},
    parts,
};
use crate::array::Kind;
use crate::resources::{Cancellation, step_of};

/// Scale-offset (filter 6): differences from the smallest value in as many bits as they need.
#[derive(Clone, Debug)]
pub struct ScaleOffset {
    /// The filter's client data, as HDF5 writes it.
    pub client_data: Vec<u32>,
}

/// N-bit (filter 5): the significant bits of elements of less precision than room. The filter puts them where they were; what
/// they mean is made of them at the same time, which in HDF5 is the work of its type conversion.
#[derive(Clone, Copy, Debug)]
pub struct Nbit {
    client_data: [u32; 8],
    kind: Kind,
}

/// SZIP (filter 4): the extended Rice coder of CCSDS 121.0-B-3.
#[derive(Clone, Copy, Debug)]
pub struct Szip {
    options: u32,
    pixels_per_block: u32,
    bits_per_pixel: u32,
    pixels_per_scanline: u32,
}

/// Copies of the output that the library makes on its way, in bytes for each of the output: a sample of eight bits takes
/// 32 of them, twice where scanlines are padded.
const SZIP_SCRATCH: usize = 16;

impl Szip {
    /// From the filter's client data, as HDF5 writes it.
    ///
    /// # Errors
    /// If there is none, or it makes no sense.
    pub fn new(client_data: &[u32]) -> Result<Self, String> {
        let &[options, pixels_per_block, bits_per_pixel, pixels_per_scanline, ..] = client_data else {
            return Err("szip needs the four numbers of the filter's client data as cd_values".to_owned());
        };
        if pixels_per_block == 0
            || pixels_per_block > 32
            || pixels_per_scanline < pixels_per_block
            || bits_per_pixel == 0
        {
            return Err("the cd_values of szip make no sense".to_owned());
        }
        Ok(Self { options, pixels_per_block, bits_per_pixel, pixels_per_scanline })
    }
}

impl Codec for Szip {
    fn name(&self) -> &'static str {
        "szip"
    }

    /// Up to five bits for each block, which may be of one element.
    fn longest_encoded(&self, decoded: usize) -> usize {
        parts::for_each_byte(2, decoded)
    }

    fn scratch_len(&self, decoded: usize) -> usize {
        // A last scanline is padded to be whole.
        let line = usize::try_from(self.pixels_per_scanline).unwrap_or(usize::MAX).saturating_mul(64);
        decoded.saturating_mul(SZIP_SCRATCH).saturating_add(line)
    }

    fn decode(&self, mut encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        cancellation.check()?;
        let claimed = parts::len(u32::from_le_bytes(parts::take(&mut encoded)?))?;
        if claimed > decoded.len() {
            return Err(Fault::Full);
        }
        let Self { options, pixels_per_block, bits_per_pixel, pixels_per_scanline } = *self;
        let output = szip::decompress(encoded, claimed, bits_per_pixel, pixels_per_block, pixels_per_scanline, options);
        put(&output.map_err(Fault::Corrupt)?, decoded)
    }
}

impl Codec for ScaleOffset {
    fn name(&self) -> &'static str {
        "scaleoffset"
    }

    fn longest_encoded(&self, decoded: usize) -> usize {
        longest_packed(decoded)
    }

    fn scratch_len(&self, decoded: usize) -> usize {
        decoded
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        // Elements and their size.
        let (elements, size) = check_claim(&self.client_data, 2, 4, encoded, decoded)?;
        let decoded = decoded.get_mut(..elements * size).ok_or(Fault::Full)?;
        let unpack = |encoded: &[u8], elements| {
            let client_data = of_elements(&self.client_data, elements)?;
            nbit_scaleoffset::reverse_scaleoffset(encoded, &client_data)
                .map_err(|error| Fault::Corrupt(error.to_string()))
        };
        match self.packed_bits(encoded) {
            None => {
                put(&unpack(encoded, elements)?, decoded)?;
            }
            Some(bits) => {
                let (header, packed) = encoded.split_at(HEADER_LEN.min(encoded.len()));
                let unpack = |packed: &[u8], elements| unpack(&[header, packed].concat(), elements);
                unpack_parts(packed, bits, size, decoded, cancellation, unpack)?;
            }
        }
        if let Some(size) = self.swapped_size(encoded) {
            decoded.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(decoded.len())
    }
}

/// Bytes before what scale-offset packed.
const HEADER_LEN: usize = 21;

impl ScaleOffset {
    /// Bits of an element as it was packed; None if elements are there as they were.
    fn packed_bits(&self, mut encoded: &[u8]) -> Option<usize> {
        let &[_, scale, _, class, size, ..] = self.client_data.as_slice() else { return None };
        let bits = size.checked_mul(8)?;
        // Integers for which so many bits were asked are stored as they are, without a header.
        let is_plain = class == 0 && scale == bits;
        let needed = u32::from_le_bytes(parts::take(&mut encoded).ok()?);
        (!is_plain && needed < bits).then(|| usize::try_from(needed).ok()).flatten()
    }

    /// Size of elements whose bytes are in the other order than the data set's: HDF5 writes those that need all of their bits
    /// in the order of the machine, which the library takes for that of the data set.
    fn swapped_size(&self, mut encoded: &[u8]) -> Option<usize> {
        let &[_, scale, _, class, size, _, 1, ..] = self.client_data.as_slice() else { return None };
        let bits = size.checked_mul(8)?;
        // Integers for which so many bits were asked are stored as they are, without a header.
        let is_plain = class == 0 && scale == bits;
        let needed = u32::from_le_bytes(parts::take(&mut encoded).ok()?);
        (!is_plain && needed == bits).then(|| usize::try_from(size).ok()).flatten().filter(|&size| size > 0)
    }
}

impl Codec for Nbit {
    fn name(&self) -> &'static str {
        "nbit"
    }

    fn longest_encoded(&self, decoded: usize) -> usize {
        longest_packed(decoded)
    }

    fn scratch_len(&self, decoded: usize) -> usize {
        decoded
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let (elements, size) = check_claim(&self.client_data, 2, 4, encoded, decoded)?;
        let unpack = |encoded: &[u8], elements| {
            let client_data = of_elements(&self.client_data, elements)?;
            nbit_scaleoffset::apply_nbit(encoded, &client_data, false)
                .map_err(|error| Fault::Corrupt(error.to_string()))
        };
        let [_, is_full, .., precision, _] = self.client_data;
        if is_full != 0 {
            return put(&unpack(encoded, elements)?, decoded);
        }
        let decoded = decoded.get_mut(..elements * size).ok_or(Fault::Full)?;
        unpack_parts(encoded, parts::len(precision)?, size, decoded, cancellation, unpack)?;
        for part in decoded.chunks_mut(step_of(size)) {
            cancellation.check()?;
            self.convert(part)?;
        }
        Ok(decoded.len())
    }
}

/// Class of an element that is one number, in the client data of [`Nbit`].
const ATOMIC: u32 = 1;

impl Nbit {
    /// From the filter's client data, as HDF5 writes it for numbers. Whether their highest significant bit is a sign, it does
    /// not say; `kind` does.
    ///
    /// # Errors
    /// If the elements are no numbers. Arrays and compounds nest as deep as the client data says, and may be of nothing.
    pub fn new(client_data: &[u32], kind: Kind) -> Result<Self, String> {
        match <[u32; 8]>::try_from(client_data) {
            Ok(client_data @ [8, _, _, ATOMIC, ..]) => Ok(Self { client_data, kind }),
            _ => Err("the cd_values of nbit are not those of an array of numbers".to_owned()),
        }
    }

    /// Makes numbers of bits: those of less precision than room are moved down, and their sign is extended.
    fn convert(&self, elements: &mut [u8]) -> Result<(), Fault> {
        let [_, is_full, _, _, size, order, precision, offset] = self.client_data;
        let bits = size.saturating_mul(8);
        if is_full != 0 || precision == bits && offset == 0 {
            return Ok(());
        }
        if self.kind == Kind::Float || precision == 0 || precision.saturating_add(offset) > bits || bits > 64 {
            return Err(Fault::Unsuited(format!("no numbers of {precision} bits at bit {offset} of {bits}")));
        }
        let (above, is_signed) = (64 - precision, self.kind == Kind::Signed);
        let size = parts::len(size)?;
        for element in elements.chunks_exact_mut(size) {
            let mut wide = [0; 8];
            copy_ordered(element, wide.split_at_mut(size).0, order);
            let number = u64::from_le_bytes(wide) >> offset << above;
            let number = if is_signed { (number.cast_signed() >> above).cast_unsigned() } else { number >> above };
            copy_ordered(number.to_le_bytes().split_at(size).0, element, order);
        }
        Ok(())
    }
}

/// Copies the bytes of a number between little-endian and the order of the client data: 0 for little-endian, 1 for big.
fn copy_ordered(from: &[u8], to: &mut [u8], order: u32) {
    to.copy_from_slice(from);
    if order == 1 {
        to.reverse();
    }
}

/// The number of elements and their size, which client data has at these places, if there is room for them.
fn check_claim(
    data: &[u32],
    elements: usize,
    size: usize,
    encoded: &[u8],
    decoded: &[u8],
) -> Result<(usize, usize), Fault> {
    let number = |at: usize| data.get(at).copied().map(parts::len).transpose();
    let (Some(elements), Some(size)) = (number(elements)?, number(size)?) else {
        return Err(Fault::Unsuited("cd_values are too short for the filter's client data".to_owned()));
    };
    if size == 0 {
        return Err(Fault::Unsuited("cd_values tell of elements of no bytes".to_owned()));
    }
    // What needs no packing is passed on as it is.
    let claimed = elements.checked_mul(size).ok_or(Fault::Full)?;
    if claimed > decoded.len() || encoded.len() > longest_packed(decoded.len()) {
        return Err(Fault::Full);
    }
    Ok((elements, size))
}

/// Most bytes that packing makes of so many.
const fn longest_packed(decoded: usize) -> usize {
    decoded.saturating_add(64)
}

/// The client data of a chunk of so many elements.
fn of_elements(client_data: &[u32], elements: usize) -> Result<Vec<u32>, Fault> {
    let mut client_data = client_data.to_vec();
    if let Some(count) = client_data.get_mut(2) {
        *count = u32::try_from(elements).map_err(|_| Fault::Full)?;
    }
    Ok(client_data)
}

/// Unpacks elements of so many bits in parts of a multiple of eight, each of which begins with a whole byte.
fn unpack_parts(
    packed: &[u8],
    bits: usize,
    size: usize,
    decoded: &mut [u8],
    cancellation: &Cancellation,
    unpack: impl Fn(&[u8], usize) -> Result<Vec<u8>, Fault>,
) -> Result<(), Fault> {
    let mut packed = packed;
    for part in decoded.chunks_mut(step_of(size.saturating_mul(8))) {
        cancellation.check()?;
        let elements = part.len() / size;
        let len = elements.saturating_mul(bits).div_ceil(8);
        put(&unpack(parts::first(packed, len), elements)?, part)?;
        packed = packed.get(len..).unwrap_or_default();
    }
    Ok(())
}

fn put(output: &[u8], decoded: &mut [u8]) -> Result<usize, Fault> {
    decoded.get_mut(..output.len()).ok_or(Fault::Full)?.copy_from_slice(output);
    Ok(output.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_endian_integers_that_need_all_their_bits_keep_their_order() {
        let client_data = vec![2, 0, 2, 0, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        // As h5py writes [-32768, 32767] of `>i2`: 16 bits, an unused minimum, and the values in the machine's order.
        let mut encoded = vec![16, 0, 0, 0, 8];
        encoded.extend([0; 16]);
        encoded.extend([0x00, 0x80, 0xff, 0x7f]);
        let mut decoded = [0; 4];
        assert_eq!(ScaleOffset { client_data }.decode(&encoded, &mut decoded, &Cancellation::never()).unwrap(), 4);
        assert_eq!(decoded, [0x80, 0x00, 0x7f, 0xff]);
    }

    #[test]
    fn nbit_is_for_numbers_alone() {
        assert!(Nbit::new(&[8, 0, 10, 1, 4, 0, 13, 3], Kind::Signed).is_ok());
        let nested: Vec<u32> = [1000, 0, 1, 2, 1].into_iter().chain([2, 1].into_iter().cycle().take(995)).collect();
        assert!(Nbit::new(&nested, Kind::Signed).is_err());
        let endless = [16, 0, 1, 3, 1, 1, 0, 2, u32::MAX, 2, 1, 1, 2, 0, 16, 0];
        assert!(Nbit::new(&endless, Kind::Signed).is_err());
    }
}
