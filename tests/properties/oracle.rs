//! What is expected of a request, found by walking indices one by one: no strides, blocks or lanes.

use half::f16;
use reductionist::{
    array::{DType, Kind, Packing},
    operation::Operation,
    reduce::{Asked, Bins, Parameters, Statistic},
};
use serde_json::{Map, Value, json};

use crate::{bins, moments};

/// An element or a result, exactly: every float of the dtypes is a `float64`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}
use Number::{Float, Integer};

impl Number {
    /// The element of this dtype that a random code stands for: often small, sometimes anything.
    pub(crate) fn from_code(dtype: DType, code: u64) -> Self {
        let bits = 8 * dtype.size() as u32;
        let small = (code >> 8) as i64 % 100;
        match (dtype.kind(), code % 4) {
            (Kind::Signed | Kind::Unsigned, 0) if code.is_multiple_of(64) => {
                let (lowest, highest) = range_of(dtype);
                Integer(if code & (1 << 8) == 0 { lowest } else { highest })
            }
            (Kind::Signed, 0) => Integer((code as i64 >> (64 - bits)).into()),
            (Kind::Signed, _) => Integer(small.into()),
            (Kind::Unsigned, 0) => Integer((code >> (64 - bits)).into()),
            (Kind::Unsigned, _) => Integer(small.unsigned_abs().into()),
            (Kind::Float, _) => Float(float_from_code(dtype, code)),
        }
    }

    /// A positive number that is like others: a temperature, say. Integers as above.
    pub(crate) fn alike_from_code(dtype: DType, code: u64) -> Self {
        if dtype.kind() != Kind::Float {
            return Self::from_code(dtype, code);
        }
        let mantissa_bits = match dtype {
            DType::Float16 => 10,
            DType::Float32 => 23,
            _ => 50,
        };
        let mantissa = 1.0 + (code >> (64 - mantissa_bits)) as f64 / 2f64.powi(mantissa_bits);
        Float(mantissa * 2f64.powi((code % 3) as i32))
    }

    /// The bytes of this number as an element of `dtype`, little-endian.
    pub(crate) fn to_le_bytes(self, dtype: DType) -> Vec<u8> {
        match (self, dtype) {
            (Integer(integer), _) => integer.to_le_bytes()[..dtype.size()].to_vec(),
            (Float(float), DType::Float16) => f16::from_f64(float).to_le_bytes().to_vec(),
            (Float(float), DType::Float32) => (float as f32).to_le_bytes().to_vec(),
            (Float(float), _) => float.to_le_bytes().to_vec(),
        }
    }

    pub(crate) fn from_ne_bytes(bytes: &[u8], dtype: DType) -> Self {
        let mut le = bytes.to_vec();
        if cfg!(target_endian = "big") {
            le.reverse();
        }
        let is_negative = dtype.kind() == Kind::Signed && le.last().is_some_and(|last| last & 0x80 != 0);
        let mut wide = [if is_negative { 0xff } else { 0 }; 16];
        wide[..le.len()].copy_from_slice(&le);
        match dtype {
            DType::Float16 => Float(f16::from_le_bytes([le[0], le[1]]).to_f64()),
            DType::Float32 => Float(f32::from_le_bytes(le.try_into().unwrap()).into()),
            DType::Float64 => Float(f64::from_le_bytes(le.try_into().unwrap())),
            _ => Integer(i128::from_le_bytes(wide)),
        }
    }

    pub(crate) fn to_json(self) -> Value {
        match self {
            Integer(integer) => serde_json::from_str(&integer.to_string()).unwrap(),
            Float(float) if float.is_nan() => json!("NaN"),
            Float(float) if float == f64::INFINITY => json!("Infinity"),
            Float(float) if float == f64::NEG_INFINITY => json!("-Infinity"),
            Float(float) => json!(float),
        }
    }

    /// As elements compare: NaN with nothing.
    pub(crate) fn less(self, other: Self) -> bool {
        match (self, other) {
            (Integer(a), Integer(b)) => a < b,
            (Float(a), Float(b)) => a < b,
            _ => unreachable!("one dtype"),
        }
    }

    pub(crate) fn is_nan(self) -> bool {
        matches!(self, Float(float) if float.is_nan())
    }

