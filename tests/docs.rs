//! The requests in `docs/api.md` work as they stand there, and the README's commands exist.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use clap::CommandFactory;
use reductionist::config::Args;
use serde_json::{Value, json};
use support::{Answer, Fixture, PUBLIC_BUCKET, merged};

const API: &str = include_str!("../docs/api.md");
const CONFIGURATION: &str = include_str!("../docs/configuration.md");
const README: &str = include_str!("../README.md");
const NETCDF: &[u8] = include_bytes!("../examples/quickstart/temperature.nc");

/// Fenced blocks: the words behind the fence, and the lines inside.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("```") {
            let inside: Vec<_> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            blocks.push((words.to_owned(), inside.join("\n")));
        }
    }
    blocks
}

/// A field of an answer of version 2, as the page writes it.
fn field(answer: &Answer, name: &str) -> String {
    let answer = answer.cbor();
    match name {
        "dtype" => answer.dtype,
        "shape" => answer.shape.to_string(),
        "count" => answer.count.to_string(),
        _ => panic!("the page names a field {name}"),
    }
}

#[tokio::test]
async fn every_request_of_the_api_page_is_answered_as_it_says() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.store.put(PUBLIC_BUCKET, "temperature.nc", NETCDF);
    let blocks = blocks(API);
    let mut sent = 0;
    for (at, (words, body)) in blocks.iter().enumerate() {
        let Some(operation) = words.strip_prefix("json request ") else { continue };
        let (version, operation) = operation.split_once(' ').unwrap_or(("v1", operation));
        assert!(body.contains("http://127.0.0.1:9000"), "{body}");
        let body = body.replace("http://127.0.0.1:9000", &fixture.s3.url());
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"));
        let url = format!("{}/{version}/{operation}", fixture.service.url());
        let answer = fixture.client.post_as(&url, &body, None).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.error());
        sent += 1;
        let Some((words, expected)) = blocks.get(at + 1) else { continue };
        if words == "text answer" {
            for line in expected.lines() {
                let (name, value) = line.split_once(": ").expect("a header");
                let answered = if version == "v1" { answer.header(name).to_owned() } else { field(&answer, name) };
                assert_eq!(answered, value, "{name} of {body}");
            }
        }
    }
    assert!(sent >= 5, "{sent} examples");
}

#[tokio::test]
async fn the_refused_requests_of_the_api_page_are_refused_as_it_says() {
    let fixture = Fixture::start(&[]).await;
    let blocks = blocks(API);
    let block = |words: &str| {
        let (_, text) = blocks.iter().find(|(found, _)| found == words).expect("the block");
        serde_json::from_str::<Value>(text).expect("JSON")
    };
    let answer = fixture.post("sum", &block("json refused sum")).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (400, block("json refusal")));
    fixture.s3.store.put(PUBLIC_BUCKET, "temperature.nc", NETCDF);
    let body = merged(block("json changed sum"), json!({"source": fixture.s3.url()}));
    let answer = fixture.post("sum", &body).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (412, block("json change")));
}

/// What stands between these lines of `docs/configuration.md` is made from the flags.
const SETTINGS_BEGIN: &str = "<!-- settings: WRITE_DOCS=1 cargo test --test docs -->\n";
const SETTINGS_END: &str = "<!-- end of settings -->\n";

/// The table of all settings, made of the flags themselves.
fn table_of_settings() -> String {
    let mut table = String::from("| flag | environment | default | meaning |\n|---|---|---|---|\n");
    let command = Args::command();
    for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        let Some(flag) = arg.get_long().filter(|flag| !["help", "version"].contains(flag)) else { continue };
        let help = arg.get_help().expect("every flag says what it does").to_string().replace('\n', " ");
        let (meaning, without) = match help.split_once(" [default: ") {
            Some((meaning, default)) => (meaning.to_owned(), default.trim_end_matches(']').to_owned()),
            None => (help, "–".to_owned()),
        };
        let defaults: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let takes_value = arg.get_action().takes_values();
        let default = match (defaults.first(), takes_value) {
            (Some(value), true) => format!("`{value}`"),
            (None, true) => without,
            _ => "off".to_owned(),
        };
        let value = arg.get_value_names().filter(|_| takes_value).map(|names| format!(" {}", names[0]));
        let variable = arg.get_env().map_or("–".to_owned(), |name| format!("`{}`", name.to_string_lossy()));
        let flag = format!("`--{flag}{}`", value.unwrap_or_default());
        table.push_str(&format!("| {flag} | {variable} | {default} | {} |\n", meaning.replace('|', "\\|")));
    }
    table
}

/// What stands before the table of settings, the table, and what stands behind it.
fn around_settings(page: &str) -> [&str; 3] {
    let (before, rest) = page.split_once(SETTINGS_BEGIN).expect("the table begins");
    let (table, after) = rest.split_once(SETTINGS_END).expect("the table ends");
    [before, table, after]
}

#[test]
fn the_table_of_all_settings_is_made_from_the_flags() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let table = format!("\n{}\n", table_of_settings());
    if std::env::var_os("WRITE_DOCS").is_some() {
        let [before, _, after] = around_settings(CONFIGURATION);
        std::fs::write(path, [before, SETTINGS_BEGIN, &table, SETTINGS_END, after].concat()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap();
    assert!(
        around_settings(&page)[1] == table,
        "the table in docs/configuration.md is not what the flags say: WRITE_DOCS=1 cargo test --test docs writes it"
    );
}

#[test]
fn each_setting_has_one_row() {
    let [before, _, after] = around_settings(CONFIGURATION);
    for variable in Args::command().get_arguments().filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned)) {
        let row = format!("| `{variable}` |");
        assert!(
            !before.contains(&row) && !after.contains(&row),
            "docs/configuration.md has a second row of {variable}"
        );
    }
}

#[test]
fn the_readme_names_both_commands() {
    for command in ["cargo run --release --example quickstart", "cargo test"] {
        assert!(README.lines().any(|line| line.trim_start_matches("$ ").starts_with(command)), "{command}");
    }
}
