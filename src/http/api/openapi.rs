//! The interface described for machines (OpenAPI 3.1), made from the types that it speaks, and a page for people.

use axum::{
    Json, Router,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use utoipa::{
    PartialSchema,
    openapi::{
        Components, Content, ContentBuilder, Header, HeaderBuilder, HttpMethod, InfoBuilder, License, ObjectBuilder,
        OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr, Required, ResponseBuilder, Schema,
        SecurityRequirement,
        path::{self, OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{self, ArrayBuilder, ComponentsBuilder, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{
    extract::{REQUEST_PAYER, SESSION_TOKEN},
    reply::{ErrorBody, VERSION},
};
use crate::{
    array::{ByteOrder, DType},
    operation::Operation,
    request::{self, ApiVersion},
};

/// Where the description is.
const DESCRIPTION: &str = "/.well-known/reductionist-schema";

/// What browsers may load for the page: nothing from elsewhere.
const NOTHING_FROM_ELSEWHERE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// What is described of one route that takes a body.
pub(super) struct Described {
    pub(super) path: String,
    /// The heading that it stands under.
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    /// Name of the schema of its body.
    pub(super) body: &'static str,
    /// Content types of its body, the first with an example.
    pub(super) forms: &'static [&'static str],
    pub(super) example: Value,
    /// The answer with the status 200.
    pub(super) result: ResponseBuilder,
    /// Statuses beside those that all routes have, and what they mean.
    pub(super) errors: &'static [(&'static str, &'static str)],
}

impl Described {
    /// One operation in one version of the API.
    pub(super) fn operation(api: ApiVersion, path: String, operation: Operation) -> Self {
        let (tag, body, result) = match api {
            ApiVersion::V1 => ("v1", "RequestV1", response_v1()),
            ApiVersion::V2 => {
                ("v2", "RequestV2", ResponseBuilder::new().content("application/cbor", content("Result")))
            }
        };
        let result = result.header(VERSION.as_str(), version());
        let forms = &["application/json"];
        Self {
            path,
            tag,
            summary: operation.summary(),
            body,
            forms,
            example: example(api, operation),
            result,
            errors: &[],
        }
    }
}

/// Schemas by name.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// The routes of the description and of the page.
pub(super) fn router<S: Clone + Send + Sync + 'static>(described: Vec<Described>, schemas: Schemas) -> Router<S> {
    let description = description(described, schemas);
    let config = Config::new([DESCRIPTION]).validator_url("none").try_it_out_enabled(true);
    let page: Router<S> = SwaggerUi::new("/docs").config(config).into();
    let page = page.layer(middleware::from_fn(restricted));
    Router::new().route(DESCRIPTION, get(move || std::future::ready(Json(description.clone())))).merge(page)
}

async fn restricted(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, NOTHING_FROM_ELSEWHERE);
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    response
}

/// The whole description.
fn description(described: Vec<Described>, schemas: Schemas) -> OpenApi {
    let paths = described.into_iter().fold(PathsBuilder::new(), |paths, described| {
        paths.path(described.path.clone(), PathItem::new(HttpMethod::Post, operation(described)))
    });
    let paths = [
        ("/metrics", page("Metrics for Prometheus")),
        ("/capabilities", page("Operations, dtypes, codecs, interfaces and limits of this server")),
        ("/version", page("Version and revision of this server")),
        ("/livez", page("Whether the process answers")),
        ("/readyz", page("Whether it wants requests: 503 if it is about to stop, or too many wait")),
    ]
    .into_iter()
    .fold(paths, |paths, (path, page)| paths.path(path, PathItem::new(HttpMethod::Get, page)));
    let mut info = InfoBuilder::new()
        .title("Reductionist")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")))
        .build();
    info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components(schemas))).build()
}

fn components(schemas: Schemas) -> Components {
    let basic = HttpBuilder::new()
        .scheme(HttpAuthScheme::Basic)
        .description(Some("Access key and secret key of the store, or user name and password of the web server"))
        .build();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("Token of the web server that the url of version 2 names"))
        .build();
    ComponentsBuilder::new()
        .schemas_from_iter(request::schema::parts())
        .schemas_from_iter(schemas)
        .schema("RequestV1", request::schema::request_v1())
        .schema("RequestV2", request::schema::request_v2())
        .schema("Result", result_v2())
        .schema("Error", ErrorBody::schema())
        .security_scheme("store", SecurityScheme::Http(basic))
        .security_scheme("web_server", SecurityScheme::Http(bearer))
        .build()
}

