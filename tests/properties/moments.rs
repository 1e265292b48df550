//! Means, sums of squares and variances: from exact sums in fixed point, and from distances of single elements.

use proptest::{prelude::*, sample::select};
use reductionist::{
    array::{ByteOrder, Order, Positions, Storage},
    operation::Operation,
    reduce::{Chunk, Question, Results, Statistic, reduce},
    request::{ApiVersion, Defaults, Request},
    resources::Budget,
};

use crate::{
    bins::edges,
    cut::check_values,
    oracle::{
        Bound, FIXED_POINT,
        Number::{self, Float, Integer},
        float_sum,
    },
    packed::{Packed, packed_as_float, packed_cases},
    used_memory,
};

/// What one rounding may change, relative to the result.
const ROUNDING: f64 = f64::EPSILON;

/// What sums of squares may be off, relative to themselves: it shows where elements are nearly equal.
const OF_SQUARES: f64 = 1.0 / (1_u128 << 75) as f64;

impl Bound {
    /// The same for the square root.
    pub(crate) fn root(self) -> Self {
        let Self::Near { value, tolerance } = self else { return self };
        let root = value.sqrt();
        let least = (value - tolerance).max(0.0).sqrt();
        let most = (value + tolerance).sqrt();
        Self::Near { value: root, tolerance: (most - root).max(root - least) + ROUNDING * root }
    }
}

/// The elements as multiples of a power of two, and that; or what special values make of their sum.
fn in_fixed_point(group: &[Number]) -> Result<(Vec<i128>, f64), f64> {
    let floats: Vec<f64> =
        group.iter().filter_map(|number| if let Float(float) = number { Some(*float) } else { None }).collect();
    match float_sum(&floats) {
        Err(special) if special != 0.0 => return Err(special),
        _ => {}
    }
    let fixed = |number: &Number| match *number {
        Integer(integer) => integer,
        Float(float) => (float * 2f64.powi(FIXED_POINT)) as i128,
    };
    let unit = if floats.is_empty() { 1.0 } else { 2f64.powi(-FIXED_POINT) };
    Ok((group.iter().map(fixed).collect(), unit))
}

/// The sum of squares: exact sums of the products of halves of 48 bits, of which the floats are added.
fn squares(integers: &[i128]) -> f64 {
    let half = 2f64.powi(48);
    let halves = integers.iter().map(|integer| (integer.unsigned_abs() >> 48, integer.unsigned_abs() % (1 << 48)));
    let sum = |product: fn((u128, u128)) -> u128| halves.clone().map(product).sum::<u128>() as f64;
    assert!(halves.clone().all(|(top, _)| top < 1 << 56), "outside what the oracle can square");
    sum(|(top, _)| top * top) * half * half + 2.0 * sum(|(top, low)| top * low) * half + sum(|(_, low)| low * low)
}

pub(crate) fn mean(group: &[Number]) -> Bound {
    let value = match in_fixed_point(group) {
        _ if group.is_empty() => f64::NAN,
        Err(special) => special,
        Ok((fixed, unit)) => fixed.iter().sum::<i128>() as f64 / group.len() as f64 * unit,
    };
    Bound::Near { value, tolerance: 2.0 * ROUNDING * value.abs() }
}

pub(crate) fn sum_of_squares(group: &[Number]) -> Bound {
    let value = match in_fixed_point(group) {
        Err(_) if group.iter().any(|element| element.is_nan()) => f64::NAN,
        Err(_) => f64::INFINITY,
        Ok((fixed, unit)) => squares(&fixed) * unit * unit,
    };
    Bound::Near { value, tolerance: 4.0 * ROUNDING * value }
}

/// From the exact distance of each element from the mean, times the number of elements.
pub(crate) fn variance(group: &[Number], ddof: u32) -> Bound {
    let (count, freedom) = (group.len() as i128, group.len() as f64 - f64::from(ddof));
    let fixed = in_fixed_point(group);
    let (Ok((fixed, unit)), true) = (fixed, freedom > 0.0) else {
        return Bound::Exactly(Float(f64::NAN));
    };
    let sum: i128 = fixed.iter().sum();
    let distance = |integer: &i128| (integer * count - sum) as f64 / count as f64 * unit;
    let value = fixed.iter().map(|integer| distance(integer).powi(2)).sum::<f64>() / freedom;
    let of_squares = OF_SQUARES * squares(&fixed) * unit * unit / freedom;
    Bound::Near { value, tolerance: 1e-12 * value + of_squares }
}

