//! Decoders: bytes of decoded data per second, beside a copy of the same size and bare libdeflate on the same stream.
#![allow(missing_docs, clippy::expect_used, clippy::pedantic, reason = "a bench")]

use std::{hint::black_box, io::Write, num::NonZeroUsize, sync::Arc};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use libdeflater::Decompressor;
use reductionist::{
    array::{DType, Missing, Number, Order, Positions, Storage},
    codec::{Codec, DecodedLen, Deflate, FilterPipeline, Shuffle},
    reduce::{Chunk, Question, Statistic, reduce},
    resources::{Budget, Cancellation, Pool},
};

const MIB: usize = 1 << 20;

/// Temperatures on a grid with weather in them, rounded as archives round them, and shuffled. zlib makes a quarter of
/// that, and takes as long to undo it as for real ones.
fn shuffled_temperatures(size: usize) -> Vec<u8> {
    let mut random = 1_u32;
    let values: Vec<f32> = (0..size / 4)
        .map(|i| {
            let (row, column) = (i / 512, i % 512);
            // Marsaglia's xorshift.
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let climate = 273.0 + 20.0 * (row as f32 / 300.0).sin() + 5.0 * (column as f32 / 40.0).cos();
            climate.mul_add(16.0, (random % 64) as f32).round() / 16.0
        })
        .collect();
    let bytes: &[u8] = bytemuck::cast_slice(&values);
    (0..4).flat_map(|offset| bytes.iter().skip(offset).step_by(4).copied()).collect()
}

fn copy(c: &mut Criterion) {
    let mut group = c.benchmark_group("memcpy");
    for size in [MIB, 8 * MIB] {
        let (from, mut to) = (vec![1_u8; size], vec![0_u8; size]);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size / MIB), |b| {
            b.iter(|| to.copy_from_slice(black_box(&from)))
        });
    }
}

fn unshuffle(c: &mut Criterion) {
    let mut group = c.benchmark_group("unshuffle");
    for size in [MIB, 8 * MIB] {
        let (from, mut to) = (vec![1_u8; size], vec![0_u8; size]);
        group.throughput(Throughput::Bytes(size as u64));
        for element_size in [2, 4, 8, 16] {
            let codec = Shuffle { element_size: NonZeroUsize::new(element_size).expect("not 0"), is_whole: true };
            group.bench_function(format!("{element_size}_bytes/{}", size / MIB), |b| {
                b.iter(|| codec.decode(black_box(&from), &mut to, &Cancellation::never()).expect("decodes"))
            });
        }
    }
}

/// Level 4, as archives are written.
fn encoded(codec: Deflate, data: &[u8]) -> Vec<u8> {
    match codec {
        Deflate::Zlib => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(4));
            encoder.write_all(data).expect("memory");
            encoder.finish().expect("memory")
        }
        Deflate::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(4));
            encoder.write_all(data).expect("memory");
            encoder.finish().expect("memory")
        }
    }
}

/// What nobody can be faster than who decodes the same stream.
fn bare_libdeflate(c: &mut Criterion) {
    let mut group = c.benchmark_group("bare_libdeflate");
    group.sample_size(20);
    for size in [MIB, 8 * MIB] {
        let data = shuffled_temperatures(size);
        let mut to = vec![0; size];
        let mut decompressor = Decompressor::new();
        group.throughput(Throughput::Bytes(size as u64));
        for codec in [Deflate::Zlib, Deflate::Gzip] {
            let encoded = encoded(codec, &data);
            group.bench_function(format!("{}/{}", codec.name(), size / MIB), |b| {
                b.iter(|| match codec {
                    Deflate::Zlib => decompressor.zlib_decompress(black_box(&encoded), &mut to).expect("decodes"),
                    Deflate::Gzip => decompressor.gzip_decompress(black_box(&encoded), &mut to).expect("decodes"),
                })
            });
        }
    }
}

/// Whole chunks: inflate, unshuffle, and the sum of what is not missing.
fn chunk(c: &mut Criterion) {
    let mut group = c.benchmark_group("chunk");
    group.sample_size(20);
    let pool = Arc::new(Pool::new(1 << 16, 1 << 26));
    for size in [MIB, 8 * MIB] {
        let data = shuffled_temperatures(size);
        group.throughput(Throughput::Bytes(size as u64));
        for codec in [Deflate::Zlib, Deflate::Gzip] {
            let encoded = encoded(codec, &data);
            let name = codec.name();
            let shuffle = Shuffle { element_size: NonZeroUsize::new(4).expect("not 0"), is_whole: true };
            let mut pipeline = FilterPipeline::new(vec![shuffle.into(), codec.into()]);
            let storage = Storage { shuffled: pipeline.leave_shuffled(4), ..Storage::NATIVE };
            let missing = Missing { values: vec![Number::Float(1e20)], min: None, max: None };
            let question = Question { statistics: vec![Statistic::Sum.into()], missing, ..Question::default() };
            let positions = Positions::new(&[size / 4], Order::C).expect("a shape");
            group.bench_function(format!("{name}/{}", size / MIB), |b| {
                b.iter(|| {
                    let mut budget = Budget::unshared(1 << 20, Arc::clone(&pool));
                    let mut buffer = budget.allocate(encoded.len()).expect("memory");
                    buffer.bytes_mut().copy_from_slice(&encoded);
                    let chunk = pipeline.decode(buffer, DecodedLen::Exactly(size), size, &mut budget).expect("decodes");
                    let elements = Chunk {
                        bytes: &chunk,
                        dtype: DType::Float32,
                        storage,
                        positions: &positions,
                        order: Order::C,
                        weights: &[],
                    };
                    reduce(&question, elements, &mut budget).expect("no overflow")
                })
            });
        }
    }
}

criterion_group!(benches, copy, unshuffle, bare_libdeflate, chunk);
criterion_main!(benches);
