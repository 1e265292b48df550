//! The same promises for every kind of source, and what only some of them can do.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{os::unix::fs::symlink, path::Path};

use serde_json::json;
use support::{
    ACCESS_KEY, Answer, Client, Directory, PRIVATE_BUCKET, PUBLIC_BUCKET, S3, SECRET_KEY, Service,
    contract::{Contract, Interface, Place, objects},
    web::Web,
};

/// A directory with the objects of the contract below each of the parents.
fn with_objects(name: &str, parents: &[&str]) -> Directory {
    let directory = Directory::new(name);
    for parent in parents {
        for (name, content) in objects(false) {
            directory.put(&format!("{parent}/{name}"), content);
        }
    }
    directory
}

fn place(interface: Interface, url: String) -> Place {
    let (private, public) = (Some(PRIVATE_BUCKET), Some(PUBLIC_BUCKET));
    let credentials = (ACCESS_KEY.to_owned(), SECRET_KEY.to_owned());
    let keeps_slashes = matches!(interface, Interface::S3 | Interface::S3V1);
    Place { interface, url, private, public, credentials, keeps_slashes }
}

async fn assert_kept(place: Place, flags: &[&str]) {
    let contract = Contract { place, service: Service::start(flags).await, client: Client::default() };
    let verdicts = contract.try_all().await;
    let broken: Vec<_> = verdicts.into_iter().filter_map(|(claim, verdict)| Some((claim, verdict.err()?))).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn s3_stores_keep_the_contract_in_both_dialects() {
    let s3 = S3::start(0).await;
    objects(true).into_iter().for_each(|(name, content)| s3.put(name, content));
    for interface in [Interface::S3V1, Interface::S3] {
        assert_kept(place(interface, s3.url()), &[]).await;
    }
    let only_this = format!("{}/", s3.url());
    assert_kept(place(Interface::S3, s3.url()), &["--allow-source", &only_this, "--s3-connection-limit", "2"]).await;
}

#[tokio::test]
async fn web_servers_keep_the_contract() {
    let directory = with_objects("web", &["private", "public"]);
    let web = Web::start(&directory.0).await;
    assert_kept(place(Interface::Http, web.url()), &[]).await;
    let allowed = format!("{0}/private,{0}/public", web.url());
    assert_kept(place(Interface::Http, web.url()), &["--allow-source", &allowed, "--http-connection-limit", "2"]).await;
}

#[tokio::test]
async fn files_keep_the_contract() {
    let directory = with_objects("files", &["public"]);
    let files = |url: &str| Place { private: None, ..place(Interface::File, url.to_owned()) };
    assert_kept(files("file://"), &["--file-root", directory.text()]).await;
    let absolute = format!("file://{}", directory.text());
    assert_kept(files(&absolute), &["--file-root", directory.text(), "--file-read-limit", "1"]).await;
    // The operator's prefixes are about servers.
    let allowed = ["--file-root", directory.text(), "--allow-source", "http://127.0.0.1:1"];
    assert_kept(files("file://localhost"), &allowed).await;
}

async fn select(service: &Service, interface: &str, url: &str) -> Answer {
    let body = json!({"interface_type": interface, "url": url, "dtype": "uint8"});
    Client::default().post(&format!("{}/v2/select", service.url()), &body).await
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.error());
    assert!(answer.error().contains(text), "{text:?} is not in {:?}", answer.error());
}

