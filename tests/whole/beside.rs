//! Labels and weights that are variables themselves, over HTTP.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use support::{
    PRIVATE_BUCKET,
    faulty::{FaultyStore, Reply, response},
    merged,
};

use super::stores::{KEYS, Setup, range};

/// A file with a variable `tas` of 2 times, 3 latitudes and 4 longitudes, which are 0, 1, 2 … in C order, as those of `lat` and `lon`
/// are; and `bare`, which is 5 at each latitude.
const FILE: &[u8] = include_bytes!("../hdf5/netcdf-dimensions.h5");

async fn ask(setup: &Setup, fields: Value) -> (u16, Value) {
    setup.s3.put("file.nc", FILE);
    let question = merged(setup.of(PRIVATE_BUCKET, "file.nc", json!({"variable": "tas"})), fields);
    setup.ask("reduce", &question, KEYS).await
}

fn values<'a>(answer: &'a Value, name: &str) -> &'a Value {
    &answer["results"][name]["values"]
}

#[tokio::test]
async fn groups_are_those_that_a_variable_of_the_object_says() {
    let setup = Setup::start(&[]).await;
    let fields = json!({"statistics": ["sum", "count"], "groups": {"variable": "bare", "size": 6}, "axis": "time"});
    let (status, answer) = ask(&setup, fields).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["dims"], &answer["shape"]), (&json!(["lat", "lon"]), &json!([6, 4])));
    assert_eq!(values(&answer, "count")[5], json!([6, 6, 6, 6]));
    assert_eq!(values(&answer, "sum")[5], json!([60.0, 66.0, 72.0, 78.0]));
    assert_eq!(values(&answer, "count")[4], json!([0, 0, 0, 0]));
}

#[tokio::test]
async fn quantiles_are_of_the_groups_of_a_variable_beside_other_statistics() {
    let setup = Setup::start(&[]).await;
    let statistics = json!(["sum", "median", {"name": "quantile", "q": [0, 1]}]);
    let groups = json!({"variable": "bare", "size": 6});
    let (status, answer) = ask(&setup, json!({"statistics": statistics, "groups": groups, "axis": "time"})).await;
    assert_eq!((status, &answer["shape"], &answer["read"]["passes"]), (200, &json!([6, 4]), &json!(2)), "{answer}");
    assert_eq!(values(&answer, "sum")[5], json!([60.0, 66.0, 72.0, 78.0]));
    assert_eq!(values(&answer, "median")[5], json!([10.0, 11.0, 12.0, 13.0]));
    assert_eq!(values(&answer, "quantile")[5], json!([[0.0, 20.0], [1.0, 21.0], [2.0, 22.0], [3.0, 23.0]]));
    assert_eq!(values(&answer, "median")[4], json!(["NaN", "NaN", "NaN", "NaN"]));
    let five = json!({"variable": "bare", "size": 5});
    let (status, answer) = ask(&setup, json!({"statistics": ["median"], "groups": five})).await;
    assert!(status == 400 && answer.to_string().contains("is 5: there are 5 groups"), "{status} {answer}");
}

#[tokio::test]
async fn labels_and_weights_that_are_none_are_told_with_their_variable() {
    let setup = Setup::start(&[]).await;
    for (fields, told) in [
        (json!({"groups": {"variable": "bare", "size": 5}}), "is 5: there are 5 groups, from 0 on, and -1 is none"),
        (json!({"groups": {"variable": "lat", "size": 5}}), "groups: has elements that are no integers, as labels are"),
        (json!({"groups": {"variable": "many", "size": 5}}), "is no dimension"),
        (json!({"weights": {"variable": "many"}}), "is no dimension"),
    ] {
        let (status, answer) = ask(&setup, merged(json!({"statistics": ["mean"]}), fields.clone())).await;
        assert!(status == 400 && answer.to_string().contains(told), "{fields}: {status} {answer}");
    }
    let nowhere = json!({"statistics": ["mean"], "weights": {"variable": "area"}});
    assert_eq!(ask(&setup, nowhere).await.0, 404);
}

