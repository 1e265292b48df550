//! Packed data and unsigned integers over HTTP, in both dialects.
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
use support::{
    Answer, Fixture,
    encode::{shuffle, zlib},
    merged,
};

fn bytes<T: bytemuck::NoUninit>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

#[track_caller]
fn assert_error(answer: &Answer, text: &str) {
    let error = answer.error();
    assert_eq!(answer.status, 400, "{error}");
    assert!(error.contains(text), "{text:?} is not in {error:?}");
}

/// Temperatures in kelvin, of which the last is missing.
const PACKED: [i16; 6] = [0, 100, 200, -300, 32767, -32768];

/// What [`PACKED`] is in the file.
fn temperatures() -> Value {
    json!({"shape": [2, 3], "missing": {"missing_value": -32768}, "scale_factor": 0.01, "add_offset": 273.15})
}

fn unpacked(packed: i16) -> f64 {
    f64::from(packed) * 0.01 + 273.15
}

/// dtype, values, shape and count in both dialects, which agree.
async fn ask<T: bytemuck::AnyBitPattern>(
    fixture: &Fixture,
    operation: &str,
    dtype: &str,
    fields: Value,
) -> (String, Vec<T>, Value, Value) {
    let old = fixture.post(operation, &fixture.request("data", dtype, fields.clone())).await;
    assert_eq!(old.status, 200, "{operation} {fields}: {}", old.error());
    let new = fixture.post_v2(operation, &fixture.request_v2("data", dtype, fields.clone())).await;
    let new = new.cbor();
    // Version 2 may nest them.
    let counts = |counts: &Value| counts.to_string().replace(['[', ']'], "");
    assert_eq!(counts(&new.count), counts(&old.count()), "{operation} {fields}");
    assert_eq!((new.bytes.as_slice(), &new.shape), (&old.body[..], &old.shape()), "{operation} {fields}");
    assert_eq!(new.dtype, old.header("x-activestorage-dtype"));
    (new.dtype.clone(), new.values(), old.shape(), old.count())
}

async fn with_data<T: bytemuck::NoUninit>(values: &[T]) -> Fixture {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("data", bytes(values));
    fixture
}

#[tokio::test]
async fn results_are_of_unpacked_values_in_float64() {
    let fixture = with_data(&PACKED).await;
    let answer = async |operation: &str, fields: Value| {
        let (dtype, values, shape, count) =
            ask::<f64>(&fixture, operation, "int16", merged(temperatures(), fields)).await;
        assert_eq!(dtype, "float64");
        (values, shape, count)
    };
    assert_eq!(answer("min", json!({})).await, (vec![unpacked(-300)], json!([]), json!(5)));
    assert_eq!(answer("max", json!({})).await, (vec![unpacked(32767)], json!([]), json!(5)));
    let sum = 0.01_f64.mul_add(32767.0, 5.0 * 273.15);
    assert_eq!(answer("sum", json!({})).await, (vec![sum], json!([]), json!(5)));
    // What is missing is selected as well, and unpacked like everything else.
    assert_eq!(answer("select", json!({})).await, (PACKED.map(unpacked).to_vec(), json!([2, 3]), json!(5)));
    let part = json!({"selection": [[1, 2, 1], [2, null, -1]]});
    assert_eq!(answer("select", part).await, ([-32768, 32767, -300].map(unpacked).to_vec(), json!([1, 3]), json!(2)));
    let columns = answer("max", json!({"axis": 0})).await;
    assert_eq!(columns, ([0, 32767, 200].map(unpacked).to_vec(), json!([3]), json!([2, 2, 1])));
    // Temperatures from below become temperatures from above.
    let falling = json!({"scale_factor": -0.5, "add_offset": null, "axis": [1], "keepdims": true});
    assert_eq!(answer("min", falling.clone()).await, (vec![-100.0, -16383.5], json!([2, 1]), json!([3, 2])));
    assert_eq!(answer("max", falling).await, (vec![0.0, 150.0], json!([2, 1]), json!([3, 2])));
    assert_eq!(answer("max", json!({"scale_factor": null, "add_offset": 1})).await.0, [32768.0]);
}

