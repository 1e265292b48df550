//! The house rules of imports: one way, down the list of `docs/architecture.md`; foreign crates where they belong.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What each module may import of the others.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["app", "config", "http", "source", "telemetry"]),
    ("lib", &[]),
    ("admission", &[]),
    ("config", &["credentials", "plan", "request", "resource_manager", "source", "telemetry"]),
    ("app", &["config", "cpu", "credentials", "plan", "request", "resource_manager", "source", "telemetry"]),
    (
        "http",
        &[
            "admission",
            "app",
            "array",
            "codec",
            "config",
            "cpu",
            "credentials",
            "error",
            "operation",
            "plan",
            "reduce",
            "request",
            "resource_manager",
            "source",
            "telemetry",
        ],
    ),
    ("credentials", &["admission"]),
    ("request", &["array", "codec", "operation", "source"]),
    ("plan", &["array", "codec", "cpu", "error", "operation", "request", "source"]),
    ("resource_manager", &["admission", "array", "telemetry"]),
    ("source", &["admission", "array", "credentials", "resource_manager", "telemetry"]),
    ("cpu", &["admission", "resource_manager"]),
    ("codec", &["array", "telemetry"]),
    ("array", &["admission"]),
    ("reduce", &["array"]),
    ("operation", &["array", "reduce"]),
    ("error", &["codec", "cpu", "operation", "request", "resource_manager", "source"]),
    ("telemetry", &[]),
];

/// Crates that only some files may know.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("axum", &["http/"]),
    (
        "hyper",
        &["http/", "source/http/", "source/s3/", "source/transport/", "source/version.rs", "telemetry/traces.rs"],
    ),
    ("hyper_rustls", &["source/transport/client.rs", "telemetry/collector.rs"]),
    ("hyper_util", &["http/", "source/transport/address.rs", "source/transport/client.rs", "telemetry/collector.rs"]),
    ("headers", &["http/", "source/http/source.rs"]),
    ("minicbor", &["http/reply/v2.rs"]),
    ("cap_std", &["source/file/root.rs"]),
    ("rustix", &["config/open_files.rs", "source/file/root.rs"]),
    ("rustls_native_certs", &["source/transport/tls.rs"]),
    ("tokio_rustls", &["http/tls.rs", "source/", "telemetry/"]),
    ("tower_http", &["http/"]),
    ("tower_service", &["source/transport/address.rs"]),
    ("aws_config", &["source/s3/"]),
    ("aws_credential_types", &["source/s3/"]),
    ("aws_sigv4", &["source/s3/"]),
    ("aws_smithy_http_client", &["source/s3/"]),
    ("aws_smithy_runtime_api", &["source/s3/"]),
    ("quick_xml", &["source/s3/"]),
    ("flate2", &["codec/"]),
    ("libdeflater", &["codec/"]),
    ("prometheus", &["telemetry/"]),
    ("opentelemetry", &["telemetry/"]),
    ("opentelemetry_http", &["telemetry/"]),
    ("opentelemetry_otlp", &["telemetry/"]),
    ("opentelemetry_sdk", &["telemetry/"]),
    ("tracing_opentelemetry", &["telemetry/"]),
    ("tracing_subscriber", &["telemetry/"]),
    ("rayon", &["cpu.rs"]),
    ("clap", &["config/", "main.rs"]),
    ("strsim", &["config/environment.rs"]),
];

fn sources() -> Vec<(String, String)> {
    fn walk(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, files) } else { files.push(path) }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    let named = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (named(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// `source` for `source/s3.rs`.
fn module_of(file: &str) -> &str {
    file.split('/').next().unwrap().trim_end_matches(".rs")
}

/// The modules that a file names behind `crate::`, in whatever form.
fn imported_modules(text: &str) -> BTreeSet<String> {
    let identifier = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut modules = BTreeSet::new();
    for prefix in ["crate::", "reductionist::"] {
        for (at, _) in text.match_indices(prefix) {
            let rest = &text[at + prefix.len()..];
            if text[..at].ends_with('$') {
                continue;
            }
            let Some(group) = rest.strip_prefix('{') else {
                modules.insert(identifier(rest));
                continue;
            };
            let mut depth = 0;
            let mut is_start = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => is_start = true,
                    _ if depth == 0 && is_start && !c.is_whitespace() => {
                        modules.insert(identifier(&group[at..]));
                        is_start = false;
                    }
                    _ => {}
                }
            }
        }
    }
    modules
}

#[test]
fn modules_import_only_what_the_house_allows() {
    for (file, text) in sources() {
        let module = module_of(&file);
        let (_, allowed) = MAY_IMPORT.iter().find(|(name, _)| *name == module).unwrap_or_else(|| {
            panic!("{file} belongs to no room of the house");
        });
        for imported in imported_modules(&text) {
            let is_allowed = imported == module || allowed.contains(&imported.as_str());
            assert!(is_allowed, "{file} imports {imported}, which {module} may not");
        }
    }
}

#[test]
fn foreign_crates_are_known_only_where_they_belong() {
    for (file, text) in sources() {
        for (name, homes) in ONLY_IN {
            let is_named = text
                .match_indices(&format!("{name}::"))
                .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            assert!(!is_named || homes.iter().any(|home| file.starts_with(home)), "{file} knows {name}");
        }
    }
}

#[test]
fn the_scan_sees_every_form_of_import() {
    let text = "use crate::{\n    array::{A, B},\n    codec,\n};\nuse crate::source::S3;\nlet x: crate::error::E = $crate::not_this::x;";
    assert_eq!(imported_modules(text).into_iter().collect::<Vec<_>>(), ["array", "codec", "error", "source"]);
}
