//! Weighted statistics of random arrays, beside exact sums of integers.
#![expect(clippy::cast_possible_truncation, reason = "small numbers")]

use proptest::{prelude::*, sample::select};

use super::*;
use crate::array::{Packing, Slice, dtype::with_dtype};

/// What is asked of an array, and what is in it.
#[derive(Clone, Debug)]
struct Case {
    dtype: DType,
    /// For each axis, how many indices are picked, every how many-th, and whether from the last to the first.
    axes: Vec<(usize, usize, bool)>,
    reduced: Vec<bool>,
    order: Order,
    storage: Storage,
    misses: bool,
    /// For each factor, the axes that it varies along.
    factors: Vec<Vec<bool>>,
    /// Bits of elements and of weights.
    bits: (u32, u32),
    seed: u64,
}

/// Elements of one result that are not missing, and what they weigh.
type Group = Vec<(i128, f64)>;

fn cases() -> impl Strategy<Value = Case> {
    let lens = prop_oneof![4 => 1..8_usize, 2 => 8..70_usize, 1 => Just(513_usize), 1 => Just(2100_usize)];
    let axes = prop::collection::vec((lens, 1..3_usize, any::<bool>()), 1..=4);
    let of_axes = (
        prop::collection::vec(any::<bool>(), 4),
        prop::collection::vec(prop::collection::vec(any::<bool>(), 4), 0..=3),
    );
    let bits = select(vec![(8, 10), (20, 10), (24, 53), (53, 53), (63, 45)]);
    let other = if ByteOrder::NATIVE == ByteOrder::Little { ByteOrder::Big } else { ByteOrder::Little };
    let storage = select(vec![(ByteOrder::NATIVE, false), (other, false), (ByteOrder::NATIVE, true)]);
    let order = select(vec![Order::C, Order::F]);
    let all = (select(DType::ALL.to_vec()), axes, of_axes, order, storage, any::<bool>(), bits, any::<u64>());
    let small =
        |axes: &[(usize, usize, bool)]| axes.iter().map(|&(len, step, _)| len * step).product::<usize>() < 30_000;
    all.prop_filter("small arrays", move |case| small(&case.1)).prop_map(
        |(dtype, axes, (mut reduced, mut factors), order, (byte_order, shuffled), misses, bits, seed)| {
            reduced.truncate(axes.len());
            for factor in &mut factors {
                factor.truncate(axes.len());
            }
            Case { dtype, axes, reduced, order, storage: Storage { byte_order, shuffled }, misses, factors, bits, seed }
        },
    )
}

/// Numbers as random as a test needs them (xorshift).
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Most bits of an element that are exact in a dtype.
fn exact_bits(dtype: DType) -> u32 {
    match dtype {
        DType::Float16 => 11,
        DType::Float32 => 24,
        DType::Float64 => 53,
        DType::Int8 => 7,
        DType::Int16 => 15,
        DType::Int32 => 31,
        DType::Int64 => 63,
        DType::UInt8 => 8,
        DType::UInt16 => 16,
        DType::UInt32 => 32,
        DType::UInt64 => 64,
    }
}

/// A chunk with all that is in it.
struct Made {
    bytes: Buffer,
    positions: Positions,
    /// Of each element that is picked, in C order: None if it is missing.
    elements: Vec<Option<i128>>,
    missing: Missing<Number>,
    values: Vec<Vec<f64>>,
    steps: Vec<Vec<usize>>,
}

impl Made {
    fn factors(&self) -> Vec<Factor<'_>> {
        let factors = self.values.iter().zip(&self.steps);
        factors.map(|(values, steps)| Factor { values, steps }).collect()
    }
}

impl Case {
    fn positions(&self) -> Positions {
        let full: Vec<usize> = self.axes.iter().map(|&(len, step, _)| len * step).collect();
        let slices = self.axes.iter().map(|&(_, step, backward)| Slice {
            stride: Some(if backward { -(step as i128) } else { step as i128 }),
            ..Slice { start: None, end: None, stride: None }
        });
        Positions::new(&full, self.order).unwrap().select(&slices.collect::<Vec<_>>())
    }

