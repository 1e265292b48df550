//! Real HTTP requests to the service, with a real S3 endpoint behind it.
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

use serde_json::{Value, json};
use support::{
    ACCESS_KEY, Answer, Client, Fixture, PUBLIC_BUCKET, SECRET_KEY, Service,
    encode::{gzip, shuffle, zlib},
};

fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

/// The request failed with this status, and its texts say all of `texts`.
#[track_caller]
fn assert_error(answer: &Answer, status: u16, texts: &[&str]) {
    let error = answer.error();
    assert_eq!(answer.status, status, "{error}");
    assert_eq!(answer.header("content-type"), "application/json");
    for text in texts {
        assert!(error.contains(text), "{text:?} is not in {error:?}");
    }
    assert!(!error.contains(SECRET_KEY), "{error}");
}

#[tokio::test]
async fn every_operation_answers_with_result_and_count() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[3.0_f32, -1.0, 1e20, 7.0]));
    let body = fixture.request("data", "float32", json!({"missing": {"missing_value": 1e20}}));
    for (operation, expected) in [("min", -1.0_f32), ("max", 7.0), ("sum", 9.0)] {
        let answer = fixture.post(operation, &body).await;
        assert_eq!(answer.value::<f32>(), expected);
        assert_eq!((answer.shape(), answer.count()), (json!([]), json!(3)));
        assert_eq!(answer.header("x-activestorage-dtype"), "float32");
        assert_eq!(
            answer.header("x-activestorage-byte-order"),
            if cfg!(target_endian = "big") { "big" } else { "little" }
        );
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.header("content-length"), "4");
    }
    let answer = fixture.post("count", &body).await;
    assert_eq!((answer.value::<i64>(), answer.count()), (3, json!(3)));
    assert_eq!(answer.header("x-activestorage-dtype"), "int64");
    let answer = fixture.post("select", &body).await;
    assert_eq!(answer.values::<f32>(), [3.0, -1.0, 1e20, 7.0]);
    assert_eq!((answer.shape(), answer.count()), (json!([4]), json!(3)));
}

#[tokio::test]
async fn a_trailing_slash_makes_no_difference() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[1_i32, 2]));
    let body = fixture.request("data", "int32", json!({}));
    assert_eq!(fixture.post("sum/", &body).await.value::<i32>(), 3);
    assert_eq!(fixture.post("sum//", &body).await.status, 404);
}

#[tokio::test]
async fn offset_and_size_pick_the_chunk_out_of_the_object() {
    let fixture = Fixture::start(&[]).await;
    fixture
        .s3
        .put("a key/with ünï+code %20?&#/x", [b"head".to_vec(), bytes(&[1_u16, 2, 3]), b"trailer".to_vec()].concat());
    let sum = async |fields: Value| {
        fixture.post("sum", &fixture.request("a key/with ünï+code %20?&#/x", "uint16", fields)).await
    };
    assert_eq!(sum(json!({"offset": 4, "size": 6})).await.value::<u64>(), 6);
    assert_eq!(sum(json!({"offset": 4, "size": 6, "shape": [3, 1]})).await.value::<u64>(), 6);
    assert_eq!(sum(json!({"size": 2})).await.value::<u64>(), u64::from(u16::from_ne_bytes(*b"he")));
    assert_eq!(sum(json!({"offset": 15})).await.value::<u64>(), u64::from(u16::from_ne_bytes(*b"er")));
    assert_error(&sum(json!({"offset": 14})).await, 400, &["3 bytes", "uint16"]);
}

#[tokio::test]
async fn compressed_and_shuffled_chunks_are_decoded() {
    let fixture = Fixture::start(&[]).await;
    let values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 8.0).collect();
    let shuffled = shuffle(&bytes(&values), 8);
    for (id, encoded) in [("zlib", zlib(&shuffled)), ("gzip", gzip(&shuffled))] {
        let size = encoded.len();
        fixture.s3.put(id, [vec![7; 13], encoded, b"more data".to_vec()].concat());
        let filters = json!([{"id": "shuffle", "element_size": 8}]);
        let exact = json!({"offset": 13, "size": size, "shape": [10, 100], "compression": {"id": id, "level": 4}, "filters": filters});
        // The end of the object as the end of the chunk: what follows the stream is not part of it.
        let open = json!({"offset": 13, "compression": {"id": id}, "filters": filters});
        for fields in [exact, open] {
            let answer = fixture.post("sum", &fixture.request(id, "float64", fields)).await;
            assert_eq!(answer.value::<f64>(), 62437.5);
            assert_eq!(answer.count(), 1000);
        }
    }
}

