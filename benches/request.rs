//! Whole requests over HTTP, with an S3 endpoint in the same process: bytes of decoded data per second, one request
//! at a time. The bare GET is what the same store and HTTP client take to hand the encoded bytes over.
#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, clippy::pedantic, reason = "a bench")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use support::{
    Fixture, PUBLIC_BUCKET,
    encode::{shuffle, zlib},
    merged,
};

fn chunk(len: usize) -> Vec<u8> {
    let values: Vec<f32> =
        (0..len / 4).map(|i| if i % 8 == 3 { 1e20 } else { 273.0 + (i * 7919 % 1009) as f32 / 16.0 }).collect();
    bytemuck::cast_slice(&values).to_vec()
}

fn requests(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let fixture = runtime.block_on(Fixture::start(&[]));
    let mut group = c.benchmark_group("request");
    group.sample_size(30);
    for (name, len) in [("16KiB", 16 << 10), ("1MiB", 1 << 20)] {
        let raw = chunk(len);
        let encoded = zlib(&shuffle(&raw, 4));
        group.throughput(Throughput::Bytes(len as u64));
        let codecs = json!({"compression": {"id": "zlib"}, "filters": [{"id": "shuffle", "element_size": 4}], "missing": {"missing_value": 1e20}});
        for (kind, body, operation, fields) in
            [("raw", raw, "max", json!({})), ("zlib_shuffle_missing", encoded, "sum", codecs)]
        {
            let key = format!("{kind}-{name}");
            let size = body.len();
            fixture.s3.put(&key, body);
            let mut request = fixture.request(&key, "float32", json!({"size": size, "shape": [len / 4]}));
            for (field, value) in fields.as_object().into_iter().flatten() {
                request[field] = Value::clone(value);
            }
            group.bench_function(format!("{kind}/{operation}/{name}"), |b| {
                b.iter(|| assert_eq!(runtime.block_on(fixture.post(operation, &request)).status, 200));
            });
            let url = format!("{}/{PUBLIC_BUCKET}/{key}", fixture.s3.url());
            group.bench_function(format!("{kind}/bare_get/{name}"), |b| {
                b.iter(|| assert_eq!(runtime.block_on(fixture.client.get(&url)).body.len(), size));
            });
        }
    }
}

/// Answers with as many values and counts as the chunk has elements, beside one with the values alone.
fn all_elements(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let fixture = runtime.block_on(Fixture::start(&[]));
    let raw = chunk(3_072_000 * 4);
    let mut group = c.benchmark_group("all_elements");
    group.sample_size(20).throughput(Throughput::Bytes(raw.len() as u64));
    fixture.s3.put("all", raw);
    let fields = json!({"shape": [3_072_000], "missing": {"missing_value": 1e20}});
    for (name, operation, option) in [
        ("select", "select", json!({})),
        ("sum/counts_as_bytes", "sum", json!({"axis": [], "option_count_as_bytes": true})),
        ("sum/counts_as_list", "sum", json!({"axis": []})),
        ("sum/counts_nested", "sum", json!({"axis": [], "keepdims": true, "shape": [3000, 1024, 1]})),
    ] {
        let request = fixture.request_v2("all", "float32", merged(fields.clone(), option));
        group.bench_function(name, |b| {
            b.iter(|| assert_eq!(runtime.block_on(fixture.post_v2(operation, &request)).status, 200));
        });
    }
}

criterion_group!(benches, requests, all_elements);
criterion_main!(benches);
