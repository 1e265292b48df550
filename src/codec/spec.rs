//! Wire id → codec: the one table.

use std::{fmt, num::NonZeroUsize};

use serde::Deserialize;

use super::{
    bitshuffle::{Bitshuffle, Inner},
    blosc::Blosc,
    blosc2::Blosc2,
    bzip2::Bzip2,
    checksum::{Algorithm, Checksum, Position},
    deflate::Deflate,
    elements::{AsType, Delta, FixedScaleOffset, NumpyType},
    hdf5::{Nbit, ScaleOffset, Szip},
    lz4::{Hdf5Lz4, Lz4},
    lzf::Lzf,
    packbits::PackBits,
    shuffle::Shuffle,
    stage::Stage,
    zstd::Zstd,
};

use crate::array::{ByteOrder, DType};

/// `{"id": …}` as a client writes it: a configuration of numcodecs, or the number of an HDF5 filter and its client data.
/// What such a configuration holds for encoding only (`level` …) is passed over.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct CodecSpec {
    /// Name of the codec, or number of the filter.
    pub id: CodecId,
    /// Client data of an HDF5 filter.
    pub cd_values: Option<Vec<u32>>,
    /// Size of the elements in bytes, for `shuffle` and `bitshuffle`.
    #[serde(alias = "elementsize")]
    pub element_size: Option<u64>,
    /// Elements of a block, for `bitshuffle`.
    pub block_size: Option<u64>,
    /// What `bitshuffle` has inside: `lz4` or `zstd`.
    pub cname: Option<String>,
    /// Where a checksum stands: `start` or `end`.
    pub location: Option<String>,
    /// dtype of the numbers before encoding.
    #[serde(alias = "decode_dtype")]
    pub dtype: Option<String>,
    /// dtype of the numbers after encoding.
    #[serde(alias = "encode_dtype")]
    pub astype: Option<String>,
    /// Scale of `fixedscaleoffset`.
    pub scale: Option<f64>,
    /// Offset of `fixedscaleoffset`.
    pub offset: Option<f64>,
}

impl CodecSpec {
    /// An HDF5 filter by its number, and the client data that it has in a file.
    #[must_use]
    pub const fn of_hdf5_filter(number: u16, client_data: Vec<u32>) -> Self {
        Self {
            id: CodecId::Number(number as u32),
            cd_values: Some(client_data),
            element_size: None,
            block_size: None,
            cname: None,
            location: None,
            dtype: None,
            astype: None,
            scale: None,
            offset: None,
        }
    }
}

/// What a codec is known by.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged, expecting = "a name or the number of an HDF5 filter")]
pub enum CodecId {
    /// A name, as numcodecs and HDF5 have them.
    Name(String),
    /// The number of an HDF5 filter.
    Number(u32),
}

impl fmt::Display for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// What a codec was applied to.
#[derive(Clone, Copy, Debug)]
pub struct Applied {
    /// Type of the elements of the chunk.
    pub dtype: DType,
    /// Whether it was the first one, and its input the elements themselves.
    pub is_first: bool,
}

/// What a codec did when a chunk was written: a stage, several, or nothing that has to be undone.
type Make = fn(&CodecSpec, Applied) -> Result<Vec<Stage>, String>;

/// Names of each codec, the number of its HDF5 filter, and how it is made.
#[rustfmt::skip]
const CODECS: &[(&[&str], &[u32], Make)] = &[
    (&["adler32"], &[], |spec, _| checksum(spec, Algorithm::Adler32, Position::Start)),
    (&["astype"], &[], as_type),
    (&["bitgroom"], &[32022], |_, _| Ok(vec![])),
    (&["bitround"], &[32023], |_, _| Ok(vec![])),
    (&["bitshuffle"], &[32008], bitshuffle),
    (&["blosc"], &[32001], |_, _| one(Blosc)),
    (&["blosc2"], &[32026], |_, _| one(Blosc2)),
    (&["bz2", "bzip2"], &[307], |_, _| one(Bzip2)),
    (&["crc32"], &[], |spec, _| checksum(spec, Algorithm::Crc32, Position::Start)),
    (&["crc32c"], &[], |spec, _| checksum(spec, Algorithm::Crc32c, Position::End)),
    (&["delta"], &[], delta),
    (&["fixedscaleoffset"], &[], fixed_scale_offset),
    (&["fletcher32"], &[3], |spec, _| checksum(spec, Algorithm::Fletcher32, Position::End)),
    (&["gzip"], &[], |_, _| one(Deflate::Gzip)),
    (&["hdf5_lz4"], &[32004], |_, _| one(Hdf5Lz4)),
    (&["lz4"], &[], |_, _| one(Lz4)),
    (&["lzf"], &[32000], |_, _| one(Lzf)),
    (&["nbit"], &[5], |spec, of| one(Nbit::new(&client_data(spec)?, of.dtype.kind())?)),
    (&["packbits"], &[], |_, _| one(PackBits)),
    (&["quantize"], &[], quantize),
    (&["scaleoffset"], &[6], |spec, _| one(ScaleOffset { client_data: client_data(spec)? })),
    (&["shuffle", "shuffle_simd"], &[2], |spec, of| one(Shuffle { element_size: element_size(spec, 0)?, is_whole: of.is_first })),
    (&["szip"], &[4], |spec, _| one(Szip::new(&client_data(spec)?)?)),
    (&["zlib", "deflate"], &[1], |_, _| one(Deflate::Zlib)),
    (&["zstd"], &[32015], |_, _| one(Zstd)),
];

