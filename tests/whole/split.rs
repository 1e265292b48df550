//! Questions that are split into parts, whose partial answers are merged here by what the documentation says of them.

use proptest::{prelude::*, test_runner::TestCaseError};
use reductionist::{
    app::App,
    array::{DType, Kind, Pick, ValueType},
    engine::variable::VariableAnswer,
    reduce::{Question, Statistic},
};

use super::{RUNTIME, app, oracle, reduced, statistics_of_one_pass};
use crate::arrays::{Array, cases};

/// A value of a component.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Integer(i128),
    Float(f64),
}

impl Value {
    fn float(self) -> f64 {
        match self {
            Self::Integer(integer) => integer as f64,
            Self::Float(float) => float,
        }
    }
}

/// Part of a selection: what it picks, and its first position in the whole, of each dimension.
#[derive(Clone, Debug, Default)]
struct Part {
    picks: Vec<Pick>,
    first: Vec<usize>,
}

/// What is known of one result: of each part that has elements of it the components, and where that part begins.
type Cell = Vec<(Vec<Vec<Value>>, Vec<usize>)>;

fn section(pick: &Pick, from: usize, to: usize) -> Pick {
    match pick {
        Pick::Slice { first, step, .. } => {
            let first = if from < to { first.strict_add_signed(step * from as isize) } else { 0 };
            Pick::Slice { first, step: *step, len: to - from }
        }
        Pick::Indices(indices) => Pick::Indices(indices[from..to].to_vec()),
        Pick::One(index) => Pick::One(*index),
    }
}

/// Every part between cuts of each dimension.
fn parts(picks: &[Pick], cuts: &[Vec<u16>]) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    for (pick, cuts) in picks.iter().zip(cuts) {
        let len = pick.kept_len().unwrap_or(1);
        // What one index picks is in one part.
        let cuts = if pick.kept_len().is_some() { &cuts[..] } else { &[] };
        let mut edges: Vec<usize> = cuts.iter().map(|&cut| usize::from(cut) % (len + 1)).chain([0, len]).collect();
        edges.sort_unstable();
        let sections: Vec<_> = edges.windows(2).map(|edges| (section(pick, edges[0], edges[1]), edges[0])).collect();
        let with = |part: &Part, (pick, first): &(Pick, usize)| Part {
            picks: [&part.picks[..], std::slice::from_ref(pick)].concat(),
            first: [&part.first[..], &[*first]].concat(),
        };
        parts = parts.iter().flat_map(|part| sections.iter().map(|section| with(part, section))).collect();
    }
    parts
}

fn values(dtype: ValueType, bytes: &[u8]) -> Vec<Value> {
    match dtype {
        ValueType::Int128 => {
            bytes.chunks(16).map(|b| Value::Integer(i128::from_ne_bytes(b.try_into().unwrap()))).collect()
        }
        ValueType::Number(DType::Int64) => {
            bytes.chunks(8).map(|b| Value::Integer(i64::from_ne_bytes(b.try_into().unwrap()).into())).collect()
        }
        other => oracle::numbers(other, bytes).into_iter().map(Value::Float).collect(),
    }
}

/// For each dimension that is left, whether it is reduced, and the first of its positions in a part.
fn left<'a>(part: &'a Part, question: &'a Question) -> impl Iterator<Item = (bool, usize, usize)> + 'a {
    let left = part.picks.iter().zip(&part.first).filter_map(|(pick, &first)| Some((pick.kept_len()?, first)));
    left.enumerate()
        .map(|(number, (len, first))| (question.reduced.as_ref().is_none_or(|reduced| reduced[number]), len, first))
}

