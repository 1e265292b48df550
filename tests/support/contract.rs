//! What the service promises of every place that it reads from, as claims that can be tried against any of them.
//!
//! A place has to hold the objects of [`objects`].

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::{Answer, Client, Service, encode, json_request, merged, side_by_side};

/// How clients name objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    S3V1,
    S3,
    Http,
    File,
}

/// A place that objects are read from, and what it can do.
#[derive(Clone, Debug)]
pub struct Place {
    pub interface: Interface,
    /// URL of the store, the web server, or `file://`.
    pub url: String,
    /// The part of the path before the name of an object that credentials are needed for, if there is one.
    pub private: Option<&'static str>,
    /// The same for objects that everybody may read.
    pub public: Option<&'static str>,
    /// What opens the private part.
    pub credentials: (String, String),
    /// Whether names may have empty segments.
    pub keeps_slashes: bool,
}

/// Bytes 1 to 10.
const TEN: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/// Names that have to be escaped somewhere on their way.
const NAMES: &[&str] = &["a b", "a+b", "50%", "50%25", "a%2Bb", "dir/é/日本", "a&b=c;d@e,f", "q'(x)!*~", "no.#?"];
const SLASHES: &[&str] = &["a//b", "/lead"];

/// Names and contents of the objects that have to be there.
pub fn objects(keeps_slashes: bool) -> Vec<(&'static str, Bytes)> {
    let named = |name: &&'static str| (*name, Bytes::from_static(name.as_bytes()));
    let slashes = if keeps_slashes { SLASHES } else { &[] };
    let fixed = [("ten", Bytes::from_static(TEN)), ("empty", Bytes::new()), ("numbers", encoded_numbers().into())];
    fixed.into_iter().chain(NAMES.iter().chain(slashes).map(named)).collect()
}

/// 4 x 6 x 5 numbers, of which -1 is missing.
fn numbers() -> Vec<i32> {
    (0..120).map(|i| if i % 7 == 3 { -1 } else { i * 37 % 101 }).collect()
}

/// The numbers as a chunk between other bytes.
fn encoded_numbers() -> Vec<u8> {
    let bytes: Vec<u8> = numbers().into_iter().flat_map(i32::to_le_bytes).collect();
    [b"before".to_vec(), encode::zlib(&encode::shuffle(&bytes, 4)), b"behind".to_vec()].concat()
}

/// A place and the service that reads from it.
pub struct Contract {
    pub place: Place,
    pub service: Service,
    pub client: Client,
}