#[tokio::test]
async fn counts_are_those_of_packed_values() {
    let fixture = with_data(&PACKED).await;
    let (dtype, values, ..) = ask::<i64>(&fixture, "count", "int16", temperatures()).await;
    assert_eq!((dtype.as_str(), values), ("int64", vec![5]));
    // Rules for missing data are about packed values.
    let warm = merged(temperatures(), json!({"missing": {"valid_range": [0, 200]}}));
    assert_eq!(ask::<i64>(&fixture, "count", "int16", warm).await.1, [3]);
}

#[tokio::test]
async fn unpacked_results_can_be_float32() {
    let fixture = with_data(&PACKED).await;
    for operation in ["min", "max", "sum", "select"] {
        for fields in [json!({}), json!({"axis": 1}), json!({"axis": []})] {
            let fields = merged(temperatures(), fields);
            let (_, wide, ..) = ask::<f64>(&fixture, operation, "int16", fields.clone()).await;
            let fields = merged(fields, json!({"result_dtype": "float32"}));
            let (dtype, narrow, ..) = ask::<f32>(&fixture, operation, "int16", fields).await;
            assert_eq!(dtype, "float32");
            assert_eq!(narrow, wide.into_iter().map(|value| value as f32).collect::<Vec<_>>(), "{operation}");
        }
    }
}

#[tokio::test]
async fn nothing_left_of_packed_data_is_the_identity_of_float64() {
    let fixture = with_data(&[-1_i32, -1, 3, -1]).await;
    for scale_factor in [0.5, -0.5] {
        let fields = json!({
            "shape": [2, 2], "axis": 1, "missing": {"missing_value": -1}, "scale_factor": scale_factor, "add_offset": 10,
        });
        let value = scale_factor * 3.0 + 10.0;
        for (operation, identity) in [("sum", 0.0), ("min", f64::INFINITY), ("max", f64::NEG_INFINITY)] {
            let (_, values, _, count) = ask::<f64>(&fixture, operation, "int32", fields.clone()).await;
            assert_eq!((values, count), (vec![identity, value], json!([0, 1])), "{operation}");
        }
        let gone = merged(fields, json!({"axis": null, "selection": [[0, 0, 1], null]}));
        let (_, values, _, count) = ask::<f64>(&fixture, "min", "int32", gone).await;
        assert_eq!((values, count), (vec![f64::INFINITY], json!(0)));
    }
}

#[tokio::test]
async fn sums_of_packed_integers_never_overflow() {
    let scaled = json!({"scale_factor": 0.5, "add_offset": 1});
    let fixture = with_data(&[i32::MAX; 3]).await;
    let sum = 0.5 * 3.0 * f64::from(i32::MAX) + 3.0;
    assert_eq!(ask::<f64>(&fixture, "sum", "int32", scaled.clone()).await.1, [sum]);
    let fixture = with_data(&[u64::MAX; 3]).await;
    assert_eq!(ask::<f64>(&fixture, "sum", "uint64", scaled).await.1, [1.5 * 2f64.powi(64)]);
}

#[tokio::test]
async fn packed_floats_are_unpacked_too() {
    let fixture = with_data(&[1.5_f32, f32::NAN, 1e20, f32::INFINITY]).await;
    let fields =
        json!({"shape": [4], "axis": [], "missing": {"missing_value": 1e20}, "scale_factor": -2, "add_offset": 1});
    let (_, sums, _, count) = ask::<f64>(&fixture, "sum", "float32", fields.clone()).await;
    assert_eq!((sums[0], sums[2], sums[3], count), (-2.0, 0.0, f64::NEG_INFINITY, json!([1, 1, 0, 1])));
    assert_eq!(sums[1].to_bits(), f64::NAN.to_bits());
    let all = merged(fields, json!({"axis": null}));
    assert!(ask::<f64>(&fixture, "min", "float32", all).await.1[0].is_nan());
}

