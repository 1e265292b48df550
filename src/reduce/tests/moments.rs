//! Means, sums of squares, variances and deviations where they are hard to compute.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::items_after_statements,
    reason = "small numbers, and what one test needs"
)]

use super::*;

/// A result over these axes, as a chunk holds the elements.
fn results_of(
    asked: &[Asked],
    dtype: DType,
    bytes: &Buffer,
    storage: Storage,
    shape: [usize; 2],
    reduced: [bool; 2],
) -> Vec<Vec<f64>> {
    let positions = Positions::new(&shape, Order::C).unwrap();
    let chunk = Chunk { bytes, dtype, storage, positions: &positions, order: Order::C, weights: &[] };
    let question = Question { statistics: asked.to_vec(), reduced: Some(reduced.to_vec()), ..Question::default() };
    let results = reduce(&question, chunk, &mut budget()).unwrap();
    results.statistics.iter().map(|finished| finished.values.elements().to_vec()).collect()
}

/// The result of all elements, found along rows and along columns, and merged from two parts: they are the same to the last bits,
/// and the first of them.
fn of<T: Element>(asked: impl Into<Asked>, elements: &[T]) -> f64 {
    let (asked, bytes) = ([asked.into()], buffer(elements));
    let one = |shape, reduced| results_of(&asked, T::DTYPE, &bytes, Storage::NATIVE, shape, reduced)[0][0];
    let by_row = one([1, elements.len()], [true, true]);
    let by_column = one([elements.len(), 1], [true, false]);
    let question = Question { statistics: asked.to_vec(), ..Question::default() };
    let mut whole = Partial::new(&question, T::DTYPE, vec![], &mut budget()).unwrap();
    let (first, last) = elements.split_at(elements.len() / 3);
    for part in [first, last] {
        let (bytes, positions) = (buffer(part), Positions::new(&[part.len()], Order::C).unwrap());
        let chunk = Chunk {
            bytes: &bytes,
            dtype: T::DTYPE,
            storage: Storage::NATIVE,
            positions: &positions,
            order: Order::C,
            weights: &[],
        };
        whole.merge(&[], &partial(&question, chunk, &mut budget()).unwrap(), &Cancellation::never()).unwrap();
    }
    let merged = whole.finish(&question, &mut budget()).unwrap().statistics[0].values.elements::<f64>()[0];
    for other in [by_column, merged] {
        let is_near = (other - by_row).abs() <= 1e-9 * by_row.abs();
        assert!(is_near || other.to_bits() == by_row.to_bits(), "{asked:?}: {by_row:e} {other:e}");
    }
    by_row
}

fn with_ddof(statistic: Statistic, ddof: u32) -> Asked {
    Asked { statistic, parameters: Parameters::Ddof(ddof) }
}

#[test]
fn a_small_spread_of_large_numbers_is_right() {
    for len in [10_i64, 500, 5000] {
        let noise: Vec<i64> = (0..len).map(|i| i * 7919 % 104_729).collect();
        let sum: i64 = noise.iter().sum();
        let squares: i64 = noise.iter().map(|n| n * n).sum();
        let exact = (i128::from(squares) * i128::from(len) - i128::from(sum) * i128::from(sum)) as f64;
        let exact = exact / (len as f64 * len as f64);
        let is_right =
            |var: f64, unit: f64| assert!((var / (exact * unit * unit) - 1.0).abs() < 1e-9, "{len} {unit} {var}");
        for (offset, unit) in [(1e8, 2f64.powi(-17)), (-1e8, 1.0), (101_325.0, 2f64.powi(-30))] {
            let elements: Vec<f64> = noise.iter().map(|&n| offset + n as f64 * unit).collect();
            is_right(of(Statistic::Var, &elements), unit);
            let sample = of(with_ddof(Statistic::Var, 1), &elements) * (len - 1) as f64 / len as f64;
            is_right(sample, unit);
            is_right(of(Statistic::Std, &elements).powi(2), unit);
        }
        let elements: Vec<f32> = noise.iter().map(|&n| 8_388_608.0 + n as f32).collect();
        is_right(of(Statistic::Var, &elements), 1.0);
        let elements: Vec<i32> = noise.iter().map(|&n| i32::MIN + n as i32).collect();
        is_right(of(Statistic::Var, &elements), 1.0);
        let elements: Vec<i64> = noise.iter().map(|&n| (1 << 40) + n).collect();
        is_right(of(Statistic::Var, &elements), 1.0);
    }
}

