//! The `/v2` dialect: real HTTP requests, answers read by an independent CBOR library.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};
use support::{Answer, CborMap, Fixture, PUBLIC_BUCKET, merged, numbers};

fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, texts: &[&str]) {
    let error = answer.error();
    assert_eq!(answer.status, status, "{error}");
    for text in texts {
        assert!(error.contains(text), "{text:?} is not in {error:?}");
    }
}

/// A service whose store holds `[[1, 2, 3], [4, 5, -9]]`, of which -9 is missing.
async fn with_data(flags: &[&str]) -> Fixture {
    let fixture = Fixture::start(flags).await;
    fixture.s3.put("data", bytes(&[1_i64, 2, 3, 4, 5, -9]));
    fixture
}

async fn ask(fixture: &Fixture, operation: &str, fields: Value) -> CborMap {
    let known = json!({"shape": [2, 3], "missing": {"missing_value": -9}});
    fixture.post_v2(operation, &fixture.request_v2("data", "int64", merged(known, fields))).await.cbor()
}

#[tokio::test]
async fn an_answer_has_all_keys_and_its_numbers_in_one_place() {
    let fixture = with_data(&[]).await;
    let expected = CborMap {
        bytes: bytes(&[15_i64]),
        dtype: "int64".to_owned(),
        byte_order: if cfg!(target_endian = "big") { "big" } else { "little" }.to_owned(),
        shape: json!([]),
        shape_as_bytes: Vec::new(),
        count: json!([5]),
        count_as_bytes: Vec::new(),
    };
    assert_eq!(ask(&fixture, "sum", json!({})).await, expected);
    let slash = ask(&fixture, "sum/", json!({"axis": [0, 1]})).await;
    assert_eq!(slash, expected);
}

#[tokio::test]
async fn every_operation_answers_as_in_v1() {
    let fixture = with_data(&[]).await;
    for operation in ["count", "max", "min", "select", "sum"] {
        for fields in [json!({}), json!({"axis": 0}), json!({"axis": [1], "order": "F"}), json!({"axis": []})] {
            let all = merged(json!({"shape": [2, 3], "missing": {"missing_value": -9}}), fields);
            let old = fixture.post(operation, &fixture.request("data", "int64", all.clone())).await;
            let new = ask(&fixture, operation, all.clone()).await;
            assert_eq!(new.bytes, old.body, "{operation} {all}");
            assert_eq!((&new.shape, new.dtype.as_str()), (&old.shape(), old.header("x-activestorage-dtype")));
            let count = if old.count().is_array() { old.count() } else { json!([old.count()]) };
            assert_eq!(new.count, count, "{operation} {all}");
        }
    }
}

#[tokio::test]
async fn shape_and_counts_come_as_bytes_on_request() {
    let fixture = with_data(&[]).await;
    let both = json!({"axis": 0, "option_shape_as_bytes": true, "option_count_as_bytes": true});
    let answer = ask(&fixture, "sum", both).await;
    assert_eq!(answer.values::<i64>(), [5, 7, 3]);
    assert_eq!((answer.shape, numbers::<u64>(&answer.shape_as_bytes)), (json!([]), vec![3]));
    assert_eq!((answer.count, numbers::<i64>(&answer.count_as_bytes)), (json!([]), vec![2, 2, 1]));
    let answer = ask(&fixture, "sum", json!({"axis": 0, "option_shape_as_bytes": true})).await;
    assert_eq!((answer.shape, numbers::<u64>(&answer.shape_as_bytes)), (json!([]), vec![3]));
    assert_eq!((answer.count, answer.count_as_bytes.len()), (json!([2, 2, 1]), 0));
    let off = json!({"axis": 0, "option_shape_as_bytes": false, "option_count_as_bytes": null, "option_disable_chunk_cache": true});
    let answer = ask(&fixture, "sum", off).await;
    assert_eq!((answer.shape, answer.count), (json!([3]), json!([2, 2, 1])));
}

