//! Objects as providers give access to them: versions, redirects, tokens, regions, buckets whose readers pay.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    sync::{Arc, Mutex},
};

use hyper::header;
use serde_json::{Value, json};
use support::{
    Answer, Client, Directory, Fixture, Service,
    faulty::{FaultyStore, Reply, response},
    json_request, merged, numbers,
    web::Web,
};

const DATA: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

#[track_caller]
fn assert_sum(answer: &Answer, expected: u64) {
    assert_eq!(answer.status, 200, "{}", answer.error());
    assert_eq!(numbers::<u64>(&answer.result()), [expected]);
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{}", answer.error());
    assert!(answer.error().contains(text), "{text:?} is not in {:?}", answer.error());
}

/// A store that notes the head of each request, and answers as scripted.
struct Noted {
    store: FaultyStore,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Noted {
    async fn start(script: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heads);
        let store = FaultyStore::start(move |_, head| {
            let reply = Reply::Close(script(&head));
            noted.lock().unwrap().push(head);
            reply
        })
        .await;
        Self { store, heads }
    }

    fn url(&self) -> &str {
        &self.store.url
    }

    /// The heads since the last time, in lower case.
    fn heads(&self) -> Vec<String> {
        std::mem::take(&mut *self.heads.lock().unwrap()).iter().map(|head| head.to_lowercase()).collect()
    }
}

/// All ten bytes, with headers.
fn ten(headers: &[&str]) -> Vec<u8> {
    response("200 OK", headers, DATA)
}

async fn sum(service: &Service, interface: &str, url: &str, fields: Value) -> Answer {
    let body = merged(json!({"interface_type": interface, "url": url, "dtype": "uint8"}), fields);
    Client::default().post_as(&format!("{}/v2/sum", service.url()), &body, None).await
}

