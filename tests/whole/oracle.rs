//! What is asked of an array, computed element by element.

use std::collections::BTreeSet;

use proptest::test_runner::TestCaseError;
use reductionist::{
    array::{DType, Kind, Missing, Number, Pick, ValueType},
    reduce::{Question, Statistic},
    request::variable::{Groups, Labels, Varying},
};

use crate::arrays::Array;

/// Results of one statistic.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f64>,
}

pub(crate) struct AllExpected {
    pub(crate) statistics: Vec<(Statistic, Expected)>,
    /// Chunks that are touched.
    pub(crate) chunks: u64,
}

/// Every index of this shape, in C order.
pub(crate) fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut indices = vec![Vec::new()];
    for &len in shape {
        indices = indices.iter().flat_map(|index| (0..len).map(move |i| [&index[..], &[i]].concat())).collect();
    }
    indices
}

fn index(pick: &Pick, number: usize) -> usize {
    match pick {
        Pick::Slice { first, step, .. } => first.strict_add_signed(step * number as isize),
        Pick::Indices(indices) => indices[number],
        Pick::One(index) => *index,
    }
}

fn is_missing(missing: &Missing<Number>, element: f64) -> bool {
    let number = |number: &Number| match *number {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    };
    let is = |value: f64| value == element || value.is_nan() && element.is_nan();
    missing.values.iter().map(number).any(is)
        || missing.min.as_ref().map(number).is_some_and(|min| element < min)
        || missing.max.as_ref().map(number).is_some_and(|max| element > max)
}

/// What belongs together, and what elements weigh.
#[derive(Clone, Debug, Default)]
pub(crate) struct By {
    pub(crate) groups: Option<Groups>,
    pub(crate) weights: Vec<Varying<f64>>,
}

impl By {
    fn is_grouped(&self, dim: usize) -> bool {
        self.groups.as_ref().is_some_and(|groups| groups.grouped[dim])
    }

    /// The group of the element at these positions; None if it belongs to none.
    fn group(&self, positions: &[usize]) -> Option<usize> {
        match &self.groups {
            Some(Groups { labels: Labels::Given(labels), .. }) => usize::try_from(at(labels, positions)).ok(),
            Some(Groups { labels: Labels::Variable(_), .. }) => panic!("it is not tried"),
            None => Some(0),
        }
    }

    fn weight(&self, positions: &[usize]) -> f64 {
        self.weights.iter().map(|weights| at(weights, positions)).product()
    }
}

fn at<T: Copy>(varying: &Varying<T>, positions: &[usize]) -> T {
    varying.values[positions.iter().zip(&varying.steps).map(|(position, step)| position * step).sum::<usize>()]
}

/// An element, where it is among all that are reduced, and what it weighs.
#[derive(Clone, Copy, Debug)]
struct Seen {
    element: f64,
    position: usize,
    weight: f64,
}

pub(crate) fn results(array: &Array, picks: &[Pick], question: &Question) -> AllExpected {
    results_by(array, picks, question, &By::default())
}

pub(crate) fn results_by(array: &Array, picks: &[Pick], question: &Question, by: &By) -> AllExpected {
    let lens: Vec<usize> = picks.iter().map(|pick| pick.kept_len().unwrap_or(1)).collect();
    let mut reduced = question.reduced.clone().unwrap_or_default().into_iter();
    let stays: Vec<bool> = picks.iter().map(|pick| pick.kept_len().is_some()).collect();
    let reduced: Vec<bool> =
        stays.iter().map(|&stays| !stays || question.reduced.is_none() || reduced.next().unwrap()).collect();
    // The first dimension that groups go over is that of the groups in results.
    let first_grouped = (0..lens.len()).find(|&dim| by.is_grouped(dim));
    let groups = by.groups.as_ref().map_or(1, |groups| groups.size);
    let of_result = |dim: usize| Some(dim) == first_grouped || !reduced[dim];
    let len_of = |dim: usize| if Some(dim) == first_grouped { groups } else { lens[dim] };
    let dims = 0..lens.len();
    let mut elements = vec![Vec::new(); dims.clone().filter(|&dim| of_result(dim)).map(len_of).product()];
    let mut chunks = BTreeSet::new();
    for numbers in indices(&lens) {
        let at: Vec<usize> = numbers.iter().zip(picks).map(|(&number, pick)| index(pick, number)).collect();
        chunks.insert(array.chunk_of(&at));
        let Some(group) = by.group(&numbers) else { continue };
        let number = |dim: usize| if Some(dim) == first_grouped { group } else { numbers[dim] };
        let place = dims.clone().filter(|&dim| of_result(dim)).fold(0, |place, dim| place * len_of(dim) + number(dim));
        let position = dims.clone().filter(|&dim| reduced[dim]).fold(0, |at, dim| at * lens[dim] + numbers[dim]);
        elements[place].push(Seen { element: array.element(&at), position, weight: by.weight(&numbers) });
    }
    let reduced_lens: Vec<usize> = lens
        .iter()
        .zip(&reduced)
        .zip(&stays)
        .filter(|((_, reduced), stays)| **reduced && **stays)
        .map(|((&len, _), _)| len)
        .collect();
    let shape: Vec<usize> = dims
        .filter(|&dim| stays[dim] && (of_result(dim) || question.keepdims && !by.is_grouped(dim)))
        .map(|dim| if of_result(dim) { len_of(dim) } else { 1 })
        .collect();
    let statistics = question.statistics.iter().map(|asked| {
        let values = elements.iter().flat_map(|elements| match asked.statistic {
            Statistic::Argmax | Statistic::Argmin => first(asked.statistic, elements, &reduced_lens, question),
            Statistic::Histogram => histogram(elements, question),
            Statistic::Quantile => quantiles(elements, &QUANTILES, question),
            Statistic::Median => quantiles(elements, &[0.5], question),
            _ => {
                let present: Vec<Seen> =
                    elements.iter().copied().filter(|seen| !is_missing(&question.missing, seen.element)).collect();
                vec![value(asked.statistic, &present, array.dtype, question)]
            }
        });
        let shape = shape.iter().copied().chain(asked.last_dimension()).collect();
        (asked.statistic, Expected { shape, values: values.collect() })
    });
    AllExpected { statistics: statistics.collect(), chunks: chunks.len() as u64 }
}

