//! Quantiles that are asked for.

use serde_json::{Value, json};

use super::{reduce, resolved, variable};
use crate::{array::DType, reduce::Statistic};

fn told(statistic: &Value) -> String {
    let problems = reduce(json!({"variable": "v", "statistics": [statistic]})).map(|_| ()).unwrap_err();
    problems.join(" | ")
}

#[test]
fn quantiles_are_one_or_more_numbers_from_0_to_1_in_any_order() {
    let statistics = json!([{"name": "quantile", "q": [0.9, 0, 1, 0.1, 0.1]}, "median"]);
    let asked = resolved(json!({"statistics": statistics}), &variable(DType::Int16, &[("x", 10)])).unwrap().question;
    let [quantile, median] = asked.statistics.as_slice() else { panic!("{asked:?}") };
    assert_eq!((quantile.statistic, quantile.last_dimension()), (Statistic::Quantile, Some(5)));
    assert_eq!(quantile.parameters.quantiles(), [0.9, 0.0, 1.0, 0.1, 0.1]);
    assert_eq!(
        (median.statistic, median.last_dimension(), median.parameters.quantiles()),
        (Statistic::Median, None, &[0.5][..])
    );
}

#[test]
fn what_are_no_quantiles_is_refused() {
    let expected = "statistics: quantile: needs q: a list of 1 to 1024 numbers from 0 to 1";
    for wrong in
        [json!(null), json!([]), json!([0.5, 1.1]), json!([-0.1]), json!([2]), json!(["NaN"]), json!(["Infinity"])]
    {
        assert_eq!(told(&json!({"name": "quantile", "q": wrong})), expected, "{wrong}");
    }
    assert_eq!(told(&json!("quantile")), expected);
    assert!(told(&json!({"name": "quantile", "q": vec![0.5; 1025]})).starts_with("statistics"));
    assert_eq!(told(&json!({"name": "median", "q": [0.5]})), "statistics: median takes no q");
    assert_eq!(told(&json!({"name": "quantile", "q": [0.5], "ddof": 1})), "statistics: quantile takes no ddof");
}

#[test]
fn quantiles_are_of_groups_but_neither_weighted_nor_partial() {
    let asked = |field: &str, value: Value| {
        let (q, mut request) = (json!({"name": "quantile", "q": [0.5]}), json!({"variable": "v"}));
        request["statistics"] = json!([q, "median", "sum"]);
        request[field] = value;
        reduce(request).map(|_| ()).map_err(|problems| problems.join(" | "))
    };
    assert_eq!(asked("groups", json!({"axis": "x", "labels": [0, 1], "size": 2})), Ok(()));
    assert_eq!(asked("groups", json!({"variable": "basin", "size": 2})), Ok(()));
    for (field, value) in [("weights", json!({"x": [1, 2]})), ("partial", json!(true))] {
        let told = format!("{field}: is not available for quantile | {field}: is not available for median");
        assert_eq!(asked(field, value), Err(told));
    }
}