/// The same with headers.
async fn sum_with(service: &Service, interface: &str, url: &str, headers: &[(&'static str, &str)]) -> Answer {
    let body = json!({"interface_type": interface, "url": url, "dtype": "uint8"});
    let mut request = json_request(&format!("{}/v2/sum", service.url()), body.to_string(), None);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    Client::default().send(request).await
}

#[tokio::test]
async fn answers_say_which_version_they_are_of_and_other_versions_are_refused() {
    let fixture = Fixture::start(&[]).await;
    fixture.s3.put("ten", DATA);
    for post in ["v1", "v2"] {
        let ask = async |fields: Value| match post {
            "v1" => fixture.post("sum", &fixture.request("ten", "uint8", fields)).await,
            _ => fixture.post_v2("sum", &fixture.request_v2("ten", "uint8", fields)).await,
        };
        let answer = ask(json!({})).await;
        assert_sum(&answer, 55);
        let etag = answer.header("x-activestorage-etag").to_owned();
        assert!(etag.starts_with('"') && etag.len() > 10, "{etag}");
        let weak = format!("W/{etag}");
        for same in [etag.as_str(), etag.trim_matches('"'), &weak] {
            let answer = ask(json!({"etag": same, "offset": 2, "size": 4})).await;
            assert_sum(&answer, 18);
            assert_eq!(answer.header("x-activestorage-etag"), etag);
        }
        for other in ["\"old\"", "old", "W/\"old\""] {
            assert_error(&ask(json!({"etag": other})).await, 412, "the object has changed");
        }
        for nonsense in [json!(""), json!("\""), json!("a b"), json!(1), json!("\"a\"b\"")] {
            assert_error(&ask(json!({"etag": nonsense})).await, 400, "etag");
        }
    }
    // Between looking up the offsets and asking.
    let before = fixture.post_v2("sum", &fixture.request_v2("ten", "uint8", json!({}))).await;
    fixture.s3.put("ten", [DATA, DATA].concat());
    let etag = before.header("x-activestorage-etag");
    let body = fixture.request_v2("ten", "uint8", json!({"etag": etag, "offset": 0, "size": 10}));
    assert_error(&fixture.post_v2("sum", &body).await, 412, "the object has changed");
}

#[tokio::test]
async fn versions_are_compared_whether_the_store_does_or_not() {
    let service = Service::start(&[]).await;
    for interface in ["s3", "http"] {
        for (headers, etag, status) in [
            (&["ETag: \"new\""][..], "\"new\"", 200),
            (&["ETag: W/\"new\""], "\"new\"", 200),
            (&["ETag: \"new\""], "\"old\"", 412),
            (&["Last-Modified: Thu, 01 Jan 1970 00:00:16 GMT"], "W/\"10-a\"", 200),
            (&["Last-Modified: Thu, 01 Jan 1970 00:00:16 GMT"], "W/\"11-a\"", 412),
            // Nobody can tell.
            (&[], "\"old\"", 412),
        ] {
            let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
            let store = Noted::start(move |_| ten(&headers.iter().map(String::as_str).collect::<Vec<_>>())).await;
            let answer = sum(&service, interface, &format!("{}/bucket/key", store.url()), json!({"etag": etag})).await;
            assert_eq!(answer.status, status, "{interface} {etag}: {}", answer.error());
            let is_asked = store.heads()[0].contains("if-match: ");
            assert_eq!(is_asked, !etag.starts_with("W/"), "a weak tag is no condition");
        }
        let store = Noted::start(|_| response("412 Precondition Failed", &["ETag: \"new\""], b"")).await;
        let url = format!("{}/bucket/key", store.url());
        assert_error(&sum(&service, interface, &url, json!({"etag": "\"old\""})).await, 412, "has \"new\"");
        // To a request without a condition it is nonsense.
        assert_eq!(sum(&service, interface, &url, json!({})).await.status, 400);
    }
}

#[tokio::test]
async fn a_read_that_is_repeated_is_of_one_version() {
    let service = Service::start(&[]).await;
    for interface in ["s3", "http"] {
        let old =
            b"HTTP/1.1 200 OK\r\nETag: \"old\"\r\nContent-Length: 10\r\nConnection: close\r\n\r\n\x09\x09\x09\x09\x09";
        let store = FaultyStore::start(move |number, _| {
            Reply::Close(if number == 0 { old.to_vec() } else { ten(&["ETag: \"new\""]) })
        })
        .await;
        let answer = sum(&service, interface, &format!("{}/bucket/key", store.url), json!({})).await;
        assert_sum(&answer, 55);
        assert_eq!(answer.header("x-activestorage-etag"), "\"new\"");
    }
}

#[tokio::test]
async fn files_have_versions_too() {
    let directory = Directory::new("versions");
    let path = directory.put("ten", DATA);
    let service = Service::start(&["--file-root", directory.text()]).await;
    let ask = async |fields: Value| sum(&service, "file", "file:///ten", fields).await;
    let etag = ask(json!({})).await.header("x-activestorage-etag").to_owned();
    assert_sum(&ask(json!({"etag": etag})).await, 55);
    fs::write(&path, [DATA, DATA].concat()).unwrap();
    assert_error(&ask(json!({"etag": etag})).await, 412, "the object has changed");
    assert_sum(&ask(json!({"size": 10})).await, 55);
}

#[tokio::test]
async fn redirects_are_followed_to_other_servers_and_credentials_are_not_carried_there() {
    let target = Noted::start(|_| ten(&[])).await;
    let location = format!("Location: {}/signed?key=secret#part", target.url());
    let origin = Noted::start(move |_| response("302 Found", &[&location], b"")).await;
    let service = Service::start(&[]).await;
    let url = format!("{}/data/ten", origin.url());
    let bearer = [("authorization", "Bearer open-sesame")];
    for headers in [&[][..], &bearer, &[("authorization", "Basic dXNlcjpwYXNzd29yZA==")]] {
        assert_sum(&sum_with(&service, "http", &url, headers).await, 55);
        let (asked, led) = (origin.heads(), target.heads());
        assert_eq!(asked[0].contains("authorization: "), !headers.is_empty(), "the origin is told: {asked:?}");
        assert!(led[0].starts_with("get /signed?key=secret http") && !led[0].contains("authorization"), "{led:?}");
        // Where it leads is kept for a while, for this reader.
        assert_sum(&sum_with(&service, "http", &url, headers).await, 55);
        assert_eq!((origin.heads().len(), target.heads().len()), (0, 1));
    }
    let body = json!({"interface_type": "http", "url": url, "dtype": "uint8", "offset": 2, "size": 4});
    let answer = Client::default().post_as(&format!("{}/v2/sum", service.url()), &body, None).await;
    assert_sum(&answer, 18);
    assert!(target.heads()[0].contains("range: bytes=2-5"), "the range is kept");
}

#[tokio::test]
async fn a_url_that_was_signed_for_a_while_is_asked_for_again() {
    let valid = Arc::new(Mutex::new(1));
    let (now, signed) = (Arc::clone(&valid), Arc::clone(&valid));
    let target = Noted::start(move |head| {
        let is_valid = head.contains(&format!("/signed/{} ", now.lock().unwrap()));
        if is_valid { ten(&[]) } else { response("403 Forbidden", &[], b"<Error><Code>AccessDenied</Code></Error>") }
    })
    .await;
    let base = target.url().to_owned();
    let origin = Noted::start(move |_| {
        let location = format!("Location: {base}/signed/{}", signed.lock().unwrap());
        response("307 Temporary Redirect", &[&location], b"")
    })
    .await;
    let service = Service::start(&[]).await;
    let ask = async || sum(&service, "http", &format!("{}/ten", origin.url()), json!({})).await;
    assert_sum(&ask().await, 55);
    *valid.lock().unwrap() = 2;
    assert_sum(&ask().await, 55);
    assert_eq!((origin.heads().len(), target.heads().len()), (2, 3), "the old one, and the new one");
}

#[tokio::test]
async fn where_an_object_was_is_asked_anew_when_it_is_no_longer_there() {
    let gone = Noted::start(|_| ten(&["ETag: \"1\""])).await;
    let here = Noted::start(|_| ten(&["ETag: \"2\""])).await;
    let place = Arc::new(Mutex::new(gone.url().to_owned()));
    let leads = Arc::clone(&place);
    let origin =
        Noted::start(move |_| response("302 Found", &[&format!("Location: {}/ten", leads.lock().unwrap())], b"")).await;
    let service = Service::start(&[]).await;
    let url = format!("{}/latest", origin.url());
    assert_sum(&sum(&service, "http", &url, json!({"etag": "\"1\""})).await, 55);
    *place.lock().unwrap() = here.url().to_owned();
    assert_sum(&sum(&service, "http", &url, json!({"etag": "\"2\""})).await, 55);
    *place.lock().unwrap() = gone.url().to_owned();
    assert_sum(&sum(&service, "http", &url, json!({"etag": "\"1\""})).await, 55);
    gone.store.stop();
    *place.lock().unwrap() = here.url().to_owned();
    let answer = sum(&service, "http", &url, json!({})).await;
    assert_sum(&answer, 55);
    assert_eq!(answer.header("x-activestorage-etag"), "\"2\"");
}

#[tokio::test]
async fn a_page_that_asks_people_to_log_in_is_no_data() {
    for kind in ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"] {
        let kind = format!("Content-Type: {kind}");
        let login = Noted::start(move |_| response("200 OK", &[&kind], b"<html>Please log in to read on</html>")).await;
        let location = format!("Location: {}/login", login.url());
        let origin = Noted::start(move |_| response("302 Found", &[&location], b"")).await;
        let service = Service::start(&[]).await;
        let answer = sum(&service, "http", &format!("{}/file.nc", origin.url()), json!({"offset": 0, "size": 8})).await;
        assert_error(&answer, 401, "perhaps to log in");
    }
}

#[tokio::test]
async fn credentials_do_not_come_back_with_a_detour() {
    let origin_url = Arc::new(Mutex::new(String::new()));
    let back = Arc::clone(&origin_url);
    let detour =
        Noted::start(move |_| response("302 Found", &[&format!("Location: {}/chosen", back.lock().unwrap())], b""))
            .await;
    let away = format!("Location: {}/", detour.url());
    let origin =
        Noted::start(
            move |head| {
                if head.starts_with("GET /chosen") { ten(&[]) } else { response("302 Found", &[&away], b"") }
            },
        )
        .await;
    *origin_url.lock().unwrap() = origin.url().to_owned();
    let service = Service::start(&[]).await;
    for _ in 0..2 {
        let headers = [("authorization", "Bearer open-sesame")];
        assert_sum(&sum_with(&service, "http", &format!("{}/ten", origin.url()), &headers).await, 55);
        for head in origin.heads() {
            assert_eq!(head.contains("authorization"), head.starts_with("get /ten"), "{head}");
        }
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere_where_its_client_could_not_go() {
    let target = Noted::start(|_| ten(&[])).await;
    let elsewhere = format!("Location: {}/closed/ten", target.url());
    let allowed = format!("Location: {}/open/ten", target.url());
    let origin = Noted::start(move |head| {
        let location = match head {
            head if head.starts_with("GET /open/allowed") => allowed.as_str(),
            head if head.starts_with("GET /open/metadata") => "Location: http://169.254.169.254/latest",
            head if head.starts_with("GET /open/scheme") => "Location: file:///etc/passwd",
            head if head.starts_with("GET /open/user") => "Location: http://user:password@127.0.0.1/",
            head if head.starts_with("GET /open/round") => "Location: /open/round",
            _ => elsewhere.as_str(),
        };
        response("302 Found", &[location], b"")
    })
    .await;
    let sources = format!("{}/open,{}/open", origin.url(), target.url());
    let service = Service::start(&["--allow-source", &sources]).await;
    let ask = async |name: &str| sum(&service, "http", &format!("{}/open/{name}", origin.url()), json!({})).await;
    assert_sum(&ask("allowed").await, 55);
    assert_error(&ask("closed").await, 403, "--allow-source");
    assert_error(&ask("metadata").await, 403, "--allow-source");
    assert_error(&ask("scheme").await, 502, "redirect");
    assert_error(&ask("user").await, 502, "redirect");
    assert_error(&ask("round").await, 502, "more than 5 times");
    assert_eq!(target.heads().len(), 1);
    // Whatever the operator allows, addresses of the machine's inner life are not led to.
    let open = Service::start(&[]).await;
    assert_error(
        &sum(&open, "http", &format!("{}/open/metadata", origin.url()), json!({})).await,
        403,
        "--allow-source",
    );
}

#[tokio::test]
async fn bearer_tokens_are_for_web_servers_alone() {
    let origin = Noted::start(|_| ten(&[])).await;
    let service = Service::start(&[]).await;
    let url = format!("{}/bucket/ten", origin.url());
    let headers = [("authorization", "Bearer open-sesame.1_2~3+4/5==")];
    assert_sum(&sum_with(&service, "http", &url, &headers).await, 55);
    assert!(origin.heads()[0].contains("authorization: bearer open-sesame.1_2~3+4/5=="));
    let answer = sum_with(&service, "s3", &url, &headers).await;
    assert_error(&answer, 400, "S3 stores take no bearer token");
    assert!(!answer.error().contains("sesame"));
    for nonsense in ["Bearer ", "Bearer", "Bearer a b", "Token x", "Digest username=x"] {
        assert_error(&sum_with(&service, "http", &url, &[("authorization", nonsense)]).await, 400, "HTTP Basic");
    }
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    assert_error(&sum_with(&service, "http", &url, &twice).await, 400, "HTTP Basic");
    assert!(origin.heads().is_empty());
}

#[tokio::test]
async fn tokens_of_the_service_stand_where_clients_can_put_them() {
    use headers::{Authorization, HeaderMapExt};
    let directory = Directory::new("tokens");
    let file = directory.put("tokens", "open-sesame\n");
    let origin = Noted::start(|_| ten(&[])).await;
    let service = Service::start(&["--auth-token-file", file.to_str().unwrap()]).await;
    let url = format!("{}/bucket/ten", origin.url());
    let basic = |user: &str, password: &str| {
        let mut headers = hyper::HeaderMap::new();
        headers.typed_insert(Authorization::basic(user, password));
        headers[header::AUTHORIZATION].to_str().unwrap().to_owned()
    };
    let user = basic("user", "password").to_lowercase();
    for (given, own, told) in [
        (basic("open-sesame", ""), None, None),
        (basic("open-sesame", "anything"), None, None),
        (basic("open-sesame@user", "password"), None, Some(user.as_str())),
        ("Bearer open-sesame".to_owned(), None, None),
        ("Bearer of-the-archive".to_owned(), Some("open-sesame"), Some("bearer of-the-archive")),
        (basic("user", "password"), Some("open-sesame"), Some(user.as_str())),
        // A proxy adds what the client sends as well.
        (basic("open-sesame@user", "password"), Some("open-sesame"), Some(user.as_str())),
        (basic("open-sesame", ""), Some("open-sesame"), None),
        ("Bearer open-sesame".to_owned(), Some("open-sesame"), None),
    ] {
        let own = own.map(|token| ("x-reductionist-token", token));
        let headers: Vec<_> = [("authorization", given.as_str())].into_iter().chain(own).collect();
        assert_sum(&sum_with(&service, "http", &url, &headers).await, 55);
        let head = origin.heads().remove(0);
        let authorization = head.lines().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(authorization, told, "{given}");
        assert!(!head.contains("sesame") && !head.contains("x-reductionist-token"), "the store is not told");
    }
    for (given, own) in [
        (basic("user", "open-sesame"), None),
        (basic("sesame", ""), None),
        (basic("open-sesame ", ""), None),
        (basic("user@open-sesame", "password"), None),
        ("Bearer of-the-archive".to_owned(), None),
        (basic("open-sesame", ""), Some("wrong")),
    ] {
        let own = own.map(|token| ("x-reductionist-token", token));
        let headers: Vec<_> = [("authorization", given.as_str())].into_iter().chain(own).collect();
        assert_error(&sum_with(&service, "http", &url, &headers).await, 401, "token");
    }
    assert!(origin.heads().is_empty());
}

#[tokio::test]
async fn who_pays_is_told_to_the_store() {
    let store = Noted::start(|head| {
        let pays = head.to_lowercase().contains("x-amz-request-payer: requester");
        if pays { ten(&[]) } else { response("403 Forbidden", &[], b"<Error><Code>AccessDenied</Code></Error>") }
    })
    .await;
    let service = Service::start(&[]).await;
    let url = format!("{}/bucket/key", store.url());
    assert_error(&sum_with(&service, "s3", &url, &[]).await, 401, "AccessDenied");
    let keys = ("authorization", "Basic dXNlcjpwYXNzd29yZA==");
    store.heads();
    assert_sum(&sum_with(&service, "s3", &url, &[keys, ("x-amz-request-payer", "requester")]).await, 55);
    let head = store.heads().remove(0);
    assert!(head.split("signedheaders=").nth(1).is_some_and(|signed| signed.contains("x-amz-request-payer")), "{head}");
    assert_error(&sum_with(&service, "s3", &url, &[("x-amz-request-payer", "me")]).await, 400, "must be requester");
}

/// A store whose buckets are in `eu-south-2`, which it says in one of the ways that stores have.
async fn regional_store(correction: fn() -> Vec<u8>) -> Noted {
    Noted::start(move |head| if head.contains("/eu-south-2/s3/aws4_request") { ten(&[]) } else { correction() }).await
}

#[tokio::test]
async fn a_region_that_the_store_corrects_is_kept() {
    let malformed = || {
        let xml = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-south-2</Region></Error>";
        response("400 Bad Request", &[], xml)
    };
    let moved = || response("301 Moved Permanently", &["x-amz-bucket-region: eu-south-2"], b"");
    let keys = [("authorization", "Basic dXNlcjpwYXNzd29yZA==")];
    for correction in [malformed, moved as fn() -> Vec<u8>] {
        let store = regional_store(correction).await;
        let service = Service::start(&[]).await;
        for (key, requests) in [("a", 2), ("b", 1)] {
            assert_sum(&sum_with(&service, "s3", &format!("{}/bucket/{key}", store.url()), &keys).await, 55);
            assert_eq!(store.heads().len(), requests);
        }
        assert_sum(&sum_with(&service, "s3", &format!("{}/other/c", store.url()), &keys).await, 55);
        assert_eq!(store.heads().len(), 2, "another bucket may be elsewhere");
        let region = format!("eu-west-1,{}/bucket=eu-south-2", store.url());
        let told = Service::start(&["--s3-region", &region]).await;
        assert_sum(&sum_with(&told, "s3", &format!("{}/bucket/a", store.url()), &keys).await, 55);
        assert_eq!(store.heads().len(), 1, "the operator has said it");
    }
    // One that corrects what was right is not asked for ever.
    let store = Noted::start(move |_| malformed()).await;
    let service = Service::start(&["--s3-region", "eu-south-2"]).await;
    let answer = sum_with(&service, "s3", &format!("{}/bucket/a", store.url()), &keys).await;
    assert_error(&answer, 400, "AuthorizationHeaderMalformed");
    assert_eq!(store.heads().len(), 1);
}

#[tokio::test]
async fn buckets_that_want_other_signatures_are_refused_by_name() {
    let service = Service::start(&[]).await;
    for (url, told) in [
        ("https://s3express-usw2-az1.us-west-2.amazonaws.com/data--usw2-az1--x-s3/key", "S3 Express"),
        ("https://s3.us-west-2.amazonaws.com/data--usw2-az1--x-s3/key", "S3 Express"),
        ("https://data--usw2-az1--x-s3.s3express-usw2-az1.us-west-2.amazonaws.com/key", "S3 Express"),
        ("https://name.mrap.accesspoint.s3-global.amazonaws.com/key", "multi-region"),
    ] {
        assert_error(&sum(&service, "s3", url, json!({})).await, 400, told);
    }
    let body = json!({"source": "https://s3.us-west-2.amazonaws.com", "bucket": "data--usw2-az1--x-s3", "object": "key",
                      "dtype": "uint8"});
    let answer = Client::default().post(&format!("{}/v1/sum", service.url()), &body).await;
    assert_error(&answer, 400, "S3 Express");
}

#[tokio::test]
async fn real_servers_redirect_within_themselves_and_elsewhere() {
    let directory = Directory::new("moved");
    directory.put("public/ten", DATA);
    let (web, service) = (Web::start(&directory.0).await, Service::start(&[]).await);
    assert_sum(&sum(&service, "http", &format!("{}/moved/public/ten", web.url()), json!({})).await, 55);
    let answer =
        sum(&service, "http", &format!("{}/moved/public/ten", web.url()), json!({"offset": 2, "size": 4})).await;
    assert_sum(&answer, 18);
    let etag = answer.header("x-activestorage-etag").to_owned();
    assert_sum(&sum(&service, "http", &format!("{}/moved/public/ten", web.url()), json!({"etag": etag})).await, 55);
}