fn unpack(element: f64, question: &Question) -> f64 {
    question.packing.map_or(element, |packing| element * packing.scale_factor + packing.add_offset)
}

/// Where the first of the largest or the smallest elements is, of all elements in C order.
fn first(statistic: Statistic, elements: &[Seen], lens: &[usize], question: &Question) -> Vec<f64> {
    let mut best: Option<(usize, f64)> = None;
    let present = elements.iter().filter(|seen| !is_missing(&question.missing, seen.element));
    for (at, element) in present.map(|seen| (seen.position, seen.element)) {
        let value = unpack(element, question) * if statistic == Statistic::Argmax { 1.0 } else { -1.0 };
        if best.is_none_or(|(_, best)| !best.is_nan() && (value.is_nan() || value > best)) {
            best = Some((at, value));
        }
    }
    let Some((mut rest, _)) = best else { return vec![-1.0; lens.len()] };
    let mut index = vec![0.0; lens.len()];
    for (index, &len) in index.iter_mut().zip(lens).rev() {
        *index = (rest % len) as f64;
        rest /= len;
    }
    index
}

/// Edges of the bins that are tried.
pub(crate) const EDGES: [f64; 5] = [f64::NEG_INFINITY, -3.0, 0.25, 0.25, 7.5];

fn histogram(elements: &[Seen], question: &Question) -> Vec<f64> {
    let mut counts = vec![0.0; EDGES.len() - 1];
    for &Seen { element, weight, .. } in elements.iter().filter(|seen| !is_missing(&question.missing, seen.element)) {
        let value = unpack(element, question);
        for bin in 0..counts.len() {
            let is_last = bin + 1 == counts.len();
            let is_in = EDGES[bin] <= value && (value < EDGES[bin + 1] || is_last && value == EDGES[bin + 1]);
            counts[bin] += f64::from(u8::from(is_in)) * weight;
        }
    }
    counts
}

/// Quantiles that are tried, in any order.
pub(crate) const QUANTILES: [f64; 6] = [0.5, 0.0, 0.1, 1.0 / 3.0, 0.9, 1.0];

fn quantiles(elements: &[Seen], quantiles: &[f64], question: &Question) -> Vec<f64> {
    let present = elements.iter().filter(|seen| !is_missing(&question.missing, seen.element));
    let mut values: Vec<f64> = present.map(|seen| unpack(seen.element, question)).collect();
    values.sort_by(f64::total_cmp);
    let quantile = |&quantile: &f64| {
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return f64::NAN;
        }
        let at = (values.len() - 1) as f64 * quantile;
        let (lower, upper) = (values[at.floor() as usize], values[at.ceil() as usize]);
        let weight = at.fract();
        if weight < 0.5 { lower + (upper - lower) * weight } else { upper - (upper - lower) * (1.0 - weight) }
    };
    quantiles.iter().map(quantile).collect()
}

