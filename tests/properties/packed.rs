//! Packed data, and integers that are read as unsigned ones, against plain arithmetic over unpacked values.

use proptest::{prelude::*, sample::select};
use reductionist::{
    array::{DType, Kind, Packing},
    operation::Operation,
    reduce::Statistic,
};
use serde_json::{Value, json};

use crate::{
    bins,
    cases::cases,
    moments,
    oracle::{Bound, Case, Expected, Group, Missing, Number, range_of},
};

/// A case whose elements are packed values, as they are read.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub(crate) case: Case,
    scale_factor: Option<f64>,
    add_offset: Option<f64>,
    /// Whether the request says that integers are unsigned, and with which dtype and missing values.
    unsigned: Option<Written>,
}

/// How a request names unsigned elements.
#[derive(Clone, Copy, Debug)]
enum Written {
    /// With their own dtype.
    Unsigned,
    /// With the signed dtype, and missing values as they are read.
    Signed,
    /// With the signed dtype, and missing values of that.
    AllSigned,
}

pub(crate) fn packed_cases() -> impl Strategy<Value = Packed> {
    let number = || {
        let any = (-1e6..1e6_f64, -25..25_i32).prop_map(|(mantissa, exponent)| mantissa * 10f64.powi(exponent));
        prop_oneof![2 => select(&[0.01, -0.01, 1.0, -1.0, 273.15, 1e-3, 2.0][..]), 1 => any]
    };
    let scale = prop::option::weighted(0.7, number().prop_filter("nothing is left", |scale| *scale != 0.0));
    let offset = prop::option::weighted(0.7, prop_oneof![8 => number(), 1 => Just(0.0), 1 => Just(-0.0)]);
    let written = prop::option::of(select(&[Written::Unsigned, Written::Signed, Written::AllSigned][..]));
    (cases(), scale, offset, written).prop_map(|(case, scale_factor, add_offset, written)| {
        let unsigned = written.filter(|_| case.dtype.kind() == Kind::Unsigned);
        Packed { case, scale_factor, add_offset, unsigned }
    })
}

impl Packed {
    pub(crate) fn is_unpacked(&self) -> bool {
        (self.scale_factor.is_some() || self.add_offset.is_some()) && self.case.operation.accepts().packing
    }

    pub(crate) fn body(&self, result_dtype: Option<DType>) -> Vec<u8> {
        let mut body: Value = serde_json::from_slice(&self.case.body()).unwrap();
        body["scale_factor"] = json!(self.scale_factor);
        body["add_offset"] = json!(self.add_offset);
        body["unsigned"] = json!(self.unsigned.map(|_| true));
        if self.is_unpacked() {
            body["result_dtype"] = json!(result_dtype.map(DType::name));
        }
        if let Some(Written::Signed | Written::AllSigned) = self.unsigned {
            body["dtype"] = json!(&self.case.dtype.name()[1..]);
        }
        if let Some(Written::AllSigned) = self.unsigned {
            body["missing"] = signed(&self.case.missing, self.case.dtype).to_json();
        }
        body.to_string().into_bytes()
    }

    /// Shape, counts and results of unpacked values.
    pub(crate) fn expected(&self) -> (Vec<usize>, Vec<i64>, Vec<Bound>) {
        if self.case.operation == Operation::Select {
            let (shape, elements) = self.case.selected();
            let count = elements.iter().filter(|element| !self.case.missing.is_missing(**element)).count();
            return (
                shape,
                vec![count as i64],
                elements.iter().map(|&packed| exactly(self.unpacked(packed))).collect(),
            );
        }
        let (shape, groups) = self.case.groups();
        let counts = groups.iter().map(|group| group.elements.len() as i64).collect();
        (shape, counts, groups.iter().flat_map(|group| self.reduced(group)).collect())
    }

    /// What is expected if shape and elements of the results are known.
    pub(crate) fn expected_of(&self, shape: &[usize], groups: &[Group]) -> Expected {
        let expected = self.case.expected_of(shape, groups);
        if !self.is_unpacked() {
            return expected;
        }
        let dtype = match self.case.operation.statistic() {
            Statistic::All | Statistic::Any => DType::UInt8,
            Statistic::Argmax | Statistic::Argmin | Statistic::Count | Statistic::Histogram => DType::Int64,
            Statistic::Max
            | Statistic::Mean
            | Statistic::Median
            | Statistic::Min
            | Statistic::Quantile
            | Statistic::Std
            | Statistic::Sum
            | Statistic::SumOfSquaredWeights
            | Statistic::SumOfSquares
            | Statistic::SumOfWeights
            | Statistic::Var => DType::Float64,
        };
        let results = Some(groups.iter().flat_map(|group| self.reduced(group)).collect());
        Expected { dtype, results, ..expected }
    }