fn operation(described: Described) -> path::Operation {
    let Described { path, tag, summary, body, forms, example, result, errors } = described;
    let mut example = Some(example);
    let body = forms.iter().fold(RequestBodyBuilder::new(), |bodies, form| {
        bodies.content(*form, ContentBuilder::new().schema(Some(named(body))).example(example.take()).build())
    });
    let parameter = |name: &str, description: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build()
    };
    let operation = OperationBuilder::new()
        .tag(tag)
        .operation_id(Some(path.trim_start_matches('/').replace('/', "_")))
        .summary(Some(summary))
        .parameter(parameter(SESSION_TOKEN, "Session token of temporary S3 credentials"))
        .parameter(parameter(REQUEST_PAYER, "requester, if the client pays for what is read from the bucket"))
        .request_body(Some(body.required(Some(Required::True)).build()))
        .security(SecurityRequirement::default())
        .security(SecurityRequirement::new("store", [""; 0]))
        .security(SecurityRequirement::new("web_server", [""; 0]))
        .response("200", result.description("The result"));
    ERRORS
        .iter()
        .chain(errors)
        .fold(operation, |operation, (status, meaning)| {
            let error = ResponseBuilder::new().description(*meaning).content("application/json", content("Error"));
            operation.response(*status, error)
        })
        .build()
}

/// Statuses of answers that are errors, and what they mean.
const ERRORS: &[(&str, &str)] = &[
    ("400", "The request is not valid, the chunk cannot be decoded, the object or the range does not exist"),
    ("401", "The store refused the credentials, or to be read without any"),
    ("403", "The operator does not allow this source"),
    ("412", "The object is not of the version that etag names"),
    ("413", "A size is above a limit, which is named"),
    ("415", "The body is not JSON"),
    ("500", "A defect of the server"),
    ("502", "The store failed or answered nonsense"),
    ("503", "This server or the store is overloaded, or about to stop: try again after the time in Retry-After"),
    ("504", "The store took too long"),
];

/// A request for a chunk of the file that the quickstart serves.
fn example(api: ApiVersion, operation: Operation) -> Value {
    let mut example = match api {
        ApiVersion::V1 => json!({"source": "http://127.0.0.1:9000", "bucket": "public", "object": "temperature.nc"}),
        ApiVersion::V2 => json!({"interface_type": "s3", "url": "http://127.0.0.1:9000/public/temperature.nc"}),
    };
    let chunk = json!({
        "dtype": "float32", "byte_order": "little", "offset": 14977, "size": 2913, "shape": [4, 20, 30],
        "compression": {"id": "zlib"}, "filters": [{"id": "shuffle", "element_size": 4}],
        "missing": {"missing_value": 1e20},
    });
    let part = if operation.accepts().axis {
        json!({"axis": [1, 2]})
    } else {
        json!({"selection": [[0, 2, 1], [5, 8, 1], [3, 13, 3]]})
    };
    for fields in [chunk, part] {
        if let (Value::Object(example), Value::Object(fields)) = (&mut example, fields) {
            example.extend(fields);
        }
    }
    example
}

fn named(schema: &str) -> RefOr<Schema> {
    Ref::from_schema_name(schema).into()
}

pub(super) fn content(schema: &str) -> Content {
    Content::new(Some(named(schema)))
}

fn header(schema: RefOr<Schema>, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).build().into()
}

/// The header that both versions of the API have.
pub(super) fn version() -> Header {
    header(text(), "Version of the object that was read, where its store names one")
}

/// Raw bytes and headers.
fn response_v1() -> ResponseBuilder {
    // A schema of bytes as they are says nothing of them (OpenAPI 3.1, section 4.8.14.1).
    ResponseBuilder::new()
        .content("application/octet-stream", ContentBuilder::new().build())
        .header("x-activestorage-dtype", header(DType::schema(), "dtype of the body"))
        .header("x-activestorage-byte-order", header(ByteOrder::schema(), "Byte order of the body"))
        .header("x-activestorage-shape", header(text(), "Shape of the result, as a JSON list"))
        .header(
            "x-activestorage-count",
            header(text(), "Elements that are not missing: a JSON integer, or a JSON list of one per result"),
        )
}

/// The CBOR map, whose byte strings have no type in JSON Schema.
fn result_v2() -> ObjectBuilder {
    let bytes = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let list = |description: &str| ArrayBuilder::new().description(Some(description)).items(RefOr::T(schema::empty()));
    let keys = ["bytes", "dtype", "byte_order", "shape", "shape_as_bytes", "count", "count_as_bytes"];
    let result = ObjectBuilder::new()
        .property("bytes", bytes("Byte string: the values"))
        .property("dtype", DType::schema())
        .property("byte_order", ByteOrder::schema())
        .property("shape", list("Integers; empty with option_shape_as_bytes"))
        .property("shape_as_bytes", bytes("Byte string: the shape as u64 with option_shape_as_bytes, else empty"))
        .property("count", list("Integers, nested like the result with keepdims; empty with option_count_as_bytes"))
        .property("count_as_bytes", bytes("Byte string: the counts as i64 with option_count_as_bytes, else empty"));
    keys.into_iter().fold(result, ObjectBuilder::required)
}

/// A page of text for operators.
fn page(summary: &str) -> path::Operation {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let page = ResponseBuilder::new().description("Text").content("text/plain", Content::new(Some(text)));
    OperationBuilder::new().tag("operators").summary(Some(summary)).response("200", page).build()
}