    /// As results compare: bit by bit, every NaN the same.
    pub(crate) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Integer(a), Integer(b)) => a == b,
            (Float(a), Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            _ => false,
        }
    }
}

/// What a result may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    Exactly(Number),
    Near { value: f64, tolerance: f64 },
}

impl Bound {
    pub(crate) fn holds(self, result: Number) -> bool {
        match (self, result) {
            (Self::Exactly(value), _) => value.is_same(result),
            (Self::Near { value, tolerance }, Float(result)) if value.is_finite() => {
                (result - value).abs() <= tolerance
            }
            (Self::Near { value, .. }, _) => Float(value).is_same(result),
        }
    }
}

/// A float that the dtype holds, with few enough bits that sums of thousands fit 127 bits of fixed point.
fn float_from_code(dtype: DType, code: u64) -> f64 {
    let (mantissa_bits, exponents) = match dtype {
        DType::Float16 => (11, 12),
        DType::Float32 => (24, 20),
        _ => (53, 10),
    };
    match code % 64 {
        // Of either sign, quiet, with any payload.
        0 => f64::from_bits(f64::NAN.to_bits() | code & (1 << 63 | 0x7_ffff << 32)),
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 | 4 => -0.0,
        5 | 6 => 0.0,
        7..24 => ((code >> 8) as i64 % 8) as f64,
        _ => {
            let mantissa = (code >> 11) as i64 >> (53 - mantissa_bits);
            let exponent = ((code >> 6) % 32) as i32 % (2 * exponents) - exponents;
            let sign = if code & (1 << 63) == 0 { 1.0 } else { -1.0 };
            sign * mantissa as f64 * 2f64.powi(exponent - mantissa_bits)
        }
    }
}

/// The nearest float16, found by looking at the neighbours of one that is near; a tie goes to the even one.
fn nearest_f16(float: f64) -> f64 {
    let near = f16::from_f32(float as f32).to_bits();
    let candidates = [near.saturating_sub(1), near, near.saturating_add(1)].map(f16::from_bits);
    // Infinity stands where the next number would be.
    let place = |half: f16| if half.is_infinite() { 65536f64.copysign(half.to_f64()) } else { half.to_f64() };
    let distance = |half: &f16| (place(*half) - float).abs();
    let is_better =
        |a: &f16, b: &f16| distance(a).total_cmp(&distance(b)).then((a.to_bits() & 1).cmp(&(b.to_bits() & 1)));
    candidates.into_iter().filter(|half| !half.is_nan()).min_by(is_better).unwrap().to_f64()
}

/// Digits after the binary point of exact sums.
pub(crate) const FIXED_POINT: i32 = 72;

/// The exact sum in fixed point, and what special values make of it.
pub(crate) fn float_sum(elements: &[f64]) -> Result<i128, f64> {
    let has = |special: f64| elements.contains(&special);
    if elements.iter().any(|x| x.is_nan()) || (has(f64::INFINITY) && has(f64::NEG_INFINITY)) {
        return Err(f64::NAN);
    }
    if let Some(&infinity) = elements.iter().find(|x| x.is_infinite()) {
        return Err(infinity);
    }
    if !elements.is_empty() && elements.iter().all(|x| *x == 0.0 && x.is_sign_negative()) {
        return Err(-0.0);
    }
    Ok(elements
        .iter()
        .map(|&x| {
            let fixed = x * 2f64.powi(FIXED_POINT);
            assert!(fixed.abs() < 2f64.powi(115) && fixed.fract() == 0.0, "{x} is outside what the oracle can add");
            fixed as i128
        })
        .sum())
}

/// The elements that Python's `range(*slice(start, end, stride).indices(len))` names, after its documentation.
pub(crate) fn python_slice(slice: &[Option<i64>; 3], len: usize) -> Vec<usize> {
    let len = len as i128;
    let step = i128::from(slice[2].unwrap_or(1));
    let wrapped = |index: i64| if index < 0 { i128::from(index) + len } else { i128::from(index) };
    let start = match (slice[0].map(wrapped), step > 0) {
        (None, true) => 0,
        (None, false) => len - 1,
        (Some(start), true) => start.max(0),
        (Some(start), false) => start.min(len - 1),
    };
    let end = match (slice[1].map(wrapped), step > 0) {
        (None, true) => len,
        (None, false) => -1,
        (Some(end), true) => end.min(len),
        (Some(end), false) => end.max(-1),
    };
    let mut picked = Vec::new();
    let mut index = start;
    while (step > 0 && index < end) || (step < 0 && index > end) {
        picked.push(index as usize);
        index += step;
    }
    picked
}