    /// What packed values are multiplied by, and what is added then.
    fn packing(&self) -> (f64, f64) {
        (self.scale_factor.unwrap_or(1.0), self.add_offset.unwrap_or(0.0))
    }

    /// The same where it changes anything.
    pub(crate) fn unpacking(&self) -> Option<Packing> {
        let (scale_factor, add_offset) = self.packing();
        self.is_unpacked().then_some(Packing { scale_factor, add_offset })
    }

    /// What each element stands for.
    pub(crate) fn values(&self) -> Vec<f64> {
        let value = |&element| if self.is_unpacked() { self.unpacked(element) } else { packed_as_float(element) };
        self.case.elements.iter().map(value).collect()
    }

    fn unpacked(&self, packed: Number) -> f64 {
        let (scale, offset) = self.packing();
        packed_as_float(packed) * scale + offset
    }

    /// What is expected of the values that the elements of one result stand for: a statistic that has no oracle here does not
    /// compile.
    fn reduced(&self, group: &Group) -> Vec<Bound> {
        let Operation::Reduce(statistic) = self.case.operation else { unreachable!("nothing is reduced") };
        let Group { elements: group, positions } = group;
        let unpacked = group.iter().map(|&packed| self.unpacked(packed));
        let values: Vec<Number> = unpacked.clone().map(Number::Float).collect();
        let first = |is_max| self.case.index_of(bins::first(&values, is_max).map(|at| positions[at]));
        let nan = unpacked.clone().find(|value| value.is_nan());
        // The order in which −0.0 is below +0.0.
        vec![match (statistic, nan) {
            (Statistic::All, _) => Bound::Exactly(bins::are_all(&values)),
            (Statistic::Any, _) => Bound::Exactly(bins::is_any(&values)),
            (Statistic::Argmax, _) => return first(true),
            (Statistic::Argmin, _) => return first(false),
            (Statistic::Histogram, _) => return bins::histogram(&values, &self.case.edges),
            (Statistic::Count, _) => unreachable!("counts are the same"),
            (Statistic::SumOfSquaredWeights | Statistic::SumOfWeights, _) => exactly(group.len() as f64),
            (Statistic::Min, None) => exactly(unpacked.min_by(f64::total_cmp).unwrap_or(f64::INFINITY)),
            (Statistic::Max, None) => exactly(unpacked.max_by(f64::total_cmp).unwrap_or(f64::NEG_INFINITY)),
            (Statistic::Min | Statistic::Max, Some(nan)) => exactly(nan),
            (Statistic::Sum, _) => self.summed(group),
            (Statistic::Mean, _) => moments::unpacked_mean(group, self.packing()),
            (Statistic::Std, _) => moments::unpacked_variance(group, self.case.ddof, self.packing()).root(),
            (Statistic::SumOfSquares, _) => moments::unpacked_sum_of_squares(group, self.packing()),
            (Statistic::Var, _) => moments::unpacked_variance(group, self.case.ddof, self.packing()),
            (Statistic::Median | Statistic::Quantile, _) => unreachable!("one pass does not tell them"),
        }]
    }

    fn summed(&self, group: &[Number]) -> Bound {
        if group.is_empty() {
            return exactly(0.0);
        }
        let (scale, offset) = self.packing();
        let sizes = group.iter().map(|&packed| (scale * packed_as_float(packed)).abs() + offset.abs());
        let value = group.iter().map(|&packed| self.unpacked(packed)).sum();
        Bound::Near { value, tolerance: 1e-12 * sizes.sum::<f64>() }
    }
}

fn exactly(value: f64) -> Bound {
    Bound::Exactly(Number::Float(value))
}

pub(crate) fn packed_as_float(packed: Number) -> f64 {
    match packed {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    }
}

/// Each number of an unsigned dtype as the signed one of the same bits.
fn signed(missing: &Missing, dtype: DType) -> Missing {
    let (_, highest) = range_of(dtype);
    let signed = |number| match number {
        Number::Integer(integer) if integer > highest / 2 => Number::Integer(integer - highest - 1),
        _ => number,
    };
    Missing {
        value: missing.value.map(signed),
        values: missing.values.as_ref().map(|values| values.iter().copied().map(signed).collect()),
        min: missing.min.map(signed),
        max: missing.max.map(signed),
        range: missing.range.map(|range| range.map(signed)),
    }
}
