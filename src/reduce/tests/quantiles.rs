//! Quantiles, by either way, against those that NumPy computes and an oracle that sorts.

#![allow(clippy::unreadable_literal, reason = "as NumPy writes them")]

use std::sync::{Arc, Mutex};

use half::f16;

use super::{budget, buffer};
use crate::{
    array::{
        ByteOrder, DType, Element, Missing, Number, Order, Packing, Positions, Storage, dtype::with_dtype, number,
    },
    reduce::{
        Asked, Chunk, Collected, DigitCounts, Gathered, Narrowed, OtherElements, Parameters, Place, Quantiles,
        Question, Statistic, reduce,
    },
    resources::Cancellation,
};

const QUANTILES: [f64; 7] = [0.0, 0.1, 0.25, 1.0 / 3.0, 0.5, 0.9, 1.0];

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// What `numpy.quantile` 2.4 gives.
const OF_NUMPY: [(&[f64], [f64; 7]); 9] = [
    (&[0.1, 0.7, -3.3, 0.001, 2.2], [-3.3, -1.9795999999999998, 0.001, 0.033999999999999996, 0.1, 1.6, 2.2]),
    (&[1e+300, -1e+300, 3.0, 5e-324], [-1e+300, -7e+299, -2.5e+299, 5e-324, 1.5, 7.000000000000002e+299, 1e+300]),
    (
        &[273.15, 250.0, 301.7, 288.123, 266.6, 279.9],
        [250.0, 258.3, 268.2375, 270.96666666666664, 276.525, 294.9115, 301.7],
    ),
    (&[1.0, 2.0, INF], [1.0, 1.2, 1.5, 1.6666666666666665, NAN, NAN, NAN]),
    (&[-INF, 1.0, 2.0, 3.0, INF], [NAN, NAN, 1.0, 1.3333333333333333, 2.0, NAN, NAN]),
    (&[5.25], [5.25; 7]),
    (&[-0.0, 0.0], [0.0; 7]),
    (
        &[9007199254740992.0, 0.3333333333333333, -7.0, -1.152921504606847e+18],
        [
            -1.152921504606847e+18,
            -8.070450532247928e+17,
            -2.8823037615171174e+17,
            -7.0,
            -3.333333333333333,
            6305039478318696.0,
            9007199254740992.0,
        ],
    ),
    (&[1.0, NAN, 2.0], [NAN; 7]),
];

/// The quantiles of each result of a chunk: from all elements, from digits of so many bits, and from the elements that the first
/// of these leave.
fn each_way(question: &Question, chunk: Chunk<'_>, quantiles: &[f64], bits: u32) -> [Vec<f64>; 3] {
    let quantiles = Quantiles::new(quantiles.iter().copied(), chunk.dtype, question.packing);
    let never = Cancellation::never();
    let part = Gathered::of_chunk(question, chunk, &mut budget()).unwrap();
    let results: usize = part.shape().iter().product();
    let from = vec![Place::From(0); part.shape().len()];
    let of_each = chunk.positions.len() / results.max(1);
    let mut all = Gathered::new(chunk.dtype, part.shape().to_vec(), of_each, &mut budget()).unwrap();
    all.merge(&from, &part).unwrap();
    let mut gathered = vec![0.0; results * quantiles.len()];
    all.write_quantiles(&quantiles, &mut gathered, &never).unwrap();

    let numbers: Vec<usize> = (0..results).collect();
    let bits = bits.min(budget_bits(results, 2 * QUANTILES.len()));
    let narrow = |collects: bool| {
        let mut narrowed = Narrowed::new(quantiles.clone(), results);
        while narrowed.bits_left() > 0 && narrowed.prefixes() > 0 {
            if collects && narrowed.is_begun() {
                let collected = Mutex::new(narrowed.collected(&mut budget()).unwrap());
                Collected::collect(&collected, question, chunk, &numbers, &never).unwrap();
                narrowed.learn_all(&mut collected.into_inner().unwrap(), &never).unwrap().unwrap();
                break;
            }
            let (digits, mut budget) = (Arc::new(narrowed.digits(bits.min(narrowed.bits_left()))), budget());
            let [mut counts, none] = [(); 2].map(|()| DigitCounts::new(Arc::clone(&digits), &mut budget).unwrap());
            counts.count(question, chunk, &numbers, &never).unwrap();
            counts.merge(none, &mut budget);
            narrowed.learn(&counts, &never).unwrap().unwrap();
        }
        let mut values = vec![0.0; gathered.len()];
        narrowed.write_quantiles(&mut values);
        values
    };
    let [counted, collected] = [false, true].map(narrow);
    [gathered, counted, collected]
}

