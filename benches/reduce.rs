//! Reductions of arrays in memory: bytes of elements per second, beside a read-only pass over the same memory.
#![allow(missing_docs, clippy::expect_used, clippy::pedantic, reason = "a bench")]

use std::{
    hint::black_box,
    sync::{Arc, LazyLock},
};

use bytemuck::cast_slice;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use multiversion::multiversion;
use ndarray::ArrayViewD;
use reductionist::{
    array::{Budget, DType, Element, Missing, MissingRules, Pool, Storage},
    reduce::{Count, Max, Min, Reduction, Sum, reduce},
};

const MIB: usize = 1 << 20;

/// Memory for results, from a pool like that of the service: pages fresh from the system would cost more than to reduce.
fn budget() -> Budget {
    static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(1 << 12, 32 << 20)));
    Budget::unshared(1 << 20, Arc::clone(&POOL))
}

fn run<R: Reduction, T: Element>(shape: &[usize], data: &[T], reduced: &[bool], missing: &Missing<T>, dtype: DType) {
    let view = ArrayViewD::from_shape(shape, data).expect("a fitting shape");
    let rules = MissingRules::from(missing.clone());
    black_box(
        reduce::<R, T>(data, view, Storage::NATIVE, reduced, &rules, dtype.into(), &mut budget()).expect("no overflow"),
    );
}

/// Temperatures with a missing one among eight.
fn temperatures(len: usize) -> Vec<f32> {
    (0..len).map(|i| if i % 8 == 3 { 1e20 } else { 273.0 + (i * 7919 % 1009) as f32 / 16.0 }).collect()
}

/// All that can be done to read memory: in vectors as wide as they come.
#[multiversion(targets = "simd")]
fn read(data: &[u64]) -> u64 {
    data.iter().fold(0, |sum, x| sum.wrapping_add(*x))
}

fn read_only(c: &mut Criterion) {
    let mut group = c.benchmark_group("read_only");
    for size in [MIB, 8 * MIB] {
        let data = vec![1_u64; size / 8];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(BenchmarkId::from_parameter(size / MIB), |b| {
            b.iter(|| read(black_box(&data)));
        });
    }
}

fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("whole_8MiB");
    group.throughput(Throughput::Bytes(8 * MIB as u64));
    let f32s: Vec<f32> = (0..2 * MIB).map(|i| 273.0 + (i * 7919 % 1009) as f32 / 16.0).collect();
    let f64s: Vec<f64> = f32s.iter().take(MIB).map(|&x| x.into()).collect();
    let i16s: Vec<i16> = (0..4 * MIB).map(|i| (i % 1000) as i16 - 500).collect();
    let i32s: Vec<i32> = (0..2 * MIB).map(|i| (i % 1000) as i32 - 500).collect();
    let i64s: Vec<i64> = (0..MIB).map(|i| (i % 1000) as i64 - 500).collect();
    fn each<T: Element>(
        group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
        name: &str,
        data: &[T],
        sum: DType,
    ) {
        let none = Missing::default();
        group.bench_function(format!("{name}/sum"), |b| {
            b.iter(|| run::<Sum, T>(&[data.len()], data, &[true], &none, sum))
        });
        group.bench_function(format!("{name}/max"), |b| {
            b.iter(|| run::<Max, T>(&[data.len()], data, &[true], &none, T::DTYPE))
        });
        group.bench_function(format!("{name}/min"), |b| {
            b.iter(|| run::<Min, T>(&[data.len()], data, &[true], &none, T::DTYPE))
        });
    }
    each(&mut group, "f32", &f32s, DType::Float32);
    each(&mut group, "f64", &f64s, DType::Float64);
    each(&mut group, "i16", &i16s, DType::Int64);
    each(&mut group, "i32", &i32s, DType::Int64);
    each(&mut group, "i64", &i64s, DType::Int64);
}

fn missing(c: &mut Criterion) {
    let mut group = c.benchmark_group("missing_8MiB_f32");
    group.throughput(Throughput::Bytes(8 * MIB as u64));
    let data = temperatures(2 * MIB);
    let value = Missing { values: vec![1e20], ..Missing::default() };
    let list = Missing { values: vec![1e20, -1.0, -2.0, -3.0], ..Missing::default() };
    let range = Missing { min: Some(100.0), max: Some(400.0), ..Missing::default() };
    for (name, missing) in [("value", &value), ("list_of_4", &list), ("range", &range)] {
        group.bench_function(format!("{name}/sum"), |b| {
            b.iter(|| run::<Sum, f32>(&[data.len()], &data, &[true], missing, DType::Float32))
        });
        group.bench_function(format!("{name}/min"), |b| {
            b.iter(|| run::<Min, f32>(&[data.len()], &data, &[true], missing, DType::Float32))
        });
        group.bench_function(format!("{name}/count"), |b| {
            b.iter(|| run::<Count, f32>(&[data.len()], &data, &[true], missing, DType::Int64))
        });
    }
}

fn axes(c: &mut Criterion) {
    let mut group = c.benchmark_group("axes_f32_missing_value");
    let missing = Missing { values: vec![1e20], ..Missing::default() };
    for shape in [[16, 128, 128], [32, 180, 364]] {
        let data = temperatures(shape.iter().product());
        group.throughput(Throughput::Bytes(cast_slice::<f32, u8>(&data).len() as u64));
        for axis in 0..3 {
            let reduced: Vec<bool> = (0..3).map(|a| a == axis).collect();
            let name = |operation: &str| format!("{operation}/{}x{}x{}/axis_{axis}", shape[0], shape[1], shape[2]);
            group.bench_function(name("sum"), |b| {
                b.iter(|| run::<Sum, f32>(&shape, &data, &reduced, &missing, DType::Float32))
            });
            group.bench_function(name("max"), |b| {
                b.iter(|| run::<Max, f32>(&shape, &data, &reduced, &missing, DType::Float32))
            });
        }
    }
}

criterion_group!(benches, read_only, whole, missing, axes);
criterion_main!(benches);
