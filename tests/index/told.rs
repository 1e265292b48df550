//! What an index says, in the form in which it is compared.

use reductionist::{
    array::Number,
    codec::CodecId,
    index::{Attribute, AttributeValue, Description, ElementType, Stored, Variable},
};
use serde_json::{Value, json};

pub(crate) fn dimensions(description: &Description) -> Value {
    json!(description.dimensions)
}

pub(crate) fn dims(variable: &Variable) -> Value {
    json!(variable.dims)
}

/// All that a variable is, but for its values.
pub(crate) fn variable(variable: &Variable) -> Value {
    let (dtype, byte_order) = match &variable.elements {
        // One byte has no order; h5py says little.
        ElementType::Number { dtype, .. } if dtype.size() == 1 => (Some(dtype.name()), Some("little")),
        ElementType::Number { dtype, byte_order } => (Some(dtype.name()), Some(byte_order.name())),
        ElementType::Other(_) => (None, None),
    };
    let chunk_shape = match &variable.stored {
        Stored::Chunks { shape } => Some(shape),
        _ => None,
    };
    let filters = variable.filters.iter().map(|filter| match &filter.id {
        CodecId::Number(number) => json!([number, filter.cd_values]),
        CodecId::Name(name) => json!(name),
    });
    let mut told = json!({
        "shape": variable.shape,
        "dtype": dtype,
        "byte_order": byte_order,
        "chunk_shape": chunk_shape,
        "filters": filters.collect::<Vec<_>>(),
        "attributes": attributes(&variable.attributes),
    });
    if let (Some(bytes), Some(_)) = (&variable.fill_value, dtype) {
        told["fill_value"] = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    }
    told
}

/// The attributes by name, as files keep their order only if they are told to.
pub(crate) fn attributes(attributes: &[Attribute]) -> Value {
    sorted(&Value::Array(attributes.iter().map(value).collect()))
}

/// The same list of attributes, by name.
pub(crate) fn sorted(attributes: &Value) -> Value {
    let mut attributes = attributes.as_array().expect("a list").clone();
    attributes.sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    Value::Array(attributes)
}

fn value(attribute: &Attribute) -> Value {
    let (name, shape) = (&attribute.name, &attribute.shape);
    match &attribute.value {
        AttributeValue::Other(_) => json!({"name": name, "shape": shape, "dtype": null}),
        AttributeValue::Text(texts) => json!({"name": name, "shape": shape, "dtype": "text", "values": texts}),
        AttributeValue::Numbers { dtype, values } => {
            let values: Vec<_> = values.iter().map(number).collect();
            json!({"name": name, "shape": shape, "dtype": dtype.name(), "values": values})
        }
    }
}

fn number(number: &Number) -> Value {
    match *number {
        Number::Integer(integer) => match u64::try_from(integer) {
            Ok(integer) => json!(integer),
            Err(_) => json!(i64::try_from(integer).unwrap()),
        },
        Number::Float(float) if float.is_finite() => json!(float),
        Number::Float(float) => json!(format!("{float}").to_lowercase()),
    }
}
