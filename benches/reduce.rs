//! Reductions of arrays in memory: bytes of elements per second, beside a read-only pass over the same memory.
#![allow(missing_docs, clippy::expect_used, clippy::pedantic, reason = "a bench")]

use std::{
    hint::black_box,
    sync::{Arc, LazyLock},
};

use Statistic::{Count, Max, Mean, Min, Std, Sum, SumOfSquares, Var};
use bytemuck::cast_slice;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use multiversion::multiversion;
use reductionist::{
    array::{Element, Missing, Number, Order, Positions, Storage},
    reduce::{Chunk, Question, Statistic, reduce},
    resources::{Budget, Buffer, Pool},
};

const MIB: usize = 1 << 20;

/// Memory for results, from a pool like that of the service: pages fresh from the system would cost more than to reduce.
fn budget() -> Budget {
    static POOL: LazyLock<Arc<Pool>> = LazyLock::new(|| Arc::new(Pool::new(1 << 12, 32 << 20)));
    Budget::unshared(1 << 20, Arc::clone(&POOL))
}

/// The elements, in memory as chunks have it.
fn chunk<T: Element>(elements: &[T]) -> Buffer {
    let mut chunk = budget().allocate(size_of_val(elements)).expect("memory");
    chunk.elements_mut().copy_from_slice(elements);
    chunk
}

fn run<T: Element>(
    statistics: &[Statistic],
    shape: &[usize],
    bytes: &Buffer,
    reduced: &[bool],
    missing: &Missing<Number>,
) {
    let positions = Positions::new(shape, Order::C).expect("a shape");
    let question = Question {
        statistics: statistics.iter().map(|&statistic| statistic.into()).collect(),
        reduced: Some(reduced.to_vec()),
        missing: missing.clone(),
        ..Question::default()
    };
    let chunk = Chunk { bytes, dtype: T::DTYPE, storage: Storage::NATIVE, positions: &positions, order: Order::C };
    black_box(reduce(&question, chunk, &mut budget()).expect("no overflow"));
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
    ) {
        let (bytes, none) = (chunk(data), Missing::default());
        for statistic in [Sum, Max, Min] {
            group.bench_function(format!("{name}/{}", statistic.name()), |b| {
                b.iter(|| run::<T>(&[statistic], &[data.len()], &bytes, &[true], &none))
            });
        }
    }
    each(&mut group, "f32", &f32s);
    each(&mut group, "f64", &f64s);
    each(&mut group, "i16", &i16s);
    each(&mut group, "i32", &i32s);
    each(&mut group, "i64", &i64s);
}

/// What only questions about variables ask for, and several statistics in one pass.
fn moments(c: &mut Criterion) {
    let mut group = c.benchmark_group("moments_8MiB_f32");
    group.throughput(Throughput::Bytes(8 * MIB as u64));
    let data: Vec<f32> = (0..2 * MIB).map(|i| 273.0 + (i * 7919 % 1009) as f32 / 16.0).collect();
    let (bytes, none) = (chunk(&data), Missing::default());
    for (name, statistics) in [
        ("sum_of_squares", &[SumOfSquares][..]),
        ("mean", &[Mean]),
        ("var", &[Var]),
        ("std", &[Std]),
        ("all", &[Count, Sum, Min, Max, Var]),
    ] {
        group.bench_function(name, |b| b.iter(|| run::<f32>(statistics, &[data.len()], &bytes, &[true], &none)));
    }
}

fn missing(c: &mut Criterion) {
    let mut group = c.benchmark_group("missing_8MiB_f32");
    group.throughput(Throughput::Bytes(8 * MIB as u64));
    let data = temperatures(2 * MIB);
    let bytes = chunk(&data);
    let values = |values: &[f64]| values.iter().copied().map(Number::Float).collect();
    let value = Missing { values: values(&[1e20]), ..Missing::default() };
    let list = Missing { values: values(&[1e20, -1.0, -2.0, -3.0]), ..Missing::default() };
    let range = Missing { min: Some(Number::Float(100.0)), max: Some(Number::Float(400.0)), ..Missing::default() };
    for (name, missing) in [("value", &value), ("list_of_4", &list), ("range", &range)] {
        for statistic in [Sum, Min, Count] {
            group.bench_function(format!("{name}/{}", statistic.name()), |b| {
                b.iter(|| run::<f32>(&[statistic], &[data.len()], &bytes, &[true], missing))
            });
        }
    }
}

fn axes(c: &mut Criterion) {
    let mut group = c.benchmark_group("axes_f32_missing_value");
    let missing = Missing { values: vec![Number::Float(1e20)], ..Missing::default() };
    for shape in [[16, 128, 128], [32, 180, 364]] {
        let data = temperatures(shape.iter().product());
        let bytes = chunk(&data);
        group.throughput(Throughput::Bytes(cast_slice::<f32, u8>(&data).len() as u64));
        for axis in 0..3 {
            let reduced: Vec<bool> = (0..3).map(|a| a == axis).collect();
            for statistic in [Sum, Max] {
                let name = format!("{}/{}x{}x{}/axis_{axis}", statistic.name(), shape[0], shape[1], shape[2]);
                group.bench_function(name, |b| b.iter(|| run::<f32>(&[statistic], &shape, &bytes, &reduced, &missing)));
            }
        }
    }
}

criterion_group!(benches, read_only, whole, moments, missing, axes);
criterion_main!(benches);