    /// The elements of a chunk, of which those of a few values are missing.
    fn make<T: Element>(&self) -> Made {
        let mut state = self.seed | 1;
        let bits = self.bits.0.min(exact_bits(T::DTYPE));
        let is_signed = T::LOWEST < T::zeroed();
        let len = self.axes.iter().map(|&(len, step, _)| len * step).product();
        let numbers: Vec<i128> = (0..len)
            .map(|_| {
                let magnitude = i128::from(random(&mut state) >> (64 - bits));
                let magnitude = if random(&mut state).is_multiple_of(4) { magnitude % 3 } else { magnitude };
                if is_signed && random(&mut state).is_multiple_of(2) { -magnitude } else { magnitude }
            })
            .collect();
        let native: Vec<T> = numbers.iter().map(|&number| T::from_integer(number).unwrap()).collect();
        let positions = self.positions();
        let picked = positions.view(&numbers).unwrap();
        let elements = picked.iter().map(|&number| Some(number).filter(|&number| !(self.misses && number == 1)));
        let one = if T::DTYPE.kind() == crate::array::Kind::Float { Number::Float(1.0) } else { Number::Integer(1) };
        let values = if self.misses { vec![one] } else { Vec::new() };
        let (values_of_factors, steps) = self.factors.iter().map(|factor| self.factor(factor, &mut state)).unzip();
        let elements = elements.collect();
        let missing = Missing { values, ..Missing::default() };
        Made { bytes: stored(&native, self.storage), positions, elements, missing, values: values_of_factors, steps }
    }

    /// The values of a factor, of which some are 0, and their steps.
    fn factor(&self, varies: &[bool], state: &mut u64) -> (Vec<f64>, Vec<usize>) {
        let bits = self.bits.1 / self.factors.len().max(1) as u32;
        let mut steps = vec![0; varies.len()];
        let mut len = 1;
        for (number, step) in steps.iter_mut().enumerate().rev().filter(|(number, _)| varies[*number]) {
            (*step, len) = (len, len * self.axes[number].0);
        }
        let value = |state: &mut u64| if random(state).is_multiple_of(8) { 0 } else { random(state) >> (64 - bits) };
        ((0..len).map(|_| value(state) as f64).collect(), steps)
    }

    fn index(&self, mut at: usize) -> Vec<usize> {
        let mut index = vec![0; self.axes.len()];
        for (index, axis) in index.iter_mut().zip(&self.axes).rev() {
            (*index, at) = (at % axis.0, at / axis.0);
        }
        index
    }

    /// The elements of each result, in the order of the results.
    fn groups(&self, made: &Made) -> Vec<Group> {
        let mut kept: Vec<usize> = (0..self.axes.len()).filter(|&axis| !self.reduced[axis]).collect();
        if self.order == Order::F {
            kept.reverse();
        }
        let mut groups = vec![Group::new(); kept.iter().map(|&axis| self.axes[axis].0).product()];
        for (at, element) in made.elements.iter().enumerate() {
            let index = self.index(at);
            let group = kept.iter().fold(0, |group, &axis| group * self.axes[axis].0 + index[axis]);
            let position = |steps: &[usize]| steps.iter().zip(&index).map(|(step, index)| step * index).sum::<usize>();
            let weight =
                made.factors().iter().fold(1.0, |weight, factor| weight * factor.values[position(factor.steps)]);
            groups[group].extend(element.map(|element| (element, weight)));
        }
        groups
    }

    fn question(&self, made: &Made, asked: Vec<Asked>, packing: Option<Packing>) -> Question {
        Question {
            statistics: asked,
            reduced: Some(self.reduced.clone()),
            missing: made.missing.clone(),
            packing,
            is_weighted: true,
            ..Question::default()
        }
    }

