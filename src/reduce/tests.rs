mod components;
mod memory;
mod moments;
mod quantiles;
mod weighted;
mod weights;

use std::sync::Arc;

use super::*;
use crate::{
    array::{ByteOrder, Element, Missing, Number},
    resources::Pool,
};

fn budget() -> Budget {
    Budget::unshared(5000, Arc::new(Pool::new(1 << 16, 0)))
}

/// The elements, in memory as chunks have it.
fn buffer<T: Element>(elements: &[T]) -> Buffer {
    let mut buffer = budget().allocate(size_of_val(elements)).unwrap();
    buffer.elements_mut().copy_from_slice(elements);
    buffer
}

fn sum_over(reduced: &[bool], missing: &[f64]) -> Question {
    let values = missing.iter().copied().map(Number::Float).collect();
    Question {
        statistics: vec![Statistic::Sum.into()],
        reduced: Some(reduced.to_vec()),
        missing: Missing { values, ..Missing::default() },
        ..Question::default()
    }
}

/// Bytes of the sums over the first axis.
fn sums(rows: usize, width: usize, elements: &[f32], storage: Storage, missing: &[f64]) -> Vec<u8> {
    let (bytes, positions) = (buffer(elements), Positions::new(&[rows, width], Order::C).unwrap());
    let chunk =
        Chunk { bytes: &bytes, dtype: DType::Float32, storage, positions: &positions, order: Order::C, weights: &[] };
    reduce(&sum_over(&[true, false], missing), chunk, &mut budget()).unwrap().statistics[0].values.bytes().to_vec()
}

#[test]
fn sums_of_columns_have_the_same_bits_whether_rows_are_taken_from_where_they_are_or_loaded() {
    let other = if ByteOrder::NATIVE == ByteOrder::Little { ByteOrder::Big } else { ByteOrder::Little };
    for (rows, width) in [(12, 512), (36, 512), (200, 512), (200, 31), (130, 1000), (70, 5)] {
        // What cancels shows in which groups it was added: 1 is lost beside 2¹²⁶ if 2⁶⁰ comes between.
        let (large, middle) = (2f32.powi(126), 2f32.powi(60));
        let terms = [large, 1.0, 0.0, 0.0, middle, -middle, 0.0, 0.0, -large, 0.0, 0.0, 0.0];
        let elements: Vec<f32> = (0..rows * width).map(|i| terms[i / width % terms.len()]).collect();
        let swapped: Vec<f32> = elements.iter().map(|element| f32::from_bits(element.to_bits().swap_bytes())).collect();
        let bytes: Vec<_> = elements.iter().map(|element| element.to_ne_bytes()).collect();
        let planes = (0..4).flat_map(|byte| bytes.iter().map(move |element| element[byte])).collect::<Vec<_>>();
        let shuffled: Vec<f32> = planes.chunks(4).map(|bytes| f32::from_ne_bytes(bytes.try_into().unwrap())).collect();
        let expected = sums(rows, width, &elements, Storage::NATIVE, &[]);
        let other = Storage { byte_order: other, ..Storage::NATIVE };
        assert_eq!(sums(rows, width, &swapped, other, &[]), expected, "{rows} x {width}");
        assert_eq!(sums(rows, width, &elements, Storage::NATIVE, &[77.0, 78.0]), expected, "{rows} x {width}");
        let planes = Storage { shuffled: true, ..Storage::NATIVE };
        assert_eq!(sums(rows, width, &shuffled, planes, &[]), expected, "{rows} x {width}");
    }
}

#[test]
fn a_reduction_ends_when_nobody_waits() {
    let bytes = buffer(&vec![1.0_f32; 64 * 64 * 64]);
    for storage in [Storage::NATIVE, Storage { shuffled: true, ..Storage::NATIVE }] {
        for reduced in [[true; 3], [false; 3], [true, false, true], [false, false, true]] {
            for (order, missing) in [(Order::C, &[][..]), (Order::F, &[]), (Order::C, &[2.0, 3.0])] {
                let positions = Positions::new(&[64; 3], order).unwrap();
                let chunk = Chunk {
                    bytes: &bytes,
                    dtype: DType::Float32,
                    storage,
                    positions: &positions,
                    order: Order::C,
                    weights: &[],
                };
                let mut budget = budget();
                drop(budget.waiting());
                let sum = reduce(&sum_over(&reduced, missing), chunk, &mut budget);
                assert!(matches!(sum, Err(ReduceError::Cancelled(_))), "{reduced:?}");
            }
        }
    }
}

#[test]
fn statistics_of_one_pass_are_those_of_a_pass_each() {
    let elements: Vec<i16> = (0..3000_i16).map(|i| i.wrapping_mul(7919) % 1000).collect();
    let (bytes, positions) = (buffer(&elements), Positions::new(&[30, 100], Order::C).unwrap());
    let chunk = Chunk {
        bytes: &bytes,
        dtype: DType::Int16,
        storage: Storage::NATIVE,
        positions: &positions,
        order: Order::C,
        weights: &[],
    };
    for (reduced, missing) in [
        (vec![true, true], Missing::default()),
        (vec![false, true], Missing { values: vec![Number::Integer(17)], min: Some(Number::Integer(-500)), max: None }),
    ] {
        let question = |statistics: &[Statistic]| Question {
            statistics: statistics.iter().copied().map(Asked::from).collect(),
            reduced: Some(reduced.clone()),
            missing: missing.clone(),
            ..Question::default()
        };
        let of_one_pass: Vec<_> = Statistic::ALL.iter().copied().filter(|one| one.is_of_one_pass()).collect();
        let all = reduce(&question(&of_one_pass), chunk, &mut budget()).unwrap();
        for (finished, &statistic) in all.statistics.iter().zip(&of_one_pass) {
            let one = reduce(&question(&[statistic]), chunk, &mut budget()).unwrap();
            assert_eq!(one.statistics[0].values.bytes(), finished.values.bytes(), "{statistic:?}");
            assert_eq!(one.counts.bytes(), all.counts.bytes());
        }
    }
}

