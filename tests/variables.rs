//! The routes of questions about variables: what comes in reaches who answers, and what is answered reaches the client.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytemuck::Pod;
use bytes::Bytes;
use ciborium::Value as Cbor;
use clap::Parser;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, Response, StatusCode, header};
use reductionist::{
    app::App,
    array::{ByteOrder, DType, HasDType, Number, Order, ValueType},
    codec::CodecSpec,
    config::{Args, Config},
    engine::{
        Asking,
        variable::{Described, DescribedVariable, NamedResult, Progress, ReadSummary, VariableAnswer, Variables},
    },
    error::ActiveStorageError,
    http,
    index::{
        Attribute, AttributeValue, ChunkTable, Description, ElementType, Format, Grid, IndexError, Stored, StoredChunk,
        Variable,
    },
    request::variable::{DescribeRequest, Target, VariableRequest},
    resources::{Buffer, ClientId, ResourceManager},
    source::Version,
};
use serde_json::{Value, json};
use tower::ServiceExt;

/// What is done with a question.
#[derive(Clone, Debug, Default)]
enum Script {
    /// An answer at once.
    #[default]
    Answer,
    /// This many numbers.
    Numbers(usize),
    /// An error before anything is read.
    Refuse(fn() -> ActiveStorageError),
    /// A chunk each second, and then an answer or an error.
    Work(u64, Option<fn() -> ActiveStorageError>),
    /// Nothing ever.
    Hang,
}

#[derive(Debug)]
struct Stub {
    script: Script,
    resources: Arc<ResourceManager>,
    is_dropped: Arc<AtomicBool>,
}