#[tokio::test]
async fn no_path_leads_out_of_the_directory_that_the_operator_names() {
    let directory = Directory::new("escapes");
    directory.put("secret", b"secret");
    directory.put("root/open", b"open");
    directory.put("root/below/deep", b"deep");
    directory.put("root-private/file", b"secret");
    let root = directory.0.join("root");
    let link = |to: &Path, from: &str| symlink(to, root.join(from)).unwrap();
    link(Path::new("open"), "inside");
    link(Path::new("../open"), "below/up");
    link(Path::new("../secret"), "out");
    link(&directory.0.join("secret"), "absolute");
    link(&root.join("open"), "absolute-inside");
    link(&root.join("below"), "directory");
    link(&root.join("directory/deep"), "chain");
    link(Path::new(".."), "parent");
    link(Path::new("/"), "slash");
    link(Path::new("loop"), "loop");
    let service = Service::start(&["--file-root", root.to_str().unwrap()]).await;
    let read = async |path: &str| select(&service, "file", &format!("file:///{path}")).await;
    for (path, content) in [
        ("open", "open"),
        ("inside", "open"),
        ("below/up", "open"),
        ("below/../open", "open"),
        ("below/./deep", "deep"),
        ("/open", "open"),
        ("%6Fpen", "open"),
        (&format!("{}/open", root.display()), "open"),
        ("absolute-inside", "open"),
        ("directory/deep", "deep"),
        ("chain", "deep"),
        (&format!("slash{}/directory/up", root.display()), "open"),
    ] {
        let answer = read(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.error());
        assert_eq!(answer.result(), content.as_bytes(), "{path}");
    }
    let outside = directory.0.join("secret");
    for path in [
        "../secret",
        "%2e%2e/secret",
        "..%2Fsecret",
        "below/../../secret",
        "../root-private/file",
        "out",
        "absolute",
        "parent/secret",
        "slash/etc/passwd",
        "below/../out",
        &format!("{}/../secret", root.display()),
        &format!("slash{}", outside.display()),
    ] {
        let answer = read(path).await;
        assert_error(&answer, 403, "--file-root");
        assert!(!answer.body.windows(6).any(|part| part == b"secret"), "{path}");
    }
    // Absolute names are looked for below the root, where they are not.
    for path in
        ["etc/passwd", &outside.display().to_string(), "//etc/passwd", &format!("{}-private/file", root.display())]
    {
        assert_error(&read(path).await, 400, "there is no such file");
    }
    assert_error(&read("open%00").await, 400, "url: must not have NUL");
    assert_error(&read("loop").await, 502, "the file cannot be read");
    assert_error(&select(&service, "file", "file://elsewhere/open").await, 400, "without a host");
    assert_error(&select(&service, "file", "/open").await, 400, "url: must be file:///path");
    assert_error(&read("open?x").await, 400, "write ? as %3F");
    assert_error(&read(&"x".repeat(4000)).await, 400, "the path cannot be opened");
}

#[tokio::test]
async fn only_files_are_read() {
    let directory = Directory::new("kinds");
    directory.put("below/file", b"file");
    let made = std::process::Command::new("mkfifo").arg(directory.0.join("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(directory.0.join("socket")).unwrap();
    let service = Service::start(&["--file-root", directory.text(), "--request-timeout", "5s"]).await;
    // Nobody ever writes into the pipe.
    for path in ["below", "", "pipe", "below/"] {
        assert_error(&select(&service, "file", &format!("file:///{path}")).await, 400, "not a file");
    }
    assert_error(&select(&service, "file", "file:///socket").await, 502, "the file cannot be read");
    assert_error(&select(&service, "file", "file:///below/file/x").await, 400, "there is no such file");
}

#[tokio::test]
async fn redirects_lead_where_their_client_could_go() {
    let directory = with_objects("redirects", &["private", "public"]);
    let web = Web::start(&directory.0).await;
    let open = Service::start(&[]).await;
    let url = |path: &str| format!("{}{path}", web.url());
    let answer = select(&open, "http", &url("/moved/public/ten")).await;
    assert_eq!((answer.status.as_u16(), answer.result().len()), (200, 10));
    // Credentials go along, to the same server.
    assert_eq!(select(&open, "https", &url("/moved/private/ten")).await.status, 200);
    // Another server is asked, which is not there.
    assert_error(&select(&open, "http", &url("/away/ten")).await, 502, "cannot be reached");
    assert_error(&select(&open, "http", &url("/round")).await, 502, "redirects more than");
    // What the operator does not allow is not reached by a detour either.
    let guarded = Service::start(&["--allow-source", &url("/moved/")]).await;
    assert_error(&select(&guarded, "http", &url("/moved/public/ten")).await, 403, "--allow-source");
}

#[tokio::test]
async fn urls_of_web_servers_say_what_is_asked_for_and_nothing_else() {
    let service = Service::start(&[]).await;
    for (url, text) in [
        ("ftp://store/x", "url: must begin with http:// or https://"),
        ("store/x", "url: is not a URL"),
        ("http://", "url: is not a URL"),
        ("http://user@store/x", "url: must not hold credentials"),
        ("http://:secret@store/x", "url: must not hold credentials"),
        ("http://store/x#y", "url: must not have a #"),
        ("http://store/x\ny", "url: must not have control characters"),
    ] {
        let answer = select(&service, "http", url).await;
        assert_error(&answer, 400, text);
        assert!(!answer.error().contains("secret"), "{}", answer.error());
    }
}
