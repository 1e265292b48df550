//! Which elements belong together.

use super::*;
use crate::{reduce::Parameters, request::variable::Labels};

fn cube() -> Variable {
    variable(DType::Int16, &[("t", 6), ("y", 2), ("x", 3)])
}

/// The problems with a field, in a request that is right otherwise.
fn problems(groups: &Value) -> String {
    reduce(json!({"variable": "v", "statistics": ["sum"], "groups": groups})).err().unwrap_or_default().join(" | ")
}

#[test]
fn everything_wrong_with_groups_names_its_field() {
    for (groups, told) in [
        (json!(3), "groups: invalid type: integer `3`, expected a JSON object"),
        (json!({}), "groups.size: is required | groups.axis: is required, or dims or variable instead of it"),
        (json!({"axis": "t", "size": 2}), "groups.labels: is required"),
        (json!({"axis": "t", "labels": [0], "size": 1e3}), "groups.size: invalid type: floating point `1000.0`"),
        (json!({"axis": "t", "labels": [0], "size": -1}), "groups.size: invalid value: integer `-1`"),
        (json!({"axis": "t", "labels": [0], "size": 1_u64 << 40}), "groups.size: must be at most 2147483647"),
        (json!({"axis": "t", "labels": [0, 2, 1, 3], "size": 2}), "groups.labels: entry 1 is 2, outside of -1 … 1"),
        (json!({"axis": "t", "labels": [0, -2], "size": 2}), "groups.labels: entry 1 is -2, outside of -1 … 1"),
        (
            json!({"axis": "t", "labels": [-1, 0], "size": 0}),
            "groups.labels: entry 1 is 0, outside of -1, which is all",
        ),
        (json!({"axis": "t", "labels": [1.0], "size": 2}), "groups.labels: 1.0 is not a whole number of 32 bits"),
        (json!({"axis": "t", "labels": [1_u64 << 32], "size": 2}), "groups.labels: 4294967296 is not a whole number"),
        (
            json!({"axis": "t", "labels": 1, "size": 2}),
            "groups.labels: numbers and lists stand side by side, or there is no list",
        ),
        (json!({"axis": "t", "labels": [1, [1]], "size": 2}), "groups.labels: numbers and lists stand side by side"),
        (json!({"axis": "t", "labels": [[1], 1], "size": 2}), "groups.labels: numbers and lists stand side by side"),
        (json!({"axis": "t", "labels": [[[]], [1]], "size": 2}), "groups.labels: numbers and lists stand side by side"),
        (
            json!({"axis": "t", "labels": [[1, 1], [1]], "size": 2}),
            "groups.labels: a list of 1 entries stands beside one of 2",
        ),
        (
            json!({"axis": "t", "labels": ["a"], "size": 2}),
            "groups.labels: invalid type: string \"a\", expected a whole number",
        ),
        (
            json!({"axis": ["t"], "labels": [1], "size": 2}),
            "groups.axis: invalid type: sequence, expected a name or number",
        ),
        (
            json!({"axis": "t", "dims": ["x"], "labels": [1], "size": 2}),
            "groups.axis: is for one dimension; give it or dims",
        ),
        (json!({"dims": [], "labels": [1], "size": 2}), "groups.dims: must name one dimension at least"),
        (json!({"variable": "", "size": 2}), "groups.variable: must be the path of a variable"),
        (json!({"variable": "b", "labels": [1], "size": 2}), "groups.variable: has its own dimensions and labels"),
        (json!({"variable": "b", "axis": "t", "size": 2}), "groups.variable: has its own dimensions and labels"),
        (json!({"axis": "t", "label": [1], "labels": [1], "size": 2}), "groups.label: unknown field"),
    ] {
        let problems = problems(&groups);
        assert!(problems.contains(told), "{groups}: {problems}");
    }
    let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
    let deep =
        problems(&json!({"axis": "t", "labels": serde_json::from_str::<Value>(&deep).expect("a list"), "size": 2}));
    assert!(deep.contains("deeper than 64 levels") || deep.contains("not a CBOR map"), "{deep}");
}