#[test]
fn equal_elements_have_no_variance_if_their_squares_can_be_added_exactly() {
    for len in [1, 2, 3, 7, 100, 4097, 10_007] {
        assert_eq!(of(Statistic::Var, &vec![273.15_f32; len]), 0.0);
        assert_eq!(of(Statistic::Std, &vec![-1e-30_f32; len]), 0.0);
        assert_eq!(of(Statistic::Var, &vec![half::f16::from_f32(0.1); len]), 0.0);
        assert_eq!(of(Statistic::Var, &vec![101_325.25_f64; len]), 0.0);
        assert_eq!(of(Statistic::Var, &vec![i32::MIN; len]), 0.0);
        assert_eq!(of(Statistic::Var, &vec![u32::MAX; len]), 0.0);
        assert_eq!(of(Statistic::Mean, &vec![0.1_f64; len]), 0.1);
        let (asked, bytes) = ([Statistic::Var.into()], buffer(&vec![0.1_f64; len]));
        let var = results_of(&asked, DType::Float64, &bytes, Storage::NATIVE, [1, len], [true, true])[0][0];
        assert!((0.0..1e-26).contains(&var), "{len}: {var:e}");
    }
}

#[test]
fn squares_of_integers_of_every_width_are_exact() {
    let of_lowest = |lowest: f64, len: usize| lowest * lowest * len as f64;
    for len in [1, 3, 4096] {
        assert_eq!(of(Statistic::SumOfSquares, &vec![i8::MIN; len]), of_lowest(128.0, len));
        assert_eq!(of(Statistic::SumOfSquares, &vec![i16::MIN; len]), of_lowest(32768.0, len));
        assert_eq!(of(Statistic::SumOfSquares, &vec![u16::MAX; len]), of_lowest(65535.0, len));
        assert_eq!(of(Statistic::SumOfSquares, &vec![i32::MIN; len]), of_lowest(2f64.powi(31), len));
        assert_eq!(of(Statistic::SumOfSquares, &vec![i64::MIN; len]), of_lowest(2f64.powi(63), len));
        assert_eq!(of(Statistic::SumOfSquares, &vec![u64::MAX; len]), of_lowest(2f64.powi(64), len));
        // (2⁶⁴ − 1)² = 2¹²⁸ − 2⁶⁵ + 1: the rest shows beside an equal sum of powers of two.
        assert_eq!(of(Statistic::SumOfSquares, &[u64::from(u32::MAX)]), 18_446_744_065_119_617_025_u64 as f64);
    }
    assert_eq!(of(Statistic::Mean, &[i64::MAX, i64::MAX - 1, i64::MAX - 2]), (i64::MAX - 1) as f64);
    assert_eq!(of(Statistic::Mean, &[u64::MAX, 1]), 2f64.powi(63));
}

#[test]
fn infinities_nan_and_squares_beyond_the_range_are_as_in_float64() {
    let nan = |value: f64| assert_eq!(value.to_bits(), f64::NAN.to_bits());
    let squares = |elements: &[f64]| of(Statistic::SumOfSquares, elements);
    assert_eq!(squares(&[1.0, f64::NEG_INFINITY, f64::INFINITY]), f64::INFINITY);
    assert_eq!(squares(&[1e200, 1.0]), f64::INFINITY);
    assert_eq!(squares(&[1.2e154, 1.2e154, 1.2e154]), f64::INFINITY);
    assert_eq!(squares(&[1.3e154, 0.0]), 1.3e154 * 1.3e154);
    assert_eq!(squares(&[1e-200, 3e-170]), 0.0);
    assert_eq!(squares(&[1e-160, 0.0]), 1e-160 * 1e-160);
    nan(squares(&[1.0, f64::INFINITY, f64::NAN]));
    nan(of(Statistic::SumOfSquares, &[f32::NAN, 1.0]));
    assert_eq!(of(Statistic::SumOfSquares, &[f32::MAX, f32::MAX]), 2.0 * f64::from(f32::MAX) * f64::from(f32::MAX));
    assert_eq!(of(Statistic::Mean, &[1.0, f64::INFINITY]), f64::INFINITY);
    nan(of(Statistic::Mean, &[f64::NEG_INFINITY, f64::INFINITY]));
    nan(of(Statistic::Mean, &[-f64::NAN, 1.0]));
    for elements in [[1.0, f64::INFINITY], [1.0, f64::NAN], [1e200, -1e200], [1e200, 1e200]] {
        nan(of(Statistic::Var, &elements));
        nan(of(Statistic::Std, &elements));
    }
}

