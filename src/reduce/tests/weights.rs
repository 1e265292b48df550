//! Weighted statistics of what is hard to weigh.

use super::*;

/// Statistics of each row, along rows and along columns, weighed by a factor for each row, each column, or each element.
fn weighed(
    asked: &[Statistic],
    rows: &[&[f64]],
    weights: &[&[f64]],
    packing: Option<crate::array::Packing>,
) -> Vec<Vec<f64>> {
    let (height, width) = (rows.len(), rows[0].len());
    let question = |reduced: [bool; 2]| Question {
        statistics: asked.iter().copied().map(Asked::from).collect(),
        reduced: Some(reduced.to_vec()),
        packing,
        is_weighted: true,
        ..Question::default()
    };
    let run = |elements: &[f64], values: &[f64], shape: [usize; 2], steps: [usize; 2], reduced: [bool; 2]| {
        let (bytes, positions) = (buffer(elements), Positions::new(&shape, Order::C).unwrap());
        let factors = [Factor { values, steps: &steps }];
        let chunk = Chunk {
            bytes: &bytes,
            dtype: DType::Float64,
            storage: Storage::NATIVE,
            positions: &positions,
            order: Order::C,
            weights: &factors,
        };
        let results = reduce(&question(reduced), chunk, &mut budget()).unwrap();
        results.statistics.iter().map(|one| one.values.elements::<f64>().to_vec()).collect::<Vec<_>>()
    };
    let (flat, flat_weights) = (rows.concat(), weights.concat());
    let by_row = run(&flat, &flat_weights, [height, width], [width, 1], [false, true]);
    let transposed = |of: &[&[f64]]| (0..width).flat_map(|x| of.iter().map(move |row| row[x])).collect::<Vec<f64>>();
    let by_column = run(&transposed(rows), &transposed(weights), [width, height], [height, 1], [true, false]);
    assert_eq!(bits(&by_row), bits(&by_column), "rows and columns");
    if weights.iter().all(|row| row.iter().all(|weight| *weight == row[0])) {
        let of_rows: Vec<f64> = weights.iter().map(|row| row[0]).collect();
        let even = run(&flat, &of_rows, [height, width], [1, 0], [false, true]);
        assert_eq!(bits(&by_row), bits(&even), "rows that weigh the same");
    }
    by_row
}

fn bits(results: &[Vec<f64>]) -> Vec<Vec<u64>> {
    results.iter().map(|one| one.iter().map(|result| result.to_bits()).collect()).collect()
}

const ALL: [Statistic; 6] = [
    Statistic::Sum,
    Statistic::Mean,
    Statistic::SumOfSquares,
    Statistic::Var,
    Statistic::SumOfWeights,
    Statistic::SumOfSquaredWeights,
];