#[tokio::test]
async fn counts_are_nested_like_the_result_where_reduced_axes_stay() {
    let fixture = with_data(&["--keepdims"]).await;
    let counts = async |fields: Value| {
        let answer = ask(&fixture, "sum", fields).await;
        (answer.shape, answer.count)
    };
    assert_eq!(counts(json!({})).await, (json!([1, 1]), json!([[5]])));
    assert_eq!(counts(json!({"axis": 0})).await, (json!([1, 3]), json!([[2, 2, 1]])));
    assert_eq!(counts(json!({"axis": 1})).await, (json!([2, 1]), json!([[3], [2]])));
    assert_eq!(counts(json!({"axis": []})).await, (json!([2, 3]), json!([[1, 1, 1], [1, 1, 0]])));
    assert_eq!(counts(json!({"axis": 0, "keepdims": false})).await, (json!([3]), json!([2, 2, 1])));
    assert_eq!(
        counts(json!({"shape": [2, 3], "selection": [[0, 0, 1], null], "axis": 1})).await,
        (json!([0, 1]), json!([]))
    );
    // Nested lists are read by index, whatever lies next to each other: [[1, 3, 5], [2, 4, -9]].
    assert_eq!(counts(json!({"axis": [], "order": "F"})).await, (json!([2, 3]), json!([[1, 1, 1], [1, 1, 0]])));
    let three = json!({"shape": [1, 2, 3], "axis": [0], "order": "F", "missing": {"missing_values": [2, 3]}});
    assert_eq!(counts(three).await, (json!([1, 2, 3]), json!([[[1, 0, 1], [0, 1, 1]]])));
    // One number for all selected elements.
    let selected = ask(&fixture, "select", json!({"keepdims": true})).await;
    assert_eq!((selected.shape, selected.count), (json!([2, 3]), json!([5])));
    // As bytes they are in the order of the values.
    let as_bytes = json!({"axis": [], "order": "F", "option_count_as_bytes": true});
    assert_eq!(numbers::<i64>(&ask(&fixture, "sum", as_bytes).await.count_as_bytes), [1, 1, 1, 1, 1, 0]);
}

