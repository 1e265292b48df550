//! numcodecs' codecs that write other numbers in place of numbers.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    trivial_numeric_casts,
    reason = "the conversions of C are what NumPy's astype makes"
)]

use std::fmt;

use half::f16;

use super::contract::{Codec, Fault};
use crate::array::{ByteOrder, DType, Kind, dtype::with_dtype};
use crate::resources::{Cancellation, STEP};

/// A dtype as NumPy writes it, such as `<f4`: what numbers are, and the order of their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumpyType {
    dtype: DType,
    byte_order: ByteOrder,
}

impl NumpyType {
    /// Reads `<f4`, `|u1`, `float32` and the like; booleans are bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (byte_order, name) = match text.split_at_checked(1)? {
            ("<", name) => (ByteOrder::Little, name),
            (">", name) => (ByteOrder::Big, name),
            ("|" | "=", name) => (ByteOrder::NATIVE, name),
            _ => (ByteOrder::NATIVE, text),
        };
        let is_named = |dtype: &&DType| {
            let kind = match dtype.kind() {
                Kind::Signed => 'i',
                Kind::Unsigned => 'u',
                Kind::Float => 'f',
            };
            dtype.name() == name || format!("{kind}{}", dtype.size()) == name
        };
        let dtype = match name {
            "b1" | "bool" => DType::UInt8,
            _ => *DType::ALL.iter().find(is_named)?,
        };
        Some(Self { dtype, byte_order })
    }

    /// Numbers of this dtype in this order.
    #[must_use]
    pub const fn new(dtype: DType, byte_order: ByteOrder) -> Self {
        Self { dtype, byte_order }
    }

    /// What the numbers are.
    #[must_use]
    pub const fn dtype(self) -> DType {
        self.dtype
    }

    /// The order of their bytes.
    #[must_use]
    pub const fn byte_order(self) -> ByteOrder {
        self.byte_order
    }

    /// Size of a number in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        self.dtype.size()
    }

    fn load(self, bytes: &[u8]) -> Loaded {
        with_dtype!(self.dtype, T => T::load(bytes, self.byte_order))
    }

    fn store(self, numbers: &Loaded, bytes: &mut [u8]) {
        with_dtype!(self.dtype, T => T::store(numbers, self.byte_order, bytes));
    }
}

/// As NumPy writes it.
impl fmt::Display for NumpyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let byte_order = if self.byte_order == ByteOrder::Little { '<' } else { '>' };
        write!(f, "{byte_order}{}", self.dtype.name())
    }
}

/// Numbers that are converted at one time.
const BLOCK: usize = 256;

/// Some numbers, without loss.
#[derive(Clone, Debug)]
pub(super) enum Loaded {
    Signed(Vec<i64>),
    Unsigned(Vec<u64>),
    Floats(Vec<f64>),
}

impl Loaded {
    fn into_floats(self) -> Vec<f64> {
        match self {
            Self::Signed(numbers) => numbers.into_iter().map(|number| number as f64).collect(),
            Self::Unsigned(numbers) => numbers.into_iter().map(|number| number as f64).collect(),
            Self::Floats(numbers) => numbers,
        }
    }
}

/// What numbers of the dtypes can do here. Conversions are those of C, which NumPy's `astype` makes.
trait Convert: Sized {
    fn load(bytes: &[u8], byte_order: ByteOrder) -> Loaded;
    fn store(numbers: &Loaded, byte_order: ByteOrder, bytes: &mut [u8]);
    /// Replaces numbers by the sum of all up to each, and of those before them, if there are any.
    fn accumulate(bytes: &mut [u8], byte_order: ByteOrder, total: &mut Option<Self>);
}

