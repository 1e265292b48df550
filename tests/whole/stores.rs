//! Whole variables over HTTP, of stores that change their objects, refuse clients, lie, or die.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use support::{
    ACCESS_KEY, Client, PRIVATE_BUCKET, PUBLIC_BUCKET, S3, SECRET_KEY, Service,
    faulty::{FaultyStore, Reply, response},
    json_request, merged,
};
use tokio::sync::Barrier;

/// A file with chunked variables, and one of them.
const FILE: &[u8] = include_bytes!("../hdf5/superblock-0.h5");

pub(crate) struct Setup {
    pub(crate) s3: S3,
    service: Service,
    client: Client,
}

impl Setup {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        Self { s3: S3::start(0).await, service: Service::start(flags).await, client: Client::default() }
    }

    /// Where the operator allows nothing but the store.
    pub(crate) async fn of_its_own_store() -> Self {
        let s3 = S3::start(0).await;
        let service = Service::start(&["--allow-source", &s3.url()]).await;
        Self { s3, service, client: Client::default() }
    }

    pub(crate) async fn ask(&self, route: &str, body: &Value, credentials: Option<(&str, &str)>) -> (u16, Value) {
        let url = format!("{}/variables/v1/{route}", self.service.url());
        let mut request = json_request(&url, body.to_string(), credentials);
        request.headers_mut().insert("accept", "application/json".parse().unwrap());
        let answer = self.client.send(request).await;
        (answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap())
    }

    pub(crate) fn of(&self, bucket: &str, key: &str, fields: Value) -> Value {
        let place = json!({"interface_type": "s3", "url": format!("{}/{bucket}/{key}", self.s3.url())});
        merged(place, fields)
    }
}

/// A list of so many chunks of four bytes, one after the other.
fn listed(chunks: usize) -> Value {
    json!({
        "array": {"dtype": "uint8", "shape": [4 * chunks], "chunk_shape": [4]},
        "chunks": {
            "index": (0..chunks).map(|number| vec![number]).collect::<Vec<_>>(),
            "offset": (0..chunks).map(|number| 4 * number).collect::<Vec<_>>(),
            "size": vec![4; chunks],
        },
        "statistics": ["sum", "count"],
    })
}

pub(crate) const KEYS: Option<(&str, &str)> = Some((ACCESS_KEY, SECRET_KEY));

#[tokio::test]
async fn who_may_not_read_an_object_learns_nothing_of_it_from_what_is_known() {
    let setup = Setup::start(&[]).await;
    setup.s3.put("file.nc", FILE);
    let question = setup.of(PRIVATE_BUCKET, "file.nc", json!({}));
    let (status, described) = setup.ask("describe", &question, KEYS).await;
    assert_eq!(status, 200, "{described}");
    let path = described["variables"].as_object().unwrap().keys().next().unwrap().clone();
    let one = setup.of(PRIVATE_BUCKET, "file.nc", json!({"variable": path}));
    assert_eq!(setup.ask("describe", &one, KEYS).await.0, 200);
    for credentials in [None, Some((ACCESS_KEY, "another-secret")), Some(("somebody", SECRET_KEY))] {
        for (question, route) in [(&question, "describe"), (&one, "describe")] {
            let (status, refused) = setup.ask(route, question, credentials).await;
            assert!(matches!(status, 401 | 403), "{status} {refused}");
            assert!(!refused.to_string().contains("shape"), "{refused}");
        }
        let missing = setup.of(PRIVATE_BUCKET, "file.nc", json!({"variable": "none"}));
        assert!(
            matches!(setup.ask("describe", &missing, credentials).await.0, 401 | 403),
            "not even what is not there"
        );
    }
    assert_eq!(setup.ask("describe", &one, KEYS).await, setup.ask("describe", &one, KEYS).await);
}

