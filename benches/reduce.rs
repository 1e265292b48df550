//! Reductions of arrays in memory: bytes of elements per second, beside a read-only pass over the same memory.
#![allow(missing_docs, clippy::expect_used, clippy::pedantic, reason = "a bench")]

use std::{
    hint::black_box,
    sync::{Arc, LazyLock},
};

use Statistic::{Argmax, Count, Histogram, Max, Mean, Min, Std, Sum, SumOfSquares, Var};
use bytemuck::cast_slice;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use multiversion::multiversion;
use reductionist::{
    array::{Element, Missing, Number, Order, Positions, Storage},
    reduce::{Asked, Bins, Chunk, Factor, Parameters, Question, Statistic, reduce},
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
    let asked: Vec<Asked> = statistics.iter().map(|&statistic| statistic.into()).collect();
    ask::<T>(&asked, shape, bytes, reduced, missing);
}

fn ask<T: Element>(asked: &[Asked], shape: &[usize], bytes: &Buffer, reduced: &[bool], missing: &Missing<Number>) {
    let positions = Positions::new(shape, Order::C).expect("a shape");
    let question = Question {
        statistics: asked.to_vec(),
        reduced: Some(reduced.to_vec()),
        missing: missing.clone(),
        ..Question::default()
    };
    let chunk = Chunk {
        bytes,
        dtype: T::DTYPE,
        storage: Storage::NATIVE,
        positions: &positions,
        order: Order::C,
        weights: &[],
    };
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

/// Sums of elements that have weights: one for each row of latitude, one for each place, and one for each time where places are kept.
fn weighted(c: &mut Criterion) {
    const LAT: usize = 128;
    const LON: usize = 256;
    let mut group = c.benchmark_group("weighted_8MiB");
    group.throughput(Throughput::Bytes(8 * MIB as u64));
    let f32s: Vec<f32> = (0..2 * MIB).map(|i| 273.0 + (i * 7919 % 1009) as f32 / 16.0).collect();
    let f64s: Vec<f64> = f32s.iter().take(MIB).map(|&x| f64::from(x) * 1.1).collect();
    let weights: Vec<f64> = (0..LAT * LON).map(|i| ((i * 31 % 1000) as f64 + 0.5) / 1000.0).collect();
    fn sum<T: Element>(data: &[T], factor: Factor<'_>, reduced: [bool; 3]) -> impl Fn() {
        let (bytes, shape) = (chunk(data), [data.len() / LAT / LON, LAT, LON]);
        let positions = Positions::new(&shape, Order::C).expect("a shape");
        let question = Question {
            statistics: vec![Sum.into()],
            reduced: Some(reduced.to_vec()),
            is_weighted: true,
            ..Question::default()
        };
        move || {
            let chunk = Chunk {
                bytes: &bytes,
                dtype: T::DTYPE,
                storage: Storage::NATIVE,
                positions: &positions,
                order: Order::C,
                weights: &[factor],
            };
            black_box(reduce(&question, chunk, &mut budget()).expect("no overflow"));
        }
    }
    for (name, steps, reduced) in [
        ("rows", [0, 1, 0], [true; 3]),
        ("elements", [0, LON, 1], [true; 3]),
        ("columns", [1, 0, 0], [true, false, false]),
    ] {
        let factor = Factor { values: &weights, steps: &steps };
        group.bench_function(format!("f32/{name}"), |b| b.iter(sum(&f32s, factor, reduced)));
        group.bench_function(format!("f64/{name}"), |b| b.iter(sum(&f64s, factor, reduced)));
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

/// Where the largest element is, along rows and along columns.
fn firsts(c: &mut Criterion) {
    fn each<T: Element>(c: &mut Criterion, name: &str, data: &[T], missing: &Missing<Number>) {
        let mut group = c.benchmark_group("argmax_8MiB");
        group.throughput(Throughput::Bytes(8 * MIB as u64));
        let bytes = chunk(data);
        for (axes, shape, reduced) in
            [("whole", [1, data.len()], [true, true]), ("columns", [data.len() / 4096, 4096], [true, false])]
        {
            let lens = shape.iter().zip(reduced).filter(|(_, reduced)| *reduced).map(|(&len, _)| len).collect();
            let asked = Asked { statistic: Argmax, parameters: Parameters::Reduced(lens) };
            group.bench_function(format!("{name}/{axes}"), |b| {
                b.iter(|| ask::<T>(std::slice::from_ref(&asked), &shape, &bytes, &reduced, missing));
            });
        }
    }
    let f32s: Vec<f32> = random().map(|x| 273.0 + x as f32).take(2 * MIB).collect();
    let f64s: Vec<f64> = random().map(|x| 273.0 + x).take(MIB).collect();
    let i16s: Vec<i16> = random().map(|x| (x * 30_000.0) as i16).take(4 * MIB).collect();
    let some = Missing { values: vec![Number::Float(1e20)], ..Missing::default() };
    each(c, "f32", &f32s, &Missing::default());
    each(c, "f64", &f64s, &Missing::default());
    each(c, "i16", &i16s, &Missing::default());
    each(c, "f32_missing_value", &temperatures(2 * MIB), &some);
}

/// Numbers from 0 to 1 that have no order.
fn random() -> impl Iterator<Item = f64> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(1_u64), next).map(|state| (state >> 11) as f64 / (1_u64 << 53) as f64)
}

/// Histograms of 50 bins and of one, of elements that are alike and of others.
fn bins(c: &mut Criterion) {
    fn each<T: Element>(c: &mut Criterion, name: &str, data: &[T], [low, high]: [f64; 2]) {
        let mut group = c.benchmark_group("histogram_8MiB");
        group.throughput(Throughput::Bytes(8 * MIB as u64));
        let bytes = chunk(data);
        let regular: Vec<f64> = (0..=50).map(|i| low + (high - low) * f64::from(i) / 50.0).collect();
        let mut irregular = regular.clone();
        irregular.first_mut().into_iter().for_each(|edge| *edge = f64::NEG_INFINITY);
        for (bins, edges) in
            [("50", regular), ("50_irregular", irregular), ("1", vec![(low + high) / 2.0, f64::INFINITY])]
        {
            let bins_of = Bins::between(&edges, T::DTYPE, None);
            let asked = Asked { statistic: Histogram, parameters: Parameters::Bins(bins_of) };
            group.bench_function(format!("{name}/{bins}"), |b| {
                let none = Missing::default();
                b.iter(|| ask::<T>(std::slice::from_ref(&asked), &[data.len()], &bytes, &[true], &none));
            });
        }
    }
    let f32s: Vec<f32> = random().map(|x| 250.0 + 60.0 * x as f32).take(2 * MIB).collect();
    each(c, "f32", &f32s, [250.0, 310.0]);
    each(c, "f32_constant", &vec![273.0_f32; 2 * MIB], [250.0, 310.0]);
    each(c, "f64", &random().map(|x| 250.0 + 60.0 * x).take(MIB).collect::<Vec<f64>>(), [250.0, 310.0]);
    each(c, "i8", &random().map(|x| (x * 200.0 - 100.0) as i8).take(8 * MIB).collect::<Vec<i8>>(), [-100.0, 100.0]);
    each(c, "i16", &random().map(|x| (x * 3e4) as i16).take(4 * MIB).collect::<Vec<i16>>(), [0.0, 3e4]);
    each(c, "i16_constant", &vec![7_i16; 4 * MIB], [0.0, 3e4]);
    each(c, "i32", &random().map(|x| (x * 3e4) as i32).take(2 * MIB).collect::<Vec<i32>>(), [0.0, 3e4]);
    each(c, "i64", &random().map(|x| (x * 3e4) as i64).take(MIB).collect::<Vec<i64>>(), [0.0, 3e4]);
}

criterion_group!(benches, read_only, whole, moments, weighted, missing, axes, firsts, bins);
criterion_main!(benches);