    fn chunk<'a>(&self, made: &'a Made, positions: &'a Positions, weights: &'a [Factor<'a>]) -> Chunk<'a> {
        Chunk { bytes: &made.bytes, dtype: self.dtype, storage: self.storage, positions, order: self.order, weights }
    }

    /// Results of the whole, and merged from two parts.
    fn answers(&self, made: &Made, question: &Question) -> [Results; 2] {
        let factors = made.factors();
        let whole = reduce(question, self.chunk(made, &made.positions, &factors), &mut budget()).unwrap();
        let len = self.axes[0].0;
        let cut = len / 2;
        let mut shape: Vec<usize> =
            self.axes.iter().zip(&self.reduced).filter(|(_, r)| !**r).map(|(axis, _)| axis.0).collect();
        if self.order == Order::F {
            shape.reverse();
        }
        let rank = shape.len();
        let mut all = Partial::new(question, self.dtype, shape, &mut budget()).unwrap();
        for range in [0..cut, cut..len] {
            let slice = Slice { start: Some(range.start as i128), end: Some(range.end as i128), stride: None };
            let positions = made.positions.clone().select(&[slice]);
            let factors: Vec<_> = factors
                .iter()
                .map(|factor| Factor { values: &factor.values[range.start * factor.steps[0]..], ..*factor })
                .collect();
            let part = partial(question, self.chunk(made, &positions, &factors), &mut budget()).unwrap();
            let mut at = vec![Place::From(0); rank];
            if !self.reduced[0] {
                let first = if self.order == Order::F { rank - 1 } else { 0 };
                at[first] = Place::From(range.start);
            }
            all.merge(&at, &part, &Cancellation::never()).unwrap();
        }
        [whole, all.finish(question, &mut budget()).unwrap()]
    }
}

/// Elements as a chunk holds them.
fn stored<T: Element>(native: &[T], storage: Storage) -> Buffer {
    if storage.shuffled {
        let bytes: &[u8] = bytemuck::cast_slice(native);
        let planes = (0..size_of::<T>()).flat_map(|byte| bytes.iter().skip(byte).step_by(size_of::<T>()).copied());
        let planes: Vec<T> = bytemuck::pod_collect_to_vec(&planes.collect::<Vec<u8>>());
        return buffer(&planes);
    }
    let is_native = storage.byte_order == ByteOrder::NATIVE;
    buffer(&native.iter().map(|&element| if is_native { element } else { element.swap_bytes() }).collect::<Vec<_>>())
}

/// Whether a result is an exact sum, rounded once: to the nearest, but for 2⁻⁹⁰ of what there was to add.
fn is_rounded(result: f64, exact: i128, of: f64) -> bool {
    let ulp = f64::from_bits(result.abs().to_bits() + 1) - result.abs();
    let off = (result as i128 - exact).unsigned_abs() as f64;
    result.is_finite() && off <= ulp / 2.0 + of * 2f64.powi(-90)
}

fn sum_of(group: &Group, term: impl Fn(i128, i128) -> i128) -> (i128, f64) {
    let terms = group.iter().map(|&(element, weight)| term(element, weight as i128));
    (terms.clone().sum(), terms.map(|term| term.unsigned_abs() as f64).sum())
}

fn check_sums(case: &Case, made: &Made) -> Result<(), TestCaseError> {
    let edges = [-7.0, 0.0, 1.0, 100.0, f64::INFINITY];
    let bins = Parameters::Bins(Bins::between(&edges, case.dtype, None));
    let mut asked: Vec<Asked> =
        [Statistic::Sum, Statistic::SumOfWeights, Statistic::SumOfSquaredWeights, Statistic::Mean, Statistic::Count]
            .map(Asked::from)
            .to_vec();
    asked.push(Asked { statistic: Statistic::Histogram, parameters: bins });
    let question = case.question(made, asked, None);
    let groups = case.groups(made);
    for results in case.answers(made, &question) {
        let values = |number: usize| results.statistics[number].values.elements::<f64>();
        for (at, group) in groups.iter().enumerate() {
            let exact = [sum_of(group, |x, w| w * x), sum_of(group, |_, w| w), sum_of(group, |_, w| w * w)];
            for (number, (exact, of)) in exact.into_iter().enumerate() {
                let result = values(number)[at];
                prop_assert!(is_rounded(result, exact, of), "{number} of {at}: {result} for {exact}");
            }
            let (mean, of) = (exact[0].0 as f64 / exact[1].0 as f64, exact[0].1 / exact[1].0 as f64);
            let result = values(3)[at];
            let is_near = (result - mean).abs() <= 2.0 * f64::EPSILON * mean.abs() + of * 2f64.powi(-90);
            prop_assert!(is_near || result.is_nan() && exact[1].0 == 0, "mean {at}: {result} for {mean}");
            prop_assert_eq!(results.counts.elements::<i64>()[at], group.len().cast_signed() as i64);
            for (bin, edge) in edges.windows(2).enumerate() {
                let is_inside = |x: i128| x as f64 >= edge[0] && (x as f64) < edge[1];
                let inside: Group = group.iter().copied().filter(|&(x, _)| is_inside(x)).collect();
                let (exact, of) = sum_of(&inside, |_, w| w);
                let result = values(5)[at * 4 + bin];
                prop_assert!(is_rounded(result, exact, of), "bin {bin} of {at}: {result} for {exact}");
            }
        }
    }
    Ok(())
}

/// Variances and what is packed, of numbers so small that products of their sums are exact.
fn check_moments(case: &Case, made: &Made) -> Result<(), TestCaseError> {
    let packing = Packing { scale_factor: -0.75, add_offset: 0.625 };
    let with = |ddof| Asked { statistic: Statistic::Var, parameters: Parameters::Ddof(ddof) };
    let asked = vec![Statistic::Sum.into(), Statistic::SumOfSquares.into(), with(0), with(1), with(3)];
    for (packing, scale, offset) in [(None, 8, 0), (Some(packing), -6, 5)] {
        let question = case.question(made, asked.clone(), packing);
        let groups = case.groups(made);
        for results in case.answers(made, &question) {
            for (at, group) in groups.iter().enumerate() {
                let values: Vec<f64> = results.statistics.iter().map(|one| one.values.elements::<f64>()[at]).collect();
                let (sum, of) = sum_of(group, |x, w| w * (scale * x + offset));
                let (squares, of_squares) = sum_of(group, |x, w| w * (scale * x + offset).pow(2));
                prop_assert!(is_rounded(values[0] * 8.0, sum, of * 4.0), "{packing:?} {at}: {} for {sum}", values[0]);
                prop_assert!(
                    is_rounded(values[1] * 64.0, squares, of_squares * 1e3),
                    "{packing:?} {at}: {} for {squares}",
                    values[1]
                );
                let (weight, of_weights) = (sum_of(group, |_, w| w).0, sum_of(group, |_, w| w * w).0);
                for (ddof, var) in [(0, values[2]), (1, values[3]), (3, values[4])] {
                    let (freedom, spread) = (weight * weight - ddof * of_weights, squares * weight - sum * sum);
                    let right = if freedom > 0 { spread as f64 / freedom as f64 / 64.0 } else { f64::NAN };
                    let is_near = (var - right).abs() <= 1e-12 * right + 1e-20 * of_squares / weight as f64;
                    prop_assert!(
                        is_near || var.is_nan() && right.is_nan(),
                        "{packing:?} {ddof} {at}: {var} for {right}"
                    );
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn weighted_sums_are_exact_ones_rounded_once(case in cases()) {
        let made = with_dtype!(case.dtype, T => case.make::<T>());
        check_sums(&case, &made)?;
    }

    #[test]
    fn weighted_variances_follow_from_exact_sums(case in cases()) {
        let case = Case { bits: (case.bits.0.min(16), case.bits.1.min(10)), ..case };
        let made = with_dtype!(case.dtype, T => case.make::<T>());
        check_moments(&case, &made)?;
    }
}
