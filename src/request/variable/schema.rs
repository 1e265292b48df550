//! The bodies of requests about variables as OpenAPI schemas.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, Object, ObjectBuilder, Ref, RefOr, Schema,
        schema::{AdditionalProperties, OneOfBuilder, SchemaType, Type},
    },
};

use super::{place::PlaceData, quantiles::MAX_QUANTILES, statistics::MAX_STATISTICS};
use crate::{
    array::{ByteOrder, DType, MAX_DIMENSIONS, Number, Order},
    index::Format,
    reduce::Statistic,
    request::{
        location::InterfaceType,
        missing::MissingData,
        value_schema::{choice, codecs, compression, filters, list},
    },
};

/// Body of `describe`.
#[must_use]
pub fn describe() -> RefOr<Schema> {
    let fields = ObjectBuilder::new()
        .property("variable", text("Path of the variable; everything is described if absent"))
        .property("chunks", boolean("Whether to list where the chunks of the variable lie"))
        .property("values", choice(["coordinates"], "Which values to put into the answer"));
    body([PlaceData::schema(), fields.into()])
}

/// Body of `select`.
#[must_use]
pub fn select() -> RefOr<Schema> {
    body([PlaceData::schema(), part().into()])
}

/// Body of `reduce`.
#[must_use]
pub fn reduce() -> RefOr<Schema> {
    let fields = ObjectBuilder::new()
        .property("axis", axis())
        .property("keepdims", boolean("Whether reduced dimensions stay, with length one"))
        .property("missing", Ref::from_schema_name("MissingData"))
        .property("skipna", boolean("Whether NaN is missing, too"))
        .property("statistics", statistics())
        .required("statistics")
        .property("weights", weights())
        .property("groups", groups())
        .property("result_dtype", DType::schema())
        .property(
            "partial",
            boolean("Whether to answer the components of statistics, which merge with those of other parts"),
        );
    body([PlaceData::schema(), part().into(), fields.into()])
}

/// The schemas that these refer to, by name.
#[must_use]
pub fn parts() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![("MissingData".to_owned(), MissingData::schema())];
    PlaceData::schemas(&mut schemas);
    MissingData::schemas(&mut schemas);
    schemas
}

/// What a part of an array is selected by.
fn part() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("variable", text("Path of the variable, such as tas or /group/tas"))
        .property("urls", list(text("URL of an object"), "The objects that chunks lie in, if not all in url"))
        .property("selection", selection())
        .property(
            "unpack",
            boolean("Whether scale_factor, add_offset and _Unsigned of the variable apply; true if absent"),
        )
        .property("array", array())
        .property("chunks", chunks())
}

/// One object of these fields and no other ones.
fn body<const PARTS: usize>(parts: [RefOr<Schema>; PARTS]) -> RefOr<Schema> {
    let mut body = Object::new();
    for part in parts {
        if let RefOr::T(Schema::Object(part)) = part {
            body.properties.extend(part.properties);
            body.required.extend(part.required);
        }
    }
    body.properties.insert(
        "format".to_owned(),
        choice(
            Format::ALL.iter().map(|format| format.name()),
            "Format of the object; found out from its content if absent",
        ),
    );
    body.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    body.into()
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}

fn boolean(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean).description(Some(description))
}

fn integer(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).description(Some(description))
}

fn integers(description: &str) -> ArrayBuilder {
    list(integer("Of one chunk, dimension or index"), description)
}

fn number(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Number).description(Some(description))
}

fn dimension() -> OneOfBuilder {
    OneOfBuilder::new().item(text("Name of a dimension")).item(integer("Number of a dimension of the variable"))
}

/// Numbers for each position of some dimensions. Nested ones have a level for each dimension.
fn nested(entry: ObjectBuilder, description: &str) -> ArrayBuilder {
    let lists = ArrayBuilder::new().description(Some("The same of the next dimension"));
    ArrayBuilder::new().items(OneOfBuilder::new().item(entry).item(lists)).description(Some(description))
}

