//! What is wrong with bodies, and what is not.

use super::*;
use crate::request::variable::{DescribeRequest, Purpose, ValuesOf};

const ONE: &str = r#""variable": "tas", "statistics": ["sum"]"#;

/// The problems with a body of these fields, in JSON.
fn problems(fields: &str) -> Vec<String> {
    let fields = serde_json::from_str(&format!("{{{fields}}}")).unwrap_or_else(|error| panic!("{error}: {fields}"));
    reduce(fields).err().unwrap_or_default()
}

#[test]
fn each_wrong_body_is_told_what_to_change() {
    for (fields, told) in [
        (
            r#""variable": "", "statistics": ["sum"]"#,
            r#"variable: must be the path of a variable; that at the root of a store is "/""#,
        ),
        (r#""statistics": ["sum"]"#, "variable: is required, or array and chunks instead of it"),
        (r#""variable": 3, "statistics": ["sum"]"#, "variable: invalid type: integer `3`, expected a string"),
        (r#""variable": "tas""#, "statistics: is required"),
        (r#""variable": "tas", "statistics": []"#, "statistics: must name one at least: "),
        (
            r#""variable": "tas", "statistics": ["mode"]"#,
            r#"statistics: "mode" is not available; there are all, any, argmax, argmin, count, histogram,"#,
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "histogram", "bins": [0]}]"#,
            r"statistics: histogram: bins lie between two edges at least",
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "histogram", "bins": [1, 0]}]"#,
            r"statistics: histogram: edges must go from lower to higher numbers",
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "histogram", "bins": [0, "NaN"]}]"#,
            r"statistics: histogram: edges must go from lower",
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "histogram", "bins": 5}]"#,
            r#"a number of bins needs "range": [lowest, highest]"#,
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "histogram", "bins": 0, "range": [0, 1]}]"#,
            r"bins must be 1 to",
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "histogram", "bins": 5, "range": [1, 0]}]"#,
            r"range must go from a lower to a higher finite number",
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "histogram", "bins": [0, 1], "range": [1, 2]}]"#,
            r"range is for a number of bins",
        ),
        (r#""variable": "tas", "statistics": ["histogram"]"#, r"histogram: needs bins"),
        (r#""variable": "tas", "statistics": [{"name": "max", "bins": 3}]"#, r"statistics: max takes no bins"),
        (r#""variable": "tas", "statistics": [{"name": "sum", "ddof": 1}]"#, "statistics: sum takes no ddof"),
        (
            r#""variable": "tas", "statistics": ["sum", {"name": "sum"}]"#,
            r#"statistics: two results have the name "sum""#,
        ),
        (
            r#""variable": "tas", "statistics": ["sum", {"name": "min", "as": "sum"}]"#,
            r#"two results have the name "sum""#,
        ),
        (
            r#""variable": "tas", "statistics": [{"name": "sum", "as": ""}]"#,
            "statistics: the name of a result has 1 to 256 bytes",
        ),
        (r#""variable": "tas", "statistics": [{}]"#, "statistics[0].name: is required"),
        (
            r#""variable": "tas", "statistics": ["sum", 3]"#,
            "statistics[1]: must be the name of a statistic, or a map with its name",
        ),
        (r#""variable": "tas", "statistics": "sum""#, r#"statistics: invalid type: string "sum", expected a sequence"#),
    ] {
        let problems = problems(fields);
        assert!(problems.len() == 1 && problems[0].contains(told), "{fields}: {problems:?}");
    }
}

#[test]
fn each_wrong_field_beside_a_variable_is_named() {
    for (fields, told) in [
        (r#""format": "zarr""#, r#"format: "zarr" is not read here; the formats are hdf5"#),
        (r#""format": "kerchunk""#, r#"format: "kerchunk" is not read here; the formats are hdf5"#),
        (r#""format": "netcdf3""#, r#"format: "netcdf3" is not read here; the formats are hdf5"#),
        (r#""etag": "a b\u0001""#, "etag: must be an entity tag, as a store's ETag header has it"),
        (
            r#""endpoints": {"ftp": "http://a"}"#,
            r#"endpoints: "ftp" is no scheme that needs an endpoint; those are gs, s3"#,
        ),
        (r#""endpoints": {"s3": "store"}"#, "endpoints: s3 is not a URL: relative URL without a base"),
        (r#""partial": "yes""#, "partial: invalid type: string \"yes\", expected a boolean"),
        (
            r#""partial": true, "result_dtype": "float32""#,
            "result_dtype: is of sums that are final, and those of partial answers are not; leave it out",
        ),
        (
            r#""selection": 3"#,
            "selection: invalid type: integer `3`, expected a list with one entry for each dimension, or a map from names of dimensions",
        ),
        (r#""selection": [[1, 2]]"#, "selection: invalid length 2, expected [start, stop, step]"),
        (r#""selection": [[1, 2, 0]]"#, "selection: a step must not be 0"),
        (
            r#""selection": [1.5]"#,
            "selection: invalid type: floating point `1.5`, expected null, [start, stop, step], an integer, or {\"indices\": [...]}",
        ),
        (r#""selection": {"x": {"index": [1]}}"#, "selection: unknown field `index`, expected `indices`"),
        (r#""selection": {"x": {}}"#, "selection: missing field `indices`"),
        (r#""axis": {}"#, "axis: invalid type: map, expected a name or number of a dimension, or a list of them"),
        (r#""missing": [1]"#, "missing: invalid type: sequence, expected a JSON object"),
        (r#""missing": {"fill": 1}"#, "missing: unknown field `fill`"),
        (r#""skipna": 1"#, "skipna: invalid type: integer `1`, expected a boolean"),
        (r#""result_dtype": "int3""#, "result_dtype: unknown variant `int3`"),
        (r#""array": {}"#, "array.chunk_shape: is required"),
        (r#""urls": []"#, "variable: is for objects that say where chunks lie; give it or array and chunks"),
    ] {
        let problems = problems(&format!("{ONE}, {fields}"));
        assert!(problems.iter().any(|problem| problem.contains(told)), "{fields}: {problems:?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let problems = problems(r#""format": "x", "axes": 1, "statistics": ["mode"], "skipna": "yes", "weights": 1"#);
    let fields: Vec<_> =
        problems.iter().filter_map(|problem| problem.split_once(':')).map(|(field, _)| field).collect();
    assert_eq!(fields, ["variable", "skipna", "weights", "statistics", "axes", "the fields", "format"]);
    assert!(
        problems[5]
            .contains("interface_type, url, format, etag, endpoints, variable, urls, selection, unpack, array, ")
    );
}

#[test]
fn all_that_is_wrong_with_statistics_is_told_at_once() {
    let problems = problems(
        r#""variable": "v", "statistics": ["mode", {"name": "sum", "ddof": 1, "q": [0.5]}, {"nom": "max"}, {"name": "var", "ddof": "x"}, 7,
            "std", {"name": "std"}, {"name": "min", "as": ""}]"#,
    );
    let told = |problem: &str| problems.iter().filter(|told| told.starts_with(problem)).count();
    for problem in [
        r#"statistics: "mode" is not available"#,
        "statistics: sum takes no ddof",
        "statistics: sum takes no q",
        "statistics[2].nom: unknown field",
        "the fields of statistics[2]: are name, as, ddof",
        "statistics[2].name: is required",
        "statistics[3].ddof: ",
        "statistics[4]: must be the name of a statistic",
        r#"statistics: two results have the name "std""#,
        "statistics: the name of a result has 1 to 256 bytes",
    ] {
        assert_eq!(told(problem), 1, "{problem}: {problems:?}");
    }
    assert_eq!(problems.len(), 10, "{problems:?}");
}

#[test]
fn bodies_that_are_no_maps_are_told_which_they_had_to_be() {
    let parse = |body: &[u8], form| VariableRequest::parse_reduce(body, form).unwrap_err().to_string();
    assert_eq!(parse(b"[]", BodyForm::Json), "the request body is not a JSON object");
    assert_eq!(parse(b"\x80", BodyForm::Cbor), "the request body is not a CBOR map");
    assert_eq!(parse(&b"\xa1\x61a\x81".repeat(1 << 20), BodyForm::Cbor), "the request body is not a CBOR map");
}

#[test]
fn floats_of_any_width_and_infinities_are_numbers_in_cbor() {
    // {"missing": {"missing_values": [1.5 as float16, infinity as float32, NaN as float64]}}, with lists of unknown length.
    let mut bytes = cbor(&body(json!({"variable": "v", "statistics": ["sum"]})));
    bytes[0] += 1;
    bytes.extend(
        b"\x67missing\xbf\x6emissing_values\x9f\xf9\x3e\x00\xfa\x7f\x80\x00\x00\xfb\x7f\xf8\0\0\0\0\0\0\xff\xff",
    );
    let request = VariableRequest::parse_reduce(&bytes, BodyForm::Cbor).unwrap_or_else(|error| panic!("{error:?}"));
    let question = request.resolve(&variable(DType::Float64, &[("x", 3)])).expect("it suits");
    let [Number::Float(one), Number::Float(infinity), Number::Float(nan)] = question.question.missing.values[..] else {
        panic!("{question:?}")
    };
    assert!(one == 1.5 && infinity == f64::INFINITY && nan.is_nan());
}

#[test]
fn a_selection_of_elements_takes_no_fields_of_statistics() {
    let parse = |fields: Value| VariableRequest::parse_select(body(fields).to_string().as_bytes(), BodyForm::Json);
    let request = parse(json!({"variable": "v", "selection": {"x": 1}, "unpack": false})).expect("a request");
    assert!(matches!(request.purpose, Purpose::Select) && !request.unpack);
    let Err(RequestError::Invalid(problems)) = parse(json!({"variable": "v", "axis": 1})) else {
        panic!("it is refused")
    };
    assert_eq!(problems[0].to_string(), "axis: unknown field");
}

#[test]
fn a_description_is_of_all_or_of_one_variable() {
    let parse = |fields: Value| DescribeRequest::parse(body(fields).to_string().as_bytes(), BodyForm::Json);
    let all = parse(json!({"format": "hdf5", "etag": "\"a\"", "values": "coordinates"})).expect("a request");
    assert_eq!((all.variable, all.chunks, all.values), (None, false, ValuesOf::Coordinates));
    let one =
        parse(json!({"variable": "/g/tas", "chunks": true, "endpoints": {"s3": "https://s"}})).expect("a request");
    assert_eq!((one.variable.as_deref(), one.chunks, one.object.endpoints.len()), (Some("/g/tas"), true, 1));
    let Err(RequestError::Invalid(problems)) = parse(json!({"chunks": true, "values": "all"})) else { panic!() };
    let told = ["chunks: needs variable: the chunks of one are listed", r#"values: must be "coordinates", not "all""#];
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), told);
}

/// A chunk list of an array of 5 × 4 elements in chunks of 2 × 4, with other fields of `array` and of `chunks`.
fn listed(array: &str, chunks: &str, others: &str) -> Result<VariableRequest, Vec<String>> {
    let fields = format!(
        r#"{{"statistics": ["sum"], "array": {{"dtype": "int16", "byte_order": "big", "shape": [5, 4], "chunk_shape": [2, 4]{array}}},
            "chunks": {{{chunks}}}{others}}}"#
    );
    reduce(serde_json::from_str(&fields).unwrap_or_else(|error| panic!("{error}: {fields}")))
}

const CHUNKS: &str = r#""index": [[2, 0], [0, 0]], "offset": [100, 7], "size": [16, 9]"#;

#[test]
fn a_chunk_list_is_an_array_and_where_it_lies() {
    let array = r#", "order": "F", "fill_value": -2, "dims": ["t", "x"], "scale_factor": 2, "filters": [{"id": 2, "cd_values": [2]}], "compression": {"id": "zlib"}"#;
    let chunks = format!(r#"{CHUNKS}, "filter_mask": [1, 0], "url": [1, 0]"#);
    let urls = r#", "urls": ["http://a/1", "http://b/2"]"#;
    let request = listed(array, &chunks, urls).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(request.locations().count(), 3);
    let Target::Listed(array) = request.target else { panic!("it is listed") };
    let Variable { dims, shape, stored, filters, fill_value, order, .. } = &array.variable;
    assert_eq!((dims.join(" "), shape.as_slice(), filters.len(), *order), ("t x".to_owned(), &[5, 4][..], 2, Order::F));
    assert_eq!((stored, fill_value.as_deref()), (&Stored::Chunks { shape: vec![2, 4] }, Some(&[0xff, 0xfe][..])));
    assert_eq!((array.chunks.numbers(), array.chunks.offsets()), (&[0, 2][..], &[7, 100][..]));
    assert_eq!((array.chunks.sizes(), array.chunks.filter_masks()), (&[9, 16][..], &[0, 1][..]));
    let (locations, url) = array.objects.as_ref().expect("two objects");
    assert_eq!((locations[1].to_string(), url.as_slice()), ("http://b/2".to_owned(), &[0, 1][..]));
}

#[test]
fn a_chunk_list_may_have_codecs_no_chunks_or_no_dimensions() {
    let codecs = r#", "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, "zstd"]"#;
    let Ok(Target::Listed(array)) = listed(codecs, CHUNKS, "").map(|request| request.target) else {
        panic!("{codecs}")
    };
    assert_eq!((array.codecs.map(|codecs| codecs.len()), array.objects), (Some(2), None));
    assert!(listed("", r#""index": [], "offset": [], "size": []"#, "").is_ok());
    let scalar = json!({"statistics": ["sum"], "array": {"dtype": "float64", "shape": [], "chunk_shape": [], "unsigned": false},
        "chunks": {"index": [[]], "offset": [0], "size": [8]}});
    assert!(reduce(scalar).is_ok());
}

#[test]
fn everything_wrong_with_a_chunk_list_names_its_field() {
    let chunks =
        |index: &str, offset: &str, size: &str| format!(r#""index": {index}, "offset": {offset}, "size": {size}"#);
    for (array, chunks, others, told) in [
        (r#", "dims": ["t"]"#, CHUNKS.to_owned(), "", "array.dims: has 1 names, but shape has 2 dimensions"),
        (r#", "shape": [5]"#, CHUNKS.to_owned(), "", "array.shape: is given more than once"),
        (r#", "fill_value": 1e9"#, CHUNKS.to_owned(), "", "array.fill_value: 1000000000.0 is not a value of int16"),
        (r#", "scale_factor": 0"#, CHUNKS.to_owned(), "", "array.scale_factor: must not be 0"),
        (r#", "level": 3"#, CHUNKS.to_owned(), "", "array.level: unknown field"),
        (r#", "compression": {"id": "lzma"}"#, CHUNKS.to_owned(), "", "array.compression: unsupported codec"),
        (r#", "codecs": ["bytes"], "filters": []"#, CHUNKS.to_owned(), "", "array.codecs: says all that filters could"),
        (
            "",
            chunks("[[0, 0], [1]]", "[1, 2]", "[1, 2]"),
            "",
            "chunks.index: entry 1 has 1 numbers, and those before it 2",
        ),
        (
            "",
            chunks("[[0], [1]]", "[1, 2]", "[1, 2]"),
            "",
            "chunks.index: has entries of 1 numbers, but shape has 2 dimensions",
        ),
        (
            "",
            chunks("[[3, 0], [0, 1]]", "[1, 2]", "[1, 2]"),
            "",
            "chunks.index: entry 0, [3, 0], is outside the grid of [3, 1] chunks; entry 1",
        ),
        (
            "",
            chunks("[[0, 0], [0, 0]]", "[1, 2]", "[1, 2]"),
            "",
            "chunks.index: entry 1, [0, 0], is the chunk of entry 0 again",
        ),
        ("", chunks("[[0, 0]]", "[1, 2]", "[1]"), "", "chunks.offset: has 2 entries, but index has 1"),
        (
            "",
            chunks("[[0, 0]]", "[1]", "[0]"),
            "",
            "chunks.size: entry 0 is 0: leave out chunks that were never written",
        ),
        (
            "",
            chunks("[[0, 0]]", "[9223372036854775807]", "[1]"),
            "",
            "chunks.offset: entry 0, with its size, is more than any object can have",
        ),
        ("", r#""index": [[0, 0]], "offset": [1]"#.to_owned(), "", "chunks.size: is required"),
        ("", format!(r#"{CHUNKS}, "url": [0, 0]"#), "", "chunks.url: is for requests with a list of urls"),
        (
            "",
            CHUNKS.to_owned(),
            r#", "urls": ["http://a/1"]"#,
            "chunks.url: is needed, to say which of urls each chunk lies in",
        ),
        (
            "",
            format!(r#"{CHUNKS}, "url": [0, 1]"#),
            r#", "urls": ["http://a/1"]"#,
            "chunks.url: entry 1 is 1, but urls has 1 entries from 0 on",
        ),
        ("", CHUNKS.to_owned(), r#", "urls": ["s3://a"]"#, "urls: entry 0 "),
        ("", format!(r#"{CHUNKS}, "filter_mask": [1]"#), "", "chunks.filter_mask: has 1 entries, but index has 2"),
        ("", CHUNKS.replace("[0, 0]", "[-1, 0]"), "", "chunks.index: invalid value: integer `-1`"),
        ("", format!(r#"{CHUNKS}, "mask": []"#), "", "the fields of chunks: are index, offset, size, filter_mask, url"),
    ] {
        let fields = format!(
            r#"{{"statistics": ["sum"], "array": {{"dtype": "int16", "shape": [5, 4], "chunk_shape": [2, 4]{array}}}, "chunks": {{{chunks}}}{others}}}"#
        );
        let text = format!(r#"{{"interface_type": "http", "url": "http://a/b", {}"#, &fields[1..]);
        let Err(RequestError::Invalid(problems)) = VariableRequest::parse_reduce(text.as_bytes(), BodyForm::Json)
        else {
            panic!("{fields}")
        };
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(problems.iter().any(|problem| problem.contains(told)), "{told}: {problems:?}");
    }
}

#[test]
fn an_array_needs_its_chunks_and_they_need_it() {
    let without = |field: &str| {
        let mut fields = json!({"statistics": ["sum"], "array": {"dtype": "int8", "shape": [1], "chunk_shape": [1]},
            "chunks": {"index": [[0]], "offset": [0], "size": [1]}});
        fields.as_object_mut().expect("an object").remove(field);
        reduce(fields).expect_err("it is refused")
    };
    assert_eq!(without("array"), ["array: is required with chunks and urls"]);
    assert_eq!(without("chunks"), ["chunks: is required with array and urls"]);
}