#[tokio::test]
async fn reductions_over_axes_have_a_count_per_result() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[1_i64, 2, 3, 4, 5, -9]));
    let answer = async |operation: &str, fields: Value| {
        let mut body = fixture.request("data", "int64", json!({"shape": [2, 3], "missing": {"missing_value": -9}}));
        for (field, value) in fields.as_object().unwrap() {
            body[field] = value.clone();
        }
        let answer = fixture.post(operation, &body).await;
        (answer.values::<i64>(), answer.shape(), answer.count())
    };
    assert_eq!(answer("sum", json!({"axis": 0})).await, (vec![5, 7, 3], json!([3]), json!([2, 2, 1])));
    assert_eq!(answer("max", json!({"axis": [-1]})).await, (vec![3, 5], json!([2]), json!([3, 2])));
    assert_eq!(answer("min", json!({"axis": [1, 0]})).await, (vec![1], json!([]), json!(5)));
    assert_eq!(answer("min", json!({"axis": null})).await, (vec![1], json!([]), json!(5)));
    assert_eq!(
        answer("count", json!({"axis": [], "order": "C"})).await,
        (vec![1, 1, 1, 1, 1, 0], json!([2, 3]), json!([1, 1, 1, 1, 1, 0]))
    );
    assert_eq!(
        answer("sum", json!({"axis": 0, "keepdims": true})).await,
        (vec![5, 7, 3], json!([1, 3]), json!([2, 2, 1]))
    );
    assert_eq!(answer("sum", json!({"keepdims": true})).await, (vec![15], json!([1, 1]), json!(5)));
    assert_eq!(answer("select", json!({"axis": [7, 7]})).await, (vec![1, 2, 3, 4, 5, -9], json!([2, 3]), json!(5)));
    // Memory order in, memory order out: [[1, 3, 5], [2, 4, -9]].
    assert_eq!(answer("sum", json!({"axis": [], "order": "F"})).await.0, [1, 2, 3, 4, 5, 0]);
    assert_eq!(answer("sum", json!({"axis": 0, "order": "F"})).await, (vec![3, 7, 5], json!([3]), json!([2, 2, 1])));
}

#[tokio::test]
async fn the_server_can_keep_dimensions_by_default() {
    let fixture = Fixture::start(&["--keepdims"]).await;
    fixture.s3.put("data", bytes(&[1_i64, 2, 3, 4, 5, 6]));
    let body = |fields: Value| fixture.request("data", "int64", fields);
    assert_eq!(fixture.post("sum", &body(json!({"shape": [2, 3], "axis": 1}))).await.shape(), json!([2, 1]));
    assert_eq!(
        fixture.post("sum", &body(json!({"shape": [2, 3], "axis": 1, "keepdims": false}))).await.shape(),
        json!([2])
    );
}

#[tokio::test]
async fn special_floats_come_out_as_in_numpy() {
    let fixture = Fixture::start(&[]).await;
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    fixture.s3.put("low", bytes(&[-inf, -inf]));
    fixture.s3.put("nan", bytes(&[1.0, nan, -inf]));
    fixture.s3.put("both", bytes(&[inf, -inf]));
    let answer = async |operation: &str, key: &str, fields: Value| {
        fixture.post(operation, &fixture.request(key, "float32", fields)).await.value::<f32>()
    };
    assert_eq!(answer("max", "low", json!({})).await, -inf);
    assert_eq!(answer("sum", "low", json!({})).await, -inf);
    assert!(answer("sum", "both", json!({})).await.is_nan());
    for operation in ["sum", "min", "max"] {
        assert_eq!(answer(operation, "nan", json!({})).await.to_bits(), f32::NAN.to_bits(), "{operation}");
    }
    let no_nan = json!({"missing": {"missing_value": "NaN"}});
    assert_eq!(answer("max", "nan", no_nan.clone()).await, 1.0);
    assert_eq!(answer("min", "nan", no_nan).await, -inf);
    assert_eq!(answer("max", "nan", json!({"missing": {"missing_values": ["NaN", 1.0, "-Infinity"]}})).await, -inf);
}

