//! Values on the wire as OpenAPI schemas, where their form does not follow from the Rust type.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr, Schema,
        schema::{AdditionalProperties, ArrayItems, OneOfBuilder, SchemaType, Type},
    },
};

use crate::{
    array::{ByteOrder, DType, MAX_DIMENSIONS, Number, Order},
    codec::{CodecSpec, MAX_FILTERS, codec_ids},
};

/// A text that is one of a few.
pub(super) fn choice(choices: impl IntoIterator<Item = &'static str>, description: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(choices))
        .description(Some(description))
        .build()
        .into()
}

/// A list, or null.
pub(super) fn list(items: impl Into<ArrayItems>, description: &str) -> ArrayBuilder {
    let nullable = SchemaType::from_iter([Type::Array, Type::Null]);
    ArrayBuilder::new().schema_type(nullable).items(items).description(Some(description))
}

impl ToSchema for DType {}
impl PartialSchema for DType {
    fn schema() -> RefOr<Schema> {
        choice(Self::ALL.iter().map(|dtype| dtype.name()), "Type of elements, as NumPy names it")
    }
}

impl ToSchema for ByteOrder {}
impl PartialSchema for ByteOrder {
    fn schema() -> RefOr<Schema> {
        choice([Self::Little, Self::Big].map(Self::name), "Byte order of elements")
    }
}

impl ToSchema for Order {}
impl PartialSchema for Order {
    fn schema() -> RefOr<Schema> {
        choice(["C", "F"], "Layout of the chunk, and of an array result: the last or the first axis varies fastest")
    }
}

impl ToSchema for Number {}
impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Number);
        let special = choice(["NaN", "Infinity", "-Infinity"], "For floating dtypes");
        let bits = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^(0x([0-9a-fA-F]{4}|[0-9a-fA-F]{8}|[0-9a-fA-F]{16})|[0-9A-Za-z+/]{11}=)$"))
            .description(Some("The bits of a float: in hexadecimal, or those of a float64 in base64, little-endian"));
        let either = OneOfBuilder::new().item(number).item(special).item(bits);
        Schema::OneOf(either.description(Some("A value that the dtype of the chunk can hold")).build()).into()
    }
}

pub(super) fn shape() -> RefOr<Schema> {
    let len = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let shape = list(len, "Length of each dimension; one dimension of as many elements as there are if absent");
    shape.max_items(Some(MAX_DIMENSIONS)).into()
}

pub(super) fn compression() -> RefOr<Schema> {
    let nullable = SchemaType::from_iter([Type::Object, Type::Null]);
    codec("What the chunk is compressed with").schema_type(nullable).build().into()
}

pub(super) fn filters() -> RefOr<Schema> {
    let filters = list(codec("One filter"), "What the chunk went through before it was compressed, in that order");
    filters.max_items(Some(MAX_FILTERS)).into()
}

/// A codec as numcodecs or HDF5 describes it. Other keys of a configuration are accepted and not needed.
fn codec(description: &str) -> ObjectBuilder {
    let number = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let id = OneOfBuilder::new().item(choice(codec_ids(), "Name of the codec")).item(number());
    let id = id.description(Some("Name of the codec, or number of the HDF5 filter"));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("id", Schema::OneOf(id.build()))
        .required("id")
        .property("element_size", number().description(Some("In bytes; for shuffle and bitshuffle")))
        .property("cd_values", ArrayBuilder::new().items(number()).description(Some("Client data of the HDF5 filter")))
        .description(Some(description))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
}

pub(super) fn codecs() -> RefOr<Schema> {
    let codec = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("name", ObjectBuilder::new().schema_type(Type::String))
        .property("configuration", ObjectBuilder::new().schema_type(Type::Object))
        .required("name");
    let either = OneOfBuilder::new().item(codec).item(ObjectBuilder::new().schema_type(Type::String));
    list(either, "The codecs of a Zarr v3 array, as zarr.json has them").max_items(Some(MAX_FILTERS)).into()
}

impl ToSchema for CodecSpec {}
impl PartialSchema for CodecSpec {
    fn schema() -> RefOr<Schema> {
        codec("A codec").build().into()
    }
}