/// Says that work ended, however it did.
struct Working(Arc<AtomicBool>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Stub {
    async fn buffer<T: Pod>(&self, values: &[T]) -> Buffer {
        let mut budget = self.resources.memory(ClientId(0), 1000).await.expect("memory");
        let mut buffer = budget.allocate(size_of_val(values)).expect("memory");
        buffer.elements_mut::<T>().copy_from_slice(values);
        buffer
    }

    async fn result<T: Pod + HasDType>(&self, name: &str, shape: &[usize], values: &[T]) -> NamedResult {
        NamedResult {
            name: name.to_owned(),
            component: None,
            dtype: T::DTYPE.into(),
            shape: shape.to_vec(),
            values: self.buffer(values).await,
        }
    }

    async fn follow(&self, progress: &Progress) -> Result<(), ActiveStorageError> {
        let _working = Working(Arc::clone(&self.is_dropped));
        match self.script {
            Script::Answer | Script::Numbers(_) => Ok(()),
            Script::Refuse(error) => Err(error()),
            Script::Hang => std::future::pending().await,
            Script::Work(chunks, error) => {
                progress.plan(chunks);
                for _ in 0..chunks {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    progress.receive(100);
                    progress.finish(1);
                }
                error.map_or(Ok(()), |error| Err(error()))
            }
        }
    }

    fn version() -> Option<Version> {
        Version::parse("\"9f2c\"").ok()
    }
}

fn component(name: &'static str, result: NamedResult) -> NamedResult {
    NamedResult { component: Some(name), ..result }
}

const READ: ReadSummary =
    ReadSummary { chunks: 12, unwritten: 1, requests: 3, bytes: 34_956, decoded: 96_000, cached: 2, passes: 1 };

fn tas() -> Variable {
    let attribute =
        |name: &str, shape: &[u64], value| Attribute { name: name.to_owned(), shape: shape.to_vec(), value };
    let fill = AttributeValue::Numbers { dtype: DType::Float32, values: vec![Number::Float(f64::NAN)] };
    let range = AttributeValue::Numbers { dtype: DType::Int16, values: vec![Number::Integer(-3), Number::Integer(7)] };
    Variable {
        dims: vec!["time".to_owned(), "x".to_owned()],
        shape: vec![5, 4],
        elements: ElementType::Number { dtype: DType::Float32, byte_order: ByteOrder::Big },
        order: Order::C,
        stored: Stored::Chunks { shape: vec![2, 4] },
        filters: vec![CodecSpec::of_hdf5_filter(2, vec![4]), CodecSpec::of_hdf5_filter(1, vec![5])],
        fill_value: Some(1.5_f32.to_be_bytes().to_vec()),
        attributes: vec![
            attribute("units", &[], AttributeValue::Text(vec!["K".to_owned()])),
            attribute("_FillValue", &[1], fill),
            attribute("valid_range", &[2], range),
            attribute("nothing", &[0], AttributeValue::Text(Vec::new())),
            attribute("tree", &[], AttributeValue::Other("compound".to_owned())),
        ],
        obstacle: None,
    }
}

fn time() -> Variable {
    let elements = ElementType::Number { dtype: DType::Int32, byte_order: ByteOrder::Little };
    let stored = Stored::Contiguous { offset: 4096, size: 20 };
    let (dims, shape, attributes) = (vec!["time".to_owned()], vec![5], Vec::new());
    Variable { dims, shape, elements, stored, attributes, filters: Vec::new(), fill_value: None, ..tas() }
}

#[async_trait]
impl Variables for Stub {
    async fn describe(
        &self,
        request: DescribeRequest,
        _: Asking,
        progress: &Progress,
    ) -> Result<Described, ActiveStorageError> {
        self.follow(progress).await?;
        let all: BTreeMap<_, _> = [("tas", tas()), ("time", time())].into_iter().collect();
        let variable = request.variable.as_deref().map(|path| {
            let variable = all[path].clone();
            let grid = Grid::new(&[5, 4], &[2, 4]).unwrap();
            let chunk = |number, offset, size| StoredChunk { number, offset, size, filter_mask: 1 };
            let chunks = if path == "tas" { vec![chunk(2, 10, 7), chunk(0, 100, 9)] } else { Vec::new() };
            let chunks = ChunkTable::new(chunks, &grid, 1000).unwrap();
            DescribedVariable { path: path.to_owned(), variable: Arc::new(variable), chunks: Arc::new(chunks) }
        });
        let times: Vec<u8> = [3_i32, 1, 4, 1, 5].iter().flat_map(|time| time.to_ne_bytes()).collect();
        Ok(Described {
            format: Format::Hdf5,
            version: Self::version(),
            size: 34_956,
            description: Arc::new(Description {
                dimensions: [("time".to_owned(), 5)].into(),
                attributes: Vec::new(),
                group_attributes: BTreeMap::new(),
                variables: all.into_iter().map(|(path, variable)| (path.to_owned(), variable)).collect(),
            }),
            variable,
            coordinates: [("time".to_owned(), times)].into(),
        })
    }

    async fn reduce_variable(
        &self,
        request: VariableRequest,
        _: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        self.follow(progress).await?;
        let question = match &request.target {
            Target::Variable(_) => request.resolve(&tas())?,
            Target::Listed(array) => request.resolve(&array.variable)?,
        };
        let results = match self.script {
            Script::Numbers(count) => vec![self.result(&question.names[0], &[count], &vec![0_u8; count]).await],
            _ if question.question.is_partial => {
                let mut sum = self.result("mean", &[1], &[0_i64]).await;
                (sum.dtype, sum.values) = (ValueType::Int128, self.buffer(&[i128::MIN]).await);
                vec![
                    component("sum", sum),
                    component("count", self.result("mean", &[1], &[3_i64]).await),
                    component("var", self.result("var", &[1, 2], &[0.5, f64::NAN]).await),
                ]
            }
            _ => vec![
                self.result("mean", &[2, 2], &[1.5, f64::NAN, f64::INFINITY, -0.0]).await,
                self.result("count", &[2, 2], &[1_i64, 0, i64::MAX, 7]).await,
                self.result("all", &[], &[u64::MAX]).await,
            ],
        };
        let (dims, shape) = (question.dims, vec![2, 2]);
        Ok(VariableAnswer { dims, shape, version: Self::version(), results, read: READ, permit: None })
    }

    async fn select_variable(
        &self,
        request: VariableRequest,
        _: Asking,
        progress: &Progress,
    ) -> Result<VariableAnswer, ActiveStorageError> {
        self.follow(progress).await?;
        let question = request.resolve(&tas())?;
        let results = vec![self.result("", &[0, 4], &[0.0_f32; 0]).await];
        Ok(VariableAnswer { dims: question.dims, shape: vec![0, 4], version: None, results, read: READ, permit: None })
    }
}

/// The service with a stub for the work.
struct Service {
    app: Arc<App>,
    is_dropped: Arc<AtomicBool>,
}

impl Service {
    fn new(script: Script, flags: &[&str]) -> Self {
        let args = ["reductionist"].iter().chain(flags);
        let mut app = App::new(&Config::from_args(Args::parse_from(args)).expect("a configuration")).expect("an app");
        let is_dropped = Arc::<AtomicBool>::default();
        let resources = Arc::clone(&app.engine.resources);
        app.variables = Arc::new(Stub { script, resources, is_dropped: Arc::clone(&is_dropped) });
        Self { app: Arc::new(app), is_dropped }
    }

    async fn begin(&self, route: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Response<axum::body::Body> {
        let mut request = Request::post(format!("/variables/v1/{route}")).header(header::HOST, "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<Bytes>::from(body)).expect("a request");
        http::router(Arc::clone(&self.app)).oneshot(request).await.expect("an answer")
    }

    async fn send(&self, route: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Answer {
        let (head, body) = self.begin(route, body, headers).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: head.status, headers: head.headers, body }
    }

    /// An answer in this form to a question in JSON.
    async fn ask(&self, route: &str, fields: Value, accept: &str) -> Answer {
        let body = question(fields).to_string().into_bytes();
        self.send(route, body, &[("content-type", "application/json"), ("accept", accept)]).await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn form(&self) -> (u16, &str) {
        (self.status.as_u16(), self.headers[header::CONTENT_TYPE].to_str().expect("text"))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The items of the body, each of which is whole.
    fn items(&self) -> Vec<Cbor> {
        let (mut rest, mut items) = (&self.body[..], Vec::new());
        while !rest.is_empty() {
            items.push(ciborium::from_reader(&mut rest).expect("an item"));
        }
        items
    }

    /// The one item of the body.
    fn cbor(&self) -> Cbor {
        let mut items = self.items();
        assert_eq!(items.len(), 1);
        items.pop().expect("one")
    }
}

fn at<'a>(value: &'a Cbor, path: &str) -> &'a Cbor {
    path.split('.').fold(value, |value, key| {
        let entries = value.as_map().unwrap_or_else(|| panic!("{path}: {value:?}"));
        let found = entries.iter().find(|(name, _)| name.as_text() == Some(key));
        found.map(|(_, value)| value).unwrap_or_else(|| panic!("{path}: {value:?}"))
    })
}

fn keys(map: &Cbor) -> Vec<&str> {
    map.as_map().expect("a map").iter().filter_map(|(key, _)| key.as_text()).collect()
}

fn question(fields: Value) -> Value {
    let mut body = json!({"interface_type": "http", "url": "http://data.example/a.nc", "variable": "tas"});
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    body
}

fn sum() -> Value {
    json!({"statistics": ["sum"], "axis": []})
}

const CBOR: &str = "application/cbor";
const JSON: &str = "application/json";
const SEQUENCE: &str = "application/cbor-seq";

#[tokio::test]
async fn statistics_are_answered_as_a_map_of_arrays() {
    let service = Service::new(Script::Answer, &[]);
    let answer = service.ask("reduce/", sum(), "*/*").await;
    assert_eq!(answer.form(), (200, CBOR));
    assert_eq!(answer.headers["x-activestorage-etag"], "\"9f2c\"");
    let map = answer.cbor();
    assert_eq!(keys(&map), ["dims", "shape", "etag", "results", "read"]);
    assert_eq!(at(&map, "dims"), &Cbor::Array(vec!["time".into(), "x".into()]));
    assert_eq!((at(&map, "shape"), at(&map, "etag")), (&Cbor::Array(vec![2.into(), 2.into()]), &"\"9f2c\"".into()));
    let bytes = |name: &str| at(&map, &format!("results.{name}.bytes")).as_bytes().expect("bytes").clone();
    let means: Vec<u64> =
        bytes("mean").chunks(8).map(|float| f64::from_ne_bytes(float.try_into().unwrap()).to_bits()).collect();
    assert_eq!(means, [1.5, f64::NAN, f64::INFINITY, -0.0].map(f64::to_bits));
    assert_eq!(bytes("count"), [1_i64, 0, i64::MAX, 7].map(i64::to_ne_bytes).concat());
    let all = at(&map, "results.all");
    assert_eq!((keys(all), at(all, "dtype")), (vec!["shape", "dtype", "byte_order", "bytes"], &"uint64".into()));
    assert_eq!(at(all, "byte_order").as_text(), Some(ByteOrder::NATIVE.name()));
    let names = ["chunks", "unwritten", "requests", "bytes", "decoded", "cached", "passes"];
    let read: Vec<i128> = names.map(|name| at(&map, &format!("read.{name}")).as_integer().unwrap().into()).into();
    assert_eq!((keys(at(&map, "read")), read), (names.to_vec(), vec![12, 1, 3, 34_956, 96_000, 2, 1]));
}

#[tokio::test]
async fn json_has_nested_lists_and_words_for_what_are_no_numbers() {
    let service = Service::new(Script::Answer, &[]);
    let answer = service.ask("reduce", sum(), JSON).await;
    assert_eq!(answer.form(), (200, JSON));
    let map = answer.json();
    assert_eq!(
        (&map["dims"], &map["etag"], &map["read"]["bytes"]),
        (&json!(["time", "x"]), &json!("\"9f2c\""), &json!(34_956))
    );
    assert_eq!(map["results"]["mean"]["values"], json!([[1.5, "NaN"], ["Infinity", -0.0]]));
    assert_eq!(map["results"]["count"]["values"], json!([[1, 0], [i64::MAX, 7]]));
    let native = ByteOrder::NATIVE.name();
    assert_eq!(
        map["results"]["all"],
        json!({"dtype": "uint64", "byte_order": native, "shape": [], "values": u64::MAX})
    );
}

#[tokio::test]
async fn partial_results_are_maps_of_components_alike_in_both_forms() {
    let service = Service::new(Script::Answer, &[]);
    let asked = json!({"statistics": ["mean", "var"], "partial": true});
    let map = service.ask("reduce", asked.clone(), JSON).await.json();
    let native = ByteOrder::NATIVE.name();
    let results = json!({
        "mean": {
            "sum": {"dtype": "int128", "byte_order": native, "shape": [1], "values": [0]},
            "count": {"dtype": "int64", "byte_order": native, "shape": [1], "values": [3]},
        },
        "var": {"var": {"dtype": "float64", "byte_order": native, "shape": [1, 2], "values": [[0.5, "NaN"]]}},
    });
    let text = String::from_utf8(service.ask("reduce", asked.clone(), JSON).await.body.to_vec()).unwrap();
    assert!(text.contains(&format!("\"values\":[{}]", i128::MIN)), "an integer of any size is one in JSON: {text}");
    assert_eq!(without_values(&map["results"]), without_values(&results));
    assert_eq!(map["results"]["var"], results["var"]);
    let map = service.ask("reduce", asked, CBOR).await.cbor();
    assert_eq!(
        (keys(at(&map, "results")), keys(at(&map, "results.mean"))),
        (vec!["mean", "var"], vec!["sum", "count"])
    );
    assert_eq!(keys(at(&map, "results.mean.sum")), ["shape", "dtype", "byte_order", "bytes"]);
    assert_eq!(at(&map, "results.mean.sum.dtype"), &"int128".into());
    assert_eq!(at(&map, "results.mean.sum.bytes"), &Cbor::Bytes(i128::MIN.to_ne_bytes().to_vec()));
    assert_eq!(at(&map, "results.var.var.shape"), &Cbor::Array(vec![1.into(), 2.into()]));
}

/// Arrays by result and component, without what cannot be read back.
fn without_values(results: &Value) -> Value {
    let mut results = results.clone();
    for result in results.as_object_mut().unwrap().values_mut() {
        for component in result.as_object_mut().unwrap().values_mut() {
            component.as_object_mut().unwrap().remove("values");
        }
    }
    results
}

#[tokio::test]
async fn json_is_for_a_hundred_thousand_numbers_at_most() {
    let answer = Service::new(Script::Numbers(100_000), &[]).ask("reduce", sum(), JSON).await;
    assert_eq!((answer.status.as_u16(), answer.json()["results"]["sum"]["values"][99_999].clone()), (200, json!(0)));
    let answer = Service::new(Script::Numbers(100_001), &[]).ask("reduce", sum(), JSON).await;
    let told = "the answer has 100001 numbers, and JSON is for no more than 100000: ask for application/cbor";
    assert_eq!((answer.status.as_u16(), &answer.json()["error"]["message"]), (413, &json!(told)));
    assert_eq!(Service::new(Script::Numbers(100_001), &[]).ask("reduce", sum(), CBOR).await.status, 200);
}

#[tokio::test]
async fn elements_are_answered_as_one_array() {
    let service = Service::new(Script::Answer, &[]);
    let map = service.ask("select", json!({"selection": {"time": [0, 0, 1]}}), CBOR).await.cbor();
    assert_eq!(keys(&map), ["dims", "shape", "etag", "dtype", "byte_order", "bytes", "read"]);
    assert_eq!(
        (at(&map, "etag"), at(&map, "dtype"), at(&map, "bytes")),
        (&Cbor::Null, &"float32".into(), &Cbor::Bytes(vec![]))
    );
    let map = service.ask("select", json!({}), JSON).await.json();
    assert_eq!((&map["shape"], &map["values"], &map["dtype"]), (&json!([0, 4]), &json!([]), &json!("float32")));
}

#[tokio::test]
async fn bodies_are_json_or_cbor_and_as_long_as_their_setting_says() {
    let service = Service::new(Script::Answer, &["--max-variable-body-size", "2MiB", "--max-body-size", "1KiB"]);
    let long = question(json!({"statistics": ["sum"], "selection": {"x": {"indices": vec![3; 100_000]}}}));
    let mut cbor = Vec::new();
    ciborium::into_writer(&long, &mut cbor).unwrap();
    assert_eq!(service.send("reduce", cbor.clone(), &[("content-type", CBOR)]).await.status, 200);
    let text = long.to_string().into_bytes();
    assert_eq!(service.send("reduce", text, &[("content-type", "application/json; charset=utf-8")]).await.status, 200);
    let answer = service.send("reduce", cbor, &[("content-type", JSON)]).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["error"]["message"]),
        (400, &json!("the request body is not a JSON object"))
    );
    let answer = service.send("reduce", b"{}".to_vec(), &[("content-type", "text/plain")]).await;
    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(answer.status == 415 && told.contains("application/cbor"), "{told}");
    let answer = service.send("reduce", vec![b' '; (2 << 20) + 1], &[("content-type", JSON)]).await;
    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(answer.status == 413 && told.contains("2097152 bytes (--max-variable-body-size)"), "{told}");
}

#[tokio::test]
async fn errors_have_the_status_of_their_kind_and_all_problems_are_told() {
    let service = Service::new(Script::Answer, &["--allow-source", "http://data.example"]);
    let answer = service.ask("reduce", json!({"statistics": ["mode"], "axes": 1}), CBOR).await;
    assert_eq!(answer.form(), (400, JSON));
    assert_eq!(answer.json()["error"]["message"], "the request data is not valid");
    let causes = answer.json()["error"]["caused_by"].as_array().unwrap().len();
    assert_eq!(causes, 3, "{:?}", answer.json());
    assert_eq!(service.ask("select", json!({"url": "http://elsewhere.example/a"}), CBOR).await.status, 403);
    let listed = json!({"variable": null, "statistics": ["sum"], "array": {"dtype": "int8", "shape": [1], "chunk_shape": [1]},
        "chunks": {"index": [[0]], "offset": [0], "size": [1], "url": [0]}, "urls": ["http://elsewhere.example/a"]});
    assert_eq!(service.ask("reduce", listed, CBOR).await.status, 403);
    assert_eq!(service.ask("reduce", json!({"statistics": ["sum"], "axis": "z"}), CBOR).await.status, 400);
    for (error, status, told) in [
        (no_such_variable as fn() -> _, 404, r#"there is no variable "tass"; did you mean "tas"?"#),
        (changed, 409, "http://a/b changed while it was read"),
        (
            too_much,
            413,
            "9 chunks would be read, 100 bytes as stored and 200 decoded, with 50 bytes of memory: memory is above the limit of 40 (--memory-limit)",
        ),
        (bad_chunk, 404, r#"chunk [1, 2], at byte 9 of http://a/b: there is no variable "tass""#),
    ] {
        for accept in [CBOR, SEQUENCE] {
            let answer = Service::new(Script::Refuse(error), &[]).ask("reduce", sum(), accept).await;
            let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(answer.form() == (status, JSON) && message.contains(told), "{message}");
        }
    }
}

fn no_such_variable() -> ActiveStorageError {
    IndexError::NoSuchVariable { path: "tass".to_owned(), near: vec!["tas".to_owned()] }.into()
}

fn changed() -> ActiveStorageError {
    ActiveStorageError::Changed { object: "http://a/b".to_owned() }
}

fn too_much() -> ActiveStorageError {
    let (chunks, stored, decoded, memory, what) = (9, 100, 200, 50, "memory");
    ActiveStorageError::TooMuch { chunks, stored, decoded, memory, what, limit: 40, setting: "--memory-limit" }
}

fn bad_chunk() -> ActiveStorageError {
    let (index, offset, object) = (vec![1, 2], 9, "http://a/b".to_owned());
    ActiveStorageError::Chunk { index, offset, object, error: Box::new(no_such_variable()) }
}

#[tokio::test]
async fn a_description_tells_all_that_is_known_alike_in_both_forms() {
    let service = Service::new(Script::Answer, &[]);
    let map = service.ask("describe", json!({"chunks": true}), JSON).await.json();
    assert_eq!(
        (&map["format"], &map["size"], &map["dimensions"]),
        (&json!("hdf5"), &json!(34_956), &json!({"time": 5}))
    );
    let tas = json!({
        "dims": ["time", "x"], "shape": [5, 4], "dtype": "float32", "byte_order": "big", "chunk_shape": [2, 4], "order": "C",
        "filters": [{"id": 2, "cd_values": [4]}, {"id": 1, "cd_values": [5]}], "fill_value": 1.5, "obstacle": null,
        "attributes": {"units": {"dtype": "string", "value": "K"}, "_FillValue": {"dtype": "float32", "value": "NaN"},
            "valid_range": {"dtype": "int16", "value": [-3, 7]}, "nothing": {"dtype": "string", "value": []},
            "tree": {"dtype": "compound", "value": null}},
        "chunk_count": 2, "stored_bytes": 16, "decoded_bytes": 64,
        "chunks": {"index": [[0, 0], [2, 0]], "offset": [100, 10], "size": [9, 7], "filter_mask": [1, 1]},
    });
    assert_eq!(map["variables"]["tas"], tas);
    let values =
        json!({"dtype": "int32", "byte_order": ByteOrder::NATIVE.name(), "shape": [5], "values": [3, 1, 4, 1, 5]});
    assert_eq!((&map["variables"]["time"]["values"], map["variables"]["time"].get("chunk_count")), (&values, None));
    let answer = service.ask("describe", json!({"chunks": true}), CBOR).await;
    let tas = at(&answer.cbor(), "variables.tas").clone();
    assert!(at(&tas, "attributes._FillValue.value").as_float().unwrap().is_nan());
    assert_eq!(at(&tas, "chunks.index"), &Cbor::serialized(&json!([[0, 0], [2, 0]])).unwrap());
    let bytes = at(&answer.cbor(), "variables.time.values.bytes").as_bytes().unwrap().len();
    assert_eq!((bytes, answer.headers["x-activestorage-etag"].to_str().unwrap()), (20, "\"9f2c\""));
}

#[tokio::test]
async fn what_is_stored_in_one_piece_is_one_chunk() {
    let service = Service::new(Script::Answer, &[]);
    let time =
        |fields: Value| async { service.ask("describe", fields, JSON).await.json()["variables"]["time"].clone() };
    let listed = time(json!({"variable": "time", "chunks": true})).await;
    assert_eq!(listed["chunks"], json!({"index": [[0]], "offset": [4096], "size": [20], "filter_mask": [0]}));
    let totals = time(json!({"variable": "time"})).await;
    assert_eq!(
        (&totals["chunk_count"], &totals["stored_bytes"], &totals["decoded_bytes"]),
        (&json!(1), &json!(20), &json!(20))
    );
    assert_eq!(totals.get("chunks"), None);
}

#[tokio::test(start_paused = true)]
async fn a_sequence_tells_twice_a_second_how_far_the_work_is_and_ends_with_the_result() {
    let service = Service::new(Script::Work(5, None), &[]);
    let answer = service.ask("reduce", sum(), SEQUENCE).await;
    assert_eq!(answer.form(), (200, SEQUENCE));
    let items = answer.items();
    let (last, told) = items.split_last().unwrap();
    assert!((8..=10).contains(&told.len()), "{}", told.len());
    let done = ["chunks_done", "chunks", "bytes"].map(|name| at(&told[2], &format!("progress.{name}")).clone());
    assert_eq!((keys(&told[2]), done), (vec!["progress"], [1.into(), 5.into(), 100.into()]));
    let plain = Service::new(Script::Answer, &[]).ask("reduce", sum(), CBOR).await.cbor();
    assert_eq!(format!("{last:?}"), format!("{plain:?}"));
}

#[tokio::test(start_paused = true)]
async fn a_sequence_of_work_that_fails_ends_with_the_error_and_its_status() {
    let service = Service::new(Script::Work(2, Some(changed)), &[]);
    let answer = service.ask("reduce", sum(), SEQUENCE).await;
    let items = answer.items();
    let error = at(items.last().unwrap(), "error");
    assert_eq!((answer.status.as_u16(), keys(error)), (200, vec!["status", "message", "caused_by"]));
    assert_eq!(at(error, "status"), &409.into());
    assert_eq!(Service::new(Script::Work(2, Some(changed)), &[]).ask("reduce", sum(), CBOR).await.status, 409);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_stops_the_work() {
    let service = Service::new(Script::Work(100, None), &[]);
    let body = question(sum()).to_string().into_bytes();
    let answer = service.begin("reduce", body, &[("content-type", JSON), ("accept", SEQUENCE)]).await;
    let mut body = answer.into_body();
    body.frame().await.expect("a frame").expect("progress");
    assert!(!service.is_dropped.load(Ordering::Relaxed));
    drop(body);
    assert!(service.is_dropped.load(Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn work_that_stands_still_or_never_ends_is_a_504() {
    let answer = Service::new(Script::Hang, &["--request-timeout", "10s"]).ask("reduce", sum(), SEQUENCE).await;
    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(answer.status == 504 && told.contains("10s (--request-timeout)"), "{told}");
    let flags = ["--request-timeout", "10s", "--variable-timeout", "60s"];
    let answer = Service::new(Script::Work(100, None), &flags).ask("reduce", sum(), CBOR).await;
    let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(answer.status == 504 && told.contains("60s (--variable-timeout)"), "{told}");
    let answer = Service::new(Script::Work(50, None), &flags).ask("reduce", sum(), CBOR).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn machines_are_told_of_the_routes_and_of_what_they_answer() {
    let service = Service::new(Script::Answer, &[]);
    let get = async |path: &str| {
        let request = Request::get(path).header(header::HOST, "localhost").body(Full::<Bytes>::default()).unwrap();
        let answer = http::router(Arc::clone(&service.app)).oneshot(request).await.unwrap();
        serde_json::from_slice::<Value>(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    };
    let capabilities = get("/capabilities").await;
    assert_eq!(capabilities["variables"]["formats"], json!(["hdf5"]));
    assert_eq!(capabilities["variables"]["max_variable_body_size"], json!(16 << 20));
    let description = get("/.well-known/reductionist-schema").await;
    for (route, name) in [("describe", "DescribeRequest"), ("reduce", "ReduceRequest"), ("select", "SelectRequest")] {
        let operation = &description["paths"][format!("/variables/v1/{route}")]["post"];
        let example = operation["requestBody"]["content"]["application/json"]["example"].clone();
        let body = example.as_object().unwrap().keys();
        let schema = &description["components"]["schemas"][name]["properties"];
        assert!(body.clone().count() >= 2 && body.into_iter().all(|field| schema.get(field).is_some()), "{example}");
        // The schema has the fields that the service takes.
        let answer = service.ask(route, json!({"no such field": 1}), CBOR).await.json();
        let causes = answer["error"]["caused_by"].as_array().unwrap();
        let fields = causes.iter().find_map(|cause| cause.as_str()?.strip_prefix("the fields: are ")).unwrap();
        let mut fields: Vec<_> = fields.split(", ").collect();
        fields.sort_unstable();
        let mut described: Vec<_> = schema.as_object().unwrap().keys().collect();
        described.sort_unstable();
        assert_eq!(described, fields, "{route}");
        for status in ["200", "404", "409", "413"] {
            assert!(operation["responses"].get(status).is_some(), "{route} {status}");
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let service = Service::new(Script::Answer, &[]);
    let request = Request::get("/.well-known/reductionist-schema").header(header::HOST, "localhost");
    let answer = http::router(Arc::clone(&service.app)).oneshot(request.body(Full::<Bytes>::default()).unwrap()).await;
    let body = answer.unwrap().into_body().collect().await.unwrap().to_bytes();
    let description: Value = serde_json::from_slice(&body).unwrap();
    let mut found = Vec::new();
    references(&description, &mut found);
    for reference in found {
        assert!(description.pointer(&reference[1..]).is_some(), "{reference}");
    }
}
