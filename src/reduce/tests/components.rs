//! What merges of weighted statistics, of which one part alone says all.

use super::*;

#[test]
fn components_of_weighted_statistics_are_pairs_of_weighted_sums() {
    let elements = buffer(&[1_i32, 2, 4]);
    let positions = Positions::new(&[3], Order::C).unwrap();
    let factors = [Factor { values: &[0.5, 1.5, 2.0], steps: &[1] }];
    let chunk = Chunk {
        bytes: &elements,
        dtype: DType::Int32,
        storage: Storage::NATIVE,
        positions: &positions,
        order: Order::C,
        weights: &factors,
    };
    let bins = Bins::between(&[0.0, 2.0, 5.0], DType::Int32, None);
    let question = Question {
        statistics: vec![
            Asked { statistic: Statistic::Var, parameters: Parameters::Ddof(1) },
            Statistic::Mean.into(),
            Asked { statistic: Statistic::Histogram, parameters: Parameters::Bins(bins) },
            Statistic::SumOfWeights.into(),
        ],
        is_weighted: true,
        is_partial: true,
        ..Question::default()
    };
    let components = partial(&question, chunk, &mut budget()).unwrap().components(&question, &mut budget()).unwrap();
    let told = |number: usize| -> Vec<(&str, Vec<f64>)> {
        let pairs = components.statistics[number].iter().filter(|component| component.name != "count");
        pairs.map(|component| (component.name, component.values.elements::<f64>().to_vec())).collect()
    };
    let (sum, weights) = (("sum", vec![11.5, 0.0]), ("sum_of_weights", vec![4.0, 0.0]));
    let squares = [("sum_of_squares", vec![38.5, 0.0]), ("sum_of_squared_weights", vec![6.5, 0.0])];
    assert_eq!(told(0), [sum.clone(), squares[0].clone(), weights.clone(), squares[1].clone()]);
    assert_eq!(told(1), [sum, weights.clone()]);
    assert_eq!(told(2), [("histogram", vec![0.5, 0.0, 3.5, 0.0])]);
    assert_eq!(components.statistics[2][0].dimensions, [2, 2]);
    assert_eq!(told(3), [weights]);
    let sizes: usize = Components::sizes(&question, DType::Int32).iter().sum();
    let held: usize = components.statistics.iter().flatten().map(|component| component.values.bytes().len()).sum();
    assert_eq!(sizes, held);
}