#[tokio::test]
async fn missing_values_are_read_to_the_last_bit() {
    let fixture = Fixture::start(&[]).await;
    // A fast reader of JSON numbers gets some of these one bit wrong.
    let values =
        [-0.0036718578020446396, 0.01554895203689675, 0.015656757106523513, -1.8682781545375375, 0.0012210573090275798];
    fixture.s3.put("data", bytes(&values));
    let body = fixture.request("data", "float64", json!({"missing": {"missing_values": values}}));
    assert_eq!(fixture.post("count", &body).await.value::<i64>(), 0);
}

#[tokio::test]
async fn nothing_left_is_the_identity_with_count_0() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[5_i32; 4]));
    fixture.s3.put("empty", "");
    let gone = json!({"missing": {"valid_min": 6}});
    let empty = json!({"shape": [4], "selection": [[2, 2, 1]]});
    for fields in [gone, empty] {
        for (operation, identity) in [("sum", 0), ("min", i32::MAX), ("max", i32::MIN)] {
            let answer = fixture.post(operation, &fixture.request("data", "int32", fields.clone())).await;
            assert_eq!((answer.value::<i32>(), answer.count()), (identity, json!(0)), "{operation}");
        }
    }
    let answer = fixture.post("max", &fixture.request("empty", "float64", json!({}))).await;
    assert_eq!((answer.value::<f64>(), answer.count()), (f64::NEG_INFINITY, json!(0)));
    let answer = fixture
        .post("select", &fixture.request("data", "int32", json!({"shape": [4], "selection": [[3, 1, 1]]})))
        .await;
    assert_eq!((answer.body.len(), answer.shape(), answer.count()), (0, json!([0]), json!(0)));
}

#[tokio::test]
async fn a_valid_range_of_one_value_keeps_that_value() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("integers", bytes(&[0_i32, 1, 1, 2]));
    fixture.s3.put("floats", bytes(&[-0.0_f32, 0.5, 0.0, f32::NAN]));
    for (object, dtype, range, count) in [
        ("integers", "int32", json!([1, 1]), 2),
        ("integers", "int32", json!([3, 3]), 0),
        ("floats", "float32", json!([0, -0.0]), 3),
    ] {
        let body = fixture.request(object, dtype, json!({"missing": {"valid_range": range}}));
        assert_eq!(fixture.post("count", &body).await.value::<i64>(), count, "{range}");
    }
}

#[tokio::test]
async fn an_integer_sum_that_does_not_fit_is_an_error_that_tells_the_way_out() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[i32::MAX, 1]));
    let answer = fixture.post("sum", &fixture.request("data", "int32", json!({}))).await;
    assert_error(&answer, 400, &["overflow", "int32", "result_dtype"]);
    let answer = fixture.post("sum", &fixture.request("data", "int32", json!({"result_dtype": "int64"}))).await;
    assert_eq!(answer.value::<i64>(), 1 << 31);
    assert_eq!(answer.header("x-activestorage-dtype"), "int64");
    let answer = fixture.post("sum", &fixture.request("data", "int32", json!({"result_dtype": "float64"}))).await;
    assert_eq!(answer.value::<f64>(), 2_147_483_648.0);
    // Narrow integers are summed wide.
    fixture.s3.put("narrow", vec![200_u8; 100]);
    assert_eq!(fixture.post("sum", &fixture.request("narrow", "uint8", json!({}))).await.value::<u64>(), 20_000);
}