/// Every name that `compression` and `filters` can have.
pub fn codec_ids() -> impl Iterator<Item = &'static str> {
    CODECS.iter().flat_map(|(names, ..)| names.iter().copied())
}

/// The number of every HDF5 filter that they can have instead.
pub fn codec_filters() -> impl Iterator<Item = u32> {
    CODECS.iter().flat_map(|(_, numbers, _)| numbers.iter().copied())
}

/// The stages that a chunk went through by this codec.
///
/// # Errors
/// If there is none of that name; the message lists those that there are. If a parameter that it needs is absent or makes
/// no sense.
pub fn stages(spec: &CodecSpec, applied: Applied) -> Result<Vec<Stage>, String> {
    let is_meant = |(names, numbers, _): &&(&[&str], &[u32], Make)| match &spec.id {
        CodecId::Name(name) => names.contains(&name.as_str()),
        CodecId::Number(number) => numbers.contains(number),
    };
    let Some((.., make)) = CODECS.iter().find(is_meant) else {
        let names: Vec<_> = CODECS.iter().filter_map(|(names, ..)| names.first().copied()).collect();
        return Err(format!("unsupported codec {}; supported: {}", spec.id, names.join(", ")));
    };
    make(spec, applied)
}

#[expect(clippy::unnecessary_wraps, reason = "what the table holds can fail")]
fn one(stage: impl Into<Stage>) -> Result<Vec<Stage>, String> {
    Ok(vec![stage.into()])
}

/// Most numbers in the client data of a filter that is understood: `H5Z_SCALEOFFSET_TOTAL_NPARMS` of HDF5.
const MAX_CLIENT_DATA: usize = 20;

/// One of the numbers of an HDF5 filter's client data.
fn client_number(spec: &CodecSpec, at: usize) -> Option<u64> {
    spec.cd_values.as_ref()?.get(at).copied().map(u64::from)
}

fn client_data(spec: &CodecSpec) -> Result<Vec<u32>, String> {
    match &spec.cd_values {
        None => Err(format!("{} needs the filter's client data as cd_values", spec.id)),
        Some(data) if data.len() > MAX_CLIENT_DATA => {
            Err(format!("{} has no more than {MAX_CLIENT_DATA} cd_values, not {}", spec.id, data.len()))
        }
        Some(data) => Ok(data.clone()),
    }
}

/// As it was said, or as the client data has it at this place.
fn element_size(spec: &CodecSpec, at: usize) -> Result<NonZeroUsize, String> {
    let size = spec.element_size.or_else(|| client_number(spec, at));
    let size = size.ok_or_else(|| format!("{} needs an element_size, in bytes", spec.id))?;
    usize::try_from(size)
        .ok()
        .and_then(NonZeroUsize::new)
        .ok_or_else(|| format!("element_size must be at least 1, not {size}"))
}

/// The client data is the version in two numbers, the size of an element, the elements of a block, and what is inside.
fn bitshuffle(spec: &CodecSpec, _: Applied) -> Result<Vec<Stage>, String> {
    let block = spec.block_size.or_else(|| client_number(spec, 3)).unwrap_or(0);
    let block = usize::try_from(block).map_err(|_| format!("blocks of {block} elements are too large"))?;
    let inner = match (spec.cname.as_deref(), client_number(spec, 4)) {
        (None, None | Some(0)) | (Some("none"), _) => Inner::None,
        (Some("lz4"), _) | (None, Some(2)) => Inner::Lz4,
        (Some("zstd"), _) | (None, Some(3)) => Inner::Zstd,
        (Some(name), _) => return Err(format!("bitshuffle has lz4, zstd or none inside, not {name:?}")),
        (None, Some(number)) => return Err(format!("bitshuffle has no compressor {number}")),
    };
    one(Bitshuffle::new(element_size(spec, 2)?.get(), block, inner)?)
}

fn checksum(spec: &CodecSpec, algorithm: Algorithm, usual: Position) -> Result<Vec<Stage>, String> {
    let place = match spec.location.as_deref() {
        None => usual,
        Some("start") => Position::Start,
        Some("end") => Position::End,
        Some(other) => return Err(format!("location must be \"start\" or \"end\", not {other:?}")),
    };
    Ok(vec![Stage::Checksum(Checksum { algorithm, place })])
}