/// All indices of a shape, the last dimension fastest.
pub(crate) fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |heads, &len| {
        heads.iter().flat_map(|head| (0..len).map(|i| [head.as_slice(), &[i]].concat())).collect()
    })
}

/// Where an index is in memory.
pub(crate) fn position(index: &[usize], shape: &[usize], order: &str) -> usize {
    let fold = |position, (i, len): (&usize, &usize)| position * len + i;
    let axes = index.iter().zip(shape);
    if order == "C" { axes.fold(0, fold) } else { axes.rev().fold(0, fold) }
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) operation: Operation,
    pub(crate) dtype: DType,
    pub(crate) byte_order: &'static str,
    pub(crate) order: &'static str,
    /// Size of the elements that the chunk is shuffled by, which divides its length.
    pub(crate) shuffled: Option<usize>,
    pub(crate) shape: Vec<usize>,
    pub(crate) elements: Vec<Number>,
    pub(crate) selection: Option<Vec<[Option<i64>; 3]>>,
    pub(crate) axis: Option<Vec<usize>>,
    /// Whether each axis is written as a negative number.
    pub(crate) negative_axes: bool,
    pub(crate) keepdims: Option<bool>,
    pub(crate) missing: Missing,
    pub(crate) result_dtype: Option<DType>,
    pub(crate) ddof: u32,
    /// Edges of the bins of a histogram: two at least.
    pub(crate) edges: Vec<f64>,
}

/// The elements behind one result that are not missing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) elements: Vec<Number>,
    /// Where each is among all that are behind the result, missing ones too, in the request's order.
    pub(crate) positions: Vec<usize>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    pub(crate) value: Option<Number>,
    pub(crate) values: Option<Vec<Number>>,
    pub(crate) min: Option<Number>,
    pub(crate) max: Option<Number>,
    pub(crate) range: Option<[Number; 2]>,
}

impl Missing {
    pub(crate) fn to_json(&self) -> Value {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Option<Value>| drop(value.map(|value| fields.insert(name.to_owned(), value)));
        put("missing_value", self.value.map(Number::to_json));
        put("missing_values", self.values.as_ref().map(|list| list.iter().map(|value| value.to_json()).collect()));
        put("valid_min", self.min.map(Number::to_json));
        put("valid_max", self.max.map(Number::to_json));
        put("valid_range", self.range.map(|range| range.map(Number::to_json).into_iter().collect()));
        fields.into()
    }

    pub(crate) fn is_missing(&self, element: Number) -> bool {
        let equals = |value: &Number| match (*value, element) {
            (Integer(a), Integer(b)) => a == b,
            (Float(a), Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            _ => unreachable!("one dtype"),
        };
        self.value.iter().chain(self.values.iter().flatten()).any(equals)
            || self.min.is_some_and(|min| element.less(min))
            || self.max.is_some_and(|max| max.less(element))
            || self.range.is_some_and(|[low, high]| element.less(low) || high.less(element))
    }
}

impl Group {
    /// Puts the elements in the order of their positions.
    fn sort(&mut self) {
        let mut both: Vec<_> = self.positions.iter().copied().zip(self.elements.iter().copied()).collect();
        both.sort_by_key(|&(position, _)| position);
        (self.positions, self.elements) = both.into_iter().unzip();
    }
}

/// What is expected: shape, results and counts in the request's order; None for an overflow.
pub(crate) struct Expected {
    pub(crate) dtype: DType,
    pub(crate) shape: Vec<usize>,
    pub(crate) results: Option<Vec<Bound>>,
    pub(crate) counts: Vec<i64>,
}

impl Case {
    pub(crate) fn body(&self) -> Vec<u8> {
        let dimensions = self.shape.len() as i64;
        let axis = self.axis.as_ref().map(|axes| {
            let sign = if self.negative_axes { dimensions } else { 0 };
            axes.iter().map(|&axis| axis as i64 - sign).collect::<Vec<_>>()
        });
        let body = json!({
            "source": "http://store", "bucket": "bucket", "object": "object",
            "dtype": self.dtype.name(), "byte_order": self.byte_order, "order": self.order, "shape": self.shape,
            "selection": self.selection, "axis": axis, "keepdims": self.keepdims, "missing": self.missing.to_json(),
            "filters": self.shuffled.map(|size| json!([{"id": "shuffle", "element_size": size}])),
            "result_dtype": self.result_dtype.filter(|_| self.operation.accepts().result_dtype).map(DType::name),
        });
        body.to_string().into_bytes()
    }