#[tokio::test]
async fn compressed_and_shuffled_chunks_are_unpacked() {
    let fixture = Fixture::start(&[]).await;
    let packed: Vec<i16> = (0..4000).map(|i| (i * 7919 % 5000) as i16 - 2500).collect();
    let big: Vec<i16> = packed.iter().map(|value| value.to_be()).collect();
    fixture.s3.put("data", zlib(&shuffle(&bytes(&big), 2)));
    let fields = json!({
        "shape": [40, 100], "byte_order": "big", "compression": {"id": "zlib"}, "scale_factor": -0.25,
        "filters": [{"id": "shuffle", "element_size": 2}], "axis": [0],
    });
    let column = |column: usize| packed.iter().skip(column).step_by(100).map(|&value| f64::from(value) * -0.25);
    let (_, sums, ..) = ask::<f64>(&fixture, "sum", "int16", fields.clone()).await;
    assert_eq!(sums, (0..100).map(|at| column(at).sum()).collect::<Vec<f64>>());
    let (_, minima, ..) = ask::<f64>(&fixture, "min", "int16", fields.clone()).await;
    assert_eq!(minima, (0..100).map(|at| column(at).fold(f64::INFINITY, f64::min)).collect::<Vec<f64>>());
    let (_, values, ..) = ask::<f64>(&fixture, "select", "int16", fields).await;
    assert_eq!(values, packed.iter().map(|&value| f64::from(value) * -0.25).collect::<Vec<f64>>());
}

#[tokio::test]
async fn signed_integers_can_be_read_as_unsigned_ones() {
    let fixture = with_data(&[-1_i8, -2, 5, 127, -128]).await;
    let as_in_file = json!({"missing_value": -1, "valid_range": [6, -2]});
    let as_read = json!({"missing_value": 255, "valid_range": [6, 254]});
    for missing in [as_in_file, as_read] {
        let fields = json!({"unsigned": true, "shape": [5], "missing": missing});
        let (dtype, values, _, count) = ask::<u8>(&fixture, "max", "int8", fields.clone()).await;
        assert_eq!((dtype.as_str(), values, count), ("uint8", vec![254], json!(3)));
        let (dtype, values, ..) = ask::<u64>(&fixture, "sum", "int8", fields.clone()).await;
        assert_eq!((dtype.as_str(), values), ("uint64", vec![254 + 127 + 128]));
        assert_eq!(ask::<u8>(&fixture, "select", "int8", fields.clone()).await.1, [255, 254, 5, 127, 128]);
        let packed = merged(fields, json!({"scale_factor": 0.5}));
        assert_eq!(ask::<f64>(&fixture, "max", "int8", packed.clone()).await.1, [127.0]);
        assert_eq!(ask::<f64>(&fixture, "select", "int8", packed).await.1, [127.5, 127.0, 2.5, 63.5, 64.0]);
    }
    let sum = ask::<u16>(&fixture, "sum", "int8", json!({"unsigned": true, "result_dtype": "uint16"})).await;
    assert_eq!((sum.0.as_str(), sum.1), ("uint16", vec![255 + 254 + 5 + 127 + 128]));
    // It says nothing new of these.
    assert_eq!(ask::<u8>(&fixture, "max", "uint8", json!({"unsigned": true})).await.1, [255]);
    assert_eq!(ask::<i8>(&fixture, "max", "int8", json!({"unsigned": false})).await.1, [127]);
    assert_eq!(ask::<u32>(&fixture, "count", "float32", json!({"size": 4, "unsigned": false})).await.3, json!(1));
}

#[tokio::test]
async fn room_for_unpacked_values_is_planned() {
    let fixture = Fixture::start(&["--max-decoded-size", "1KiB", "--max-result-size", "4KiB"]).await;
    fixture.s3.put("data", bytes(&[3_i8; 1000]));
    let select = async |fields: Value| {
        let fields = merged(json!({"scale_factor": 2}), fields);
        fixture.post("select", &fixture.request("data", "int8", fields)).await
    };
    let answer = select(json!({})).await;
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("up to 8192 bytes where no shape is given"), "{}", answer.error());
    let answer = select(json!({"shape": [1000]})).await;
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("the result, 8000 bytes"), "{}", answer.error());
    assert_eq!(select(json!({"shape": [1000], "result_dtype": "float32"})).await.values::<f32>(), [6.0; 1000]);
    assert_eq!(select(json!({"size": 500})).await.values::<f64>(), [6.0; 500]);
}

