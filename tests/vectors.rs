//! Chunks written by numcodecs, Zarr, h5py, hdf5plugin and netCDF4 (`checks/suites/codecs/make_vectors.py`) decode to what went in, in
//! exactly the memory that is planned for them; what is made of them by chance does no harm.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use reductionist::{
    engine::{OperationResult, Plan, SizeLimits},
    error::ActiveStorageError,
    operation::Operation,
    request::{ApiVersion, Defaults, Request},
    resources::{Budget, Buffer, Pool},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
struct Index {
    vectors: Vec<Vector>,
}

#[derive(Clone, Deserialize)]
struct Vector {
    name: String,
    file: Option<String>,
    /// What the chunk holds, as it is stored and decoded.
    decoded: String,
    /// What its elements are to a client, where that is something else.
    array: Option<String>,
    dtype: String,
    byte_order: Option<String>,
    offset: Option<usize>,
    size: Option<usize>,
    /// What else a request says.
    #[serde(flatten)]
    fields: Map<String, Value>,
}

/// What vectors have beside the fields of requests.
const NOT_OF_REQUESTS: &[&str] = &["written_by", "decoded_sha256", "decoded_len"];

const LIMITS: SizeLimits = SizeLimits { chunk: 1 << 20, decoded: 1 << 16, result: 1 << 20 };