#[tokio::test]
async fn the_path_of_an_s3_url_is_bucket_and_key() {
    let fixture = Fixture::start(&[]).await;
    for key in ["plain", "a key/with ünï+code %20?&#/x", "a/../b", "/slash", "100%", "a%2Fb"] {
        fixture.s3.put(key, vec![1_u8, 2]);
    }
    fixture.s3.put("a%2Fb", vec![5_u8]);
    let store = fixture.s3.url();
    let sum = async |url: String| {
        let body = json!({"interface_type": "s3", "url": url, "dtype": "uint8"});
        fixture.client.post_as(&format!("{}/v2/sum", fixture.service.url()), &body, None).await
    };
    for path in [
        "public/plain",
        "public//plain",
        "/public///plain",
        "public/pl%61in",
        "public/a%20key/with%20%C3%BCn%C3%AF%2Bcode%20%2520%3F%26%23/x",
        "public/a key/with ünï+code %2520%3F&%23/x",
        "public/a/../b",
        "public/a/%2E%2e/b",
        "public/%2Fslash",
        "public/100%",
    ] {
        let answer = sum(format!("{store}/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.error());
        assert_eq!(answer.cbor().values::<u64>(), [3], "{path}");
    }
    assert_eq!(sum(format!("{store}/public/a%252Fb")).await.cbor().values::<u64>(), [5]);
    for (url, text) in [
        (format!("{store}/public"), "url: has no key"),
        (format!("{store}/public/"), "url: object must not be empty"),
        (store.clone(), "url: has no key"),
        (format!("{store}/public/plain?x"), "url: must be scheme://endpoint/bucket/key; write ? as %3F"),
        (format!("{store}/public/plain#x"), "write ? as %3F and # as %23"),
        (format!("{store}/public/%FF"), "url: must be UTF-8"),
        (format!("{store}/%2E%2E/plain"), "url: bucket must be the name of a bucket"),
        (format!("{store}/a%2Fb/plain"), "url: bucket must not have a slash"),
        (format!("{store}/%2Fpublic/plain"), "url: bucket must not have a slash"),
        (format!("{store}/a%0Ab/plain"), "url: bucket must not have control characters"),
        (format!("{store}\\public/plain"), "url: must be scheme://endpoint/bucket/key"),
        ("s3://public/plain".to_owned(), "url: must begin with http:// or https://"),
        ("public/plain".to_owned(), "url: must be scheme://endpoint/bucket/key"),
        (store.replace("http://", "http:host/x://") + "/public/plain", "url: must be scheme://endpoint/bucket/key"),
        (format!("{store}/public/\tplain"), "url: must not have control characters"),
        (format!("{store}/public/{}", "k".repeat(1025)), "url: object is longer than the 1024 bytes"),
        (format!("{store}/public/{}", "k".repeat(8200)), "url: is longer than the 8192 bytes"),
        (store.replace("http://", "http://user:password@"), "url: must not hold credentials"),
    ] {
        assert_error(&sum(url).await, 400, &[text]);
    }
}

#[tokio::test]
async fn every_broken_rule_is_named_as_in_v1() {
    let fixture = Fixture::start(&[]).await;
    let post = async |body: Value| fixture.post_v2("sum", &body).await;
    assert_error(
        &post(json!({})).await,
        400,
        &["interface_type: is required", "url: is required", "dtype: is required"],
    );
    let broken = json!({
        "interface_type": "ftp", "url": 5, "source": "http://store", "dtype": "float", "option_shape_as_bytes": 1,
        "option_count_as_bytes": "yes", "size": 0,
    });
    let answer = post(broken).await;
    let texts = [
        "interface_type: unknown variant `ftp`, expected one of `s3`, `http`, `https`, `file`",
        "url: invalid type",
        "source: unknown field",
        "the fields: are interface_type, url, option_shape_as_bytes",
        "dtype: unknown variant",
        "option_shape_as_bytes: invalid type",
        "option_count_as_bytes: invalid type",
        "size: must be at least 1",
    ];
    assert_error(&answer, 400, &texts);
    assert_eq!(answer.json()["error"]["caused_by"].as_array().unwrap().len(), texts.len(), "{}", answer.error());
    assert_eq!(answer.header("content-type"), "application/json");
    // The fields of the other dialect are unknown in each.
    let v1 = fixture.request("data", "int8", json!({"url": "http://store", "option_shape_as_bytes": true}));
    assert_error(&fixture.post("sum", &v1).await, 400, &["url: unknown field", "option_shape_as_bytes: unknown field"]);
}

#[tokio::test]
async fn errors_of_stores_have_the_same_status_in_both_dialects() {
    let fixture = with_data(&[]).await;
    let post = async |fields: Value| fixture.post_v2("sum", &fixture.request_v2("data", "int64", fields)).await;
    let url = |path: &str| json!({"url": format!("{}/{path}", fixture.s3.url())});
    assert_error(&post(url("private/nothing")).await, 400, &["NoSuchKey"]);
    assert_error(&post(url("no-such-bucket/data")).await, 400, &["NoSuchBucket"]);
    assert_error(&post(json!({"offset": 1000})).await, 400, &["outside"]);
    let anonymous = fixture.request_v2("data", "int64", json!({}));
    let service = format!("{}/v2/sum", fixture.service.url());
    assert_error(&fixture.client.post_as(&service, &anonymous, None).await, 401, &["Access Denied", "AccessDenied"]);
    let public = fixture.request_v2("data", "int64", url(&format!("{PUBLIC_BUCKET}/data")));
    assert_eq!(fixture.client.post_as(&service, &public, None).await.cbor().values::<i64>(), [6]);
}

#[tokio::test]
async fn what_is_not_enabled_is_forbidden() {
    let fixture = Fixture::start(&["--allow-source", "http://127.0.0.1:1/open"]).await;
    let post = async |body: Value| fixture.post_v2("sum", &body).await;
    let body = |interface: &str, url: &str| json!({"interface_type": interface, "url": url, "dtype": "int8"});
    assert_error(&post(body("file", "file:///etc/passwd")).await, 403, &["--file-root"]);
    for (interface, url) in [
        ("s3", "http://127.0.0.1:1/closed/key"),
        ("s3", "http://127.0.0.1:1/open/../closed/key"),
        ("s3", "http://127.0.0.1:1/open/%2E%2E/closed"),
        ("http", "http://127.0.0.1:1/closed"),
        ("https", "http://127.0.0.1:1/open/%2e%2e/closed"),
        ("http", "http://127.0.0.1:1/open%2F..%2Fclosed"),
        ("http", "http://127.0.0.1:1/open/..;/closed"),
        ("http", "https://127.0.0.1:1/open/x"),
    ] {
        assert_error(&post(body(interface, url)).await, 403, &["--allow-source"]);
    }
    for interface in ["s3", "http"] {
        assert_error(&post(body(interface, "http://127.0.0.1:1/open/x/y")).await, 502, &["cannot be reached"]);
    }
}

#[tokio::test]
async fn the_longest_results_fit_the_memory_that_was_planned_for_them() {
    // Just what the chunk, its results and their list take together; more than one request at a time would not fit.
    let fixture =
        Fixture::start(&["--memory-limit", "1MiB", "--max-decoded-size", "512KiB", "--max-chunk-size", "512KiB"]).await;
    fixture.s3.put("data", vec![1_u8; 40_000]);
    for (shape, axis) in
        [(json!([40_000]), json!([])), (json!([20_000, 2]), json!([1])), (json!([2, 20_000]), json!(0))]
    {
        for (keepdims, as_bytes) in [(false, false), (true, false), (false, true)] {
            let fields = json!({"shape": shape, "axis": axis, "keepdims": keepdims, "option_count_as_bytes": as_bytes});
            let answer = fixture.post_v2("sum", &fixture.request_v2("data", "uint8", fields.clone())).await;
            assert_eq!(answer.status, 200, "{fields}: {}", answer.error());
            let total: u64 = answer.cbor().values::<u64>().iter().sum();
            assert_eq!(total, 40_000);
        }
    }
}
