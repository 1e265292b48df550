//! What the attributes of a variable say of its elements: how they are packed, and which are missing.
//!
//! After the netCDF Users' Guide, appendix "Attribute Conventions", and the CF conventions, sections 2.5.1 and 8.1.

use std::cmp::Ordering;

use crate::{
    array::{DType, Kind, Missing, Number, Packing},
    index::{Attribute, AttributeValue, Variable},
    request::{
        elements::{Elements, shown},
        missing::narrower,
        question::finite,
    },
};

/// How the elements of a variable are packed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedAs {
    pub(super) packing: Packing,
    /// Type of the unpacked data: the wider one of the attributes' own.
    unpacked: DType,
}

/// What elements are read as: unsigned integers where `_Unsigned` says so of signed ones.
pub(super) fn elements(variable: &Variable, stored: DType) -> Elements {
    let says_so = variable.attribute("_Unsigned").is_some_and(|attribute| match &attribute.value {
        AttributeValue::Text(texts) => matches!(texts.as_slice(), [text] if text.eq_ignore_ascii_case("true")),
        _ => false,
    });
    Elements { stored, read: stored.unsigned().filter(|_| says_so).unwrap_or(stored) }
}

/// How elements are packed; None if they are not.
///
/// # Errors
/// If an attribute says so, and does not say how.
pub(super) fn packed_as(variable: &Variable) -> Result<Option<PackedAs>, String> {
    let factor = parameter(variable, "scale_factor")?;
    let offset = parameter(variable, "add_offset")?;
    if matches!(factor, Some((0.0, _))) {
        return Err("the variable's attribute scale_factor is 0, by which all values would be the same".to_owned());
    }
    let unpacked = match (factor, offset) {
        (None, None) => return Ok(None),
        (Some((_, one)), Some((_, other))) => wider(one, other),
        (Some((_, dtype)), None) | (None, Some((_, dtype))) => dtype,
    };
    let packing = Packing {
        scale_factor: factor.map_or(1.0, |(value, _)| value),
        add_offset: offset.map_or(0.0, |(value, _)| value),
    };
    Ok(Some(PackedAs { packing, unpacked }))
}

/// A parameter of packing, and its type.
fn parameter(variable: &Variable, name: &str) -> Result<Option<(f64, DType)>, String> {
    let Some(attribute) = variable.attribute(name) else { return Ok(None) };
    let value = match numbers(attribute) {
        Some((dtype, &[number])) => finite(as_float(number)).ok().map(|value| (value, dtype)),
        _ => None,
    };
    let value = value.ok_or_else(|| {
        format!(
            "the variable's attribute {name} is not one finite number; unpack: false reads elements as they are stored"
        )
    });
    value.map(Some)
}

/// The one of two types that holds more: floats before integers, then the longer one.
fn wider(one: DType, other: DType) -> DType {
    let rank = |dtype: DType| (dtype.kind() == Kind::Float, dtype.size());
    if rank(other) > rank(one) { other } else { one }
}

/// Which elements are missing. Values that no element can have make nothing missing.
///
/// # Errors
/// If `valid_range` goes from a higher to a lower value.
pub(super) fn missing(
    variable: &Variable,
    elements: Elements,
    packed_as: Option<PackedAs>,
) -> Result<Missing<Number>, String> {
    let listed = ["_FillValue", "missing_value"].into_iter().filter_map(|name| numbers(variable.attribute(name)?));
    let values = listed.flat_map(|(_, values)| values).filter_map(|&value| fitted(value, elements)).collect();
    let mut missing = Missing { values, ..Missing::default() };
    for (low, high) in
        [(number(variable, "valid_min", 0), number(variable, "valid_max", 0)), range(variable, elements)?]
    {
        let low = low.map_or((None, None), |low| bounds(Some(low), None, elements, packed_as));
        let high = high.map_or((None, None), |high| bounds(None, Some(high), elements, packed_as));
        for (min, max) in [low, high] {
            missing.min = narrower(missing.min, min, Ordering::Greater);
            missing.max = narrower(missing.max, max, Ordering::Less);
        }
    }
    Ok(missing)
}

/// A number of an attribute, and its type.
type Typed = (DType, Number);

/// The two numbers of `valid_range`, if that is what it has.
fn range(variable: &Variable, elements: Elements) -> Result<(Option<Typed>, Option<Typed>), String> {
    const NAME: &str = "valid_range";
    let len = variable.attribute(NAME).and_then(numbers).map_or(0, |(_, values)| values.len());
    let (2, Some(low), Some(high)) = (len, number(variable, NAME, 0), number(variable, NAME, 1)) else {
        return Ok((None, None));
    };
    if as_float(elements.as_read(low.1)) > as_float(elements.as_read(high.1)) {
        let (low, high) = (shown(low.1), shown(high.1));
        return Err(format!(
            "the variable's attribute valid_range [{low}, {high}] goes from a higher to a lower value"
        ));
    }
    Ok((Some(low), Some(high)))
}

/// The number at this place of an attribute.
fn number(variable: &Variable, name: &str, at: usize) -> Option<Typed> {
    let (dtype, values) = numbers(variable.attribute(name)?)?;
    Some((dtype, *values.get(at)?))
}

fn numbers(attribute: &Attribute) -> Option<(DType, &[Number])> {
    match &attribute.value {
        AttributeValue::Numbers { dtype, values } => Some((*dtype, values)),
        AttributeValue::Text(_) | AttributeValue::Other(_) => None,
    }
}

/// The bounds of packed values that a bound comes to: itself, or those of which the unpacked values lie within it, if it has
/// their type.
fn bounds(
    low: Option<Typed>,
    high: Option<Typed>,
    elements: Elements,
    packed_as: Option<PackedAs>,
) -> (Option<Number>, Option<Number>) {
    let is_number = |number: &Typed| !as_float(number.1).is_nan();
    let (low, high) = (low.filter(is_number), high.filter(is_number));
    let dtype = low.or(high).map(|(dtype, _)| dtype);
    let of_unpacked = packed_as.filter(|packed| dtype == Some(packed.unpacked) && packed.unpacked != elements.stored);
    if let Some(PackedAs { packing, unpacked }) = of_unpacked {
        let float = |bound: Option<Typed>| bound.map(|(_, number)| as_float(number));
        return packing.packed_bounds(elements.read, unpacked, float(low), float(high));
    }
    let packed = |bound: Option<Typed>| bound.and_then(|(_, number)| fitted(number, elements));
    (packed(low), packed(high))
}

/// The number as elements have it; None if none can equal it.
fn fitted(number: Number, elements: Elements) -> Option<Number> {
    let number = match number {
        Number::Float(float) if elements.read.kind() != Kind::Float => Number::Integer(whole(float)?),
        number => number,
    };
    let number = elements.as_read(number);
    elements.can_be(number).then_some(number)
}

/// The integer that a float is; None if it has a fraction, or is larger than any integer of data.
#[expect(clippy::cast_possible_truncation, reason = "it is whole, and fits")]
fn whole(float: f64) -> Option<i128> {
    (float.fract() == 0.0 && float.abs() <= 2_f64.powi(64)).then_some(float as i128)
}

fn as_float(number: Number) -> f64 {
    match number {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    }
}