/// Quarters of small integers: none of these sums rounds.
fn value(statistic: Statistic, packed: &[Seen], dtype: DType, question: &Question) -> f64 {
    let elements: Vec<f64> = packed.iter().map(|seen| unpack(seen.element, question)).collect();
    let weighed = |of: &dyn Fn(f64) -> f64| {
        elements.iter().zip(packed).map(|(&element, seen)| seen.weight * of(element)).sum::<f64>() + 0.0
    };
    let n = weighed(&|_| 1.0);
    let (sum, squares) = (weighed(&|element| element), weighed(&|element| element * element));
    let mean = sum / n;
    let var = weighed(&|element| (element - mean) * (element - mean)) / n;
    let lowest = match dtype.kind() {
        _ if question.packing.is_some() => f64::NEG_INFINITY,
        Kind::Float => f64::NEG_INFINITY,
        Kind::Signed => -2_f64.powi(dtype.size() as i32 * 8 - 1),
        Kind::Unsigned => 0.0,
    };
    let highest = match dtype.kind() {
        _ if question.packing.is_some() => f64::INFINITY,
        Kind::Float => f64::INFINITY,
        Kind::Signed => 2_f64.powi(dtype.size() as i32 * 8 - 1) - 1.0,
        Kind::Unsigned => 2_f64.powi(dtype.size() as i32 * 8) - 1.0,
    };
    let fold = |from: f64, fold: fn(f64, f64) -> f64| {
        elements.iter().fold(from, |a, &b| if a.is_nan() || b.is_nan() { f64::NAN } else { fold(a, b) })
    };
    match statistic {
        Statistic::Argmax | Statistic::Argmin | Statistic::Histogram => panic!("they have several values"),
        Statistic::Median | Statistic::Quantile => panic!("they need the elements in order"),
        Statistic::Any => f64::from(u8::from(elements.iter().any(|&element| element != 0.0))),
        Statistic::All => f64::from(u8::from(elements.iter().all(|&element| element != 0.0))),
        Statistic::Count => elements.len() as f64,
        Statistic::SumOfWeights => n,
        Statistic::SumOfSquaredWeights => packed.iter().map(|seen| seen.weight * seen.weight).sum::<f64>() + 0.0,
        Statistic::Max if elements.is_empty() => lowest,
        Statistic::Max => fold(f64::NEG_INFINITY, f64::max),
        Statistic::Min if elements.is_empty() => highest,
        Statistic::Min => fold(f64::INFINITY, f64::min),
        Statistic::Sum => sum,
        Statistic::SumOfSquares => squares,
        Statistic::Mean => mean,
        Statistic::Var => var,
        Statistic::Std => var.sqrt(),
    }
}

/// The picked elements, unpacked where they are packed.
pub(crate) fn picked(array: &Array, picks: &[Pick], question: &Question) -> Expected {
    let lens: Vec<usize> = picks.iter().map(|pick| pick.kept_len().unwrap_or(1)).collect();
    let value = |numbers: &Vec<usize>| {
        let at: Vec<usize> = numbers.iter().zip(picks).map(|(&number, pick)| index(pick, number)).collect();
        let element = array.element(&at);
        match question.packing {
            Some(_) if is_missing(&question.missing, element) => f64::NAN,
            Some(packing) => element * packing.scale_factor + packing.add_offset,
            None => element,
        }
    };
    Expected {
        values: indices(&lens).iter().map(value).collect(),
        shape: picks.iter().filter_map(Pick::kept_len).collect(),
    }
}

/// Values of a result, of which none here needs more than a float has.
pub(crate) fn numbers(values: ValueType, bytes: &[u8]) -> Vec<f64> {
    let dtype = match values {
        ValueType::Number(dtype) => dtype,
        ValueType::Bool => DType::UInt8,
        ValueType::Int128 => panic!("it is not final"),
    };
    let chunks = bytes.chunks_exact(dtype.size());
    let number = |bytes: &[u8]| match dtype {
        DType::UInt8 => f64::from(u8::from_ne_bytes(bytes.try_into().unwrap())),
        DType::Int8 => f64::from(i8::from_ne_bytes(bytes.try_into().unwrap())),
        DType::UInt16 => f64::from(u16::from_ne_bytes(bytes.try_into().unwrap())),
        DType::Int32 => f64::from(i32::from_ne_bytes(bytes.try_into().unwrap())),
        DType::Int64 => i64::from_ne_bytes(bytes.try_into().unwrap()) as f64,
        DType::UInt64 => u64::from_ne_bytes(bytes.try_into().unwrap()) as f64,
        DType::Float16 => half::f16::from_ne_bytes(bytes.try_into().unwrap()).to_f64(),
        DType::Float32 => f64::from(f32::from_ne_bytes(bytes.try_into().unwrap())),
        DType::Float64 => f64::from_ne_bytes(bytes.try_into().unwrap()),
        other => panic!("{other:?} is not tried"),
    };
    chunks.map(number).collect()
}

pub(crate) fn are_the_same(found: &[f64], expected: &[f64]) -> bool {
    let is = |(found, expected): (&f64, &f64)| found == expected || found.is_nan() && expected.is_nan();
    found.len() == expected.len() && found.iter().zip(expected).all(is)
}

/// Means and what comes of them are rounded here in another order.
pub(crate) fn assert_alike(statistic: Statistic, found: &[f64], expected: &[f64]) -> Result<(), TestCaseError> {
    let tolerance = match statistic {
        Statistic::Mean | Statistic::Var | Statistic::Std => 1e-12,
        _ => 0.0,
    };
    let is = |(found, expected): (&f64, &f64)| {
        found == expected
            || found.is_nan() && expected.is_nan()
            || (found - expected).abs() <= tolerance * expected.abs().max(1.0)
    };
    let are_alike = found.len() == expected.len() && found.iter().zip(expected).all(is);
    if are_alike {
        Ok(())
    } else {
        Err(TestCaseError::fail(format!("{}: {found:?}, not {expected:?}", statistic.name())))
    }
}
