//! The description of the interface is true: its own examples are sent, and its schemas are what the service takes.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{Fixture, PUBLIC_BUCKET};

const NETCDF: &[u8] = include_bytes!("../examples/quickstart/temperature.nc");

async fn with_sample() -> (Fixture, Value) {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.store.put(PUBLIC_BUCKET, "temperature.nc", NETCDF);
    let url = format!("{}/.well-known/reductionist-schema", fixture.service.url());
    let answer = fixture.client.get(&url).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let description = answer.json();
    (fixture, description)
}

/// The operations with a request body, by path.
fn operations(description: &Value) -> Vec<(String, &Value)> {
    let paths = description["paths"].as_object().expect("paths").iter();
    paths.filter_map(|(path, item)| Some((path.clone(), item.get("post")?))).collect()
}

#[tokio::test]
async fn every_example_of_the_description_is_answered_as_it_says() {
    let (fixture, description) = with_sample().await;
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."), "{}", description["openapi"]);
    let operations = operations(&description);
    assert_eq!(operations.len(), 13);
    for (path, operation) in operations {
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let body = example.to_string().replace("http://127.0.0.1:9000", &fixture.s3.url());
        let body = serde_json::from_str(&body).unwrap();
        let answer = fixture.client.post_as(&format!("{}{path}", fixture.service.url()), &body, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.error());
        let described = &operation["responses"]["200"];
        assert!(described["content"].get(answer.header("content-type")).is_some(), "{path}");
        for (header, _) in described["headers"].as_object().into_iter().flatten() {
            assert!(answer.headers.contains_key(header.as_str()), "{path}: {header}");
        }
        assert!(path.starts_with("/variables/") || !answer.result().is_empty());
    }
}

#[tokio::test]
async fn the_schemas_name_the_fields_that_the_service_takes() {
    let (fixture, description) = with_sample().await;
    for (version, name) in [("v1", "RequestV1"), ("v2", "RequestV2")] {
        let schema = &description["components"]["schemas"][name];
        assert_eq!(schema["additionalProperties"], json!(false));
        let described: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let url = format!("{}/{version}/sum", fixture.service.url());
        let answer = fixture.client.post(&url, &json!({"no such field": 1})).await.error();
        let (_, fields) = answer.split_once("the fields: are ").unwrap();
        let (fields, _) = fields.split_once(" | ").unwrap_or((fields, ""));
        assert_eq!(described, fields.split(", ").map(str::to_owned).collect());
        let required: BTreeSet<_> =
            schema["required"].as_array().unwrap().iter().map(|field| field.to_string()).collect();
        let is_required = |field: &String| answer.contains(&format!("{field}: is required"));
        let expected = described.iter().filter(|field| is_required(field)).map(|field| json!(field).to_string());
        assert_eq!(required, expected.collect());
    }
}

#[tokio::test]
async fn every_reference_of_the_description_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let (_fixture, description) = with_sample().await;
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    assert!(found.len() > 8, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a place in the same document");
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn the_page_comes_from_the_service_alone() {
    let fixture = Fixture::start(&[]).await;
    let get = async |path: &str| fixture.client.get(&format!("{}{path}", fixture.service.url())).await;
    assert_eq!(get("/docs").await.header("location"), "/docs/");
    let page = get("/docs/").await;
    assert_eq!(page.status, 200);
    // The browser refuses whatever else is asked for.
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    let parts: Vec<_> =
        html.split(['"', '\'']).filter(|part| part.ends_with(".js") || part.ends_with(".css")).collect();
    assert!(parts.len() >= 4, "{parts:?}");
    for part in parts {
        let answer = get(&format!("/docs/{}", part.trim_start_matches("./"))).await;
        assert_eq!(answer.status, 200, "{part}");
        assert_eq!(answer.header("content-security-policy"), policy, "{part}");
    }
    let start = get("/docs/swagger-initializer.js").await.body;
    assert!(String::from_utf8_lossy(&start).contains("/.well-known/reductionist-schema"));
}