#[test]
fn nan_and_infinities_are_not_hidden_by_a_weight_of_nothing() {
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    let rows = [[nan, 1.0], [infinity, 1.0], [infinity, 1.0], [infinity, -infinity], [3.0, 1.0]];
    let weights = [[0.0, 1.0], [0.0, 1.0], [2.0, 1.0], [1.0, 1.0], [0.0, 2.0]];
    let rows: Vec<&[f64]> = rows.iter().map(|row| &row[..]).collect();
    let weights: Vec<&[f64]> = weights.iter().map(|row| &row[..]).collect();
    let results = weighed(&ALL, &rows, &weights, None);
    let classes = |of: &[f64]| {
        of.iter()
            .map(|x| {
                if x.is_nan() {
                    "nan"
                } else if x.is_infinite() {
                    "inf"
                } else {
                    ""
                }
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(classes(&results[0]), ["nan", "nan", "inf", "nan", ""]);
    assert_eq!(classes(&results[1]), ["nan", "nan", "inf", "nan", ""]);
    assert_eq!(classes(&results[2]), ["nan", "nan", "inf", "inf", ""]);
    assert_eq!(classes(&results[3]), ["nan", "nan", "nan", "nan", ""]);
    assert_eq!((results[0][4], results[1][4], results[2][4], results[3][4]), (2.0, 1.0, 2.0, 0.0));
    assert_eq!(results[4], [1.0, 1.0, 3.0, 2.0, 2.0]);
    assert_eq!(results[5], [1.0, 1.0, 5.0, 2.0, 4.0]);
    let even = weighed(
        &ALL,
        &[&[nan, 1.0], &[infinity, 1.0], &[infinity, 1.0]],
        &[&[0.0, 0.0], &[0.0, 0.0], &[3.0, 3.0]],
        None,
    );
    assert_eq!(classes(&even[0]), ["nan", "nan", "inf"]);
}

#[test]
fn what_weighs_nothing_has_a_sum_but_no_mean() {
    let results = weighed(&ALL, &[&[1.0, -2.0, 3.0], &[5.0; 3]], &[&[0.0; 3], &[0.0, 0.0, 4.0]], None);
    assert_eq!((results[0][0].to_bits(), results[2][0], results[4][0], results[5][0]), (0, 0.0, 0.0, 0.0));
    assert!(results[1][0].is_nan() && results[3][0].is_nan());
    assert_eq!((results[0][1], results[1][1], results[3][1]), (20.0, 5.0, 0.0));
}

#[test]
fn weights_undo_what_would_be_too_large() {
    let large = [f64::MAX, f64::MAX / 2.0, f64::MAX];
    for weights in [[0.25; 3], [0.25, 0.25, 0.125]] {
        let results = weighed(&[Statistic::Sum], &[&large], &[&weights], None);
        let expected = large.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>();
        assert_eq!(results[0], [expected]);
    }
    let results =
        weighed(&[Statistic::Sum], &[&[1e308, 1e308], &[1e-308, 1.0]], &[&[1e10, 1e10], &[1e-308, 1e-308]], None);
    assert_eq!(results[0], [f64::INFINITY, 1e-308]);
}

#[test]
fn what_cancels_between_products_leaves_what_it_should() {
    let (a, b) = (1.0 + f64::EPSILON, 1.0 - f64::EPSILON);
    let results = weighed(&[Statistic::Sum], &[&[a, -1.0], &[a, -a]], &[&[b, 1.0], &[3.0, 3.0]], None);
    assert_eq!(results[0], [-f64::EPSILON * f64::EPSILON, 0.0]);
}

#[test]
fn reliability_does_not_depend_on_the_scale_of_weights_or_says_so() {
    let var = |weight: f64| {
        let asked = Asked { statistic: Statistic::Var, parameters: Parameters::Ddof(1) };
        let (bytes, positions) = (buffer(&[2.5_f64, 9.0, 1.0]), Positions::new(&[3], Order::C).unwrap());
        let factors = [Factor { values: &[weight; 3], steps: &[1] }];
        let chunk = Chunk {
            bytes: &bytes,
            dtype: DType::Float64,
            storage: Storage::NATIVE,
            positions: &positions,
            order: Order::C,
            weights: &factors,
        };
        let question = Question { statistics: vec![asked], is_weighted: true, ..Question::default() };
        reduce(&question, chunk, &mut budget()).unwrap().statistics[0].values.elements::<f64>()[0]
    };
    let expected = var(1.0);
    for weight in [1e-150, 1e-100, 1e-3, 7.0, 1e100, 1e150] {
        assert!((var(weight) - expected).abs() <= 1e-14 * expected, "{weight}: {}", var(weight));
    }
    for weight in [1e-155, 1e-163, 1e-300, 1e160] {
        assert!(var(weight).is_nan(), "{weight}: {}", var(weight));
    }
}

#[test]
fn one_element_has_no_variance_for_a_freedom_of_none() {
    for weight in [1.0, 0.1, 1e-300, 1e-160, 1e160, 3.7] {
        let var = |ddof| {
            let asked = Asked { statistic: Statistic::Var, parameters: Parameters::Ddof(ddof) };
            let (bytes, positions) = (buffer(&[2.5_f32, 9.0, 1.0]), Positions::new(&[3], Order::C).unwrap());
            let values = [weight, 0.0, 0.0];
            let factors = [Factor { values: &values, steps: &[1] }];
            let chunk = Chunk {
                bytes: &bytes,
                dtype: DType::Float32,
                storage: Storage::NATIVE,
                positions: &positions,
                order: Order::C,
                weights: &factors,
            };
            let question = Question { statistics: vec![asked], is_weighted: true, ..Question::default() };
            reduce(&question, chunk, &mut budget()).unwrap().statistics[0].values.elements::<f64>()[0]
        };
        assert_eq!(var(0), 0.0, "{weight}");
        assert!(var(1).is_nan(), "{weight} {}", var(1));
    }
}

#[test]
fn weights_that_do_not_fit_are_refused_and_those_of_other_questions_ignored() {
    let (bytes, positions) = (buffer(&[1_i32; 6]), Positions::new(&[2, 3], Order::C).unwrap());
    let sum = |is_weighted: bool, factors: &[Factor<'_>], result_dtype| {
        let chunk = Chunk {
            bytes: &bytes,
            dtype: DType::Int32,
            storage: Storage::NATIVE,
            positions: &positions,
            order: Order::C,
            weights: factors,
        };
        let question =
            Question { statistics: vec![Statistic::Sum.into()], is_weighted, result_dtype, ..Question::default() };
        reduce(&question, chunk, &mut budget()).map(|results| results.statistics[0].values.bytes().to_vec())
    };
    let values = [0.5, 0.25, 0.125];
    let right = Factor { values: &values, steps: &[0, 1] };
    assert_eq!(sum(true, &[right], None).unwrap(), 1.75_f64.to_ne_bytes());
    assert_eq!(sum(true, &[right], Some(DType::Float32)).unwrap(), 1.75_f32.to_ne_bytes());
    assert_eq!(sum(true, &[], None).unwrap(), 6.0_f64.to_ne_bytes(), "each weighs 1");
    assert_eq!(sum(false, &[right], None).unwrap(), 6_i32.to_ne_bytes());
    for steps in [&[1, 1][..], &[0, 2], &[1], &[0, 0, 1], &[usize::MAX, 1]] {
        let wrong = sum(true, &[Factor { values: &values, steps }], None);
        assert!(matches!(wrong, Err(ReduceError::Defect(_))), "{steps:?}");
    }
}

/// Results of five numbers from 0 to 4, which weigh 1, 2, 4, 8 and 16 where they have weights.
fn of_five(question: &Question) -> Results {
    let (bytes, positions) = (buffer(&[0_i16, 1, 2, 3, 4]), Positions::new(&[5], Order::C).unwrap());
    let values = [1.0, 2.0, 4.0, 8.0, 16.0];
    let factors = [Factor { values: &values, steps: &[1] }];
    let chunk = Chunk {
        bytes: &bytes,
        dtype: DType::Int16,
        storage: Storage::NATIVE,
        positions: &positions,
        order: Order::C,
        weights: &factors,
    };
    reduce(question, chunk, &mut budget()).unwrap()
}

#[test]
fn bins_of_packed_values_in_reverse_order_hold_their_own_weights() {
    let packing = crate::array::Packing { scale_factor: -1.0, add_offset: 0.0 };
    let bins = Bins::between(&[-4.0, -2.0, -1.0, 9.0], DType::Int16, Some(packing));
    let histogram = Asked { statistic: Statistic::Histogram, parameters: Parameters::Bins(bins) };
    let question = Question {
        statistics: vec![histogram, Statistic::Sum.into()],
        packing: Some(packing),
        result_dtype: Some(DType::Float32),
        is_weighted: true,
        ..Question::default()
    };
    let results = of_five(&question);
    // −4 and −3; −2; −1 and 0.
    assert_eq!(results.statistics[0].values.elements::<f64>(), [24.0, 4.0, 3.0]);
    assert_eq!(results.statistics[1].values.elements::<f32>(), [-98.0]);
}

#[test]
fn without_weights_their_sums_are_numbers_of_elements() {
    let asked = [Statistic::SumOfWeights, Statistic::SumOfSquaredWeights, Statistic::Count];
    let question = |is_weighted| Question {
        statistics: asked.map(Asked::from).to_vec(),
        missing: Missing { values: vec![Number::Integer(3)], ..Missing::default() },
        is_weighted,
        ..Question::default()
    };
    for (is_weighted, weights) in [(false, [4.0, 4.0]), (true, [23.0, 277.0])] {
        let Results { statistics, .. } = of_five(&question(is_weighted));
        let sums: Vec<f64> = statistics[..2].iter().map(|one| one.values.elements::<f64>()[0]).collect();
        assert_eq!(sums, weights);
        assert_eq!(statistics[2].values.elements::<i64>(), [4]);
    }
}

#[test]
fn weights_change_nothing_of_what_only_elements_say() {
    let asked = [Statistic::Count, Statistic::Min, Statistic::Max].map(Asked::from);
    let zeros = Parameters::Zeros(Bins::zeros(DType::Int16, None));
    let truths = [Statistic::Any, Statistic::All].map(|statistic| Asked { statistic, parameters: zeros.clone() });
    let places = [Statistic::Argmin, Statistic::Argmax]
        .map(|statistic| Asked { statistic, parameters: Parameters::Reduced([5].into()) });
    let statistics: Vec<_> = asked.into_iter().chain(truths).chain(places).collect();
    let [plain, weighted] = [false, true]
        .map(|is_weighted| of_five(&Question { statistics: statistics.clone(), is_weighted, ..Question::default() }));
    for (plain, weighted) in plain.statistics.iter().zip(&weighted.statistics) {
        assert_eq!((plain.dtype, plain.values.bytes()), (weighted.dtype, weighted.values.bytes()), "{:?}", plain.asked);
    }
}