/// The dtypes before and after encoding, which are the same if only one is there.
fn dtypes(spec: &CodecSpec) -> Result<AsType, String> {
    let parse = |text: &String| NumpyType::parse(text).ok_or_else(|| format!("{text:?} is no supported dtype"));
    let decoded = spec.dtype.as_ref().map(parse).transpose()?;
    let encoded = spec.astype.as_ref().map(parse).transpose()?.or(decoded);
    match (encoded, decoded) {
        (Some(encoded), Some(decoded)) => Ok(AsType { encoded, decoded }),
        _ => Err(format!("{} needs a dtype, such as \"<f4\"", spec.id)),
    }
}

/// The dtypes of the elements that a codec of numcodecs writes and of those that it was given, where it has any.
#[must_use]
pub fn element_types(spec: &CodecSpec) -> Option<AsType> {
    let CodecId::Name(name) = &spec.id else { return None };
    match name.as_str() {
        "astype" | "delta" | "fixedscaleoffset" | "quantize" => dtypes(spec).ok(),
        "packbits" => {
            let bytes = NumpyType::new(DType::UInt8, ByteOrder::NATIVE);
            Some(AsType { encoded: bytes, decoded: bytes })
        }
        _ => None,
    }
}

fn as_type(spec: &CodecSpec, _: Applied) -> Result<Vec<Stage>, String> {
    let dtypes = dtypes(spec)?;
    if dtypes.encoded == dtypes.decoded { Ok(Vec::new()) } else { one(dtypes) }
}

/// What was rounded stays so.
fn quantize(spec: &CodecSpec, of: Applied) -> Result<Vec<Stage>, String> {
    if spec.dtype.is_none() { Ok(Vec::new()) } else { as_type(spec, of) }
}

fn delta(spec: &CodecSpec, of: Applied) -> Result<Vec<Stage>, String> {
    let numbers = dtypes(spec)?.decoded;
    Ok([Delta { numbers }.into()].into_iter().chain(as_type(spec, of)?).collect())
}

fn fixed_scale_offset(spec: &CodecSpec, _: Applied) -> Result<Vec<Stage>, String> {
    let AsType { encoded, decoded } = dtypes(spec)?;
    match (spec.scale, spec.offset) {
        (Some(scale), Some(offset)) if scale != 0.0 => one(FixedScaleOffset { encoded, decoded, scale, offset }),
        (Some(_), Some(_)) => Err("a scale of 0 cannot be undone".to_owned()),
        _ => Err("fixedscaleoffset needs scale and offset".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(spec: &str) -> Result<usize, String> {
        stages(&serde_json::from_str(spec).expect("a codec"), Applied { dtype: DType::Int32, is_first: true })
            .map(|stages| stages.len())
    }

    #[test]
    fn configurations_of_numcodecs_and_filters_of_hdf5_are_understood() {
        for (spec, count) in [
            (r#"{"id": "zlib", "level": 4}"#, 1),
            (r#"{"id": 1, "cd_values": [4]}"#, 1),
            (r#"{"id": 2, "cd_values": [8]}"#, 1),
            (r#"{"id": "shuffle", "elementsize": 8}"#, 1),
            (r#"{"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0, "typesize": null}"#, 1),
            (r#"{"id": 32008, "cd_values": [0, 5, 4, 0, 3, 5]}"#, 1),
            (r#"{"id": "bitround", "keepbits": 10}"#, 0),
            (r#"{"id": "quantize", "digits": 1, "dtype": "<f8", "astype": "<f4"}"#, 1),
            (r#"{"id": "quantize", "digits": 1, "dtype": "<f8", "astype": "<f8"}"#, 0),
            (r#"{"id": "delta", "dtype": "<i4", "astype": "|i1"}"#, 2),
            (r#"{"id": "fixedscaleoffset", "scale": 10, "offset": 1000, "dtype": "<f8", "astype": "|u1"}"#, 1),
        ] {
            assert_eq!(made(spec), Ok(count), "{spec}");
        }
    }

    #[test]
    fn what_a_codec_cannot_do_without_is_told() {
        for (spec, told) in [
            (r#"{"id": "shuffle"}"#, "\"shuffle\" needs an element_size"),
            (r#"{"id": 2, "cd_values": []}"#, "2 needs an element_size"),
            (r#"{"id": 32013}"#, "unsupported codec 32013; supported: adler32, "),
            (r#"{"id": "nbit"}"#, "client data"),
            (r#"{"id": "crc32", "location": "middle"}"#, "location"),
            (r#"{"id": "delta"}"#, "needs a dtype"),
            (r#"{"id": "delta", "dtype": "<M8[D]"}"#, "no supported dtype"),
            (r#"{"id": "fixedscaleoffset", "dtype": "<f4", "scale": 0, "offset": 0}"#, "scale of 0"),
            (r#"{"id": "bitshuffle", "element_size": 4, "cname": "gzip"}"#, "inside"),
        ] {
            let error = made(spec).expect_err("it is refused");
            assert!(error.contains(told), "{spec}: {error}");
        }
    }
}