    pub(crate) fn chunk(&self) -> Vec<u8> {
        let element = |number: &Number| {
            let mut bytes = number.to_le_bytes(self.dtype);
            if self.byte_order == "big" {
                bytes.reverse();
            }
            bytes
        };
        let bytes: Vec<u8> = self.elements.iter().flat_map(element).collect();
        match self.shuffled {
            Some(size) => (0..size).flat_map(|offset| bytes.iter().skip(offset).step_by(size).copied()).collect(),
            None => bytes,
        }
    }

    pub(crate) fn expected(&self) -> Expected {
        if self.operation == Operation::Select {
            let (shape, elements) = self.selected();
            let count = elements.iter().filter(|element| !self.missing.is_missing(**element)).count();
            return Expected {
                dtype: self.dtype,
                shape,
                results: Some(elements.into_iter().map(Bound::Exactly).collect()),
                counts: vec![count as i64],
            };
        }
        let (shape, groups) = self.groups();
        self.expected_of(&shape, &groups)
    }

    /// The same, if shape and elements of the results are known.
    pub(crate) fn expected_of(&self, shape: &[usize], groups: &[Group]) -> Expected {
        let dtype = self.expected_dtype();
        let results: Option<Vec<_>> = groups.iter().map(|group| self.reduced(group, dtype)).collect();
        let results = results.map(|results| results.concat());
        let counts = groups.iter().map(|group| group.elements.len() as i64).collect();
        Expected { dtype, shape: shape.to_vec(), results, counts }
    }

    /// The same array, laid out in this order.
    pub(crate) fn laid_out(&self, order: &'static str) -> Self {
        let mut elements = self.elements.clone();
        for index in indices(&self.shape) {
            elements[position(&index, &self.shape, order)] = self.elements[position(&index, &self.shape, self.order)];
        }
        Self { elements, order, ..self.clone() }
    }

    /// The shape of the selected part, and the elements that each of its axes picks.
    fn picked(&self) -> (Vec<usize>, Vec<Vec<usize>>) {
        let whole = vec![[None; 3]; self.shape.len()];
        let slices = self.selection.as_ref().unwrap_or(&whole);
        let picked: Vec<Vec<usize>> =
            slices.iter().zip(&self.shape).map(|(slice, &len)| python_slice(slice, len)).collect();
        (picked.iter().map(Vec::len).collect(), picked)
    }

    fn element_at(&self, index: &[usize], picked: &[Vec<usize>]) -> Number {
        let source: Vec<usize> = index.iter().zip(picked).map(|(&i, picked)| picked[i]).collect();
        self.elements[position(&source, &self.shape, self.order)]
    }

    /// Shape and elements of the selected part, in the request's order.
    pub(crate) fn selected(&self) -> (Vec<usize>, Vec<Number>) {
        let (shape, picked) = self.picked();
        let all = indices(&shape);
        let mut elements = vec![Integer(0); all.len()];
        for index in &all {
            elements[position(index, &shape, self.order)] = self.element_at(index, &picked);
        }
        (shape, elements)
    }

