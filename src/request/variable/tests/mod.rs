//! What bodies come to.

mod groups;
mod parse;
mod quantiles;
mod resolve;
mod selections;
mod weights;

use serde_json::{Value, json};

use super::{Target, VariableQuestion, VariableRequest};
use crate::{
    array::{ByteOrder, DType, Number, Order},
    index::{Attribute, AttributeValue, ElementType, Stored, Variable},
    request::{BodyForm, RequestError},
};

/// A body with the object, and these fields.
fn body(fields: Value) -> Value {
    let mut body = json!({"interface_type": "http", "url": "http://data.example/a.nc"});
    if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
        body.extend(fields);
    }
    body
}

fn cbor(body: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).expect("CBOR");
    bytes
}

/// What a request for statistics comes to, the same in either form.
fn reduce(fields: Value) -> Result<VariableRequest, Vec<String>> {
    let body = body(fields);
    let told = |error| match error {
        RequestError::Invalid(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        other => vec![other.to_string()],
    };
    let of_json = VariableRequest::parse_reduce(body.to_string().as_bytes(), BodyForm::Json).map_err(told);
    let of_cbor = VariableRequest::parse_reduce(&cbor(&body), BodyForm::Cbor).map_err(told);
    match (&of_json, of_cbor) {
        (Ok(one), Ok(other)) => assert_eq!(format!("{one:?}"), format!("{other:?}")),
        (Err(one), Err(other)) => assert_eq!(one.len(), other.len(), "{one:?} {other:?}"),
        (one, other) => panic!("{one:?} {other:?}"),
    }
    of_json
}

/// What is asked of a variable by statistics with these fields.
fn resolved(fields: Value, variable: &Variable) -> Result<VariableQuestion, String> {
    let mut all = json!({"variable": "v", "statistics": ["sum", "min"]});
    if let (Value::Object(all), Value::Object(fields)) = (&mut all, fields) {
        all.extend(fields);
    }
    let request = reduce(all).unwrap_or_else(|problems| panic!("{problems:?}"));
    request.resolve(variable).map_err(|error| match error {
        RequestError::Invalid(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
        other => other.to_string(),
    })
}

fn variable(dtype: DType, dims: &[(&str, u64)]) -> Variable {
    Variable {
        dims: dims.iter().map(|(name, _)| (*name).to_owned()).collect(),
        shape: dims.iter().map(|(_, len)| *len).collect(),
        elements: ElementType::Number { dtype, byte_order: ByteOrder::Little },
        order: Order::C,
        stored: Stored::Nowhere,
        filters: Vec::new(),
        fill_value: None,
        attributes: Vec::new(),
        obstacle: None,
    }
}

impl Variable {
    fn with(mut self, name: &str, dtype: DType, values: &[f64]) -> Self {
        let number = |&value: &f64| match dtype {
            DType::Float16 | DType::Float32 | DType::Float64 => Number::Float(value),
            _ => Number::Integer(format!("{value}").parse().expect("a whole number")),
        };
        let value = AttributeValue::Numbers { dtype, values: values.iter().map(number).collect() };
        self.attributes.push(Attribute { name: name.to_owned(), shape: Vec::new(), value });
        self
    }

    fn with_text(mut self, name: &str, text: &str) -> Self {
        let value = AttributeValue::Text(vec![text.to_owned()]);
        self.attributes.push(Attribute { name: name.to_owned(), shape: Vec::new(), value });
        self
    }
}