/// A claim and, if it does not hold, why not.
pub type Verdict = (&'static str, Result<(), String>);

macro_rules! claims {
    ($contract:expr, $($claim:ident),* $(,)?) => {{
        let mut verdicts: Vec<Verdict> = Vec::new();
        $(
            let contract = Arc::clone(&$contract);
            let outcome = tokio::spawn(async move { contract.$claim().await }).await;
            let panicked = |error: tokio::task::JoinError| {
                let panic = error.into_panic();
                let text = panic.downcast_ref::<String>().cloned();
                text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
            };
            verdicts.push((stringify!($claim), outcome.map_err(panicked)));
        )*
        verdicts
    }};
}

impl Contract {
    /// Tries every claim about what the place can do, whatever became of those before it.
    pub async fn try_all(self) -> Vec<Verdict> {
        let contract = Arc::new(self);
        let mut verdicts = claims!(
            contract,
            a_range_is_exactly_those_bytes,
            an_open_range_goes_to_the_end,
            a_range_past_the_end_is_an_error,
            an_empty_object_has_nothing_but_itself,
            what_is_not_there_is_an_error_of_the_request,
            names_mean_what_they_say,
            every_operation_is_right,
            answers_say_their_version_and_another_one_is_refused,
            a_reader_may_offer_to_pay,
            many_requests_at_one_time_are_right,
        );
        if contract.place.private.is_some() {
            verdicts.extend(claims!(contract, only_the_right_credentials_open_what_is_private));
        }
        if contract.place.public.is_some() {
            verdicts.extend(claims!(contract, everybody_reads_what_is_public));
        }
        verdicts
    }

    /// A part of the path under which objects can be read with `credentials`.
    fn readable(&self) -> (&'static str, Option<(&str, &str)>) {
        let (user, password) = &self.place.credentials;
        match (self.place.private, self.place.public) {
            (Some(private), _) => (private, Some((user, password))),
            (None, public) => (public.expect("something can be read"), None),
        }
    }

    fn body(&self, parent: &str, name: &str, fields: &Value) -> Value {
        let Place { interface, url, .. } = &self.place;
        let location = match interface {
            Interface::S3V1 => json!({"source": url, "bucket": parent, "object": name}),
            Interface::S3 => json!({"interface_type": "s3", "url": format!("{url}/{parent}/{}", escaped(name))}),
            Interface::Http => json!({"interface_type": "http", "url": format!("{url}/{parent}/{}", escaped(name))}),
            Interface::File => json!({"interface_type": "file", "url": format!("{url}/{parent}/{}", escaped(name))}),
        };
        merged(merged(location, json!({"dtype": "uint8"})), fields.clone())
    }

    async fn ask_as(
        &self,
        credentials: Option<(&str, &str)>,
        operation: &str,
        (parent, name): (&str, &str),
        fields: Value,
    ) -> Answer {
        let version = if self.place.interface == Interface::S3V1 { "v1" } else { "v2" };
        let url = format!("{}/{version}/{operation}", self.service.url());
        self.client.post_as(&url, &self.body(parent, name, &fields), credentials).await
    }

    async fn ask(&self, operation: &str, name: &str, fields: Value) -> Answer {
        let (parent, credentials) = self.readable();
        self.ask_as(credentials, operation, (parent, name), fields).await
    }

    /// The very bytes of a range.
    async fn bytes(&self, name: &str, fields: Value) -> Vec<u8> {
        let answer = self.ask("select", name, fields.clone()).await;
        assert_eq!(answer.status, 200, "{name} {fields}: {}", answer.error());
        answer.result()
    }

    async fn refused(&self, name: &str, fields: Value, texts: &[&str]) {
        let answer = self.ask("sum", name, fields.clone()).await;
        assert_refused(&answer, 400, texts, &format!("{name} {fields}"));
    }

    async fn a_range_is_exactly_those_bytes(&self) {
        for (offset, size) in [(0, 10), (0, 1), (2, 4), (9, 1), (3, 7)] {
            let bytes = self.bytes("ten", json!({"offset": offset, "size": size})).await;
            assert_eq!(bytes, TEN[offset..offset + size], "{size} bytes at {offset}");
        }
    }

    async fn an_open_range_goes_to_the_end(&self) {
        assert_eq!(self.bytes("ten", json!({})).await, TEN);
        assert_eq!(self.bytes("ten", json!({"offset": 0})).await, TEN);
        assert_eq!(self.bytes("ten", json!({"offset": 4})).await, TEN[4..]);
        assert_eq!(self.bytes("ten", json!({"offset": 9})).await, TEN[9..]);
        assert_eq!(self.bytes("ten", json!({"size": 3})).await, TEN[..3]);
    }

    async fn a_range_past_the_end_is_an_error(&self) {
        for fields in [
            json!({"offset": 8, "size": 4}),
            json!({"size": 11}),
            json!({"offset": 10}),
            json!({"offset": 10, "size": 1}),
            json!({"offset": 1000, "size": 5}),
            json!({"offset": 1_u64 << 62}),
        ] {
            self.refused("ten", fields, &["outside"]).await;
        }
    }

    async fn an_empty_object_has_nothing_but_itself(&self) {
        assert_eq!(self.bytes("empty", json!({})).await, b"");
        for fields in [json!({"size": 1}), json!({"offset": 1}), json!({"offset": 5, "size": 5})] {
            self.refused("empty", fields, &["outside"]).await;
        }
    }

    async fn what_is_not_there_is_an_error_of_the_request(&self) {
        let is_s3 = matches!(self.place.interface, Interface::S3 | Interface::S3V1);
        self.refused("nothing", json!({}), if is_s3 { &["NoSuchKey"] } else { &["no such"] }).await;
        if is_s3 {
            let (_, credentials) = self.readable();
            let answer = self.ask_as(credentials, "sum", ("no-such-bucket", "ten"), json!({})).await;
            assert_refused(&answer, 400, &["NoSuchBucket"], "another bucket");
        }
    }

    async fn names_mean_what_they_say(&self) {
        let slashes = if self.place.keeps_slashes { SLASHES } else { &[] };
        for name in NAMES.iter().chain(slashes) {
            assert_eq!(self.bytes(name, json!({})).await, name.as_bytes(), "{name}");
        }
    }

    async fn only_the_right_credentials_open_what_is_private(&self) {
        let private = self.place.private.expect("a private part");
        let (user, password) = &self.place.credentials;
        for credentials in [None, Some((user.as_str(), "guess")), Some(("somebody", password.as_str()))] {
            for name in ["ten", "empty"] {
                let answer = self.ask_as(credentials, "sum", (private, name), json!({})).await;
                assert_refused(&answer, 401, &["Access Denied"], &format!("{name} as {credentials:?}"));
            }
        }
        // Refusals leave no trace.
        let answer = self.ask_as(Some((user, password)), "select", (private, "ten"), json!({})).await;
        assert_eq!(answer.result(), TEN);
    }

    async fn everybody_reads_what_is_public(&self) {
        let public = self.place.public.expect("a public part");
        let answer = self.ask_as(None, "select", (public, "ten"), json!({"offset": 2, "size": 3})).await;
        assert_eq!(answer.status, 200, "{}", answer.error());
        assert_eq!(answer.result(), TEN[2..5]);
    }

    async fn every_operation_is_right(&self) {
        let (behind, before) = ("behind".len(), "before".len());
        let fields = json!({
            "dtype": "int32", "byte_order": "little", "shape": [4, 6, 5],
            "offset": before, "size": encoded_numbers().len() - before - behind,
            "compression": {"id": "zlib"}, "filters": [{"id": "shuffle", "element_size": 4}],
            "missing": {"missing_value": -1},
        });
        let valid = |numbers: &[i32]| numbers.iter().copied().filter(|&number| number != -1).collect::<Vec<_>>();
        for axis in [Value::Null, json!([1, 2])] {
            let numbers = numbers();
            let groups: Vec<Vec<i32>> = match axis {
                Value::Null => vec![valid(&numbers)],
                _ => numbers.chunks(30).map(valid).collect(),
            };
            for operation in ["min", "max", "sum"] {
                let answer = self.ask(operation, "numbers", merged(fields.clone(), json!({"axis": axis}))).await;
                let expected = groups.iter().map(|group| match operation {
                    "min" => *group.iter().min().unwrap(),
                    "max" => *group.iter().max().unwrap(),
                    _ => group.iter().sum(),
                });
                let expected: Vec<u8> = expected.flat_map(i32::to_ne_bytes).collect();
                assert_eq!(answer.status, 200, "{}", answer.error());
                assert_eq!(answer.result(), expected, "{operation} over {axis}");
            }
            let answer = self.ask("count", "numbers", merged(fields.clone(), json!({"axis": axis}))).await;
            let expected: Vec<u8> = groups.iter().flat_map(|group| (group.len() as i64).to_ne_bytes()).collect();
            assert_eq!(answer.result(), expected, "count over {axis}");
        }
        let part = json!({"selection": [[1, 2, 1], [0, 6, 2], [0, 5, 4]]});
        let answer = self.ask("select", "numbers", merged(fields, part)).await;
        let expected = [30, 34, 40, 44, 50, 54].map(|at| numbers()[at]);
        assert_eq!(answer.result(), expected.iter().flat_map(|number| number.to_ne_bytes()).collect::<Vec<_>>());
    }

    async fn answers_say_their_version_and_another_one_is_refused(&self) {
        let answer = self.ask("select", "ten", json!({})).await;
        let version = answer.header("x-activestorage-etag").to_owned();
        assert!(!version.is_empty(), "{:?}", answer.headers);
        for etag in [version.as_str(), version.trim_start_matches("W/").trim_matches('"')] {
            let answer = self.ask("select", "ten", json!({"etag": etag, "offset": 2, "size": 4})).await;
            assert_eq!(answer.status, 200, "{etag}: {}", answer.error());
            assert_eq!(
                (answer.result(), answer.header("x-activestorage-etag")),
                (TEN[2..6].to_vec(), version.as_str())
            );
        }
        let answer = self.ask("sum", "ten", json!({"etag": "\"0123456789abcdef\""})).await;
        assert_refused(&answer, 412, &["the object has changed"], "another version");
    }

    async fn a_reader_may_offer_to_pay(&self) {
        let (parent, credentials) = self.readable();
        let version = if self.place.interface == Interface::S3V1 { "v1" } else { "v2" };
        let body = self.body(parent, "ten", &json!({})).to_string();
        let mut request = json_request(&format!("{}/{version}/select", self.service.url()), body, credentials);
        request.headers_mut().insert("x-amz-request-payer", HeaderValue::from_static("requester"));
        let answer = self.client.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.result()), (200, TEN.to_vec()), "{}", answer.error());
    }

    async fn many_requests_at_one_time_are_right(&self) {
        let requests = (0..60_usize).map(|i| async move {
            let (offset, size) = (i % 8, 1 + i % 3);
            let bytes = self.bytes("ten", json!({"offset": offset, "size": size})).await;
            assert_eq!(bytes, TEN[offset..][..size], "{size} bytes at {offset}");
        });
        side_by_side(requests).await;
    }
}

fn escaped(name: &str) -> String {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    // A leading slash has to be escaped to be part of the name.
    let (lead, rest) = name.strip_prefix('/').map_or(("", name), |rest| ("%2F", rest));
    let parts = rest.split('/').map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
    format!("{lead}{}", parts.collect::<Vec<_>>().join("/"))
}

fn assert_refused(answer: &Answer, status: u16, texts: &[&str], what: &str) {
    let error = answer.error();
    assert_eq!(answer.status, status, "{what}: {error}");
    for text in texts {
        assert!(error.contains(text), "{what}: {text:?} is not in {error:?}");
    }
}