#[tokio::test]
async fn an_object_that_was_replaced_is_read_anew_and_a_named_version_is_kept_to() {
    let setup = Setup::start(&[]).await;
    setup.s3.put("object", vec![1; 40]);
    let question = setup.of(PUBLIC_BUCKET, "object", listed(10));
    let (_, first) = setup.ask("reduce", &question, None).await;
    assert_eq!(first["results"]["sum"]["values"], 40);
    let named = merged(question.clone(), json!({"etag": first["etag"]}));
    assert_eq!(setup.ask("reduce", &named, None).await.0, 200);
    setup.s3.put("object", vec![2; 40]);
    let (status, refused) = setup.ask("reduce", &named, None).await;
    assert_eq!(status, 412, "{refused}");
    assert_eq!(setup.ask("reduce", &question, None).await.1["results"]["sum"]["values"], 80);

    setup.s3.put("file.nc", FILE);
    let file = setup.of(PUBLIC_BUCKET, "file.nc", json!({}));
    let (_, before) = setup.ask("describe", &file, None).await;
    let mut longer = FILE.to_vec();
    longer.extend([0; 8]);
    setup.s3.put("file.nc", longer);
    let (_, after) = setup.ask("describe", &file, None).await;
    assert_ne!(before["etag"], after["etag"]);
    assert_eq!((&before["variables"], after["size"].as_u64()), (&after["variables"], Some(FILE.len() as u64 + 8)));
}

/// What a faulty store makes of a list of chunks that are read one by one.
async fn told(script: impl Fn(usize, String) -> Reply + Send + Sync + 'static, chunks: usize) -> (u16, Value) {
    let flags = ["--read-gap", "1", "--longest-read", "1", "--retries", "1", "--read-timeout", "1s"];
    let (setup, store) = (Setup::start(&flags).await, FaultyStore::start(script).await);
    let place = json!({"interface_type": "http", "url": format!("{}/object", store.url)});
    setup.ask("reduce", &merged(place, listed(chunks)), None).await
}

/// The range that a request asks for.
pub(crate) fn range(head: &str) -> (usize, usize) {
    let line =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned)).unwrap();
    let (first, last) = line.split_once('-').unwrap();
    (first.parse().unwrap(), last.trim().parse().unwrap())
}