macro_rules! convert {
    ($($type:ident $variant:ident $wide:ident |$number:ident| $widen:expr, |$signed:ident, $float:ident| $of_int:expr, $of_float:expr, |$a:ident, $b:ident| $sum:expr;)*) => {$(
        impl Convert for $type {
            fn load(bytes: &[u8], byte_order: ByteOrder) -> Loaded {
                let widen = |bytes: &[u8; size_of::<$type>()]| -> $wide {
                    let $number = read(*bytes, byte_order, $type::from_le_bytes, $type::from_be_bytes);
                    $widen
                };
                Loaded::$variant(bytes.as_chunks().0.iter().map(widen).collect())
            }

            fn store(numbers: &Loaded, byte_order: ByteOrder, bytes: &mut [u8]) {
                let slots = bytes.as_chunks_mut().0.iter_mut();
                let write = |number: $type| match byte_order {
                    ByteOrder::Little => number.to_le_bytes(),
                    ByteOrder::Big => number.to_be_bytes(),
                };
                match numbers {
                    Loaded::Signed(numbers) => slots.zip(numbers).for_each(|(slot, &$signed)| *slot = write($of_int)),
                    Loaded::Unsigned(numbers) => slots.zip(numbers).for_each(|(slot, &$signed)| *slot = write($of_int)),
                    Loaded::Floats(numbers) => slots.zip(numbers).for_each(|(slot, &$float)| *slot = write($of_float)),
                }
            }

            fn accumulate(bytes: &mut [u8], byte_order: ByteOrder, total: &mut Option<$type>) {
                for slot in bytes.as_chunks_mut().0 {
                    let $b = read(*slot, byte_order, $type::from_le_bytes, $type::from_be_bytes);
                    let sum = total.map_or($b, |$a| $sum);
                    *total = Some(sum);
                    *slot = match byte_order {
                        ByteOrder::Little => sum.to_le_bytes(),
                        ByteOrder::Big => sum.to_be_bytes(),
                    };
                }
            }
        }
    )*};
}

fn read<B, T>(bytes: B, byte_order: ByteOrder, little: fn(B) -> T, big: fn(B) -> T) -> T {
    match byte_order {
        ByteOrder::Little => little(bytes),
        ByteOrder::Big => big(bytes),
    }
}

convert! {
    i8 Signed i64 |n| n.into(), |i, f| i as i8, f as i64 as i8, |a, b| a.wrapping_add(b);
    i16 Signed i64 |n| n.into(), |i, f| i as i16, f as i64 as i16, |a, b| a.wrapping_add(b);
    i32 Signed i64 |n| n.into(), |i, f| i as i32, f as i64 as i32, |a, b| a.wrapping_add(b);
    i64 Signed i64 |n| n, |i, f| i as i64, f as i64, |a, b| a.wrapping_add(b);
    u8 Unsigned u64 |n| n.into(), |i, f| i as u8, f as i64 as u8, |a, b| a.wrapping_add(b);
    u16 Unsigned u64 |n| n.into(), |i, f| i as u16, f as i64 as u16, |a, b| a.wrapping_add(b);
    u32 Unsigned u64 |n| n.into(), |i, f| i as u32, f as i64 as u32, |a, b| a.wrapping_add(b);
    u64 Unsigned u64 |n| n, |i, f| i as u64, f as u64, |a, b| a.wrapping_add(b);
    f16 Floats f64 |n| n.to_f64(), |i, f| f16::from_f64(i as f64), f16::from_f64(f), |a, b| a + b;
    f32 Floats f64 |n| n.into(), |i, f| i as f32, f as f32, |a, b| a + b;
    f64 Floats f64 |n| n, |i, f| i as f64, f, |a, b| a + b;
}

/// Numbers in another dtype: numcodecs' `AsType`, and what other codecs' `astype` says.
#[derive(Clone, Copy, Debug)]
pub struct AsType {
    /// As they are encoded.
    pub encoded: NumpyType,
    /// As they were.
    pub decoded: NumpyType,
}

impl Codec for AsType {
    fn name(&self) -> &'static str {
        "astype"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        (encoded / self.encoded.size()).checked_mul(self.decoded.size())
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        (decoded / self.decoded.size()).checked_mul(self.encoded.size())
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        if self.encoded.dtype == self.decoded.dtype {
            return self.reorder(encoded, decoded, cancellation);
        }
        convert(encoded, *self, decoded, cancellation, Ok)
    }
}

impl AsType {
    /// The same numbers to the last bit, their bytes perhaps in another order.
    fn reorder(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        check_whole(encoded, self.encoded)?;
        let decoded = decoded.get_mut(..encoded.len()).ok_or(Fault::Full)?;
        for (encoded, decoded) in encoded.chunks(STEP).zip(decoded.chunks_mut(STEP)) {
            cancellation.check()?;
            decoded.copy_from_slice(encoded);
            if self.encoded.byte_order != self.decoded.byte_order {
                decoded.chunks_exact_mut(self.decoded.size()).for_each(<[u8]>::reverse);
            }
        }
        Ok(encoded.len())
    }
}