#[test]
fn packed_values_that_stand_for_infinite_ones_have_no_variance() {
    for (elements, scale_factor) in [([5_i16, 5, 5], -1e308), ([5, 5, 7], 1e308), ([5, 5, 7], 1e155)] {
        let (bytes, positions) = (buffer(&elements), Positions::new(&[3], Order::C).unwrap());
        let chunk = Chunk {
            bytes: &bytes,
            dtype: DType::Int16,
            storage: Storage::NATIVE,
            positions: &positions,
            order: Order::C,
            weights: &[],
        };
        let packing = Some(crate::array::Packing { scale_factor, add_offset: 0.0 });
        let statistics = vec![Statistic::Var.into(), Statistic::Std.into()];
        let results = reduce(&Question { statistics, packing, ..Question::default() }, chunk, &mut budget()).unwrap();
        for finished in results.statistics {
            assert!(finished.values.elements::<f64>()[0].is_nan(), "{elements:?} {scale_factor}");
        }
    }
}

#[test]
fn too_few_elements_have_no_mean_or_variance() {
    let asked = [
        Statistic::Mean.into(),
        Statistic::SumOfSquares.into(),
        with_ddof(Statistic::Var, 2),
        with_ddof(Statistic::Std, u32::MAX),
    ];
    for (shape, elements) in [([0, 1], 0), ([1, 1], 1), ([2, 1], 2), ([3, 1], 3)] {
        let bytes = buffer(&vec![2.0_f32; elements]);
        let results = results_of(&asked, DType::Float32, &bytes, Storage::NATIVE, shape, [true, false]);
        let nan = results.iter().map(|one| one[0].is_nan()).collect::<Vec<_>>();
        assert_eq!(nan, [elements == 0, false, elements <= 2, true], "{elements}");
        assert_eq!(results[1], [4.0 * elements as f64]);
    }
}

/// Bits of all statistics of variables over the first axis and over both.
fn bits<T: Element>(elements: &[T], width: usize, storage: Storage) -> Vec<u64> {
    let of_variables = Statistic::ALL.iter().filter(|one| one.is_of_variables_only() && one.is_of_one_pass());
    let asked: Vec<Asked> = of_variables.map(|&statistic| statistic.into()).collect();
    let (bytes, shape) = (buffer(elements), [elements.len() / width, width]);
    let over = [[true, false], [false, true], [true, true]];
    let results = over.map(|reduced| results_of(&asked, T::DTYPE, &bytes, storage, shape, reduced));
    results.iter().flatten().flatten().map(|result| result.to_bits()).collect()
}

#[test]
fn moments_have_the_same_bits_however_elements_lie() {
    let other = if ByteOrder::NATIVE == ByteOrder::Little { ByteOrder::Big } else { ByteOrder::Little };
    fn shuffled<T: Element>(elements: &[T]) -> Vec<T> {
        let bytes: &[u8] = bytemuck::cast_slice(elements);
        let planes: Vec<u8> =
            (0..size_of::<T>()).flat_map(|byte| bytes.iter().skip(byte).step_by(size_of::<T>()).copied()).collect();
        bytemuck::pod_collect_to_vec(&planes)
    }
    fn check<T: Element>(elements: &[T], width: usize, other: ByteOrder) {
        let expected = bits(elements, width, Storage::NATIVE);
        let swapped: Vec<T> = elements.iter().map(|element| element.swap_bytes()).collect();
        assert_eq!(bits(&swapped, width, Storage { byte_order: other, ..Storage::NATIVE }), expected, "{width}");
        assert_eq!(
            bits(&shuffled(elements), width, Storage { shuffled: true, ..Storage::NATIVE }),
            expected,
            "{width}"
        );
    }
    for (rows, width) in [(12, 512), (200, 31), (130, 1000), (70, 5)] {
        let narrow: Vec<f32> =
            (0..rows * width).map(|i| (i * 7919 % 1009) as f32 * 1.37f32.powi(i as i32 % 60 - 30)).collect();
        let wide: Vec<f64> = narrow.iter().map(|&x| f64::from(x) * std::f64::consts::PI).collect();
        let halves: Vec<half::f16> = narrow.iter().map(|&x| half::f16::from_f32(x)).collect();
        let long: Vec<i64> = wide.iter().map(|&x| (x * 1e9) as i64).collect();
        check(&narrow, width, other);
        check(&wide, width, other);
        check(&halves, width, other);
        check(&long, width, other);
    }
}