#[test]
fn a_partial_result_of_another_question_is_refused() {
    let partial = |statistics: Vec<Statistic>, dtype, shape: &[usize]| {
        let statistics = statistics.into_iter().map(Asked::from).collect();
        Partial::new(&Question { statistics, ..Question::default() }, dtype, shape.to_vec(), &mut budget()).unwrap()
    };
    let from = |at: &[usize]| at.iter().copied().map(Place::From).collect::<Vec<_>>();
    let never = Cancellation::never();
    let mut sums = partial(vec![Statistic::Sum], DType::Int32, &[4, 5]);
    assert!(sums.merge(&from(&[2, 3]), &partial(vec![Statistic::Sum], DType::Int32, &[2, 2]), &never).is_ok());
    for (at, statistics, dtype, shape) in [
        (&[3, 3][..], vec![Statistic::Sum], DType::Int32, &[2, 2][..]),
        (&[usize::MAX, 3], vec![Statistic::Sum], DType::Int32, &[2, 2]),
        (&[0, 0], vec![Statistic::Sum], DType::Int64, &[2, 2]),
        (&[0, 0], vec![Statistic::Max], DType::Int32, &[2, 2]),
        (&[0, 0], vec![], DType::Int32, &[2, 2]),
        (&[0], vec![Statistic::Sum], DType::Int32, &[2]),
        (&[0, 0], vec![Statistic::Sum], DType::Int32, &[2]),
    ] {
        let merged = sums.merge(&from(at), &partial(statistics, dtype, shape), &never);
        assert!(matches!(merged, Err(ReduceError::Defect(_))), "{at:?} {shape:?}");
    }
    assert!(
        sums.merge(&from(&[1, 5]), &partial(vec![Statistic::Sum], DType::Int32, &[1, 0]), &never).is_ok(),
        "it is empty"
    );
    for (rows, is_right) in [(&[3, 0][..], true), (&[3, 3], false), (&[3, 4], false), (&[3], false)] {
        let at = [Place::At(rows.into()), Place::From(0)];
        let merged = sums.merge(&at, &partial(vec![Statistic::Sum], DType::Int32, &[2, 5]), &never);
        assert_eq!(merged.is_ok(), is_right, "{rows:?}");
    }
    let largest = Question { statistics: vec![Statistic::Max.into()], ..Question::default() };
    assert!(matches!(sums.finish(&largest, &mut budget()), Err(ReduceError::Defect(_))));
    let packing = crate::array::Packing { scale_factor: -1.0, add_offset: 0.0 };
    let reversed = Question { packing: Some(packing), ..largest.clone() };
    let ranks = partial(vec![Statistic::Max], DType::Int32, &[1]);
    assert!(matches!(ranks.finish(&reversed, &mut budget()), Err(ReduceError::Defect(_))), "smallest are not largest");
    let (cancelled, waiting) = Cancellation::with_waiting();
    drop(waiting);
    let one = partial(vec![Statistic::Sum], DType::Int32, &[1, 1]);
    assert!(matches!(sums.merge(&from(&[0, 0]), &one, &cancelled), Err(ReduceError::Cancelled(_))));
}

#[test]
fn each_part_comes_once() {
    let partial = |shape: &[usize]| {
        let question = Question { statistics: vec![Statistic::Sum.into()], ..Question::default() };
        Partial::new(&question, DType::Int32, shape.to_vec(), &mut budget()).unwrap()
    };
    let never = Cancellation::never();
    let mut parts = InOrder::new(partial(&[3]), 3);
    assert!(parts.take(3, vec![Place::From(0)], partial(&[1]), &never).is_err(), "there are three");
    parts.take(1, vec![Place::From(1)], partial(&[1]), &never).unwrap();
    assert!(parts.take(1, vec![Place::From(1)], partial(&[1]), &never).is_err(), "it waits already");
    parts.take(0, vec![Place::From(0)], partial(&[1]), &never).unwrap();
    assert!(parts.take(0, vec![Place::From(0)], partial(&[1]), &never).is_err(), "it is merged already");
    assert!(parts.finish().is_err(), "the last one never came");
}

#[test]
fn totals_of_integers_have_room_for_many_chunks() {
    let question = Question { statistics: vec![Statistic::Sum.into()], ..Question::default() };
    let (bytes, positions) = (buffer(&[u64::MAX; 4]), Positions::new(&[4], Order::C).unwrap());
    let chunk = Chunk {
        bytes: &bytes,
        dtype: DType::UInt64,
        storage: Storage::NATIVE,
        positions: &positions,
        order: Order::C,
        weights: &[],
    };
    let wide = Question { result_dtype: Some(DType::Float64), ..question.clone() };
    let mut all = Partial::new(&question, DType::UInt64, vec![], &mut budget()).unwrap();
    for _ in 0..3 {
        all.merge(&[], &partial(&question, chunk, &mut budget()).unwrap(), &Cancellation::never()).unwrap();
    }
    assert!(matches!(all.finish(&question, &mut budget()), Err(ReduceError::Overflow { .. })));
    let sum = all.finish(&wide, &mut budget()).unwrap();
    assert_eq!(sum.statistics[0].values.elements::<f64>(), [12.0 * 2f64.powi(64)]);
    assert_eq!(sum.counts.elements::<i64>(), [12]);
}
