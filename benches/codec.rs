//! Decoders: bytes of decoded data per second, beside a copy of the same size.
#![allow(missing_docs, clippy::expect_used, clippy::pedantic, reason = "a bench")]

use std::{hint::black_box, io::Write, num::NonZeroUsize};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use reductionist::codec::{Codec, Deflate, Shuffle};

const MIB: usize = 1 << 20;

/// Temperatures on a grid, rounded as archives round them, and shuffled.
fn shuffled_temperatures(size: usize) -> Vec<u8> {
    let values: Vec<f32> = (0..size / 4)
        .map(|i| {
            let (row, column) = (i / 512, i % 512);
            let noise = (i.wrapping_mul(2_654_435_761) >> 7) % 64;
            (273.0 + 20.0 * (row as f32 / 300.0).sin() + 5.0 * (column as f32 / 40.0).cos())
                .mul_add(16.0, noise as f32)
                .round()
                / 16.0
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
            let codec = Shuffle { element_size: NonZeroUsize::new(element_size).expect("not 0") };
            group.bench_function(format!("{element_size}_bytes/{}", size / MIB), |b| {
                b.iter(|| codec.decode(black_box(&from), &mut to).expect("decodes"))
            });
        }
    }
}

fn inflate(c: &mut Criterion) {
    let mut group = c.benchmark_group("inflate");
    group.sample_size(20);
    for size in [MIB, 8 * MIB] {
        let data = shuffled_temperatures(size);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::new(4));
        zlib.write_all(&data).expect("memory");
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(4));
        gzip.write_all(&data).expect("memory");
        let mut to = vec![0; size];
        group.throughput(Throughput::Bytes(size as u64));
        for (codec, encoded) in
            [(Deflate::Zlib, zlib.finish().expect("memory")), (Deflate::Gzip, gzip.finish().expect("memory"))]
        {
            group.bench_function(format!("{}/{}", codec.name(), size / MIB), |b| {
                b.iter(|| codec.decode(black_box(&encoded), &mut to).expect("decodes"))
            });
        }
    }
}

criterion_group!(benches, copy, unshuffle, inflate);
criterion_main!(benches);