#[tokio::test]
async fn millions_of_float32_are_summed_to_float32_rounding_over_any_axis() {
    let fixture = Fixture::start(&[]).await;
    let (layers, rows, columns) = (3, 1000, 1024);
    let values: Vec<f32> = (0..layers * rows * columns).map(|i| 273.0 + (i * 7919 % 10_007) as f32 / 1000.0).collect();
    fixture.s3.put("data", bytes(&values));
    let sums = async |axis: Value| {
        let fields = json!({"shape": [layers, rows, columns], "axis": axis});
        fixture.post("sum", &fixture.request("data", "float32", fields)).await.values::<f32>()
    };
    let check = |sums: Vec<f32>, elements_of: &dyn Fn(usize) -> Vec<f32>| {
        for (result, sum) in sums.into_iter().enumerate() {
            let exact: f64 = elements_of(result).into_iter().map(f64::from).sum();
            let error = ((f64::from(sum) - exact) / exact).abs();
            assert!(error <= 6e-8, "result {result}: {sum} is not {exact}, relative error {error:e}");
        }
    };
    let (values, layer_len) = (&values, rows * columns);
    check(sums(json!(null)).await, &|_| values.clone());
    check(sums(json!([1, 2])).await, &|layer| values[layer * layer_len..][..layer_len].to_vec());
    check(sums(json!([0, 1])).await, &|column| values.iter().copied().skip(column).step_by(columns).collect());
    check(sums(json!([0, 2])).await, &|row| {
        (0..layers).flat_map(|layer| values[(layer * rows + row) * columns..][..columns].to_vec()).collect()
    });
}

#[tokio::test]
async fn credentials_decide_what_can_be_read() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[1_u8, 2]));
    let url = format!("{}/v1/sum", fixture.service.url());
    let private = fixture.request("data", "uint8", json!({}));
    let mut public = private.clone();
    public["bucket"] = json!(PUBLIC_BUCKET);
    let post = async |body: &Value, credentials| fixture.client.post_as(&url, body, credentials).await;

    assert_eq!(post(&private, Some((ACCESS_KEY, SECRET_KEY))).await.value::<u64>(), 3);
    assert_eq!(post(&public, None).await.value::<u64>(), 3);
    assert_error(&post(&private, None).await, 401, &["Access Denied", "AccessDenied"]);
    assert_error(&post(&private, Some((ACCESS_KEY, "guess"))).await, 401, &["Access Denied", "SignatureDoesNotMatch"]);
    assert_error(&post(&private, Some(("somebody", SECRET_KEY))).await, 401, &["Access Denied", "InvalidAccessKeyId"]);
    // The right keys again, and the wrong ones: a cached client belongs to its own secret only.
    assert_eq!(post(&private, Some((ACCESS_KEY, SECRET_KEY))).await.value::<u64>(), 3);
    assert_error(&post(&private, Some((ACCESS_KEY, "guess"))).await, 401, &["Access Denied"]);
    // Empty credentials are none.
    assert_eq!(post(&public, Some(("", ""))).await.value::<u64>(), 3);
}

#[tokio::test]
async fn an_authorization_header_that_is_not_basic_is_an_error() {
    let fixture = Fixture::start(&[]).await;
    let url = format!("{}/v1/sum", fixture.service.url());
    // The last one has a line feed in its user name.
    for value in ["Bearer", "Token x", "Basic !!!", "Basic", "", "Basic YQpiOng="] {
        let mut request = support::json_request(&url, "{}", None);
        request.headers_mut().insert("authorization", value.parse().unwrap());
        assert_error(&fixture.client.send(request).await, 400, &["HTTP Basic"]);
    }
}

#[tokio::test]
async fn what_the_store_does_not_have_is_an_error_of_the_request() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[1_i32, 2]));
    fixture.s3.put("empty", "");
    let post = async |key: &str, fields: Value| fixture.post("sum", &fixture.request(key, "int32", fields)).await;
    assert_error(&post("nothing", json!({})).await, 400, &["NoSuchKey"]);
    assert_error(&post("data", json!({"bucket": "no-such-bucket"})).await, 400, &["NoSuchBucket"]);
    assert_error(&post("data", json!({"offset": 4, "size": 8})).await, 400, &["outside"]);
    assert_error(&post("data", json!({"offset": 8, "size": 4})).await, 400, &["outside"]);
    assert_error(&post("data", json!({"offset": 100})).await, 400, &["outside"]);
    assert_error(&post("data", json!({"offset": 1_u64 << 62, "size": 8})).await, 400, &["outside"]);
    assert_error(&post("empty", json!({"size": 4})).await, 400, &["outside"]);
}