#[tokio::test]
async fn rules_of_packed_data_are_named_with_their_fields() {
    let fixture = Fixture::start(&[]).await;
    let refused = async |operation: &str, dtype: &str, fields: Value, text: &str| {
        assert_error(&fixture.post(operation, &fixture.request("no such key", dtype, fields.clone())).await, text);
        assert_error(&fixture.post_v2(operation, &fixture.request_v2("no such key", dtype, fields)).await, text);
    };
    let unsigned = |missing: Value| json!({"unsigned": true, "missing": missing});
    for (operation, dtype, fields, text) in [
        ("sum", "int16", json!({"scale_factor": 0}), "scale_factor: must not be 0"),
        ("sum", "int16", json!({"scale_factor": -0.0}), "scale_factor: must not be 0"),
        ("count", "int16", json!({"scale_factor": 0, "add_offset": 5}), "scale_factor: must not be 0"),
        ("sum", "int16", json!({"scale_factor": "0.1"}), "scale_factor: invalid type"),
        ("sum", "int16", json!({"scale_factor": "NaN"}), "scale_factor: invalid type"),
        ("sum", "int16", json!({"add_offset": "Infinity"}), "add_offset: invalid type"),
        ("sum", "int16", json!({"add_offset": [1]}), "add_offset: invalid type"),
        ("sum", "int16", json!({"unsigned": "true"}), "unsigned: invalid type"),
        ("sum", "float32", json!({"unsigned": true}), "unsigned: is for integers, which float32 has none of"),
        ("select", "float64", json!({"unsigned": true, "scale_factor": 2}), "unsigned: is for integers"),
        ("sum", "int8", unsigned(json!({"missing_value": -129})), "missing: -129 is not a value of uint8"),
        ("sum", "int8", unsigned(json!({"missing_value": 256})), "missing: 256 is not a value of uint8"),
        ("sum", "uint8", unsigned(json!({"missing_value": -1})), "missing: -1 is not a value of uint8"),
        ("sum", "int8", unsigned(json!({"valid_range": [-1, 5]})), "missing: valid_range [255, 5] must go"),
        ("sum", "int8", json!({"missing": {"missing_value": 255}}), "missing: 255 is not a value of int8"),
        ("sum", "int16", json!({"scale_factor": 2, "missing": {"missing_value": 0.5}}), "missing: 0.5 is not"),
        ("sum", "int16", json!({"scale_factor": 2, "result_dtype": "int64"}), "result_dtype: int64 cannot be that of"),
        ("max", "float32", json!({"add_offset": 2, "result_dtype": "float16"}), "use float32 or float64"),
        ("max", "int16", json!({"result_dtype": "float64"}), "result_dtype: is for sum only, unless scale_factor"),
        ("select", "int16", json!({"unsigned": true, "result_dtype": "float64"}), "result_dtype: is for sum only"),
        ("count", "int16", json!({"scale_factor": 2, "result_dtype": "float64"}), "result_dtype: is for sum only"),
        (
            "sum",
            "int16",
            json!({"unsigned": true, "result_dtype": "int64"}),
            "result_dtype: int64 cannot be the result",
        ),
    ] {
        refused(operation, dtype, fields, text).await;
    }
    let url = format!("{}/v1/sum", fixture.service.url());
    for (body, text) in [
        (r#"{"scale_factor": 1e999}"#, "scale_factor: number out of range"),
        (r#"{"add_offset": -1e999}"#, "add_offset: number out of range"),
    ] {
        assert_error(&fixture.client.send(support::json_request(&url, body, None)).await, text);
    }
}