/// Bits of digits of which counts behind so many prefixes of each result fit a budget.
fn budget_bits(results: usize, prefixes: usize) -> u32 {
    let fits = |&bits: &u32| DigitCounts::units(results, results * prefixes, bits) < 2400;
    (1..=16).rev().find(fits).unwrap()
}

fn chunk<'a>(bytes: &'a crate::resources::Buffer, dtype: DType, positions: &'a Positions) -> Chunk<'a> {
    Chunk { bytes, dtype, storage: Storage::NATIVE, positions, order: Order::C, weights: &[] }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn quantiles_have_the_bits_of_those_of_numpy() {
    for (elements, expected) in OF_NUMPY {
        let (bytes, positions) = (buffer(elements), Positions::new(&[elements.len()], Order::C).unwrap());
        for digit in [1, 8, 11, 16] {
            let found = each_way(&Question::default(), chunk(&bytes, DType::Float64, &positions), &QUANTILES, digit);
            for found in found {
                assert_eq!(bits(&found), bits(&expected), "{elements:?} {found:?}");
            }
        }
    }
}

/// One quantile after the other, of sorted values.
fn oracle(mut values: Vec<f64>, quantiles: &[f64]) -> Vec<f64> {
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return vec![NAN; quantiles.len()];
    }
    values.sort_by(f64::total_cmp);
    let quantile = |&q: &f64| {
        let at = (values.len() - 1) as f64 * q;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position among elements")]
        let lower = at.floor() as usize;
        let (a, b) = (values[lower], values[(lower + 1).min(values.len() - 1)]);
        let t = at - at.floor();
        if t >= 0.5 { b - (b - a) * (1.0 - t) } else { a + (b - a) * t }
    };
    quantiles.iter().map(quantile).collect()
}

/// Elements with many ties, and with some that lie far apart.
fn elements<T: Element>(len: usize) -> Vec<T> {
    let number = |i: usize| {
        let small = (i * 7919 % 23) as i128;
        match T::from_integer(-small) {
            Some(negative) if i.is_multiple_of(3) => negative,
            _ if i.is_multiple_of(7) => {
                T::from_integer((i as i128 * 104_729) % 30_000).or(T::from_integer(100)).unwrap()
            }
            _ => T::from_integer(small).unwrap(),
        }
    };
    (0..len).map(number).collect()
}

fn check<T: Element>(packing: Option<Packing>, missing: Option<T>, reduced: [bool; 3], digit: u32) {
    let (shape, all) = ([3, 40, 7], elements::<T>(3 * 40 * 7));
    let missing = missing.map(|element| number(element)).into_iter().collect::<Vec<Number>>();
    let missing = Missing { values: missing, ..Missing::default() };
    let is_missing = missing.typed::<T>().unwrap();
    let question = Question { missing, packing, reduced: Some(reduced.to_vec()), ..Question::default() };
    let kept: Vec<usize> = (0..3).filter(|&axis| !reduced[axis]).collect();
    let mut expected = vec![Vec::new(); kept.iter().map(|&axis| shape[axis]).product()];
    for (at, &element) in all.iter().enumerate().filter(|(_, element)| !is_missing.contains(**element)) {
        let index = [at / 280, at / 7 % 40, at % 7];
        let result = kept.iter().fold(0, |result, &axis| result * shape[axis] + index[axis]);
        let value = element.to_f64();
        expected[result].push(packing.map_or(value, |packing| packing.unpack(value)));
    }
    let expected: Vec<f64> = expected.into_iter().flat_map(|values| oracle(values, &QUANTILES)).collect();
    let (bytes, positions) = (buffer(&all), Positions::new(&shape, Order::C).unwrap());
    let swapped = buffer(&all.iter().map(|element| element.swap_bytes()).collect::<Vec<T>>());
    let other = if ByteOrder::NATIVE == ByteOrder::Little { ByteOrder::Big } else { ByteOrder::Little };
    let native = chunk(&bytes, T::DTYPE, &positions);
    let storage = Storage { byte_order: other, ..Storage::NATIVE };
    for chunk in [native, Chunk { bytes: &swapped, storage, ..native }] {
        for found in each_way(&question, chunk, &QUANTILES, digit) {
            let other = found.iter().zip(&expected).find(|(found, expected)| found.to_bits() != expected.to_bits());
            assert_eq!((other, found.len()), (None, expected.len()), "{:?} {reduced:?} {digit}", T::DTYPE);
        }
    }
}