#[tokio::test]
async fn a_chunk_that_is_not_what_the_request_says_is_an_error() {
    let fixture = Fixture::start(&[]).await;
    let data = bytes(&[1_i32, 2, 3]);
    let mut corrupt = zlib(&data);
    let last = corrupt.len() - 1;
    corrupt[last] ^= 1;
    fixture.s3.put("plain", data.clone());
    fixture.s3.put("zlib", zlib(&data));
    fixture.s3.put("corrupt", corrupt);
    fixture.s3.put("short", zlib(&data)[..6].to_vec());
    let post = async |key: &str, fields: Value| fixture.post("sum", &fixture.request(key, "int32", fields)).await;
    let zlib = json!({"id": "zlib"});
    assert_error(&post("plain", json!({"shape": [4]})).await, 400, &["12 bytes", "16"]);
    assert_error(&post("plain", json!({"shape": [2]})).await, 400, &["12 bytes", "8"]);
    assert_error(&post("zlib", json!({"shape": [4], "compression": zlib})).await, 400, &["12 bytes", "16"]);
    assert_error(
        &post("zlib", json!({"shape": [2], "compression": zlib})).await,
        400,
        &["zlib", "more than the 8 bytes"],
    );
    assert_error(&post("corrupt", json!({"compression": zlib})).await, 400, &["zlib", "corrupt"]);
    assert_error(&post("short", json!({"compression": zlib})).await, 400, &["zlib", "ends early"]);
    assert_error(&post("plain", json!({"compression": {"id": "gzip"}})).await, 400, &["gzip", "corrupt"]);
    let filters = |size: u64| json!({"filters": [{"id": "shuffle", "element_size": size}]});
    assert_error(&post("plain", filters(5)).await, 400, &["shuffle", "element_size 5", "12 bytes"]);
    assert_error(&post("plain", filters(0)).await, 400, &["filters: element_size"]);
}