/// The bytes of an object of ones, as a store gives them out.
fn part(head: &str, tag: &str) -> Vec<u8> {
    let (first, last) = range(head);
    let (content, tag) = (format!("Content-Range: bytes {first}-{last}/400"), format!("ETag: \"{tag}\""));
    response("206 Partial Content", &[&content, &tag], &vec![1; last - first + 1])
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_read_is_a_conflict_and_never_a_mixture() {
    for changes_at in 1..8 {
        let (status, told) =
            told(move |number, head| Reply::Close(part(&head, if number < changes_at { "old" } else { "new" })), 100)
                .await;
        assert_eq!(status, 409, "{told}");
        assert!(told["error"]["message"].as_str().unwrap().contains("changed while it was read"), "{told}");
    }
    // Also where the store says it by refusing what is no longer there.
    let refusing = |number: usize, head: String| match number {
        0 => Reply::Close(part(&head, "old")),
        _ if head.to_lowercase().contains("if-match: \"old\"") => {
            Reply::Close(response("412 Precondition Failed", &["ETag: \"new\""], b""))
        }
        _ => Reply::Close(part(&head, "new")),
    };
    assert_eq!(told(refusing, 100).await.0, 409);
}

#[tokio::test]
async fn a_store_that_lies_or_dies_is_an_error_that_names_the_chunk() {
    let failed = Arc::new(AtomicUsize::new(0));
    type Fault = fn(&str) -> Vec<u8>;
    let faults: [(Fault, u16); 5] = [
        (|head| part(head, "x")[..60].to_vec(), 502),
        (
            |head| response("206 Partial Content", &[&format!("Content-Range: bytes 0-{}/400", range(head).1)], b"1"),
            502,
        ),
        (|_| response("200 OK", &[], &[1; 3]), 400),
        (|_| response("500 Internal Server Error", &[], b""), 502),
        (|_| Vec::new(), 502),
    ];
    for (fault, expected) in faults {
        for number_of_fault in [0, 5, 9] {
            let failed = Arc::clone(&failed);
            let script = move |_: usize, head: String| {
                let is_faulty = range(&head).0 / 4 == number_of_fault;
                failed.fetch_add(usize::from(is_faulty), Ordering::Relaxed);
                Reply::Close(if is_faulty { fault(&head) } else { part(&head, "x") })
            };
            let (status, told) = told(script, 10).await;
            assert_eq!(status, expected, "{told}");
            let message = told["error"]["message"].as_str().unwrap();
            assert!(message.contains(&format!("chunk [{number_of_fault}]")), "{told}");
            assert!(message.contains(&format!("at byte {}", 4 * number_of_fault)), "{told}");
        }
    }
    assert!(failed.load(Ordering::Relaxed) >= 15);
}

#[tokio::test]
async fn a_named_version_is_kept_to_where_no_chunk_was_written() {
    let setup = Setup::start(&[]).await;
    setup.s3.put("object", vec![1; 40]);
    let question = setup.of(PUBLIC_BUCKET, "object", listed(10));
    let etag = setup.ask("reduce", &question, None).await.1["etag"].clone();
    let unwritten = merged(question, json!({"chunks": {"index": [], "offset": [], "size": []}}));
    let mut unwritten = merged(unwritten, json!({"etag": "\"another\""}));
    unwritten["array"]["fill_value"] = json!(3);
    let (status, refused) = setup.ask("reduce", &unwritten, None).await;
    assert_eq!(status, 412, "{refused}");
    unwritten["etag"] = etag.clone();
    let (status, answer) = setup.ask("reduce", &unwritten, None).await;
    assert_eq!((status, &answer["results"]["sum"]["values"], &answer["etag"]), (200, &json!(120), &etag));
    assert_eq!(answer["read"]["requests"], 1);
    unwritten["etag"] = Value::Null;
    assert_eq!(setup.ask("reduce", &unwritten, None).await.1["read"]["requests"], 0);
}

/// A netCDF-4 file with coordinates, one of them in a group.
const COORDINATES: &[u8] = include_bytes!("../hdf5/netcdf-dimensions.h5");

#[tokio::test]
async fn coordinates_of_one_variable_are_described_with_it_as_with_all() {
    let setup = Setup::start(&[]).await;
    setup.s3.put("file.nc", COORDINATES);
    let describe = async |fields: Value| {
        let (status, mut described) = setup.ask("describe", &setup.of(PUBLIC_BUCKET, "file.nc", fields), None).await;
        assert_eq!(status, 200, "{described}");
        described["variables"].take()
    };
    let all = describe(json!({"values": "coordinates"})).await;
    for (variable, coordinates) in
        [("tas", &["lat", "lon", "time"][..]), ("/group/inner", &["time"]), ("time", &["time"]), ("scalar", &[])]
    {
        let one = describe(json!({"variable": variable, "values": "coordinates"})).await;
        let with_values = one.as_object().unwrap().iter().filter(|(_, one)| one.get("values").is_some());
        let with_values: Vec<_> = with_values.map(|(path, _)| path.as_str()).collect();
        assert_eq!(with_values, coordinates, "{variable}");
        assert!(coordinates.iter().all(|path| one[path]["values"] == all[path]["values"]), "{variable}");
        assert!(one[variable.trim_start_matches('/')].get("chunk_count").is_some(), "{one}");
        let bare = describe(json!({"variable": variable})).await;
        assert_eq!(bare.as_object().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn coordinates_are_read_together() {
    let (barrier, reads) = (Arc::new(Barrier::new(2)), AtomicUsize::new(0));
    let script = move |_: usize, head: String| {
        let (first, last) = range(&head);
        let last = last.min(COORDINATES.len() - 1);
        let content = format!("Content-Range: bytes {first}-{last}/{}", COORDINATES.len());
        let part = response("206 Partial Content", &[&content, "ETag: \"x\""], &COORDINATES[first..=last]);
        // What is not at the beginning are values. The first two requests for such are answered once both have come.
        match first > 0 && reads.fetch_add(1, Ordering::Relaxed) < 2 {
            true => Reply::Meet(Arc::clone(&barrier), part),
            false => Reply::Close(part),
        }
    };
    let setup = Setup::start(&["--retries", "0", "--read-timeout", "5s", "--memory-limit", "1GiB"]).await;
    let store = FaultyStore::start(script).await;
    let question = json!({"interface_type": "http", "url": format!("{}/object", store.url), "values": "coordinates"});
    let (status, described) = setup.ask("describe", &question, None).await;
    assert_eq!(status, 200, "{described}");
    assert_eq!(described["variables"]["lat"]["values"]["shape"], json!([3]));
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_json_is_refused_before_a_chunk_is_read() {
    let (setup, store) = (Setup::start(&[]).await, FaultyStore::start(|_, head| Reply::Close(part(&head, "x"))).await);
    let place = json!({"interface_type": "http", "url": format!("{}/object", store.url)});
    let told = |numbers: usize| {
        format!("the answer has {numbers} numbers, and JSON is for no more than 100000: ask for application/cbor")
    };
    let question = merged(place.clone(), merged(listed(12_501), json!({"axis": []})));
    let (status, answer) = setup.ask("reduce", &question, None).await;
    assert_eq!((status, &answer["error"]["message"]), (413, &json!(told(100_008))));
    let mut question = merged(place, listed(25_001));
    question.as_object_mut().unwrap().remove("statistics");
    let (status, answer) = setup.ask("select", &question, None).await;
    assert_eq!((status, &answer["error"]["message"]), (413, &json!(told(100_004))));
    assert_eq!(store.requests(), 0);
    question["selection"] = json!([[0, 40, 1]]);
    assert_eq!(setup.ask("select", &question, None).await.0, 200);
    assert!(store.requests() > 0);
}

#[tokio::test]
async fn a_chunk_that_was_never_written_is_named_by_its_index_and_what_to_do_is_said() {
    let setup = Setup::start(&[]).await;
    setup.s3.put("object", vec![1; 40]);
    let mut question = setup.of(PUBLIC_BUCKET, "object", listed(10));
    question["chunks"] = json!({"index": [[0], [1]], "offset": [0, 4], "size": [4, 4]});
    let (status, told) = setup.ask("reduce", &question, None).await;
    let message = "chunk [2] was never written, and there is no fill value that says what its elements would be: select a part \
                   without it, or give fill_value in a chunk list";
    assert_eq!((status, &told["error"]["message"]), (400, &json!(message)));
    question["selection"] = json!([[0, 8, 1]]);
    assert_eq!(setup.ask("reduce", &question, None).await.1["results"]["sum"]["values"], 8);
    question["selection"] = Value::Null;
    question["array"]["fill_value"] = json!(3);
    assert_eq!(setup.ask("reduce", &question, None).await.1["results"]["sum"]["values"], 8 + 8 * 4 * 3);
}

#[tokio::test]
async fn credentials_go_to_the_origin_of_the_request_and_nowhere_else() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let elsewhere = FaultyStore::start(move |_, head| {
        counter.fetch_add(usize::from(head.to_lowercase().contains("authorization")), Ordering::Relaxed);
        Reply::Close(part(&head, "x"))
    })
    .await;
    let setup = Setup::start(&[]).await;
    setup.s3.put("object", vec![2; 40]);
    let mut question = setup.of(PRIVATE_BUCKET, "object", listed(10));
    let home = format!("{}/{PRIVATE_BUCKET}/object", setup.s3.url());
    question["urls"] = json!([home, format!("{}/other/object", elsewhere.url)]);
    question["chunks"]["url"] = json!((0..10).map(|number| number % 2).collect::<Vec<_>>());
    let (status, answer) = setup.ask("reduce", &question, KEYS).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["results"]["sum"]["values"], 5 * 4 * 2 + 5 * 4);
    assert!(elsewhere.requests() > 0);
    assert_eq!(seen.load(Ordering::Relaxed), 0, "credentials");
}