pub(crate) fn unpacked_mean(group: &[Number], (scale, offset): (f64, f64)) -> Bound {
    let Bound::Near { value, .. } = mean(group) else { unreachable!("it is never exact") };
    let tolerance = 4.0 * ROUNDING * ((scale * value).abs() + offset.abs());
    Bound::Near { value: scale * value + offset, tolerance }
}

pub(crate) fn unpacked_variance(group: &[Number], ddof: u32, (scale, _): (f64, f64)) -> Bound {
    match variance(group, ddof) {
        Bound::Near { value, tolerance } => {
            let value = value * scale * scale;
            Bound::Near { value, tolerance: tolerance * scale * scale + 2.0 * ROUNDING * value }
        }
        exact => exact,
    }
}

pub(crate) fn unpacked_sum_of_squares(group: &[Number], (scale, offset): (f64, f64)) -> Bound {
    let packed = group.iter().map(|&packed| packed_as_float(packed));
    let value = packed.clone().map(|packed| (packed * scale + offset).powi(2)).sum();
    let sizes = packed.map(|packed| ((packed * scale).abs() + offset.abs()).powi(2));
    Bound::Near { value, tolerance: 1e-12 * sizes.sum::<f64>() }
}

/// Most counts of histograms, where no two elements are behind one of them.
pub(crate) const MOST_COUNTS: usize = 400_000;

/// A statistic that no chunk route has, of a part of a chunk.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    packed: Packed,
    statistic: Statistic,
}

pub(crate) fn moments() -> impl Strategy<Value = Moment> {
    let is_of_variables = |one: &Statistic| one.is_of_variables_only() && one.is_of_one_pass();
    let of_variables: Vec<_> = Statistic::ALL.iter().copied().filter(is_of_variables).collect();
    let moment = (packed_cases().boxed(), select(of_variables), 0..3_u32).prop_map(|(mut packed, statistic, ddof)| {
        let case = &mut packed.case;
        (case.operation, case.ddof) = (Operation::Reduce(statistic), ddof);
        case.shuffled = case.shuffled.filter(|&size| size == case.dtype.size());
        Moment { packed, statistic }
    });
    moment.prop_flat_map(|moment| {
        let most = MOST_COUNTS / moment.packed.case.elements.len().max(1);
        let edges = edges(moment.packed.values(), most);
        (Just(moment), edges).prop_map(|(mut moment, edges)| {
            moment.packed.case.edges = edges;
            moment
        })
    })
}

impl Moment {
    fn answer(&self) -> Results {
        let case = &self.packed.case;
        let (body, operation) = (self.packed.body(None), Operation::Reduce(Statistic::Sum));
        let request = Request::from_json(&body, ApiVersion::V1, operation, Defaults { keepdims: false }).unwrap();
        let statistics = vec![case.asked(self.statistic, self.packed.unpacking())];
        let question = Question { statistics, ..request.question };
        let bytes = case.chunk();
        let mut budget = Budget::unshared(1 << 14, used_memory());
        let mut chunk = budget.allocate(bytes.len()).unwrap();
        chunk.bytes_mut().copy_from_slice(&bytes);
        let byte_order = if case.byte_order == "big" { ByteOrder::Big } else { ByteOrder::Little };
        let order = if case.order == "C" { Order::C } else { Order::F };
        let positions = Positions::new(&case.shape, order).unwrap();
        let positions = positions.select(request.chunk.selection.as_deref().unwrap_or_default());
        let storage = Storage { byte_order, shuffled: case.shuffled.is_some() };
        let chunk = Chunk { bytes: &chunk, dtype: case.dtype, storage, positions: &positions, order, weights: &[] };
        reduce(&question, chunk, &mut budget).unwrap()
    }
}

pub(crate) fn check_moment(moment: &Moment) -> Result<(), TestCaseError> {
    let answer = moment.answer();
    let (counts, bounds) = if moment.packed.is_unpacked() {
        let (_, counts, bounds) = moment.packed.expected();
        (counts, bounds)
    } else {
        let expected = moment.packed.case.expected();
        (expected.counts, expected.results.unwrap_or_default())
    };
    prop_assert_eq!(answer.counts.elements::<i64>(), counts);
    check_values(&answer.statistics[0], &bounds)
}
