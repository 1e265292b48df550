//! The house rules of imports: one way, down the list of `docs/inside/architecture.md`; foreign crates where they belong.
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
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What each room may import of the others.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("main", &["app", "config", "http", "source", "telemetry"]),
    ("lib", &[]),
    ("config", &["credentials", "engine", "request", "resources", "source", "telemetry"]),
    ("app", &["config", "credentials", "engine", "request", "resources", "source", "telemetry"]),
    (
        "http",
        &[
            "app",
            "array",
            "codec",
            "config",
            "credentials",
            "engine",
            "error",
            "index",
            "operation",
            "reduce",
            "request",
            "resources",
            "source",
            "telemetry",
        ],
    ),
    ("credentials", &["resources"]),
    ("request", &["array", "codec", "index", "operation", "reduce", "source"]),
    (
        "engine",
        &[
            "array",
            "codec",
            "credentials",
            "error",
            "index",
            "operation",
            "reduce",
            "request",
            "resources",
            "source",
            "telemetry",
        ],
    ),
    ("resources", &["telemetry"]),
    ("index", &["array", "codec", "source"]),
    ("source", &["credentials", "resources", "telemetry"]),
    ("codec", &["array", "resources", "telemetry"]),
    ("array", &["resources"]),
    ("reduce", &["array", "resources"]),
    ("operation", &["reduce"]),
    ("error", &["codec", "engine", "index", "request", "resources", "source"]),
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
    ("headers", &["http/api/", "source/http/source.rs"]),
    ("minicbor", &["http/api/reply/v2.rs", "http/api/reply/variables/", "request/cbor.rs"]),
    ("minicbor_serde", &["http/api/reply/variables/", "request/cbor.rs", "request/fields.rs"]),
    ("cap_std", &["source/file/root.rs"]),
    ("rustix", &["config/open_files.rs", "source/file/root.rs"]),
    ("rustls_native_certs", &["source/transport/tls.rs"]),
    ("tokio_rustls", &["http/server/tls.rs", "source/", "telemetry/"]),
    ("tower_http", &["http/api/"]),
    ("tower_service", &["source/transport/address.rs"]),
    ("aws_config", &["source/s3/"]),
    ("aws_credential_types", &["source/s3/"]),
    ("aws_sigv4", &["source/s3/"]),
    ("aws_smithy_http_client", &["source/s3/"]),
    ("aws_smithy_runtime_api", &["source/s3/"]),
    ("quick_xml", &["source/s3/"]),
    ("ndarray", &["array/", "codec/blosc2.rs", "codec/transpose.rs", "engine/select.rs"]),
    ("flate2", &["codec/"]),
    ("libdeflater", &["codec/"]),
    ("prometheus", &["telemetry/"]),
    ("opentelemetry", &["telemetry/"]),
    ("opentelemetry_http", &["telemetry/"]),
    ("opentelemetry_otlp", &["telemetry/"]),
    ("opentelemetry_sdk", &["telemetry/"]),
    ("tracing_opentelemetry", &["telemetry/"]),
    ("tracing_subscriber", &["telemetry/"]),
    ("rayon", &["resources/cpu.rs"]),
    ("clap", &["config/", "main.rs"]),
    ("strsim", &["config/environment.rs", "index/near.rs"]),
    ("rust_hdf5", &["codec/hdf5.rs", "index/hdf5/"]),
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

/// Imports of a file as paths from the root of the crate, such as `source::read::Read`. Those of its tests are none.
fn imported_paths(file: &str, text: &str) -> Vec<Vec<String>> {
    let text = text.split("#[cfg(test)]").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
    let here = module_path(file);
    let above = || here.split_last().map_or(vec![], |(_, above)| above.to_vec());
    let mut paths = Vec::new();
    for (prefix, base) in
        [("crate::", vec![]), ("reductionist::", vec![]), ("super::", above()), ("self::", here.clone())]
    {
        for (at, _) in lines.match_indices(prefix) {
            let before = &lines[..at];
            let is_reexport = before.rsplit([';', '}']).next().unwrap().trim_start().starts_with("pub");
            if before.ends_with("in ")
                || before.ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c))
                || is_reexport
            {
                continue;
            }
            expand(&lines[at + prefix.len()..], &base, &mut paths);
        }
    }
    for module in lines.split("\nuse ").skip(1).filter(|_| file.ends_with("mod.rs") || file == "lib.rs") {
        expand(module, &here, &mut paths);
    }
    paths
}

