//! Selections mean what they mean in NumPy, and the same in JSON and in CBOR.

use proptest::prelude::*;

use super::*;
use crate::array::Pick;

/// The indices that are picked.
fn indices(pick: &Pick) -> Vec<i128> {
    match pick {
        Pick::Slice { first, step, len } => (0..*len as i128).map(|at| *first as i128 + at * *step as i128).collect(),
        Pick::Indices(indices) => indices.iter().map(|&index| index as i128).collect(),
        Pick::One(index) => vec![*index as i128],
    }
}

/// `range(len)[start:end:step]`, walked index by index, as the language reference says it: from `start` on by `step`, as long
/// as `end` is not reached, where negative bounds count from the end and bounds outside are cut to the nearest end.
fn sliced([start, end]: [Option<i64>; 2], step: i64, len: i128) -> Vec<i128> {
    let (before, behind) = if step < 0 { (-1, len - 1) } else { (0, len) };
    let cut = |bound: i64| {
        let bound = i128::from(bound);
        (if bound < 0 { bound + len } else { bound }).clamp(before, behind)
    };
    let (first, last) = if step < 0 { (behind, before) } else { (before, behind) };
    let (mut at, end) = (start.map_or(first, cut), end.map_or(last, cut));
    let mut picked = Vec::new();
    while if step < 0 { at > end } else { at < end } {
        picked.push(at);
        at += i128::from(step);
    }
    picked
}

fn bound() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(prop_oneof![8 => -9..9_i64, 1 => Just(i64::MIN), 1 => Just(i64::MAX)])
}

fn step() -> impl Strategy<Value = Option<i64>> {
    proptest::option::of(
        prop_oneof![8 => (-4..4_i64).prop_filter("no step", |step| *step != 0), 1 => Just(i64::MIN), 1 => Just(i64::MAX)],
    )
}

/// An entry for a dimension of length 6, what it picks of it, or None where that is an error.
fn entry() -> impl Strategy<Value = (Value, Option<Vec<i128>>)> {
    const LEN: i64 = 6;
    let within = |index: i64| (-LEN..LEN).contains(&index).then(|| i128::from(index.rem_euclid(LEN)));
    let slice = (bound(), bound(), step()).prop_map(|(start, stop, step)| {
        (json!([start, stop, step]), Some(sliced([start, stop], step.unwrap_or(1), LEN.into())))
    });
    prop_oneof![
        1 => Just((Value::Null, Some((0..6).collect()))),
        4 => slice,
        2 => (-7..7_i64).prop_map(move |index| (json!(index), within(index).map(|index| vec![index]))),
        2 => proptest::collection::vec(prop_oneof![19 => -6..6_i64, 1 => 6..8_i64], 0..5).prop_map(move |indices| {
            let picked = indices.iter().map(|&index| within(index)).collect();
            (json!({"indices": indices}), picked)
        }),
    ]
}

proptest! {
    #[test]
    fn selections_pick_what_numpy_picks_as_lists_and_as_maps(entries in proptest::collection::vec(entry(), 3)) {
        let variable = variable(DType::Int8, &[("t", 6), ("y", 6), ("x", 6)]);
        let list: Vec<_> = entries.iter().map(|(entry, _)| entry.clone()).collect();
        let map: serde_json::Map<_, _> = ["t", "y", "x"].map(str::to_owned).into_iter().zip(list.clone()).rev().collect();
        let expected: Option<Vec<_>> = entries.iter().map(|(_, picked)| picked.clone()).collect();
        for selection in [Value::Array(list.clone()), Value::Object(map)] {
            let question = resolved(json!({"selection": selection}), &variable);
            prop_assert_eq!(question.is_ok(), expected.is_some(), "{:?}", question);
            let Ok(question) = question else { continue };
            let picked: Vec<_> = question.picks.iter().map(indices).collect();
            prop_assert_eq!(Some(&picked), expected.as_ref());
            let left = list.iter().filter(|entry| !entry.is_i64()).count();
            prop_assert_eq!(question.question.reduced, Some(vec![true; left]));
            for (pick, entry) in question.picks.iter().zip(&list) {
                prop_assert_eq!(matches!(pick, Pick::One(_)), entry.is_i64());
            }
        }
    }

    #[test]
    fn bodies_of_random_values_are_refused_or_understood_and_never_panic(
        field in prop_oneof![Just("selection"), Just("axis"), Just("statistics"), Just("missing"), Just("array"), Just("chunks"), Just("urls")],
        value in any_value(),
    ) {
        // In JSON and in CBOR, with the same outcome.
        let mut fields = json!({"variable": "v", "statistics": ["sum"]});
        fields[field] = value;
        let _ = reduce(fields);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-3..4_i64).prop_map(Value::from),
        Just(json!(1.5)),
        prop_oneof![Just("x"), Just("sum"), Just("NaN"), Just("indices")].prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(
                prop_oneof![
                    Just("indices"),
                    Just("name"),
                    Just("index"),
                    Just("shape"),
                    Just("dtype"),
                    Just("valid_min"),
                    Just("x")
                ],
                inner,
                0..4
            )
            .prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

#[test]
fn what_suits_no_dimension_is_told() {
    let variable = variable(DType::Int8, &[("t", 6), ("x", 4), ("x", 4)]);
    for (selection, told) in [
        (json!([null]), "selection: has 1 entries, but the dimensions are t, x, x: one entry is for each"),
        (json!({"lat": null}), r#"selection: "lat" is no dimension; those are t, x, x"#),
        (json!({"x": 1}), r#"selection: "x" is the name of several dimensions: use their numbers"#),
        (json!([6, null, null]), r#"selection: index 6 is outside the length 6 of "t""#),
        (json!([null, {"indices": [0, -5]}, null]), r#"selection: index -5 is outside the length 4 of "x""#),
    ] {
        assert_eq!(resolved(json!({"selection": selection}), &variable).expect_err("it is refused"), told);
    }
}