fn read(file: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::fs::read(directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn vectors() -> Vec<Vector> {
    let of = |file| serde_json::from_slice::<Index>(&read(file)).expect("the index").vectors;
    [of("vectors.json"), of("codecs.json")].concat()
}

impl Vector {
    /// The encoded chunk.
    fn encoded(&self) -> Vec<u8> {
        if self.size == Some(0) {
            return Vec::new();
        }
        let file = read(&self.file.clone().unwrap_or_else(|| format!("{}.enc", self.name)));
        let start = self.offset.unwrap_or(0);
        file[start..self.size.map_or(file.len(), |size| start + size)].to_vec()
    }

    fn request(&self) -> Request {
        let mut body = json!({"source": "http://store", "bucket": "bucket", "object": "object", "dtype": self.dtype});
        let fields = body.as_object_mut().unwrap();
        fields.extend(self.fields.clone());
        fields.retain(|field, _| !NOT_OF_REQUESTS.contains(&field.as_str()));
        fields.extend([("offset", json!(self.offset)), ("size", json!(self.size))].map(|(k, v)| (k.to_owned(), v)));
        if !fields.contains_key("codecs") {
            fields.insert("byte_order".to_owned(), json!(self.byte_order));
        }
        if !fields.contains_key("shape") && self.size == Some(0) {
            fields.insert("shape".to_owned(), json!([self.expected().len() / self.element_size()]));
        }
        let defaults = Defaults { keepdims: false };
        Request::from_json(body.to_string().as_bytes(), ApiVersion::V1, Operation::Select, defaults)
            .unwrap_or_else(|error| panic!("{}: {error:?}", self.name))
    }

    /// The elements that a client gets, in the order of the request and of the machine.
    fn expected(&self) -> Vec<u8> {
        let file = if self.fields.get("order").is_some() {
            &self.decoded
        } else {
            self.array.as_ref().unwrap_or(&self.decoded)
        };
        let mut elements = read(file);
        if self.byte_order.as_deref() == Some("big") {
            elements.chunks_exact_mut(self.element_size()).for_each(<[u8]>::reverse);
        }
        elements
    }

    fn element_size(&self) -> usize {
        self.dtype.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<usize>().unwrap() / 8
    }

    /// The codec that reads the chunk first.
    fn codec(&self) -> String {
        let last = |list: &str, key: &str| Some(self.fields.get(list)?.as_array()?.last()?.get(key)?.to_string());
        let compression = self.fields.get("compression").and_then(|spec| Some(spec.get("id")?.to_string()));
        compression.or_else(|| last("filters", "id")).or_else(|| last("codecs", "name")).unwrap_or_default()
    }
}

/// The answer to a request for all elements of a chunk, in exactly the memory that is planned for it.
fn select(request: Request, encoded: &[u8]) -> Result<OperationResult, ActiveStorageError> {
    run(&Plan::new(request, |_| Ok(0), LIMITS)?, encoded)
}

fn run(plan: &Plan, encoded: &[u8]) -> Result<OperationResult, ActiveStorageError> {
    let is_unwritten = plan.chunk.fill_value.is_some();
    let len = if is_unwritten { plan.max_encoded_len } else { encoded.len() };
    let mut budget = Budget::unshared(plan.peak_units(len), Arc::new(Pool::new(1, 0)));
    let mut buffer: Buffer = budget.allocate(len).expect("it was planned");
    if !is_unwritten {
        buffer.bytes_mut().copy_from_slice(encoded);
    }
    plan.run(buffer, &mut budget)
}

#[test]
fn chunks_of_other_libraries_decode_to_what_went_in() {
    let vectors = vectors();
    assert!(vectors.len() > 400);
    let mut wrong = Vec::new();
    for vector in vectors {
        let without_shape = {
            let mut vector = vector.clone();
            let needs_shape = vector.size == Some(0) || vector.fields.contains_key("codecs");
            vector.fields.retain(|field, _| field != "shape" || needs_shape);
            vector
        };
        for vector in [&vector, &without_shape] {
            match select(vector.request(), &vector.encoded()) {
                Ok(result) if result.values.bytes() == vector.expected() => {}
                Ok(_) => wrong.push(format!("{}: other elements", vector.name)),
                Err(error) => wrong.push(format!("{}: {error:?}", vector.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A chunk of Zarr v3 whose codecs change elements (`checks/suites/codecs/zarr_elements.py`).
#[derive(Deserialize)]
struct Elements {
    name: String,
    codecs: Vec<Value>,
    dtype: String,
    shape: Vec<usize>,
    stored: String,
    /// What zarr-python reads, little-endian.
    elements: String,
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.bytes().map(|digit| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[test]
fn codecs_of_elements_in_every_byte_order_decode_as_zarr_python_reads_them() {
    #[derive(Deserialize)]
    struct Index {
        vectors: Vec<Elements>,
    }
    let Index { vectors } = serde_json::from_slice(&read("zarr3-elements.json")).expect("the index");
    assert!(vectors.len() > 180);
    let mut wrong = Vec::new();
    for Elements { name, codecs, dtype, shape, stored, elements } in vectors {
        let without_prefix = |codec: &Value| {
            let mut codec = codec.clone();
            codec["name"] = json!(codec["name"].as_str().unwrap().trim_start_matches("numcodecs."));
            codec
        };
        let unprefixed: Vec<Value> = codecs.iter().map(without_prefix).collect();
        for codecs in [&codecs, &unprefixed] {
            let mut vector = Vector {
                name: name.clone(),
                file: None,
                decoded: String::new(),
                array: None,
                dtype: dtype.clone(),
                byte_order: None,
                offset: None,
                size: None,
                fields: Map::new(),
            };
            vector.fields.extend([("codecs".to_owned(), json!(codecs)), ("shape".to_owned(), json!(shape))]);
            match select(vector.request(), &from_hex(&stored)) {
                Ok(result) if result.values.bytes() == from_hex(&elements) => {}
                Ok(result) => wrong.push(format!("{name}: {:?} {:?}", result.values.bytes(), from_hex(&elements))),
                Err(error) => wrong.push(format!("{name}: {error:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn filter_masks_beyond_the_filters_mean_nothing() {
    let filtered =
        vectors().into_iter().filter(|vector| vector.size != Some(0) && !vector.fields.contains_key("codecs"));
    for mut vector in filtered {
        let filters = vector.fields.get("filters").and_then(Value::as_array).map_or(0, Vec::len);
        let steps = filters + usize::from(vector.fields.contains_key("compression"));
        let mask = vector.fields.get("filter_mask").and_then(Value::as_u64).unwrap_or(0);
        for beyond in [u32::MAX, 0x0fff_ffff, 1 << steps] {
            let beyond = u64::from(beyond >> steps << steps);
            vector.fields.insert("filter_mask".to_owned(), json!(mask | beyond));
            let result =
                select(vector.request(), &vector.encoded()).unwrap_or_else(|e| panic!("{}: {e:?}", vector.name));
            assert!(result.values.bytes() == vector.expected(), "{} with {:#x}", vector.name, mask | beyond);
        }
    }
}

#[test]
fn a_filter_that_was_skipped_need_not_be_known() {
    let [plain] = vectors()
        .into_iter()
        .filter(|vector| vector.name == "numcodecs-zlib-int16")
        .collect::<Vec<_>>()
        .try_into()
        .ok()
        .unwrap();
    let mut vector = Vector { fields: Map::new(), ..plain };
    vector.fields.extend([
        ("filters".to_owned(), json!([{"id": 32013, "cd_values": [1]}, {"id": "zlib"}])),
        ("filter_mask".to_owned(), json!(0xffff_fffd_u32)),
    ]);
    assert_eq!(select(vector.request(), &vector.encoded()).unwrap().values.bytes(), vector.expected());
}

/// Mutated chunks for each codec.
const MUTATIONS: usize = 20_000;

#[test]
fn mutated_chunks_do_no_harm() {
    let mut codecs = BTreeMap::<String, Vec<Vector>>::new();
    for vector in vectors().into_iter().filter(|vector| vector.size != Some(0)) {
        codecs.entry(vector.codec()).or_default().push(vector);
    }
    let mut random = Random(1);
    for (codec, vectors) in codecs {
        let (mut decoded, mut refused) = (0, 0);
        for vector in &vectors {
            let plan = Plan::new(vector.request(), |_| Ok(0), LIMITS).expect("it is small");
            let encoded = vector.encoded();
            for _ in 0..MUTATIONS.div_ceil(vectors.len()) {
                let mutated = random.mutated(&encoded);
                match run(&plan, &mutated) {
                    Ok(_) => decoded += 1,
                    Err(ActiveStorageError::Codec(_) | ActiveStorageError::Operation(_)) => refused += 1,
                    Err(error) => panic!("{}: {error:?} for {mutated:?}", vector.name),
                }
            }
        }
        println!("{codec}: {decoded} decoded, {refused} refused");
    }
}

/// xorshift64*, which is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound.max(1)
    }

    /// A few bytes changed, mostly at the start, where headers are; or some cut off, or put in.
    fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let end = if self.below(2) == 0 { bytes.len().min(32) } else { bytes.len() };
            let at = self.below(end);
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), u8::try_from(self.below(256)).unwrap()),
                2 => bytes.extend_from_within(at.min(bytes.len())..),
                3 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        bytes
    }
}