#[test]
fn both_ways_find_the_quantiles_of_every_dtype_over_any_axes() {
    for &dtype in DType::ALL {
        for number in 0..8 {
            let reduced = [number & 1 > 0, number & 2 > 0, number & 4 > 0];
            let digit = [16, 5, 12][number % 3];
            with_dtype!(dtype, T => {
                check::<T>(None, None, reduced, digit);
                check::<T>(None, T::from_integer(5), reduced, digit);
                check::<T>(Some(Packing { scale_factor: -0.3, add_offset: 7.0 }), T::from_integer(0), reduced, digit);
            });
        }
    }
}

#[test]
fn order_statistics_of_64_bits_are_exact_before_they_are_floats() {
    let elements = [u64::MAX, u64::MAX - 1, 1 << 60, (1 << 60) + 1, 3];
    let (bytes, positions) = (buffer(&elements), Positions::new(&[5], Order::C).unwrap());
    for found in each_way(&Question::default(), chunk(&bytes, DType::UInt64, &positions), &[0.0, 0.5, 0.75, 1.0], 16) {
        assert_eq!(found, [3.0, ((1_u64 << 60) + 1) as f64, (u64::MAX - 1) as f64, u64::MAX as f64]);
    }
}

#[test]
fn nothing_has_no_quantiles_and_any_nan_makes_all_nan() {
    for (elements, is_nan) in
        [(vec![], true), (vec![f16::NAN], true), (vec![f16::ONE, -f16::NAN], true), (vec![f16::ONE], false)]
    {
        let (bytes, positions) = (buffer(&elements), Positions::new(&[elements.len()], Order::C).unwrap());
        for found in each_way(&Question::default(), chunk(&bytes, DType::Float16, &positions), &[0.5, 1.0], 16) {
            assert!(found.iter().all(|value| value.is_nan() == is_nan), "{elements:?} {found:?}");
        }
    }
}

#[test]
fn elements_that_are_others_in_the_next_pass_are_noticed() {
    let (before, after) = (buffer(&[1.0_f32, 2.0, 3.0]), buffer(&[1.0_f32, 2.0, 2.0]));
    let fewer = buffer(&[1.0_f32, 3.0, 3.0]);
    let (positions, never) = (Positions::new(&[3], Order::C).unwrap(), Cancellation::never());
    let mut narrowed = Narrowed::new(Quantiles::new([0.5], DType::Float32, None), 1);
    let mut pass = |bytes, collects: bool| {
        if collects {
            let collected = Mutex::new(narrowed.collected(&mut budget()).unwrap());
            let chunk = chunk(bytes, DType::Float32, &positions);
            Collected::collect(&collected, &Question::default(), chunk, &[0], &never).unwrap();
            return narrowed.learn_all(&mut collected.into_inner().unwrap(), &never).unwrap();
        }
        let mut counts = DigitCounts::new(Arc::new(narrowed.digits(16)), &mut budget()).unwrap();
        counts.count(&Question::default(), chunk(bytes, DType::Float32, &positions), &[0], &never).unwrap();
        narrowed.learn(&counts, &never).unwrap()
    };
    assert_eq!(pass(&before, false), Ok(()));
    for collects in [false, true] {
        assert_eq!(pass(&after, collects), Err(OtherElements));
        assert_eq!(pass(&fewer, collects), Err(OtherElements));
    }
}

#[test]
fn one_pass_refuses_what_it_does_not_tell() {
    let (bytes, positions) = (buffer(&[1.0_f32]), Positions::new(&[1], Order::C).unwrap());
    let asked = Asked { statistic: Statistic::Quantile, parameters: Parameters::Quantiles([0.5].into()) };
    for asked in [asked, Statistic::Median.into()] {
        let question = Question { statistics: vec![asked], ..Question::default() };
        assert!(reduce(&question, chunk(&bytes, DType::Float32, &positions), &mut budget()).is_err());
    }
}