#[tokio::test]
async fn every_broken_rule_is_named_with_its_field_before_anything_is_fetched() {
    let fixture = Fixture::start(&[]).await;
    let post = async |operation: &str, body: Value| fixture.post(operation, &body).await;

    let answer = post("sum", json!({})).await;
    assert_error(
        &answer,
        400,
        &["source: is required", "bucket: is required", "object: is required", "dtype: is required"],
    );
    assert_eq!(answer.json()["error"]["caused_by"].as_array().unwrap().len(), 4);

    // Nothing listens at this source: a fetch would answer with another status.
    let broken = json!({
        "source": "http://127.0.0.1:1", "bucket": "", "object": 5, "dtype": "float", "byte_order": "middle",
        "offset": -1, "size": 0, "shape": [0, 2], "order": "A", "selection": [[0, 1, 0]], "axis": "all",
        "compression": {"id": "lzma"}, "filters": [{"id": "delta"}], "missing": {"missing": 1}, "colour": "blue",
        "keepdims": 1, "result_dtype": "int64",
    });
    let answer = post("max", broken).await;
    assert_error(
        &answer,
        400,
        &[
            "bucket: must not be empty",
            "object: invalid type",
            "dtype: unknown variant",
            "float32",
            "byte_order: ",
            "offset: ",
            "size: must be at least 1",
            "shape: every dimension",
            "selection: has 1 slices, but shape has 2",
            "the fields: are source, bucket",
            "order: ",
            "selection: a stride must not be 0",
            "axis: ",
            "compression: unsupported codec \"lzma\"",
            "filters: \"delta\" needs a dtype",
            "missing: unknown field `missing`",
            "colour: unknown field",
            "keepdims: ",
            "result_dtype: is for sum only",
        ],
    );
    assert_eq!(answer.json()["error"]["caused_by"].as_array().unwrap().len(), 18, "{}", answer.error());

    let with = |fields: Value| fixture.request("data", "int16", fields);
    for (fields, texts) in [
        (json!({"size": 10, "shape": [2, 3]}), &["size: is 10 bytes", "12 bytes"][..]),
        (json!({"size": 3}), &["size: is 3 bytes", "int16"]),
        (json!({"offset": u64::MAX, "size": 2}), &["offset: offset + size"]),
        (json!({"offset": 1_u64 << 63}), &["offset: offset + size"]),
        (json!({"selection": [[0, 1, 1]]}), &["selection: needs shape"]),
        (json!({"shape": [2, 3], "selection": [[0, 1, 1]]}), &["selection: has 1 slices", "2 dimensions"]),
        (json!({"shape": [2], "selection": [[0, 1]]}), &["selection: "]),
        (json!({"shape": [2], "selection": [[0, 1.5, 1]]}), &["selection: "]),
        (json!({"axis": 0}), &["axis: needs shape"]),
        (json!({"shape": [2, 3], "axis": 2}), &["axis: 2 is outside"]),
        (json!({"shape": [2, 3], "axis": [0, -2, 5]}), &["axis: -2 is there more than once; 5 is outside"]),
        (json!({"shape": [2, 3], "axis": [0.5]}), &["axis: "]),
        (json!({"shape": [1_u64 << 40, 1_u64 << 40]}), &["shape: has more elements"]),
        (json!({"shape": vec![1; 65]}), &["shape: has 65 dimensions"]),
        (json!({"missing": {"missing_value": 1.0}}), &["missing: 1.0 is not a value of int16"]),
        (json!({"missing": {"missing_value": 32768}}), &["missing: 32768 is not a value of int16"]),
        (json!({"missing": {"missing_values": [1, "NaN"]}}), &["missing: NaN is not a value of int16"]),
        (json!({"missing": {"valid_range": [2, 1]}}), &["missing: valid_range"]),
        (json!({"missing": {"valid_range": [1]}}), &["missing: "]),
        (json!({"dtype": {"float32": null}}), &["dtype: invalid type"]),
        (json!({"order": {"C": null}}), &["order: invalid type"]),
        (json!({"missing": [1, [2]]}), &["missing: invalid type"]),
        (json!({"compression": ["zlib", null]}), &["compression: invalid type"]),
        (json!({"filters": [["shuffle", 2]]}), &["filters: invalid type"]),
        (json!({"missing": 5}), &["missing: invalid type"]),
        (json!({"compression": {}}), &["compression: missing field `id`"]),
        (json!({"filters": vec![json!({"id": "shuffle", "element_size": 2}); 33]}), &["filters: has 33 entries"]),
        (json!({"object": "x".repeat(1025)}), &["object: is longer"]),
        (json!({"source": format!("http://{}", "x".repeat(3000))}), &["source: is longer"]),
        (json!({"source": "http://st\tore"}), &["source: must not have control characters"]),
        (json!({"filters": [{"id": "shuffle"}]}), &["filters: \"shuffle\" needs an element_size"]),
        (json!({"result_dtype": "int8"}), &["result_dtype: int8"]),
        (json!({"result_dtype": "uint64"}), &["result_dtype: uint64"]),
        (json!({"source": "ftp://store"}), &["source: must begin with http"]),
        (json!({"source": "store"}), &["source: is not a URL"]),
        (json!({"source": "http://user:word@store"}), &["source: must not hold credentials"]),
    ] {
        assert_error(&post("sum", with(fields)).await, 400, texts);
    }
}

#[tokio::test]
async fn null_means_not_given() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[1_i32, 2, 3]));
    let all_null = json!({
        "byte_order": null, "offset": null, "size": null, "shape": null, "order": null, "selection": null, "axis": null,
        "compression": null, "filters": null, "missing": null, "result_dtype": null, "keepdims": null,
        "scale_factor": null, "add_offset": null, "unsigned": null,
    });
    assert_eq!(fixture.post("sum", &fixture.request("data", "int32", all_null)).await.value::<i32>(), 6);
    let inside = json!({
        "shape": [3], "selection": [[null, null, -1]], "compression": null,
        "missing": {"missing_value": null, "valid_max": 2, "valid_range": null},
    });
    assert_eq!(fixture.post("select", &fixture.request("data", "int32", inside)).await.values::<i32>(), [3, 2, 1]);
    let answer = fixture.post("sum", &fixture.request("data", "int32", json!({"dtype": null}))).await;
    assert_error(&answer, 400, &["dtype: is required"]);
}

