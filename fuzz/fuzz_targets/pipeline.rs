//! Requests that are mostly right, with chunks that are mostly theirs: decoded and reduced as the service does it, with
//! the memory of the plan. However a chunk is encoded, the result is that of the plain one, bit by bit.
#![no_main]

use std::io::Write;

use arbitrary::{Arbitrary, Result, Unstructured};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use libfuzzer_sys::fuzz_target;
use reductionist::{
    array::{DType, Kind},
    engine::{OperationError, OperationResult},
    error::ActiveStorageError,
    operation::Operation,
    request::ApiVersion,
};
use reductionist_fuzz::{LIMITS, execute, request};
use serde_json::{Map, Value, json};

/// Longest chunk that is made, in bytes: a little above the limit.
const LONGEST: usize = LIMITS.decoded + 64;

fuzz_target!(|case: Case| {
    check(&case);
});

/// A request and its chunk.
#[derive(Debug)]
struct Case {
    operation: Operation,
    dtype: DType,
    /// The fields that say what to do with the decoded chunk.
    task: Map<String, Value>,
    /// The decoded chunk.
    plain: Vec<u8>,
    encoding: Encoding,
}

/// How the chunk is stored.
#[derive(Debug)]
struct Encoding {
    filters: Vec<usize>,
    compression: Option<&'static str>,
    level: u32,
    states_size: bool,
    harm: Harm,
}

/// What is wrong with the stored chunk.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Harm {
    None,
    Flipped { at: u16, bits: u8 },
    Cut { len: u16 },
    Longer { by: u8 },
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let operation = *u.choose(Operation::ALL)?;
        let dtype = *u.choose(DType::ALL)?;
        let shape = shape(u)?;
        let encoding = Encoding::arbitrary(u, dtype)?;
        let mut task = Map::new();
        put(&mut task, "byte_order", maybe(u, |u| Ok(json!(u.choose(&["little", "big"])?)))?);
        put(&mut task, "order", maybe(u, |u| Ok(json!(u.choose(&["C", "F"])?)))?);
        put(&mut task, "keepdims", maybe(u, |u| Ok(json!(bool::arbitrary(u)?)))?);
        put(&mut task, "missing", maybe(u, |u| missing(u, dtype))?);
        if let Some(shape) = &shape {
            put(&mut task, "selection", maybe(u, |u| selection(u, shape))?);
            put(&mut task, "axis", maybe(u, |u| axis(u, shape.len()))?);
        }
        if operation.accepts().result_dtype {
            put(&mut task, "result_dtype", maybe(u, |u| result_dtype(u, dtype))?);
        }
        let elements = match &shape {
            Some(shape) => shape.iter().product(),
            None => usize::from(u16::arbitrary(u)?) % (LIMITS.decoded / dtype.size() + 1),
        };
        put(&mut task, "shape", shape.map(|shape| json!(shape)));
        let plain = repeated(u.bytes(u.len())?, LONGEST.min(elements.saturating_mul(dtype.size())));
        Ok(Self { operation, dtype, task, plain, encoding })
    }
}

impl Encoding {
    fn arbitrary(u: &mut Unstructured<'_>, dtype: DType) -> Result<Self> {
        let filters = (0..u.int_in_range(0..=3)?)
            .map(|_| if u.ratio(2, 3)? { Ok(dtype.size()) } else { Ok(1 + usize::from(u8::arbitrary(u)? % 16)) })
            .collect::<Result<_>>()?;
        Ok(Self {
            filters,
            compression: *u.choose(&[None, Some("zlib"), Some("gzip")])?,
            level: u.int_in_range(0..=9)?,
            states_size: bool::arbitrary(u)?,
            harm: if u.ratio(1, 4)? { Harm::arbitrary(u)? } else { Harm::None },
        })
    }

    /// The chunk as it is stored.
    fn encode(&self, plain: &[u8]) -> Vec<u8> {
        let level = Compression::new(self.level);
        let shuffled = self.filters.iter().fold(plain.to_vec(), |chunk, &size| shuffled(&chunk, size));
        let mut encoded = match self.compression {
            Some("zlib") => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(&shuffled).and_then(|()| encoder.finish()).expect("memory")
            }
            Some(_) => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(&shuffled).and_then(|()| encoder.finish()).expect("memory")
            }
            None => shuffled,
        };
        self.harm.apply(&mut encoded);
        encoded
    }

    /// Whether the first filter goes with the length of the chunk; behind others, there may be a rest.
    fn suits(&self, len: usize) -> bool {
        self.filters.first().is_none_or(|&size| len.is_multiple_of(size))
    }
}