/// Puts the components of one statistic to those of the results of the whole, of which the kept dimensions have these lengths.
fn put(cells: &mut [Cell], kept: &[usize], part: &Part, question: &Question, components: Vec<Vec<Value>>) {
    let (lens, firsts): (Vec<_>, Vec<_>) =
        left(part, question).filter(|(is_reduced, ..)| !is_reduced).map(|(_, len, first)| (len, first)).unzip();
    let starts: Vec<_> = left(part, question).filter(|(is_reduced, ..)| *is_reduced).map(|(.., first)| first).collect();
    let indices = oracle::indices(&lens);
    for (number, index) in indices.iter().enumerate() {
        let place = index.iter().zip(&firsts).zip(kept).fold(0, |at, ((i, first), len)| at * len + first + i);
        let of_result = |all: &Vec<Value>| {
            let each = all.len() / indices.len();
            all[number * each..(number + 1) * each].to_vec()
        };
        cells[place].push((components.iter().map(of_result).collect(), starts.clone()));
    }
}

/// The total of pairs, rounded once.
fn total<'a>(pairs: impl Iterator<Item = &'a [Value]>) -> f64 {
    let mut total = (-0.0, -0.0);
    for pair in pairs {
        let (high, low) = (pair[0].float(), pair[1].float());
        let sum: f64 = total.0 + high;
        let back = sum - total.0;
        let error = (total.0 - (sum - back)) + (high - back);
        let is_nothing = f64::is_sign_negative(total.1) && total.1 == 0.0 && low.is_sign_negative() && low == 0.0;
        total = (sum, if is_nothing { -0.0 } else { total.1 + low + error + 0.0 });
    }
    match total {
        (high, low) if high == 0.0 && low == 0.0 && low.is_sign_negative() => 0.0,
        (high, low) if low == 0.0 || !low.is_finite() || !high.is_finite() => high,
        (high, low) => high + low,
    }
}

fn sum(cell: &Cell, component: usize) -> f64 {
    let values = cell.iter().map(|(components, _)| components[component].as_slice());
    if values.clone().any(|value| value.len() == 2) {
        return total(values);
    }
    values.map(|value| if let Value::Integer(sum) = value[0] { sum } else { 0 }).sum::<i128>() as f64
}

/// The position in the whole of the first that is best, where larger is better.
fn first(cell: &Cell, sign: f64, axes: usize) -> Vec<f64> {
    let mut best: Option<(f64, Vec<f64>)> = None;
    for (components, starts) in cell {
        let value = components[0][0].float() * sign;
        let at = components[1].iter().zip(starts).map(|(position, start)| position.float() + *start as f64);
        let at: Vec<f64> = at.collect();
        let is_nothing = components[1].iter().any(|position| position.float() < 0.0);
        let is_better = best.as_ref().is_none_or(|(best, first)| {
            let is_alike = value == *best || value.is_nan() && best.is_nan();
            value > *best || value.is_nan() && !best.is_nan() || is_alike && at < *first
        });
        if !is_nothing && is_better {
            best = Some((value, at));
        }
    }
    best.map_or(vec![-1.0; axes], |(_, at)| at)
}

fn extreme(cell: &Cell, sign: f64) -> f64 {
    let better = |a: f64, b: f64| {
        if a.is_nan() || b.is_nan() {
            f64::NAN
        } else if (a * sign).total_cmp(&(b * sign)).is_ge() {
            a
        } else {
            b
        }
    };
    cell.iter().map(|(components, _)| components[0][0].float()).reduce(better).unwrap()
}

fn merged(statistic: Statistic, cell: &Cell, axes: usize) -> Vec<f64> {
    let counts = |component: usize| {
        let width = cell[0].0[component].len();
        let count = |bin: usize| cell.iter().map(|(components, _)| components[component][bin].float()).sum::<f64>();
        (0..width).map(count).collect::<Vec<_>>()
    };
    let variance = || {
        let (sum, squares, n) = (sum(cell, 0), sum(cell, 1), counts(2)[0]);
        let spread = squares - sum / n * sum;
        if spread < 0.0 { 0.0 } else { spread / n }
    };
    match statistic {
        Statistic::Any | Statistic::Max => vec![extreme(cell, 1.0)],
        Statistic::All | Statistic::Min => vec![extreme(cell, -1.0)],
        Statistic::Argmax => first(cell, 1.0, axes),
        Statistic::Argmin => first(cell, -1.0, axes),
        Statistic::Count | Statistic::Histogram => counts(0),
        Statistic::Sum | Statistic::SumOfSquares | Statistic::SumOfWeights | Statistic::SumOfSquaredWeights => {
            vec![sum(cell, 0)]
        }
        Statistic::Mean => vec![if counts(1)[0] == 0.0 { f64::NAN } else { sum(cell, 0) / counts(1)[0] }],
        Statistic::Var => vec![variance()],
        Statistic::Std => vec![variance().sqrt()],
        Statistic::Median | Statistic::Quantile => panic!("they do not merge"),
    }
}