    /// Shape of the results, and the elements behind each of them that are not missing, in the request's order.
    pub(crate) fn groups(&self) -> (Vec<usize>, Vec<Group>) {
        let (selected_shape, picked) = self.picked();
        let is_reduced = |axis: &usize| self.axis.as_ref().is_none_or(|axes| axes.contains(axis));
        let kept_shape: Vec<usize> =
            selected_shape.iter().enumerate().map(|(axis, &len)| if is_reduced(&axis) { 1 } else { len }).collect();
        let lens = self.reduced_lens();
        let mut groups = vec![Group::default(); kept_shape.iter().product()];
        for index in indices(&selected_shape) {
            let kept: Vec<usize> =
                index.iter().enumerate().map(|(axis, &i)| if is_reduced(&axis) { 0 } else { i }).collect();
            let element = self.element_at(&index, &picked);
            if !self.missing.is_missing(element) {
                let among = index.iter().enumerate().filter(|(axis, _)| is_reduced(axis)).map(|(_, &i)| i);
                let group = &mut groups[position(&kept, &kept_shape, self.order)];
                group.elements.push(element);
                group.positions.push(position(&among.collect::<Vec<_>>(), &lens, self.order));
            }
        }
        groups.iter_mut().for_each(Group::sort);
        let keepdims = self.keepdims.unwrap_or(false);
        let axes = kept_shape.iter().enumerate();
        let shape = axes.filter(|(axis, _)| keepdims || !is_reduced(axis)).map(|(_, &len)| len).collect();
        (shape, groups)
    }

    /// The length of each selected axis that is reduced.
    pub(crate) fn reduced_lens(&self) -> Vec<usize> {
        let is_reduced = |axis: &usize| self.axis.as_ref().is_none_or(|axes| axes.contains(axis));
        let (shape, _) = self.picked();
        shape.iter().enumerate().filter(|(axis, _)| is_reduced(axis)).map(|(_, &len)| len).collect()
    }

    /// The statistic, and what is said of it, of elements that stand for what this packing says.
    pub(crate) fn asked(&self, statistic: Statistic, packing: Option<Packing>) -> Asked {
        let mut lens = self.reduced_lens();
        if self.order == "F" {
            lens.reverse();
        }
        let parameters = match statistic {
            Statistic::All | Statistic::Any => Parameters::Zeros(Bins::zeros(self.dtype, packing)),
            Statistic::Argmax | Statistic::Argmin => Parameters::Reduced(lens.into()),
            Statistic::Histogram => Parameters::Bins(Bins::between(&self.edges, self.dtype, packing)),
            Statistic::Std | Statistic::Var => Parameters::Ddof(self.ddof),
            Statistic::Count
            | Statistic::Max
            | Statistic::Mean
            | Statistic::Min
            | Statistic::Sum
            | Statistic::SumOfSquaredWeights
            | Statistic::SumOfSquares
            | Statistic::SumOfWeights => Parameters::None,
            Statistic::Median | Statistic::Quantile => unreachable!("one pass does not tell them"),
        };
        Asked { statistic, parameters }
    }

    /// The position of one of the elements behind a result as an index of each axis that is reduced, in the request's order.
    pub(crate) fn index_of(&self, position: Option<usize>) -> Vec<Bound> {
        let mut lens = self.reduced_lens();
        if self.order == "F" {
            lens.reverse();
        }
        let mut stride: usize = lens.iter().product();
        let index = |len: &usize| {
            stride /= len.max(&1);
            position.map_or(-1, |position| (position / stride % len) as i128)
        };
        lens.iter().map(index).map(Integer).map(Bound::Exactly).collect::<Vec<_>>()
    }

    fn expected_dtype(&self) -> DType {
        let Operation::Reduce(statistic) = self.operation else { return self.dtype };
        match (statistic, self.result_dtype, self.dtype.kind(), self.dtype.size()) {
            (Statistic::All | Statistic::Any, ..) => DType::UInt8,
            (Statistic::Argmax | Statistic::Argmin | Statistic::Count | Statistic::Histogram, ..) => DType::Int64,
            (Statistic::Max | Statistic::Min, ..) => self.dtype,
            (Statistic::Sum, Some(result_dtype), ..) => result_dtype,
            (Statistic::Sum, None, Kind::Signed, 1 | 2) => DType::Int64,
            (Statistic::Sum, None, Kind::Unsigned, 1 | 2) => DType::UInt64,
            (Statistic::Sum, None, Kind::Float, 2) => DType::Float32,
            (Statistic::Sum, None, ..) => self.dtype,
            (Statistic::Mean | Statistic::Std | Statistic::SumOfSquares | Statistic::Var, ..) => DType::Float64,
            (Statistic::Median | Statistic::Quantile, ..) => DType::Float64,
            (Statistic::SumOfSquaredWeights | Statistic::SumOfWeights, ..) => DType::Float64,
        }
    }