#[tokio::test]
async fn bodies_that_are_no_json_objects_are_errors() {
    let fixture = Fixture::start(&[]).await;
    let url = format!("{}/v1/sum", fixture.service.url());
    let deep = "[".repeat(100_000);
    for body in ["", "{", "[]", "null", "5", "\"text\"", "{\"dtype\": NaN}", "{}{}", "\u{feff}{}", &deep] {
        let answer = fixture.client.send(support::json_request(&url, body.to_owned(), None)).await;
        assert_error(&answer, 400, &["JSON object"]);
    }
    let answer = fixture.client.send(support::json_request(&url, r#"{"dtype": "int8", "dtype": "int8"}"#, None)).await;
    assert_error(&answer, 400, &["dtype: is given more than once"]);
}

#[tokio::test]
async fn other_routes_methods_and_media_types_are_errors() {
    let fixture = Fixture::start(&[]).await;
    let url = |path: &str| format!("{}{path}", fixture.service.url());
    for path in ["/", "/v1", "/v1/", "/v1/mean", "/v1/sum/x", "/v3/sum"] {
        assert_error(&fixture.client.post(&url(path), &json!({})).await, 404, &["no such route"]);
    }
    let answer = fixture.client.get(&url("/v1/sum")).await;
    assert_error(&answer, 405, &["GET", "POST"]);
    assert_eq!(answer.header("allow"), "POST");
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("json"), Some("\u{7f}")]
    {
        let mut request = support::json_request(&url("/v1/sum"), "{}", None);
        request.headers_mut().remove("content-type");
        if let Some(content_type) = content_type.and_then(|text| text.parse().ok()) {
            request.headers_mut().insert("content-type", content_type);
        }
        assert_error(&fixture.client.send(request).await, 415, &["Content-Type: application/json"]);
    }
    let mut request = support::json_request(&url("/v1/sum"), "{}", None);
    request.headers_mut().insert("content-type", "application/json; charset=utf-8".parse().unwrap());
    assert_eq!(fixture.client.send(request).await.status, 400);
}

#[tokio::test]
async fn sizes_above_a_limit_are_errors_that_name_it() {
    let fixture = Fixture::start(&[
        "--memory-limit",
        "1MiB",
        "--max-chunk-size",
        "10000",
        "--max-decoded-size",
        "20000",
        "--max-body-size",
        "2000",
        "--max-result-size",
        "5000",
    ])
    .await;
    fixture.s3.put("bomb", zlib(&vec![0; 1_000_000]));
    fixture.s3.put("large", vec![0; 10_001]);
    let post = async |key: &str, fields: Value| fixture.post("max", &fixture.request(key, "uint8", fields)).await;
    assert_error(&post("large", json!({"size": 10_001})).await, 413, &["--max-chunk-size", "10000"]);
    assert_error(&post("large", json!({})).await, 413, &["10000", "--max-chunk-size"]);
    assert_error(
        &post("bomb", json!({"shape": [20_001], "compression": {"id": "zlib"}})).await,
        413,
        &["--max-decoded-size"],
    );
    assert_error(&post("bomb", json!({"compression": {"id": "zlib"}})).await, 413, &["--max-decoded-size"]);
    assert_error(
        &post("bomb", json!({"shape": [1000], "compression": {"id": "zlib"}})).await,
        400,
        &["more than the 1000 bytes"],
    );
    fixture.s3.put("small", vec![1; 1000]);
    let elementwise = json!({"shape": [100, 10], "axis": []});
    assert_error(&post("small", elementwise).await, 413, &["9000 bytes", "--max-result-size", "5000"]);
    assert_eq!(post("small", json!({"shape": [500, 2], "axis": 1, "size": 1000})).await.status, 200);
    let select = async |key: &str, fields| fixture.post("select", &fixture.request(key, "uint8", fields)).await;
    assert_error(&select("large", json!({"size": 5001})).await, 413, &["--max-result-size"]);
    assert_eq!(select("large", json!({"shape": [6000], "size": 6000, "selection": [[0, 5000, 1]]})).await.status, 200);
    assert_error(&post("bomb", json!({"selection": "x".repeat(2000)})).await, 413, &["--max-body-size"]);

    let sizes = ["--max-chunk-size", "64KiB", "--max-decoded-size", "64KiB", "--max-result-size", "1MiB"];
    let fixture = Fixture::start(&[&["--memory-limit", "64KiB"][..], &sizes].concat()).await;
    fixture.s3.put("data", bytes(&[1_u8; 40_000]));
    let body = fixture.request("data", "uint8", json!({"shape": [40_000], "size": 40_000}));
    assert_eq!(fixture.post("sum", &body).await.value::<u64>(), 40_000);
    let mut elementwise = body.clone();
    elementwise["axis"] = json!([]);
    assert_error(&fixture.post("sum", &elementwise).await, 413, &["--memory-limit"]);
}

#[tokio::test]
async fn sources_that_the_operator_does_not_allow_are_refused() {
    let s3 = support::S3::start(0).await;
    let allowed = format!("{}/{PUBLIC_BUCKET}", s3.url());
    let fixture = Fixture {
        s3,
        service: support::Service::start(&["--allow-source", &allowed]).await,
        client: support::Client::default(),
    };
    fixture.s3.put("data", bytes(&[1_u8, 2]));
    let body = |fields: Value| fixture.request("data", "uint8", fields);
    assert_eq!(fixture.post("sum", &body(json!({"bucket": PUBLIC_BUCKET}))).await.value::<u64>(), 3);
    assert_error(&fixture.post("sum", &body(json!({}))).await, 403, &["--allow-source"]);
    assert_error(&fixture.post("sum", &body(json!({"bucket": "public-not"}))).await, 403, &["--allow-source"]);
    assert_error(
        &fixture.post("sum", &body(json!({"bucket": PUBLIC_BUCKET, "object": "../private/data"}))).await,
        403,
        &[],
    );
    assert_error(
        &fixture.post("sum", &body(json!({"source": "http://localhost:1", "bucket": PUBLIC_BUCKET}))).await,
        403,
        &[],
    );
}

#[tokio::test]
async fn rayon_gives_the_same_answers() {
    let fixture = Fixture::start(&["--use-rayon", "--thread-limit", "2"]).await;
    fixture.s3.put("data", bytes(&[1.5_f64, 2.5]));
    assert_eq!(fixture.post("sum", &fixture.request("data", "float64", json!({}))).await.value::<f64>(), 4.0);
}

#[tokio::test]
async fn metrics_count_requests_by_route_whatever_clients_type() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(&[1_u8]));
    let body = fixture.request("data", "uint8", json!({}));
    fixture.post("max", &body).await;
    fixture.post("max/", &body).await;
    fixture.post("max", &json!({})).await;
    for i in 0..3 {
        fixture.post(&format!("random-{i}"), &body).await;
    }
    let answer = fixture.client.get(&format!("{}/metrics", fixture.service.url())).await;
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    for line in [
        r#"incoming_requests{http_method="POST",path="/v1/max"} 3"#,
        r#"incoming_requests{http_method="POST",path="unmatched"} 3"#,
        r#"incoming_requests{http_method="GET",path="/metrics"} 1"#,
        r#"outgoing_response{http_method="POST",path="/v1/max",status_code="200"} 2"#,
        r#"outgoing_response{http_method="POST",path="/v1/max",status_code="400"} 1"#,
        r#"response_time_count{http_method="POST",path="/v1/max",status_code="200"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("random-"), "{text}");
}

#[tokio::test]
async fn a_server_says_what_it_can_do() {
    let service = Service::start(&["--max-chunk-size", "5MiB"]).await;
    let answer = Client::default().get(&format!("{}/capabilities", service.url())).await.json();
    assert_eq!(answer["operations"], json!(["count", "max", "min", "select", "sum"]));
    assert_eq!(answer["interfaces"], json!(["s3", "http", "https"]));
    assert_eq!(answer["limits"]["max_chunk_size"], 5 << 20);
    for (list, entry) in [
        ("dtypes", json!("float16")),
        ("codecs", json!("blosc")),
        ("hdf5_filters", json!(32001)),
        ("dialects", json!("v2")),
    ] {
        assert!(answer[list].as_array().unwrap().contains(&entry), "{list}: {answer}");
    }
}