/// Numbers scaled and rounded: numcodecs' `FixedScaleOffset`.
#[derive(Clone, Copy, Debug)]
pub struct FixedScaleOffset {
    /// As they are encoded.
    pub encoded: NumpyType,
    /// As they were.
    pub decoded: NumpyType,
    /// What they were multiplied with, after …
    pub scale: f64,
    /// … this was subtracted.
    pub offset: f64,
}

impl Codec for FixedScaleOffset {
    fn name(&self) -> &'static str {
        "fixedscaleoffset"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        AsType { encoded: self.encoded, decoded: self.decoded }.decoded_len(encoded)
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        AsType { encoded: self.encoded, decoded: self.decoded }.encoded_len(decoded)
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        let Self { scale, offset, .. } = *self;
        // NumPy keeps to the dtype of floats, and rounds after each step.
        let round = |number: f64| rounded_to(self.encoded.dtype, number);
        let unscaled = |number: f64| round(round(number / round(scale)) + round(offset));
        let dtypes = AsType { encoded: self.encoded, decoded: self.decoded };
        convert(encoded, dtypes, decoded, cancellation, |numbers| {
            Ok(Loaded::Floats(numbers.into_floats().into_iter().map(unscaled).collect()))
        })
    }
}

/// Differences of neighbours: numcodecs' `Delta`, within one dtype.
#[derive(Clone, Copy, Debug)]
pub struct Delta {
    /// Of the numbers, and of their differences.
    pub numbers: NumpyType,
}

impl Codec for Delta {
    fn name(&self) -> &'static str {
        "delta"
    }

    fn decoded_len(&self, encoded: usize) -> Option<usize> {
        Some(encoded)
    }

    fn encoded_len(&self, decoded: usize) -> Option<usize> {
        Some(decoded)
    }

    fn decode(&self, encoded: &[u8], decoded: &mut [u8], cancellation: &Cancellation) -> Result<usize, Fault> {
        check_whole(encoded, self.numbers)?;
        let decoded = decoded.get_mut(..encoded.len()).ok_or(Fault::Full)?;
        decoded.copy_from_slice(encoded);
        with_dtype!(self.numbers.dtype, T => {
            let mut total: Option<T> = None;
            for part in decoded.chunks_mut(STEP) {
                cancellation.check()?;
                T::accumulate(part, self.numbers.byte_order, &mut total);
            }
        });
        Ok(encoded.len())
    }
}

/// The result of a step of arithmetic in this dtype, if it is a floating one.
pub(super) fn rounded_to(dtype: DType, number: f64) -> f64 {
    match dtype {
        DType::Float16 => f16::from_f32(number as f32).to_f64(),
        DType::Float32 => f64::from(number as f32),
        _ => number,
    }
}

/// Decodes numbers by what `change` makes of some of them.
pub(super) fn convert(
    encoded: &[u8],
    dtypes: AsType,
    decoded: &mut [u8],
    cancellation: &Cancellation,
    change: impl Fn(Loaded) -> Result<Loaded, Fault>,
) -> Result<usize, Fault> {
    let AsType { encoded: from, decoded: to } = dtypes;
    check_whole(encoded, from)?;
    let len = (encoded.len() / from.size()).saturating_mul(to.size());
    let decoded = decoded.get_mut(..len).ok_or(Fault::Full)?;
    for (encoded, decoded) in encoded.chunks(BLOCK * from.size()).zip(decoded.chunks_mut(BLOCK * to.size())) {
        cancellation.check()?;
        to.store(&change(from.load(encoded))?, decoded);
    }
    Ok(len)
}

fn check_whole(encoded: &[u8], numbers: NumpyType) -> Result<(), Fault> {
    let (len, size) = (encoded.len(), numbers.size());
    if len.is_multiple_of(size) {
        return Ok(());
    }
    Err(Fault::Unsuited(format!("{len} bytes are no whole number of {}", numbers.dtype.name())))
}