impl Harm {
    fn apply(self, encoded: &mut Vec<u8>) {
        let len = encoded.len();
        match self {
            Self::None => {}
            Self::Flipped { at, bits } => {
                if let Some(byte) = encoded.get_mut(usize::from(at) % len.max(1)) {
                    *byte ^= bits;
                }
            }
            Self::Cut { len: at } => encoded.truncate(usize::from(at) % len.max(1)),
            Self::Longer { by } => encoded.resize(len + usize::from(by), by),
        }
    }
}

fn maybe<T>(u: &mut Unstructured<'_>, some: impl FnOnce(&mut Unstructured<'_>) -> Result<T>) -> Result<Option<T>> {
    if bool::arbitrary(u)? { some(u).map(Some) } else { Ok(None) }
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    fields.extend(value.map(|value| (name.to_owned(), value)));
}

/// Short dimensions, and now and then one that is longer than a block or a piece.
fn shape(u: &mut Unstructured<'_>) -> Result<Option<Vec<usize>>> {
    let dimensions = u.int_in_range(0..=6)?;
    if dimensions == 6 {
        return Ok(None);
    }
    let mut shape = (0..dimensions).map(|_| u.int_in_range(1..=7)).collect::<Result<Vec<usize>>>()?;
    if u.ratio(1, 3)? && !shape.is_empty() {
        let at = u.choose_index(shape.len())?;
        shape[at] = u.int_in_range(1..=3000)?;
    }
    Ok(Some(shape))
}

fn selection(u: &mut Unstructured<'_>, shape: &[usize]) -> Result<Value> {
    shape.iter().map(|&len| slice(u, i64::try_from(len).expect("it is short"))).collect()
}

fn slice(u: &mut Unstructured<'_>, len: i64) -> Result<Value> {
    let mut index = |lowest: i64, highest: i64| {
        Ok(match u.int_in_range(0..=9)? {
            0 => Value::Null,
            1 => json!(i64::arbitrary(u)?),
            _ => json!(u.int_in_range(lowest..=highest)?),
        })
    };
    Ok(json!([index(-len - 1, len + 1)?, index(-len - 1, len + 1)?, index(-3, 3)?]))
}

fn axis(u: &mut Unstructured<'_>, dimensions: usize) -> Result<Value> {
    let dimensions = i64::try_from(dimensions).expect("there are few");
    let mut axes = Vec::new();
    for axis in 0..dimensions {
        if bool::arbitrary(u)? {
            axes.push(if bool::arbitrary(u)? { axis } else { axis - dimensions });
        }
    }
    match axes.as_slice() {
        [axis] if bool::arbitrary(u)? => Ok(json!(axis)),
        _ => Ok(json!(axes)),
    }
}

fn missing(u: &mut Unstructured<'_>, dtype: DType) -> Result<Value> {
    let mut fields = Map::new();
    put(&mut fields, "missing_value", maybe(u, |u| number(u, dtype))?);
    let values = maybe(u, |u| (0..u.int_in_range(0..=20)?).map(|_| number(u, dtype)).collect())?;
    put(&mut fields, "missing_values", values);
    put(&mut fields, "valid_min", maybe(u, |u| number(u, dtype))?);
    put(&mut fields, "valid_max", maybe(u, |u| number(u, dtype))?);
    put(&mut fields, "valid_range", maybe(u, |u| Ok(json!([number(u, dtype)?, number(u, dtype)?])))?);
    Ok(fields.into())
}

/// A number that mostly fits the dtype.
fn number(u: &mut Unstructured<'_>, dtype: DType) -> Result<Value> {
    Ok(match (u.int_in_range(0..=7)?, dtype.kind()) {
        (0, _) => json!(i64::arbitrary(u)?),
        (1, _) => json!(f64::arbitrary(u)?),
        (2, Kind::Float) => json!(u.choose(&["NaN", "Infinity", "-Infinity"])?),
        (3 | 4, Kind::Float) => json!(f32::from(i16::arbitrary(u)?) / 8.0),
        (_, Kind::Unsigned) => json!(u8::arbitrary(u)?),
        _ => json!(i8::arbitrary(u)?),
    })
}

