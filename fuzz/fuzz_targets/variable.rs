//! Requests about whole variables, and any variable for each: what is refused is refused in few words, what is accepted
//! fits the variable, and reading it takes no more memory than a body of its length is admitted for.
//!
//! An input is a byte for the form of the body, what the variable is made of, and then the body.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use peak_alloc::PeakAlloc;
use reductionist::{
    array::{ByteOrder, DType, Kind, Number, Order, Pick},
    index::{Attribute, AttributeValue, ElementType, Grid, Stored, Variable},
    request::{
        BodyForm, RequestError,
        variable::{DescribeRequest, ListedArray, Purpose, Target, VariableQuestion, VariableRequest},
    },
};
use reductionist_fuzz::{check_missing, check_refusal};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a byte of a body may become: what the service admits it for.
const GROWTH: usize = 48;

/// Bytes that are taken whatever the length of the body: the texts of problems above all.
const SPARE: usize = 64 << 10;

/// Names of dimensions. New ones go to the end: inputs have their numbers.
const NAMES: &[&str] = &["time", "lat", "lon", "x", "dim_0", "", "🌍 / \"\\", LONG_NAME];

const LONG_NAME: &str = match std::str::from_utf8(&[b'n'; 1000]) {
    Ok(name) => name,
    Err(_) => "",
};

/// Lengths of dimensions.
const LENS: &[u64] = &[0, 1, 2, 3, 5, 12, 1 << 16, 1 << 32, i64::MAX as u64, u64::MAX];

/// Attributes that say what elements stand for, and others.
const ATTRIBUTES: &[&str] = &[
    "scale_factor",
    "add_offset",
    "_Unsigned",
    "_FillValue",
    "missing_value",
    "valid_min",
    "valid_max",
    "valid_range",
    "units",
];

/// Floats that are rare among random bits.
const FLOATS: &[f64] = &[0.0, -0.0, 0.5, -3.0, 255.0, 1e20, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NAN];

fuzz_target!(|input: &[u8]| -> Corpus {
    let mut u = Unstructured::new(input);
    let Ok((form, variable)) = form_and_variable(&mut u) else { return Corpus::Reject };
    let body = u.take_rest();
    let parsed = [VariableRequest::parse_reduce, VariableRequest::parse_select]
        .map(|parse| within_memory(body, || parse(body, form)))
        .map(|request| request.map(|request| check_request(&request, body, &variable)));
    let described = within_memory(body, || DescribeRequest::parse(body, form)).map(drop);
    for refused in parsed.into_iter().chain([described]).filter_map(std::result::Result::err) {
        check_refusal(refused);
    }
    Corpus::Keep
});

/// Runs, and looks at how much memory it had at most.
fn within_memory<T>(body: &[u8], run: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = run();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let admitted = GROWTH * body.len() + SPARE;
    assert!(taken <= admitted, "{taken} bytes were taken for a body of {}", body.len());
    done
}

fn check_request(request: &VariableRequest, body: &[u8], variable: &Variable) {
    assert!(request.locations().count() > 0);
    check_resolved(request, body, variable);
    if let Target::Listed(array) = &request.target {
        check_listed(array);
        check_resolved(request, body, &array.variable);
    }
}

/// Chunks lie in the grid, each once, and in objects that are listed.
fn check_listed(array: &ListedArray) {
    let ListedArray { variable, chunks, objects, .. } = array;
    let Stored::Chunks { shape } = &variable.stored else { panic!("{variable:?} has no chunks") };
    let grid = Grid::new(&variable.shape, shape).expect("it was one before");
    assert!(chunks.numbers().is_sorted_by(|one, next| one < next));
    assert!(chunks.numbers().last().is_none_or(|&last| last < grid.len()));
    let mut ends = chunks.offsets().iter().zip(chunks.sizes()).map(|(offset, size)| offset + size);
    assert!(ends.all(|end| i64::try_from(end).is_ok()));
    if let Some((locations, of_chunks)) = objects {
        assert_eq!(of_chunks.len(), chunks.len());
        assert!(of_chunks.iter().all(|&number| usize::try_from(number).is_ok_and(|number| number < locations.len())));
    }
}

fn check_resolved(request: &VariableRequest, body: &[u8], variable: &Variable) {
    match within_memory(body, || request.resolve(variable)) {
        Ok(question) => check_question(&question, request, variable),
        Err(error) => {
            assert!(matches!(error, RequestError::Invalid(_)), "{error}");
            check_refusal(error);
        }
    }
}

