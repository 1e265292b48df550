//! What is asked of an array, computed element by element.

use std::collections::BTreeSet;

use proptest::test_runner::TestCaseError;
use reductionist::{
    array::{DType, Kind, Missing, Number, Pick},
    reduce::{Question, Statistic},
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

pub(crate) fn results(array: &Array, picks: &[Pick], question: &Question) -> AllExpected {
    let lens: Vec<usize> = picks.iter().map(|pick| pick.kept_len().unwrap_or(1)).collect();
    let mut reduced = question.reduced.clone().unwrap_or_default().into_iter();
    let stays: Vec<bool> = picks.iter().map(|pick| pick.kept_len().is_some()).collect();
    let reduced: Vec<bool> =
        stays.iter().map(|&stays| !stays || question.reduced.is_none() || reduced.next().unwrap()).collect();
    let kept: Vec<usize> = lens.iter().zip(&reduced).filter(|(_, reduced)| !**reduced).map(|(&len, _)| len).collect();
    let mut elements = vec![Vec::new(); kept.iter().product()];
    let mut chunks = BTreeSet::new();
    for numbers in indices(&lens) {
        let at: Vec<usize> = numbers.iter().zip(picks).map(|(&number, pick)| index(pick, number)).collect();
        chunks.insert(array.chunk_of(&at));
        let place = numbers.iter().zip(&lens).zip(&reduced).filter(|(_, reduced)| !**reduced);
        let place = place.fold(0, |place, ((number, len), _)| place * len + number);
        elements[place].push(array.element(&at));
    }
    let shape: Vec<usize> = lens
        .iter()
        .zip(&reduced)
        .zip(&stays)
        .filter(|((_, reduced), stays)| **stays && (!**reduced || question.keepdims))
        .map(|((&len, &reduced), _)| if reduced { 1 } else { len })
        .collect();
    let statistics = question.statistics.iter().map(|asked| {
        let values = elements.iter().map(|elements| {
            let present: Vec<f64> =
                elements.iter().copied().filter(|&element| !is_missing(&question.missing, element)).collect();
            value(asked.statistic, &present, array.dtype, question)
        });
        (asked.statistic, Expected { shape: shape.clone(), values: values.collect() })
    });
    AllExpected { statistics: statistics.collect(), chunks: chunks.len() as u64 }
}

/// Quarters of small integers: none of these sums rounds.
fn value(statistic: Statistic, packed: &[f64], dtype: DType, question: &Question) -> f64 {
    let unpack =
        |element: f64| question.packing.map_or(element, |packing| element * packing.scale_factor + packing.add_offset);
    let elements: Vec<f64> = packed.iter().map(|&element| unpack(element)).collect();
    let n = elements.len() as f64;
    let (sum, squares) = (elements.iter().sum::<f64>() + 0.0, elements.iter().map(|e| e * e).sum::<f64>() + 0.0);
    let mean = sum / n;
    let var = elements.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / n;
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
        Statistic::Count => n,
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
pub(crate) fn numbers(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    let chunks = bytes.chunks_exact(dtype.size());
    let number = |bytes: &[u8]| match dtype {
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