/// All paths of a tree like `a::{b, c::{D, E}}`, below `base`. Returns what stands behind it.
fn expand<'a>(tree: &'a str, base: &[String], paths: &mut Vec<Vec<String>>) -> &'a str {
    let (mut base, mut rest) = (base.to_vec(), tree.trim_start());
    loop {
        if let Some(mut list) = rest.strip_prefix('{') {
            loop {
                list = list.trim_start().trim_start_matches(',').trim_start();
                match list.strip_prefix('}') {
                    Some(end) => return end,
                    None if list.is_empty() => return list,
                    None => list = expand(list, &base, paths),
                }
            }
        }
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '*').collect();
        rest = rest[name.len()..].trim_start();
        match name.as_str() {
            "super" => drop(base.pop()),
            "self" | "" => {}
            _ => base.push(name.clone()),
        }
        match rest.strip_prefix("::") {
            Some(more) => rest = more,
            None => {
                paths.push(base);
                let end = rest.find([',', '}', ';']).filter(|_| rest.starts_with("as "));
                return if name.is_empty() { rest.get(1..).unwrap_or_default() } else { &rest[end.unwrap_or(0)..] };
            }
        }
    }
}

/// `source::read` for `source/read.rs`, `source` for `source/mod.rs`.
fn module_path(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    if path == "lib" { vec![] } else { path.split('/').map(str::to_owned).collect() }
}

/// Which file defines what a path means: re-exports are followed.
fn defining_file<'a>(path: &[String], files: &'a [(String, String)], depth: usize) -> Option<&'a str> {
    let (module, (file, text)) = (0..=path.len()).rev().find_map(|len| {
        let found = files.iter().find(|(file, _)| module_path(file) == path[..len] && file != "main.rs");
        found.map(|found| (&path[..len], found))
    })?;
    let Some(item) = path.get(module.len()).filter(|_| depth > 0) else { return Some(file) };
    for reexport in text.split("\npub").skip(1) {
        let Some((_, tree)) = reexport.split_once("use ").filter(|(scope, _)| scope.len() < 20) else { continue };
        let tree = tree.split(';').next().unwrap();
        let base = if tree.starts_with("crate::") { vec![] } else { module.to_vec() };
        let mut paths = Vec::new();
        expand(tree.trim_start_matches("crate::"), &base, &mut paths);
        let is_it = |target: &&Vec<String>| target.last() == Some(item) && target.len() > module.len();
        if let Some(target) = paths.iter().find(is_it) {
            return defining_file(target, files, depth - 1);
        }
    }
    Some(file)
}

/// Files that import each other, one after the other, the first again in the end.
fn circle(imports: &BTreeMap<&str, BTreeSet<&str>>) -> Option<Vec<String>> {
    fn visit<'a>(
        file: &'a str,
        imports: &BTreeMap<&'a str, BTreeSet<&'a str>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(at) = way.iter().position(|seen| *seen == file) {
            return Some(way[at..].iter().chain([&file]).map(|file| (*file).to_owned()).collect());
        }
        if done.contains(file) {
            return None;
        }
        way.push(file);
        let found = imports.get(file).into_iter().flatten().find_map(|next| visit(next, imports, way, done));
        way.pop();
        done.insert(file);
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|file| visit(file, imports, &mut Vec::new(), &mut done))
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let files = sources();
    let mut imports = BTreeMap::<&str, BTreeSet<&str>>::new();
    for (file, text) in &files {
        let paths = imported_paths(file, text);
        let defined = paths.iter().filter_map(|path| defining_file(path, &files, 5)).filter(|other| other != file);
        imports.entry(file).or_default().extend(defined);
    }
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 300, "the scan is blind");
    if std::env::var_os("SHOW_IMPORTS").is_some() {
        println!("{imports:#?}");
    }
    assert_eq!(circle(&imports), None);
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

#[test]
fn the_scan_sees_paths_and_circles() {
    let paths = |file, text| imported_paths(file, text).iter().map(|path| path.join("::")).collect::<Vec<_>>();
    let text = "use super::{\n    a::{B, c::D},\n    e::F as G,\n};\nuse crate::x::Y;\npub use super::hidden::H;\n#[cfg(test)]\nuse crate::z;";
    assert_eq!(paths("room/file.rs", text), ["x::Y", "room::a::B", "room::a::c::D", "room::e::F"]);
    let files = [("room/mod.rs", "\npub use thing::{Other, Thing};"), ("room/thing.rs", ""), ("app.rs", "")]
        .map(|(file, text)| (file.to_owned(), text.to_owned()));
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(defining_file(&path("room::Thing"), &files, 5), Some("room/thing.rs"));
    assert_eq!(defining_file(&path("room::Unknown"), &files, 5), Some("room/mod.rs"));
    let imports =
        BTreeMap::from([("a", BTreeSet::from(["b"])), ("b", BTreeSet::from(["c"])), ("c", BTreeSet::from(["b"]))]);
    assert_eq!(circle(&imports).unwrap(), ["b", "c", "b"]);
}