fn check_question(asked: &VariableQuestion, request: &VariableRequest, variable: &Variable) {
    let VariableQuestion { dtype, picks, question, names, dims, groups, weights: _ } = asked;
    assert!(variable.obstacle.is_none());
    assert_eq!(Some(dtype.size()), variable.dtype().map(DType::size));
    assert_eq!(picks.len(), variable.shape.len());
    for (pick, &len) in picks.iter().zip(&variable.shape) {
        assert!(lies_within(pick, len), "{pick:?} is not within {len}");
    }
    let left = picks.iter().filter(|pick| pick.kept_len().is_some()).count();
    let reduced = question.reduced.as_ref().expect("it is said for each dimension");
    assert_eq!(reduced.len(), left);
    let stay = reduced.iter().filter(|&&reduced| !reduced || question.keepdims).count();
    // Groups reduce dimensions and have one of their own, of which more is known with their variable.
    assert!(groups.is_some() || dims.len() == stay);
    assert_eq!(names.len(), question.statistics.len());
    assert_eq!(names.is_empty(), matches!(request.purpose, Purpose::Select));
    check_missing(question, *dtype);
    let is_possible = |packing: reductionist::array::Packing| {
        packing.scale_factor.is_finite() && packing.scale_factor != 0.0 && packing.add_offset.is_finite()
    };
    assert!(question.packing.is_none_or(|packing| request.unpack && is_possible(packing)));
}

fn lies_within(pick: &Pick, len: u64) -> bool {
    let is_index = |index: i128| (0..i128::from(len)).contains(&index);
    let of_usize = |index: usize| i128::try_from(index).is_ok_and(is_index);
    match pick {
        Pick::Slice { first: 0, step, len: 0 } => *step != 0,
        Pick::Slice { first, step, len } => {
            let [first, steps] = [*first, len.saturating_sub(1)].map(|number| number as i128);
            *step != 0 && is_index(first) && is_index(first + *step as i128 * steps)
        }
        Pick::Indices(indices) => indices.iter().all(|&index| of_usize(index)),
        Pick::One(index) => of_usize(*index),
    }
}

fn form_and_variable(u: &mut Unstructured<'_>) -> Result<(BodyForm, Variable)> {
    let form = if bool::arbitrary(u)? { BodyForm::Cbor } else { BodyForm::Json };
    let dimensions = u.int_in_range(0..=5)?;
    let (mut dims, mut shape) = (Vec::new(), Vec::new());
    for _ in 0..dimensions {
        dims.push((*u.choose(NAMES)?).to_owned());
        shape.push(*u.choose(LENS)?);
    }
    let elements = match DType::ALL.get(u.choose_index(DType::ALL.len() + 1)?) {
        Some(&dtype) => ElementType::Number { dtype, byte_order: ByteOrder::Little },
        None => ElementType::Other("string".to_owned()),
    };
    let attributes = (0..u.int_in_range(0..=4)?).map(|_| attribute(u)).collect::<Result<_>>()?;
    let obstacle = bool::arbitrary(u)?.then(|| LONG_NAME.to_owned());
    let (order, stored) = (Order::C, Stored::Nowhere);
    let (filters, fill_value) = (Vec::new(), None);
    Ok((form, Variable { dims, shape, elements, order, stored, filters, fill_value, attributes, obstacle }))
}

fn attribute(u: &mut Unstructured<'_>) -> Result<Attribute> {
    let name = (*u.choose(ATTRIBUTES)?).to_owned();
    let value = match u.int_in_range(0..=9)? {
        0 => AttributeValue::Text(vec!["True".to_owned()]),
        1 => AttributeValue::Text(Vec::new()),
        2 => AttributeValue::Other("compound".to_owned()),
        _ => {
            let dtype = *u.choose(DType::ALL)?;
            let values = (0..u.int_in_range(0..=3)?).map(|_| number(u, dtype)).collect::<Result<_>>()?;
            AttributeValue::Numbers { dtype, values }
        }
    };
    Ok(Attribute { name, shape: Vec::new(), value })
}

/// Any number of a dtype.
fn number(u: &mut Unstructured<'_>, dtype: DType) -> Result<Number> {
    let spare_bits = 64 - 8 * u32::try_from(dtype.size()).expect("a dtype is small");
    Ok(match dtype.kind() {
        Kind::Signed => Number::Integer((i64::arbitrary(u)? >> spare_bits).into()),
        Kind::Unsigned => Number::Integer((u64::arbitrary(u)? >> spare_bits).into()),
        Kind::Float if bool::arbitrary(u)? => Number::Float(*u.choose(FLOATS)?),
        Kind::Float if dtype == DType::Float64 => Number::Float(f64::arbitrary(u)?),
        Kind::Float => Number::Float(f32::arbitrary(u)?.into()),
    })
}