#[test]
fn groups_that_do_not_suit_the_variable_are_told_what_would() {
    for (fields, told) in [
        (
            json!({"groups": {"axis": "z", "labels": [1], "size": 2}}),
            r#"groups: "z" is no dimension; those are t, y, x"#,
        ),
        (json!({"groups": {"axis": 3, "labels": [1], "size": 2}}), "groups: 3 is outside a shape of 3 dimensions"),
        (
            json!({"groups": {"axis": "x", "labels": [1], "size": 2}}),
            "groups: has entries for a shape of [1], but the selection has one of [3]",
        ),
        (json!({"groups": {"dims": ["x", 2], "labels": [1], "size": 2}}), "groups: 2 is there more than once"),
        (
            json!({"groups": {"dims": ["x", "y"], "labels": [[1, 1, 1], [0, 0, 0]], "size": 2}}),
            "groups: has entries for a shape of [2, 3], but the selection has one of [3, 2]",
        ),
        (
            json!({"groups": {"axis": "x", "labels": [1, 1, 1], "size": 2}, "selection": {"x": 1}}),
            r#"groups: "x" is gone: selection picks one index of it"#,
        ),
    ] {
        let error = resolved(fields, &cube()).expect_err("it is refused");
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn dimensions_of_groups_are_reduced_and_keep_their_place() {
    let arranged = |fields: Value| {
        let asked = resolved(fields, &cube()).unwrap_or_else(|error| panic!("{error}"));
        (asked.question.reduced.clone().unwrap_or_default(), asked.dims.join(" "), asked.shape())
    };
    let expected = |reduced: &[bool], dims: &str, shape: &[usize]| (reduced.to_vec(), dims.to_owned(), shape.to_vec());
    let of_x = json!({"axis": "x", "labels": [4, -1, 0], "size": 5});
    assert_eq!(arranged(json!({"groups": of_x, "axis": []})), expected(&[false, false, true], "t y x", &[6, 2, 5]));
    assert_eq!(arranged(json!({"groups": of_x})), expected(&[true, true, true], "x", &[5]));
    assert_eq!(arranged(json!({"groups": of_x, "axis": ["x", "t"]})), expected(&[true, false, true], "y x", &[2, 5]));
    let kept = json!({"groups": of_x, "axis": "y", "keepdims": true});
    assert_eq!(arranged(kept), expected(&[false, true, true], "t y x", &[6, 1, 5]));
    let several = json!({"dims": ["x", "t"], "labels": vec![0; 18], "size": 7});
    assert_eq!(arranged(json!({"groups": several, "axis": []})), expected(&[true, false, true], "group y", &[7, 2]));
    let part = json!({"groups": {"axis": -1, "labels": [1], "size": 2}, "selection": {"x": [2, null, null], "y": 0}, "axis": []});
    assert_eq!(arranged(part), expected(&[false, true], "t x", &[6, 2]));
    let none = json!({"groups": {"axis": "x", "labels": [-1, -1, -1], "size": 0}, "axis": []});
    assert_eq!(arranged(none), expected(&[false, false, true], "t y x", &[6, 2, 0]));
}

#[test]
fn positions_of_extremes_have_an_index_for_dimensions_of_groups_too() {
    let groups = json!({"axis": "x", "labels": [1, 1, 0], "size": 2});
    let asked = resolved(json!({"statistics": ["argmax"], "groups": groups, "axis": "t"}), &cube()).expect("it suits");
    let parameters = asked.question.statistics.iter().map(|asked| asked.parameters.clone()).collect::<Vec<_>>();
    assert_eq!(parameters, [Parameters::Reduced([6, 3].into())]);
}

#[test]
fn labels_stand_for_positions_of_their_dimensions_in_any_order() {
    let groups = json!({"dims": ["x", "t"], "labels": [[0, 1], [2, 3], [4, 5]], "size": 6});
    let selection = json!({"t": {"indices": [5, 0]}, "x": [null, null, -1]});
    let asked = resolved(json!({"groups": groups, "selection": selection}), &cube()).expect("it suits");
    let groups = asked.groups.expect("groups");
    let Labels::Given(labels) = groups.labels else { panic!("they are given") };
    assert_eq!((labels.steps, groups.grouped, groups.size), (vec![1, 0, 2], vec![true, false, true], 6));
    assert_eq!(labels.values.as_slice(), [0, 1, 2, 3, 4, 5]);
}

/// What is asked of a cube with groups by this variable.
fn labelled(labels: &Variable, fields: Value) -> Result<(VariableQuestion, super::super::Beside), String> {
    let asked = resolved(fields, &cube()).expect("it suits");
    asked.labelled_by(labels, &cube()).map_err(|error| match error {
        RequestError::Invalid(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
        other => other.to_string(),
    })
}

#[test]
fn labels_of_a_variable_follow_the_selection_of_dimensions_of_the_same_names() {
    let basin = variable(DType::Int8, &[("x", 3), ("y", 2)]).with("_FillValue", DType::Int8, &[-9.0]);
    let fields =
        json!({"groups": {"variable": "/masks/basin", "size": 4}, "selection": {"x": [null, null, -1]}, "axis": []});
    let (asked, beside) = labelled(&basin, fields).expect("it suits");
    assert_eq!((asked.dims.join(" "), asked.shape()), ("t basin".to_owned(), vec![6, 4]));
    assert_eq!(asked.question.reduced, Some(vec![false, true, true]));
    assert_eq!(beside.steps, [0, 1, 2]);
    assert_eq!(beside.question.picks, [asked.picks[2].clone(), asked.picks[1].clone()]);
    assert_eq!(beside.question.question.missing.values, [Number::Integer(-9)]);
    let one = json!({"groups": {"variable": "basin", "size": 4}, "selection": {"x": 1}});
    let (asked, beside) = labelled(&basin, one).expect("it suits");
    assert_eq!((asked.dims.join(" "), beside.steps), ("y".to_owned(), vec![0, 1, 0]));
}

#[test]
fn variables_that_are_no_labels_are_refused() {
    let by = |fields: Value| json!({"groups": {"variable": "b", "size": 4}, "selection": fields});
    let text = || {
        let mut text = variable(DType::Int8, &[("x", 3)]);
        text.obstacle = Some("its elements are strings".to_owned());
        text
    };
    for (labels, selection, told) in [
        (variable(DType::Float32, &[("x", 3)]), json!({}), "groups: has elements that are no integers"),
        (
            variable(DType::Int8, &[("x", 3)]).with("scale_factor", DType::Float32, &[0.5]),
            json!({}),
            "groups: has elements that are no integers",
        ),
        (
            variable(DType::Int8, &[("z", 3)]),
            json!({}),
            r#"groups: of the variable: "z" is no dimension; those are t, y, x"#,
        ),
        (
            variable(DType::Int8, &[("x", 4)]),
            json!({}),
            r#"groups: the variable has length 4 along "x", but the array has 3"#,
        ),
        (
            variable(DType::Int8, &[("x", 3), ("x", 3)]),
            json!({}),
            r#"groups: the variable has the dimension "x" twice"#,
        ),
        (
            variable(DType::Int8, &[("x", 3)]),
            json!({"x": 1}),
            "groups: the variable has no dimension that selection leaves",
        ),
        (variable(DType::Int8, &[]), json!({}), "groups: the variable has no dimension that selection leaves"),
        (text(), json!({}), "groups: the variable cannot be read: its elements are strings"),
    ] {
        let error = labelled(&labels, by(selection)).expect_err("it is refused");
        assert!(error.starts_with(told), "{error}");
    }
}