/// Statistics over the whole, with sums of the widest dtype.
fn asked(array: &Array, question: &Question, picks: &[Pick]) -> Question {
    let result_dtype = match array.dtype.kind() {
        _ if question.packing.is_some() => DType::Float64,
        Kind::Signed => DType::Int64,
        Kind::Unsigned => DType::UInt64,
        Kind::Float => DType::Float64,
    };
    let statistics = statistics_of_one_pass(array.dtype, question, picks);
    Question { statistics, result_dtype: Some(result_dtype), ..question.clone() }
}

/// Merges the partial answers of parts, and compares what comes of them with the answer to the whole question.
fn compare(
    whole: &VariableAnswer,
    question: &Question,
    picks: &[Pick],
    answers: &[(Part, VariableAnswer)],
) -> Result<(), TestCaseError> {
    let all = Part { picks: picks.to_vec(), first: vec![0; picks.len()] };
    let kept: Vec<usize> = left(&all, question).filter(|(is_reduced, ..)| !is_reduced).map(|(_, len, _)| len).collect();
    let axes = left(&all, question).filter(|(is_reduced, ..)| *is_reduced).count();
    for (result, asked) in whole.results.iter().zip(&question.statistics) {
        let mut cells = vec![Cell::new(); kept.iter().product()];
        for (part, answer) in answers {
            let components = answer.results.iter().filter(|component| component.name == result.name);
            let components = components.map(|component| values(component.dtype, component.values.bytes()));
            put(&mut cells, &kept, part, question, components.collect());
        }
        let found: Vec<f64> = cells.iter().flat_map(|cell| merged(asked.statistic, cell, axes)).collect();
        let expected = oracle::numbers(result.dtype, result.values.bytes());
        match asked.statistic {
            Statistic::Mean | Statistic::Var | Statistic::Std => {
                oracle::assert_alike(asked.statistic, &found, &expected)?;
            }
            _ => {
                let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&found), bits(&expected), "{}: {:?} {:?}", result.name, found, expected);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn parts_merged_in_any_order_are_the_whole(
        case in cases(),
        cuts in prop::collection::vec(prop::collection::vec(any::<u16>(), 0..3), 3),
        turns in prop::collection::vec(any::<u16>(), 27),
        scale in prop_oneof![Just(1.0), Just(0.1), Just(-1e-300), Just(1.0 / 3.0)],
    ) {
        static APP: std::sync::LazyLock<App> = std::sync::LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("64MiB") });
        let mut array = case.array.clone();
        if array.dtype == DType::Float64 && case.question.packing.is_none() {
            // Sums of these round, and cancel.
            array.elements.iter_mut().for_each(|element| *element = *element * scale + 0.0 * scale);
        }
        let question = asked(&array, &case.question, &case.picks);
        let whole = reduced(&APP, &array, &case.picks, &question).unwrap();
        let mut answers = Vec::new();
        for part in parts(&case.picks, &cuts) {
            let question = Question { is_partial: true, ..asked(&array, &case.question, &part.picks) };
            let answer = reduced(&APP, &array, &part.picks, &question).unwrap();
            prop_assert!(answer.results.iter().all(|result| result.component.is_some()));
            answers.push((part, answer));
        }
        let mut order: Vec<usize> = (0..answers.len()).collect();
        order.sort_by_key(|&at| turns[at % turns.len()]);
        let answers: Vec<_> = {
            let mut answers: Vec<_> = answers.into_iter().map(Some).collect();
            order.into_iter().map(|at| answers[at].take().unwrap()).collect()
        };
        compare(&whole, &question, &case.picks, &answers)?;
    }
}
