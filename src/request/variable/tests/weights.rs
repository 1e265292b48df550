//! What elements weigh.

use super::*;
use crate::request::variable::Weights;

fn grid() -> Variable {
    variable(DType::Float32, &[("t", 6), ("y", 2), ("x", 3)])
}

/// The problems with a field, in a request that is right otherwise.
fn problems(weights: &Value) -> String {
    reduce(json!({"variable": "v", "statistics": ["mean"], "weights": weights})).err().unwrap_or_default().join(" | ")
}

#[test]
fn everything_wrong_with_weights_names_its_field() {
    for (weights, told) in [
        (json!([1, 2]), "weights: invalid type: sequence, expected a JSON object"),
        (json!({"y": 1}), "weights.y: numbers and lists stand side by side, or there is no list at all"),
        (json!({"y": "a"}), r#"weights.y: invalid type: string "a", expected a number, or a list that may be nested"#),
        (json!({"y": [1, -1]}), "weights.y: entry 1 is -1.0: weights are finite and not negative"),
        (json!({"y": [1, null]}), "weights.y: invalid type: null, expected a number"),
        (
            json!({"dims": ["y"], "values": [-0.5]}),
            "weights.values: entry 0 is -0.5: weights are finite and not negative",
        ),
        (json!({"dims": 3, "values": [1]}), "weights.dims: invalid type: integer `3`, expected"),
        (json!({"dims": ["y"], "values": [1], "y": [1]}), "weights.y: unknown field"),
        (json!({"variable": 3}), "weights.variable: invalid type: integer `3`, expected a string"),
        (json!({"variable": ""}), "weights.variable: must be the path of a variable"),
        (json!({"variable": "a", "y": [1]}), "weights.y: unknown field"),
        (json!({"variable": "a", "url": "http://a/b"}), "weights.interface_type: is required with url"),
        (json!({"variable": "a", "interface_type": "http"}), "weights.url: is required with interface_type"),
        (
            json!({"variable": "a", "interface_type": "ftp", "url": "http://a/b"}),
            "weights.interface_type: unknown variant `ftp`",
        ),
        (json!({"variable": "a", "interface_type": "http", "url": "b"}), "weights.url: "),
        (
            json!({"variable": "a", "interface_type": "http", "url": "http://a/\u{1}"}),
            "weights.url: must not have control characters",
        ),
    ] {
        let problems = problems(&weights);
        assert!(problems.contains(told), "{weights}: {problems}");
    }
}

#[test]
fn weights_that_are_given_twice_are_told_of() {
    let body = r#"{"interface_type": "http", "url": "http://a/b", "variable": "v", "statistics": ["sum"], "weights": {"y": [1], "y": [2]}}"#;
    let Err(RequestError::Invalid(problems)) = VariableRequest::parse_reduce(body.as_bytes(), BodyForm::Json) else {
        panic!("it is refused")
    };
    assert_eq!(problems[0].to_string(), "weights.y: is given more than once");
}

#[test]
fn weights_that_do_not_suit_the_variable_are_told_what_would() {
    for (fields, told) in [
        (json!({"weights": {}}), "weights: name no dimension"),
        (json!({"weights": {"z": [1]}}), r#"weights: "z" is no dimension; those are t, y, x"#),
        (json!({"weights": {"y": [1]}}), "weights: has entries for a shape of [1], but the selection has one of [2]"),
        (
            json!({"weights": {"y": [[1, 2]]}}),
            "weights: has entries for a shape of [1, 2], but the selection has one of [2]",
        ),
        (
            json!({"weights": {"dims": ["y", "x"], "values": [1, 2, 3]}}),
            "weights: has entries for a shape of [3], but the selection has one of [2, 3]",
        ),
        (json!({"weights": {"dims": ["y", "y"], "values": [1, 2, 3, 4]}}), r#"weights: "y" is there more than once"#),
        (
            json!({"weights": {"y": [1, 2]}, "selection": {"y": 1}}),
            r#"weights: "y" is gone: selection picks one index of it"#,
        ),
    ] {
        let error = resolved(fields, &grid()).expect_err("it is refused");
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn weights_stand_for_positions_of_their_dimensions() {
    let given = |weights: Value| {
        let asked = resolved(json!({"weights": weights}), &grid()).unwrap_or_else(|error| panic!("{error}"));
        assert!(asked.question.is_weighted);
        let Weights::Given(weights) = asked.weights else { panic!("they are given") };
        weights.into_iter().map(|weights| (weights.values.to_vec(), weights.steps)).collect::<Vec<_>>()
    };
    let by_name = given(json!({"y": [1, 2.5], "x": [0, 1, 2]}));
    let expected = [(vec![1.0, 2.5], vec![0, 1, 0]), (vec![0.0, 1.0, 2.0], vec![0, 0, 1])];
    // The entries of a map come in any order.
    assert!(by_name == expected || by_name == [expected[1].clone(), expected[0].clone()], "{by_name:?}");
    let nested = given(json!({"dims": ["x", -2], "values": [[1, 2], [3, 4], [5, 6]]}));
    assert_eq!(nested, [(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], vec![0, 1, 2])]);
    assert_eq!(given(json!({"dims": ["x", "y"], "values": [1, 2, 3, 4, 5, 6]})), nested);
    assert!(!resolved(json!({}), &grid()).expect("it suits").question.is_weighted);
}

#[test]
fn weighted_sums_are_floats() {
    let dtype = |dtype, result: Value| {
        let fields = json!({"weights": {"x": [1, 2]}, "result_dtype": result});
        resolved(fields, &variable(dtype, &[("x", 2)])).map(|asked| asked.question.result_dtype)
    };
    assert_eq!(dtype(DType::Int16, json!(null)), Ok(Some(DType::Float64)));
    assert_eq!(dtype(DType::Int16, json!("float32")), Ok(Some(DType::Float32)));
    let told = "result_dtype: int64 cannot be that of weighted sums: use float32 or float64";
    assert_eq!(dtype(DType::Int16, json!("int64")), Err(told.to_owned()));
}

#[test]
fn dimensions_may_have_the_names_of_fields() {
    let odd = variable(DType::Int8, &[("dims", 1), ("values", 2)]);
    for weights in [json!({"values": [1, 2]}), json!({"dims": [1]}), json!({"dims": ["values"], "values": [1, 2]})] {
        assert!(resolved(json!({"weights": weights}), &odd).is_ok(), "{weights}");
    }
}

#[test]
fn a_variable_of_weights_may_lie_elsewhere_which_the_operator_has_to_allow() {
    let of = |weights: Value| {
        reduce(json!({"variable": "v", "statistics": ["mean"], "weights": weights})).expect("a request")
    };
    assert_eq!(of(json!({"variable": "area"})).locations().count(), 1);
    let elsewhere = of(json!({"variable": "area", "interface_type": "http", "url": "http://b.example/area.nc"}));
    let locations: Vec<_> = elsewhere.locations().map(ToString::to_string).collect();
    assert_eq!(locations, ["http://data.example/a.nc", "http://b.example/area.nc"]);
}

#[test]
fn weights_of_a_variable_follow_the_selection_and_are_unpacked() {
    let area = variable(DType::Int16, &[("x", 3), ("y", 2)]).with("scale_factor", DType::Float64, &[0.5]);
    let selection = json!({"y": 1, "x": {"indices": [2, 0]}});
    let asked = resolved(json!({"weights": {"variable": "area"}, "selection": selection}), &grid()).expect("it suits");
    let beside = asked.weighed_by(&area, &grid()).expect("it suits");
    assert_eq!(beside.steps, [0, 0, 1]);
    assert_eq!(beside.question.picks, [asked.picks[2].clone(), asked.picks[1].clone()]);
    assert_eq!(beside.question.question.packing.map(|packing| packing.scale_factor), Some(0.5));
    let error = asked.weighed_by(&variable(DType::Int8, &[("z", 3)]), &grid()).expect_err("it is refused");
    assert!(matches!(error, RequestError::Invalid(_)));
}