fn result_dtype(u: &mut Unstructured<'_>, dtype: DType) -> Result<Value> {
    let right = DType::ALL.iter().filter(|result| {
        **result == DType::Float64 || (result.kind() == dtype.kind() && result.size() >= dtype.size())
    });
    Ok(json!(u.choose(&right.collect::<Vec<_>>())?.name()))
}

/// As many bytes, over and over again.
fn repeated(bytes: &[u8], len: usize) -> Vec<u8> {
    if bytes.is_empty() { vec![0; len] } else { bytes.iter().copied().cycle().take(len).collect() }
}

/// All first bytes of the elements, then all second bytes, and so on; what makes no element stays behind them.
fn shuffled(chunk: &[u8], size: usize) -> Vec<u8> {
    let (elements, rest) = chunk.split_at(chunk.len() - chunk.len() % size);
    let bytes = (0..size).flat_map(|offset| elements.iter().skip(offset).step_by(size));
    bytes.chain(rest).copied().collect()
}

impl Case {
    /// The body of a request for a chunk that is stored in this way.
    fn body(&self, encoding: Option<(&Encoding, usize)>) -> Vec<u8> {
        let mut body = self.task.clone();
        let place = json!({"interface_type": "http", "url": "http://web/object", "dtype": self.dtype.name()});
        body.extend(place.as_object().cloned().unwrap_or_default());
        if let Some((encoding, len)) = encoding {
            let filters = encoding.filters.iter().map(|size| json!({"id": "shuffle", "element_size": size}));
            put(&mut body, "filters", Some(filters.collect()));
            put(&mut body, "compression", encoding.compression.map(|id| json!({"id": id})));
            put(&mut body, "size", encoding.states_size.then(|| json!(len)));
        }
        Value::from(body).to_string().into_bytes()
    }
}

fn check(case: &Case) {
    let encoding = &case.encoding;
    let encoded = encoding.encode(&case.plain);
    let body = case.body(Some((encoding, encoded.len())));
    let Some(answer) = ask(case.operation, &body, &encoded) else { return };
    if !matches!(encoding.harm, Harm::None) || !encoding.suits(case.plain.len()) {
        return;
    }
    let plain = ask(case.operation, &case.body(None), &case.plain).expect("codecs make no difference to what is asked");
    match (answer, plain) {
        (Ok(answer), Ok(plain)) => check_same(&answer, &plain),
        (Err(error), Ok(_)) => assert!(is_too_large(&error), "only the plain chunk is answered: {error:?}"),
        (Ok(_), Err(error)) => assert!(is_too_large(&error), "only the encoded chunk is answered: {error:?}"),
        (Err(one), Err(other)) => {
            assert!(is_too_large(&one) || is_too_large(&other) || is_overflow(&one) == is_overflow(&other));
        }
    }
}

/// None if the request is not valid.
fn ask(
    operation: Operation,
    body: &[u8],
    chunk: &[u8],
) -> Option<std::result::Result<OperationResult, ActiveStorageError>> {
    Some(execute(request(body, ApiVersion::V2, operation)?, chunk))
}

/// Compressed chunks may be larger than their limit where plain ones are not, and the other way round.
fn is_too_large(error: &ActiveStorageError) -> bool {
    matches!(error, ActiveStorageError::TooLarge { .. })
}

fn is_overflow(error: &ActiveStorageError) -> bool {
    matches!(error, ActiveStorageError::Operation(OperationError::Overflow { .. }))
}

fn check_same(one: &OperationResult, other: &OperationResult) {
    assert_eq!((one.dtype, &one.shape, one.order), (other.dtype, &other.shape, other.order));
    assert_eq!((one.one_count, &one.nesting), (other.one_count, &other.nesting));
    assert_eq!(one.counts.elements::<i64>(), other.counts.elements::<i64>());
    assert_eq!(one.values.bytes(), other.values.bytes(), "the encoding of the chunk changes the values");
}
