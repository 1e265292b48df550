//! What requests come to once their variable is known.

use super::*;
use crate::array::{Missing, Packing};

fn integers(values: &[i128]) -> Vec<Number> {
    values.iter().map(|&value| Number::Integer(value)).collect()
}

fn missing_of(variable: &Variable, fields: Value) -> Missing<Number> {
    resolved(fields, variable).unwrap_or_else(|error| panic!("{error}")).question.missing
}

#[test]
fn axes_are_names_or_numbers_of_the_variables_own_dimensions() {
    let variable = variable(DType::Int8, &[("t", 6), ("y", 5), ("x", 4)]);
    let reduced = |fields: Value| {
        resolved(fields, &variable).map(|asked| (asked.question.reduced.unwrap_or_default(), asked.dims.join(" ")))
    };
    let expected = |reduced: &[bool], dims: &str| Ok((reduced.to_vec(), dims.to_owned()));
    assert_eq!(reduced(json!({})), expected(&[true; 3], ""));
    assert_eq!(reduced(json!({"axis": []})), expected(&[false; 3], "t y x"));
    assert_eq!(reduced(json!({"axis": "y"})), expected(&[false, true, false], "t x"));
    assert_eq!(reduced(json!({"axis": [0, "x"]})), expected(&[true, false, true], "y"));
    assert_eq!(reduced(json!({"axis": -1, "keepdims": true})), expected(&[false, false, true], "t y x"));
    // Dimension 0 is gone, and 2 is still x.
    assert_eq!(reduced(json!({"axis": 2, "selection": {"t": 3}})), expected(&[false, true], "y"));
    assert_eq!(reduced(json!({"selection": [3, null, null], "keepdims": true})), expected(&[true, true], "y x"));
    for (fields, told) in [
        (json!({"axis": "z"}), r#"axis: "z" is no dimension; those are t, y, x"#),
        (json!({"axis": [3]}), "axis: 3 is outside a shape of 3 dimensions"),
        (json!({"axis": ["x", -1]}), "axis: -1 is there more than once"),
        (
            json!({"axis": ["t", 7], "selection": {"t": 3}}),
            r#"axis: "t" is gone: selection picks one index of it; 7 is outside"#,
        ),
    ] {
        let error = reduced(fields).expect_err("it is refused");
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn elements_that_equal_attributes_are_missing() {
    let short = || variable(DType::Int16, &[("x", 4)]);
    let told = short().with("_FillValue", DType::Int16, &[-9.0]).with("missing_value", DType::Int32, &[7.0, 70_000.0]);
    assert_eq!(missing_of(&told, json!({})).values, integers(&[-9, 7]));
    assert!(missing_of(&told, json!({"missing": {}})).is_nothing());
    assert_eq!(missing_of(&told, json!({"missing": {"missing_value": 3}})).values, integers(&[3]));
    assert_eq!(missing_of(&told, json!({"missing": null})).values, integers(&[-9, 7]));
    let floats =
        short().with("_FillValue", DType::Float64, &[-9.0]).with("missing_value", DType::Float64, &[1.5, 1e30]);
    assert_eq!(missing_of(&floats, json!({})).values, integers(&[-9]));
    let text = short().with_text("_FillValue", "-9").with_text("valid_min", "0");
    assert!(missing_of(&text, json!({})).is_nothing());
    let single = variable(DType::Float32, &[("x", 4)]).with("_FillValue", DType::Float64, &[1e20]).with(
        "missing_value",
        DType::Float64,
        &[f64::NAN, 1e60],
    );
    let missing = missing_of(&single, json!({}));
    assert_eq!(missing.values.len(), 2);
    assert_eq!(missing.typed::<f32>().map(|missing| missing.values[0]), Some(1e20));
}

#[test]
fn bounds_hold_where_elements_can_have_them_and_the_narrower_one_wins() {
    let bounded = |name: &str, dtype, values: &[f64]| variable(DType::Int16, &[("x", 4)]).with(name, dtype, values);
    let bounds = |variable: &Variable| {
        let Missing { min, max, .. } = missing_of(variable, json!({}));
        (min, max)
    };
    let integer = |value| Some(Number::Integer(value));
    assert_eq!(bounds(&bounded("valid_min", DType::Int16, &[3.0])), (integer(3), None));
    assert_eq!(bounds(&bounded("valid_max", DType::Int32, &[70_000.0])), (None, None));
    assert_eq!(bounds(&bounded("valid_min", DType::Float64, &[0.5])), (None, None));
    assert_eq!(bounds(&bounded("valid_range", DType::Int16, &[1.0, 9.0])), (integer(1), integer(9)));
    assert_eq!(bounds(&bounded("valid_range", DType::Int16, &[1.0])), (None, None));
    let both = bounded("valid_range", DType::Int16, &[1.0, 9.0]).with("valid_min", DType::Int16, &[4.0]).with(
        "valid_max",
        DType::Int16,
        &[20.0],
    );
    assert_eq!(bounds(&both), (integer(4), integer(9)));
    let reversed = bounded("valid_range", DType::Int16, &[9.0, 1.0]);
    let error = resolved(json!({}), &reversed).expect_err("it is refused");
    assert!(error.starts_with("missing: the variable's attribute valid_range [9, 1] goes from a higher"), "{error}");
    assert!(resolved(json!({"missing": {}}), &reversed).is_ok());
}

#[test]
fn bounds_of_the_type_of_the_unpacked_data_bound_that() {
    let packed = |bounds: DType, values: &[f64]| {
        variable(DType::Int16, &[("x", 4)])
            .with("scale_factor", DType::Float64, &[0.5])
            .with("add_offset", DType::Float32, &[10.0])
            .with("valid_range", bounds, values)
    };
    let bounds = |variable: &Variable, fields: Value| {
        let Missing { min, max, .. } = missing_of(variable, fields);
        [min, max].map(|bound| match bound {
            Some(Number::Integer(bound)) => bound,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(bounds(&packed(DType::Float64, &[11.0, 12.9]), json!({})), [2, 5]);
    assert_eq!(bounds(&packed(DType::Int16, &[11.0, 12.0]), json!({})), [11, 12]);
    // Neither that type nor that of the elements: packed units.
    assert_eq!(bounds(&packed(DType::Float32, &[11.0, 12.0]), json!({})), [11, 12]);
    assert_eq!(bounds(&packed(DType::Float64, &[11.0, 12.0]), json!({"unpack": false})), [11, 12]);
    let reversed = variable(DType::Int16, &[("x", 4)]).with("scale_factor", DType::Float64, &[-1.0]).with(
        "valid_range",
        DType::Float64,
        &[2.5, 4.0],
    );
    assert_eq!(bounds(&reversed, json!({})), [-4, -3]);
}

#[test]
fn an_element_whose_float32_value_is_the_bound_is_valid() {
    let (scale, offset) = (0.01_f32, 273.15_f32);
    let unpacked = |packed: i16| f64::from(f32::from(packed) * scale + offset);
    let of = |low: i16, high: i16| {
        variable(DType::Int16, &[("x", 4)])
            .with("scale_factor", DType::Float32, &[scale.into()])
            .with("add_offset", DType::Float32, &[offset.into()])
            .with("valid_range", DType::Float32, &[unpacked(low), unpacked(high)])
    };
    for (low, high) in [(-100, 100), (-27_315, 32_001), (1, 3), (17, 17)] {
        let Missing { min, max, .. } = missing_of(&of(low, high), json!({}));
        assert_eq!((min, max), (Some(Number::Integer(low.into())), Some(Number::Integer(high.into()))));
    }
}

#[test]
fn signed_integers_are_read_as_unsigned_ones_where_an_attribute_says_so() {
    let bytes = variable(DType::Int8, &[("x", 4)])
        .with_text("_Unsigned", "true")
        .with("_FillValue", DType::Int8, &[-1.0])
        .with("valid_min", DType::Int8, &[3.0]);
    let asked = resolved(json!({}), &bytes).expect("it suits");
    assert_eq!((asked.dtype, asked.question.result_dtype), (DType::UInt8, Some(DType::UInt64)));
    assert_eq!(
        (asked.question.missing.values, asked.question.missing.min),
        (integers(&[255]), Some(Number::Integer(3)))
    );
    let range = variable(DType::Int8, &[("x", 4)]).with_text("_Unsigned", "true").with(
        "valid_range",
        DType::Int8,
        &[0.0, -6.0],
    );
    let missing = resolved(json!({}), &range).expect("it goes from 0 to 250").question.missing;
    assert_eq!((missing.min, missing.max), (Some(Number::Integer(0)), Some(Number::Integer(250))));
    let stored = resolved(json!({"unpack": false}), &bytes).expect("it suits");
    assert_eq!((stored.dtype, stored.question.missing.values), (DType::Int8, integers(&[-1])));
    let floats = variable(DType::Float32, &[("x", 4)]).with_text("_Unsigned", "true");
    assert_eq!(resolved(json!({}), &floats).map(|asked| asked.dtype), Ok(DType::Float32));
}

#[test]
fn nan_is_missing_where_skipna_says_so_of_floats() {
    let of = |dtype| missing_of(&variable(dtype, &[("x", 4)]), json!({"skipna": true, "missing": {"valid_min": 1}}));
    let floats = of(DType::Float32).typed::<f32>().expect("they fit");
    assert!(floats.values[0].is_nan() && floats.min == Some(1.0));
    assert_eq!(of(DType::Int32).values, []);
}

#[test]
fn values_are_unpacked_unless_the_request_says_no() {
    let packed = variable(DType::Int16, &[("x", 4)]).with("add_offset", DType::Float32, &[0.5]);
    let packing = |fields: Value| resolved(fields, &packed).map(|asked| asked.question.packing);
    assert_eq!(packing(json!({})), Ok(Some(Packing { scale_factor: 1.0, add_offset: 0.5 })));
    assert_eq!(packing(json!({"unpack": false})), Ok(None));
    for (name, values) in
        [("scale_factor", &[0.0][..]), ("scale_factor", &[f64::NAN]), ("add_offset", &[1.0, 2.0]), ("add_offset", &[])]
    {
        let wrong = variable(DType::Int16, &[("x", 4)]).with(name, DType::Float64, values);
        let error = resolved(json!({}), &wrong).expect_err("it is refused");
        assert!(error.starts_with(&format!("unpack: the variable's attribute {name} is ")), "{error}");
        assert!(resolved(json!({"unpack": false}), &wrong).is_ok());
    }
}

#[test]
fn sums_are_as_wide_as_they_can_be_unless_the_request_names_a_dtype() {
    let dtype = |elements, fields: Value| {
        let asked = resolved(fields, &variable(elements, &[("x", 4)]))?;
        Ok::<_, String>(
            asked
                .question
                .statistics
                .iter()
                .map(|of| asked.question.result_of(of.statistic, asked.dtype).dtype)
                .collect::<Vec<_>>(),
        )
    };
    for (elements, sum) in [
        (DType::Int8, DType::Int64),
        (DType::Int32, DType::Int64),
        (DType::UInt32, DType::UInt64),
        (DType::Float32, DType::Float64),
        (DType::Float16, DType::Float64),
    ] {
        assert_eq!(dtype(elements, json!({})), Ok(vec![sum, elements]));
    }
    assert_eq!(dtype(DType::Float32, json!({"result_dtype": "float32"})), Ok(vec![DType::Float32; 2]));
    assert_eq!(dtype(DType::Int32, json!({"result_dtype": "float64"})), Ok(vec![DType::Float64, DType::Int32]));
    let told = "result_dtype: float32 cannot be the result of a sum of float64";
    assert!(dtype(DType::Float64, json!({"result_dtype": "float32"})).expect_err("it is refused").starts_with(told));
    let told = "result_dtype: is for sum, which statistics does not name";
    assert_eq!(
        dtype(DType::Int8, json!({"result_dtype": "int64", "statistics": ["min"]})).expect_err("it is refused"),
        told
    );
}

#[test]
fn the_dtype_of_unpacked_sums_is_theirs_alone() {
    let packed = variable(DType::Int16, &[("x", 4)]).with("scale_factor", DType::Float64, &[0.5]);
    let asked = resolved(json!({"result_dtype": "float32"}), &packed).expect("it suits").question;
    let dtypes: Vec<_> = asked.statistics.iter().map(|of| asked.result_of(of.statistic, DType::Int16).dtype).collect();
    assert_eq!(dtypes, [DType::Float32, DType::Float64]);
}

#[test]
fn variables_that_cannot_be_reduced_say_why() {
    let refused = |variable: &Variable| resolved(json!({}), variable).expect_err("it is refused");
    let mut compound = variable(DType::Int8, &[("x", 4)]);
    compound.elements = ElementType::Other("compound".to_owned());
    assert_eq!(refused(&compound), "variable: cannot be reduced: it holds no numbers");
    compound.obstacle = Some("its elements are compound".to_owned());
    assert_eq!(refused(&compound), "variable: cannot be reduced: its elements are compound");
    let huge = variable(DType::Int8, &[("x", u64::MAX), ("y", u64::MAX)]);
    assert_eq!(refused(&huge), "selection: has more elements than can be counted");
}

#[test]
fn of_a_selection_only_unpacked_elements_are_missing() {
    let packed = variable(DType::Int16, &[("t", 6), ("x", 4)]).with("scale_factor", DType::Float64, &[0.5]).with(
        "_FillValue",
        DType::Int16,
        &[1.0],
    );
    let text = body(json!({"variable": "v", "selection": [2, null]})).to_string();
    let request = VariableRequest::parse_select(text.as_bytes(), BodyForm::Json).expect("a request");
    let VariableQuestion { question, names, dims, dtype, .. } = request.resolve(&packed).expect("it suits");
    assert_eq!(
        (question.reduced, names.len(), dims, dtype),
        (Some(vec![false]), 0, vec!["x".to_owned()], DType::Int16)
    );
    assert_eq!((question.missing.values, question.packing.is_some()), (integers(&[1]), true));
    assert_eq!((question.statistics.len(), question.result_dtype), (0, None));
    let text = body(json!({"variable": "v", "unpack": false})).to_string();
    let request = VariableRequest::parse_select(text.as_bytes(), BodyForm::Json).expect("a request");
    let question = request.resolve(&packed).expect("it suits").question;
    assert!(question.missing.is_nothing() && question.packing.is_none());
}

#[test]
fn a_chunk_list_has_nothing_missing_unless_it_says_so() {
    let listed = |fields: Value| {
        let mut all = json!({"statistics": ["sum"], "chunks": {"index": [], "offset": [], "size": []}, "array": {"dtype": "int16",
            "shape": [4], "chunk_shape": [2], "fill_value": -1, "unsigned": true, "scale_factor": 2}});
        all.as_object_mut().expect("an object").extend(fields.as_object().expect("fields").clone());
        let request = reduce(all).unwrap_or_else(|problems| panic!("{problems:?}"));
        let Target::Listed(array) = &request.target else { panic!("it is listed") };
        assert_eq!(array.variable.fill_value.as_deref(), Some(&[0xff, 0xff][..]));
        request.resolve(&array.variable).expect("it suits")
    };
    let asked = listed(json!({}));
    assert_eq!((asked.dtype, asked.question.packing.map(|packing| packing.scale_factor)), (DType::UInt16, Some(2.0)));
    assert!(asked.question.missing.is_nothing() && asked.picks.len() == 1);
    assert_eq!(listed(json!({"missing": {"missing_value": -1}})).question.missing.values, integers(&[65535]));
}