/// An object of these fields and no other ones.
fn closed(fields: ObjectBuilder) -> ObjectBuilder {
    fields.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn groups() -> OneOfBuilder {
    let size = || integer("How many groups there are");
    let labels = || {
        let label = integer("Number of a group, from 0 on; -1 belongs to none");
        nested(label, "For each position within the selection; nested or flat")
    };
    let fields = || ObjectBuilder::new().property("size", size()).required("size");
    let along_one = fields().property("axis", dimension()).property("labels", labels());
    let dims = ArrayBuilder::new().items(dimension()).min_items(Some(1)).max_items(Some(MAX_DIMENSIONS));
    let along_several = fields().property("dims", dims).property("labels", labels());
    let path = text("Path of a variable of the same object, of integers: its missing elements belong to no group");
    let by_variable = fields().property("variable", path);
    OneOfBuilder::new()
        .item(closed(along_one.required("axis").required("labels")))
        .item(closed(along_several.required("dims").required("labels")))
        .item(closed(by_variable.required("variable")))
        .description(Some("Which elements belong together: the dimensions are reduced to one of so many groups"))
}

fn weights() -> OneOfBuilder {
    let values = || {
        let weight = number("Finite and not negative");
        nested(weight, "For each position within the selection; nested or flat")
    };
    let of_each = ObjectBuilder::new().additional_properties(Some(values()));
    let dims = ArrayBuilder::new().items(dimension()).min_items(Some(1)).max_items(Some(MAX_DIMENSIONS));
    let listed = ObjectBuilder::new().property("dims", dims).property("values", values());
    let variable = ObjectBuilder::new()
        .property("variable", text("Path of a variable whose elements are weights"))
        .property("interface_type", InterfaceType::schema())
        .property("url", text("URL of the object that it lies in; that of the request if absent"));
    OneOfBuilder::new()
        .item(of_each.description(Some("Numbers for dimensions of these names, to be multiplied")))
        .item(closed(listed.required("dims").required("values")))
        .item(closed(variable.required("variable")))
        .description(Some("What elements weigh; each counts once if absent"))
}

fn axis() -> Schema {
    let several = ArrayBuilder::new().items(dimension()).max_items(Some(MAX_DIMENSIONS));
    let either = dimension().item(several);
    Schema::OneOf(either.description(Some("The dimensions to reduce; all that are left if absent, none if []")).build())
}

fn selection() -> Schema {
    let entry = || {
        let part = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::Integer, Type::Null]));
        let slice = list(part, "[start, stop, step] with NumPy's meaning; parts may be null").min_items(Some(3));
        let indices =
            ObjectBuilder::new().property("indices", integers("Any order, repeats allowed")).required("indices");
        OneOfBuilder::new()
            .item(slice.max_items(Some(3)))
            .item(integer("One index: the dimension goes"))
            .item(indices)
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .description(Some("What to pick of one dimension; null for all"))
    };
    let each = list(entry(), "An entry for each dimension").max_items(Some(MAX_DIMENSIONS));
    let named = ObjectBuilder::new()
        .additional_properties(Some(Schema::OneOf(entry().build())))
        .description(Some("Entries by dimension"));
    Schema::OneOf(OneOfBuilder::new().item(each).item(named).description(Some("The part; all if absent")).build())
}

fn statistics() -> RefOr<Schema> {
    let name = || choice(Statistic::ALL.iter().map(|statistic| statistic.name()), "Name of a statistic");
    let map = ObjectBuilder::new()
        .property("name", name())
        .required("name")
        .property("as", text("Name of the result; that of the statistic if absent"))
        .property("ddof", integer("Of var and std: what is taken off the number of elements; 0 if absent"))
        .property("bins", bins())
        .property("range", list(Number::schema(), "Of histogram, with a number of bins: its first and its last edge"))
        .property("q", quantiles())
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    let statistic = OneOfBuilder::new().item(name()).item(map);
    list(statistic, "What to compute").min_items(Some(1)).max_items(Some(MAX_STATISTICS)).into()
}

fn bins() -> OneOfBuilder {
    OneOfBuilder::new()
        .item(integer("So many of equal width, within range"))
        .item(
            list(Number::schema(), "Edges of bins, each of which holds its lower one, and the last both")
                .min_items(Some(2)),
        )
        .description(Some("Of histogram"))
}

fn quantiles() -> ArrayBuilder {
    let each = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).maximum(Some(1));
    list(each, "Of quantile: which").min_items(Some(1)).max_items(Some(MAX_QUANTILES))
}

fn array() -> ObjectBuilder {
    let shape = |description| integers(description).max_items(Some(MAX_DIMENSIONS));
    ObjectBuilder::new()
        .description(Some("What the array is, of which chunks says where it lies, instead of variable"))
        .property("dtype", DType::schema())
        .property("byte_order", ByteOrder::schema())
        .property("shape", shape("Length of each dimension"))
        .property("chunk_shape", shape("Length of each dimension of a chunk"))
        .property("order", Order::schema())
        .property("compression", compression())
        .property("filters", filters())
        .property("codecs", codecs())
        .property("fill_value", Number::schema())
        .property("dims", list(text("Name of a dimension"), "dim_0, dim_1 … if absent"))
        .property("scale_factor", ObjectBuilder::new().schema_type(Type::Number))
        .property("add_offset", ObjectBuilder::new().schema_type(Type::Number))
        .property("unsigned", boolean("Whether to read signed integers as unsigned ones of the same width"))
        .required("dtype")
        .required("shape")
        .required("chunk_shape")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn chunks() -> ObjectBuilder {
    let places = list(integers("Place of one chunk in the grid of chunks"), "Places of the chunks");
    ObjectBuilder::new()
        .description(Some("Where the chunks of the array lie: columns of one length"))
        .property("index", places)
        .property("offset", integers("First byte of each chunk in its object"))
        .property("size", integers("Bytes of each chunk"))
        .property("filter_mask", integers("Filters that were skipped for each chunk; none if absent"))
        .property("url", integers("Which of urls each chunk lies in"))
        .required("index")
        .required("offset")
        .required("size")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}