    /// What is expected of the elements of one result: a statistic that has no oracle here does not compile.
    fn reduced(&self, group: &Group, dtype: DType) -> Option<Vec<Bound>> {
        let Operation::Reduce(statistic) = self.operation else { unreachable!("nothing is reduced") };
        let Group { elements, positions } = group;
        let one = |number| Some(vec![Bound::Exactly(number)]);
        match statistic {
            Statistic::All => one(bins::are_all(elements)),
            Statistic::Any => one(bins::is_any(elements)),
            Statistic::Argmax => Some(self.index_of(bins::first(elements, true).map(|at| positions[at]))),
            Statistic::Argmin => Some(self.index_of(bins::first(elements, false).map(|at| positions[at]))),
            Statistic::Histogram => Some(bins::histogram(elements, &self.edges)),
            Statistic::Count => one(Integer(elements.len() as i128)),
            // Each weighs 1.
            Statistic::SumOfSquaredWeights | Statistic::SumOfWeights => one(Float(elements.len() as f64)),
            Statistic::Sum => one(sum(elements, dtype)?),
            Statistic::Max => one(extremum(elements, true, self.dtype)),
            Statistic::Min => one(extremum(elements, false, self.dtype)),
            Statistic::Mean => Some(vec![moments::mean(elements)]),
            Statistic::Std => Some(vec![moments::variance(elements, self.ddof).root()]),
            Statistic::SumOfSquares => Some(vec![moments::sum_of_squares(elements)]),
            Statistic::Var => Some(vec![moments::variance(elements, self.ddof)]),
            Statistic::Median | Statistic::Quantile => unreachable!("one pass does not tell them"),
        }
    }
}

pub(crate) fn range_of(dtype: DType) -> (i128, i128) {
    let bits = 8 * dtype.size() as u32;
    match dtype.kind() {
        Kind::Signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        _ => (0, (1 << bits) - 1),
    }
}

fn extremum(group: &[Number], is_max: bool, dtype: DType) -> Number {
    let identity = match (dtype.kind(), is_max) {
        (Kind::Float, true) => Float(f64::NEG_INFINITY),
        (Kind::Float, false) => Float(f64::INFINITY),
        (_, true) => Integer(range_of(dtype).0),
        (_, false) => Integer(range_of(dtype).1),
    };
    let further = |best: Number, element: Number| match (best, element) {
        _ if best.is_nan() || element.is_nan() => Float(f64::NAN),
        (Float(a), Float(b)) if a == b => {
            let positive = if a.is_sign_positive() { a } else { b };
            let negative = if a.is_sign_negative() { a } else { b };
            Float(if is_max { positive } else { negative })
        }
        _ if is_max == best.less(element) => element,
        _ => best,
    };
    group.iter().copied().fold(identity, further)
}

fn sum(group: &[Number], dtype: DType) -> Option<Number> {
    let integers: Option<Vec<i128>> =
        group.iter().map(|number| if let Integer(integer) = number { Some(*integer) } else { None }).collect();
    let floats: Vec<f64> =
        group.iter().filter_map(|number| if let Float(float) = number { Some(*float) } else { None }).collect();
    let scale = 2f64.powi(-FIXED_POINT);
    match (integers, dtype) {
        (Some(integers), DType::Float64) if floats.is_empty() && !integers.is_empty() => {
            Some(Float(integers.iter().sum::<i128>() as f64))
        }
        (_, dtype) if dtype.kind() == Kind::Float => Some(Float(match (float_sum(&floats), dtype) {
            (Err(special), _) => special,
            (Ok(exact), DType::Float32) => f64::from(exact as f32) * scale,
            (Ok(exact), DType::Float16) => nearest_f16(exact as f64 * scale),
            (Ok(exact), _) => exact as f64 * scale,
        })),
        (integers, dtype) => {
            let sum: i128 = integers.unwrap_or_default().iter().sum();
            let (low, high) = range_of(dtype);
            (low <= sum && sum <= high).then_some(Integer(sum))
        }
    }
}