#[tokio::test]
async fn weights_of_a_variable_follow_the_selection() {
    let setup = Setup::start(&[]).await;
    let mean = 340.0 / 24.0;
    for selection in [json!({}), json!({"lat": [null, null, -1]}), json!({"lat": {"indices": [1, 2, 0]}})] {
        let fields = json!({"statistics": ["mean", "sum"], "weights": {"variable": "lat"}, "selection": selection});
        let (status, answer) = ask(&setup, fields).await;
        assert_eq!(status, 200, "{answer}");
        let found = values(&answer, "mean").as_f64().expect("a number");
        assert!((found - mean).abs() < 1e-12 && *values(&answer, "sum") == json!(340.0), "{answer}");
    }
    let one = json!({"statistics": ["sum"], "weights": {"variable": "lat"}, "selection": {"lat": 2, "time": 0}});
    assert_eq!(*values(&ask(&setup, one).await.1, "sum"), json!(2.0 * (8.0 + 9.0 + 10.0 + 11.0)));
}

#[tokio::test]
async fn weights_elsewhere_are_read_without_credentials_and_only_where_the_operator_allows() {
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&seen);
    let elsewhere = FaultyStore::start(move |_, head| {
        counter.fetch_add(usize::from(head.to_lowercase().contains("authorization")), Ordering::Relaxed);
        let (first, last) = range(&head);
        let last = last.min(FILE.len() - 1);
        let content = format!("Content-Range: bytes {first}-{last}/{}", FILE.len());
        Reply::Close(response("206 Partial Content", &[&content, "ETag: \"x\""], &FILE[first..=last]))
    })
    .await;
    let weights = json!({"variable": "lon", "interface_type": "http", "url": format!("{}/area.nc", elsewhere.url)});
    let fields = json!({"statistics": ["sum_of_weights"], "weights": weights});
    let setup = Setup::start(&[]).await;
    let (status, answer) = ask(&setup, fields.clone()).await;
    assert_eq!((status, values(&answer, "sum_of_weights")), (200, &json!(36.0)), "{answer}");
    assert!(elsewhere.requests() > 0 && seen.load(Ordering::Relaxed) == 0, "credentials");
    let strict = Setup::of_its_own_store().await;
    assert_eq!(ask(&strict, json!({"statistics": ["sum"]})).await.0, 200);
    let requests = elsewhere.requests();
    assert_eq!((ask(&strict, fields).await.0, elsewhere.requests()), (403, requests));
}

#[tokio::test]
async fn groups_of_more_results_than_may_be_are_refused_with_their_size() {
    let setup = Setup::start(&["--max-result-size", "1MiB"]).await;
    let groups = json!({"axis": "time", "labels": [0, 999_999], "size": 1_000_000});
    let (status, answer) = ask(&setup, json!({"statistics": ["mean", "var"], "groups": groups, "axis": []})).await;
    assert_eq!(status, 413, "{answer}");
    assert!(answer.to_string().contains("the result in bytes is above the limit of 1048576"), "{answer}");
}

#[tokio::test]
async fn an_empty_dimension_of_the_labels_leaves_the_others_grouped() {
    let setup = Setup::start(&[]).await;
    let fields = json!({"statistics": ["sum", "count"], "selection": {"lon": [4, 4, 1]}, "axis": [],
        "groups": {"dims": ["lat", "lon"], "labels": [], "size": 2}});
    let nested = json!({"dims": ["lon", "lat"], "labels": [], "size": 2});
    for groups in [fields["groups"].clone(), nested, json!({"dims": ["lat", "lon"], "labels": [[], [], []], "size": 2})]
    {
        let (status, answer) = ask(&setup, merged(fields.clone(), json!({"groups": groups}))).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!((&answer["dims"], &answer["shape"]), (&json!(["time", "group"]), &json!([2, 2])));
        assert_eq!(values(&answer, "count"), &json!([[0, 0], [0, 0]]));
    }
}
