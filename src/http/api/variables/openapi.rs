//! Questions about variables, described for machines.

use serde_json::{Value, json};
use utoipa::{
    PartialSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr, ResponseBuilder, Schema,
        schema::{OneOfBuilder, Type},
    },
};

use super::ask::Ask;
use crate::{
    array::{ByteOrder, DType, ValueType},
    http::api::{
        openapi::{Described, Schemas, content, version},
        reply::{VERSION, variables::AnswerForm},
    },
    request::variable::schema,
};

/// What is described of each route.
pub(in crate::http::api) fn described() -> impl Iterator<Item = Described> {
    Ask::ALL.into_iter().map(|ask| {
        let (body, answer) = match ask {
            Ask::Describe => ("DescribeRequest", "Description"),
            Ask::Reduce => ("ReduceRequest", "Results"),
            Ask::Select => ("SelectRequest", "Elements"),
        };
        let result = AnswerForm::ALL
            .into_iter()
            .fold(ResponseBuilder::new(), |result, form| result.content(form.content_type(), content(answer)));
        Described {
            path: ask.path().to_owned(),
            tag: "variables",
            summary: ask.summary(),
            body,
            forms: &["application/json", "application/cbor"],
            example: example(ask),
            result: result.header(VERSION.as_str(), version()),
            errors: ERRORS,
        }
    })
}

/// Statuses that questions about chunks do not have, or not with this meaning.
const ERRORS: &[(&str, &str)] = &[
    ("404", "The object has no such variable; near names are suggested"),
    ("409", "The object changed while it was read"),
    ("413", "A size is above a limit, which is named with an estimate, or the answer is too long for JSON"),
    ("415", "The body is neither JSON nor CBOR"),
];

/// The schemas of bodies and answers, by name.
pub(in crate::http::api) fn schemas() -> Schemas {
    let mut schemas = schema::parts();
    schemas.extend([
        ("DescribeRequest".to_owned(), schema::describe()),
        ("ReduceRequest".to_owned(), schema::reduce()),
        ("SelectRequest".to_owned(), schema::select()),
        ("Description".to_owned(), description()),
        ("Results".to_owned(), results()),
        ("Elements".to_owned(), elements()),
    ]);
    schemas
}

/// A question about the file that the quickstart serves.
fn example(ask: Ask) -> Value {
    let (interface_type, url) = ("s3", "http://127.0.0.1:9000/public/temperature.nc");
    match ask {
        Ask::Describe => json!({"interface_type": interface_type, "url": url}),
        Ask::Reduce => json!({"interface_type": interface_type, "url": url, "variable": "tas", "axis": ["lat", "lon"],
            "selection": {"lat": [10, 30, null]}, "statistics": ["sum", "count"]}),
        Ask::Select => json!({"interface_type": interface_type, "url": url, "variable": "tas",
            "selection": {"time": 0, "lat": [null, null, 10], "lon": {"indices": [0, -1]}}}),
    }
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn integer(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).description(Some(description))
}

/// What all answers with numbers have.
fn answer() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("dims", ArrayBuilder::new().items(text("Name of a dimension")))
        .property("shape", ArrayBuilder::new().items(integer("Length of a dimension")))
        .property("etag", text("Version of the object, or null"))
        .property(
            "read",
            ObjectBuilder::new()
                .description(Some("What was done: chunks, unwritten, requests, bytes, decoded, cached, passes")),
        )
        .required("dims")
        .required("shape")
        .required("etag")
        .required("read")
}

/// An array, whose byte string has no type in JSON Schema.
fn array(map: ObjectBuilder) -> ObjectBuilder {
    map.property("dtype", DType::schema())
        .property("byte_order", ByteOrder::schema())
        .property("bytes", text("Byte string: the values in C order"))
        .property(
            "values",
            ArrayBuilder::new().description(Some("The same as nested lists: in JSON, instead of bytes")),
        )
        .required("dtype")
        .required("byte_order")
}

fn results() -> RefOr<Schema> {
    let shape = || ArrayBuilder::new().items(integer("Length of a dimension"));
    let values = || {
        let others = [ValueType::Bool, ValueType::Int128].map(ValueType::name);
        let names = DType::ALL.iter().map(|dtype| dtype.name()).chain(others);
        let dtype =
            text("Type of the values: bool is a byte, int128 are 16, two's complement").enum_values(Some(names));
        array(ObjectBuilder::new().property("shape", shape()).required("shape")).property("dtype", dtype)
    };
    let components = ObjectBuilder::new()
        .additional_properties(Some(values()))
        .description(Some("Of a partial answer: the components of the statistic, by name"));
    let result = OneOfBuilder::new().item(values()).item(components);
    let results =
        ObjectBuilder::new().additional_properties(Some(Schema::OneOf(result.build()))).description(Some("By name"));
    answer().property("results", results).required("results").into()
}

fn elements() -> RefOr<Schema> {
    array(answer()).into()
}

fn description() -> RefOr<Schema> {
    let map = |description: &str| ObjectBuilder::new().description(Some(description));
    ObjectBuilder::new()
        .property("format", text("Format of the object"))
        .property("etag", text("Version of the object, or null"))
        .property("size", integer("Length of the object in bytes"))
        .property("dimensions", map("Lengths by name"))
        .property("attributes", map("Each with its dtype and value"))
        .property("variables", map("By path: dims, shape, dtype, byte_order, chunk_shape, order, filters, fill_value, attributes, obstacle"))
        .required("format")
        .required("dimensions")
        .required("attributes")
        .required("variables")
        .into()
}
