//! What every source promises of every form of range, whatever is wrapped around it: against a real S3 store, a real web
//! server, files, and servers that no real one is like.
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
    num::NonZeroUsize,
    path::Path,
    sync::{Arc, LazyLock},
    time::Duration,
};

use reductionist::{
    credentials::{Authorization, Caller, Credentials, Payer},
    resources::{
        Budget, ClientId, Connection, MEMORY_UNIT, Pool, ResourceLimits, ResourceManager, Shares, memory_units,
    },
    source::{
        AddressPolicy, Addressing, Counted, Fetched, FileLocation, FileSource, HttpClient, HttpLocation, HttpSource,
        Limited, Location, PerStore, Policy, Prefixes, Range, Read, Retry, RetryPolicy, Roots, S3ClientMap, S3Location,
        S3Settings, S3Source, Setup, Source, SourceError, SourceErrorKind, Sources, Stores, Suffixes, Version,
    },
    telemetry::Metrics,
};
use support::{
    ACCESS_KEY, Directory, PRIVATE_BUCKET, S3, SECRET_KEY,
    faulty::{FaultyStore, Reply, response},
    web::Web,
};
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(5);
const LONG: usize = 300_000;
static ROOTS: LazyLock<Roots> = LazyLock::new(|| Roots::load(None).unwrap());

/// Names and contents of the objects that have to be there.
fn objects() -> [(&'static str, Vec<u8>); 3] {
    let long = (0..LONG).map(|i| (i * 7 % 251) as u8).collect();
    [("ten", (1..=10).collect()), ("empty", Vec::new()), ("long", long)]
}

/// Ranges of all forms: inside objects, at their edges, and beyond.
fn ranges() -> Vec<Range> {
    let (ten, long) = (10, LONG as u64);
    let bounded = [(0, 1), (2, 4), (0, ten), (9, 1), (9, 2), (ten, 1), (0, long), (long - 5, 5), (long - 5, 6)];
    let bounded = bounded.map(|(offset, size)| Range::Bounded { offset, size });
    let from = [0, 1, 9, ten, ten + 1, long - 1, long, 1 << 62].map(Range::From);
    let last = [1, 4, ten, ten + 1, 70_000, long, long + 1, 1 << 62].map(Range::Last);
    let up_to = [(0, 4), (0, ten), (0, 11), (9, 9), (ten, 1), (long - 5, 6), (long, 1), (1 << 62, 9)];
    let up_to = up_to.map(|(offset, size)| Range::UpTo { offset, size });
    [&bounded[..], &from, &last, &up_to].concat()
}

/// What a range of an object is; None if it is outside.
fn expected(range: Range, object: &[u8]) -> Option<&[u8]> {
    match range {
        Range::Bounded { offset, size } => object.get(offset as usize..)?.get(..size as usize),
        Range::UpTo { offset: 0, size } => Some(object.get(..size as usize).unwrap_or(object)),
        Range::UpTo { offset, size } => object
            .get(offset as usize..)
            .filter(|rest| !rest.is_empty())
            .map(|rest| rest.get(..size as usize).unwrap_or(rest)),
        Range::From(0) => Some(object),
        Range::From(offset) => object.get(offset as usize..).filter(|rest| !rest.is_empty()),
        Range::Last(size) => Some(&object[object.len().saturating_sub(size as usize)..]),
    }
}

fn caller() -> Caller {
    let authorization = Some(Authorization::Basic(Credentials::new(ACCESS_KEY, SECRET_KEY)));
    Caller { client: ClientId(1), authorization, payer: Payer::Owner }
}

/// A budget, and a view of what is left of it once it is dropped.
fn budget(len: usize) -> (Budget, Arc<Shares>) {
    let shares = Shares::new(memory_units(len), 0);
    let budget = Budget::new(shares.try_acquire(memory_units(len)).unwrap(), Arc::new(Pool::new(1 << 16, 0)));
    (budget, shares)
}

async fn fetch<S: Source>(
    source: &S,
    location: &S::Location,
    range: Range,
    max_len: usize,
    version: Option<&Version>,
    budget: &mut Budget,
) -> Result<Fetched, SourceError> {
    let caller = caller();
    let deadline = Instant::now() + TIMEOUT;
    source.fetch(&Read { location, range, max_len, version, caller: &caller, deadline }, budget).await
}

/// Tries all promises of a source, whose objects are those of [`objects`].
async fn assert_kept<S: Source>(what: &str, source: &S, at: impl Fn(&str) -> S::Location) {
    for (name, object) in objects() {
        for range in ranges() {
            assert_range(&format!("{what}: {range} of {name}"), source, &at(name), range, &object).await;
        }
    }
    assert_bounded(what, source, &at("long")).await;
    assert_versions(what, source, &at("ten")).await;
    let (mut budget, _) = budget(LONG);
    let missing = fetch(source, &at("missing"), Range::Last(1), LONG, None, &mut budget).await.unwrap_err();
    assert_eq!(missing.kind, SourceErrorKind::NotFound, "{what}: {missing}");
}

/// The range is exactly what comes, or an error; and memory is held for what came, and for nothing else.
async fn assert_range<S: Source>(what: &str, source: &S, location: &S::Location, range: Range, object: &[u8]) {
    let (mut budget, shares) = budget(LONG);
    match (fetch(source, location, range, LONG, None, &mut budget).await, expected(range, object)) {
        (Ok(fetched), Some(expected)) => {
            assert!(*fetched.bytes == *expected, "{what}: other bytes");
            assert!(fetched.version.is_some(), "{what}: no version");
            drop(budget);
            assert_eq!(shares.units() - shares.free(), memory_units(expected.len()), "{what}");
        }
        (Err(error), None) => {
            assert_eq!(error.kind, SourceErrorKind::OutsideObject, "{what}: {error}");
            assert!(budget.allocate(LONG).is_ok(), "{what}: the budget is whole again");
        }
        (outcome, _) => panic!("{what}: {outcome:?}"),
    }
}

/// No more memory is taken than a read allows, or a budget has, whatever the object.
async fn assert_bounded<S: Source>(what: &str, source: &S, long: &S::Location) {
    let too_long = LONG as u64 + 1;
    for range in [Range::From(0), Range::From(5), Range::Last(too_long), Range::Bounded { offset: 5, size: 100 }] {
        let (mut budget, _) = budget(LONG);
        let error = fetch(source, long, range, 99, None, &mut budget).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::TooLarge, "{what}: {range}: {error}");
        assert!(budget.allocate(LONG).is_ok(), "{what}: {range}: nothing is held");
    }
    let (mut small, _) = budget(MEMORY_UNIT);
    for range in [Range::From(0), Range::Last(too_long), Range::Bounded { offset: 5, size: 2000 }] {
        let error = fetch(source, long, range, LONG, None, &mut small).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Internal, "{what}: {range}: {error}");
    }
    assert!(fetch(source, long, Range::Last(99), 99, None, &mut small).await.is_ok(), "{what}: what fits is read");
}

async fn assert_versions<S: Source>(what: &str, source: &S, ten: &S::Location) {
    let (mut budget, _) = budget(LONG);
    for range in [Range::Bounded { offset: 2, size: 3 }, Range::From(4), Range::Last(3)] {
        let version = fetch(source, ten, range, LONG, None, &mut budget).await.unwrap().version;
        let again = fetch(source, ten, range, LONG, version.as_ref(), &mut budget).await.unwrap();
        assert_eq!(again.version, version, "{what}: {range}");
        let other = Version::parse("\"0123456789abcdef\"").unwrap();
        let error = fetch(source, ten, range, LONG, Some(&other), &mut budget).await.unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::OtherVersion, "{what}: {range}: {error}");
    }
}

/// The parts of sources, and what can be put around them.
struct Parts {
    resources: Arc<ResourceManager>,
    metrics: Metrics,
    retry: RetryPolicy,
}

impl Parts {
    fn new() -> Self {
        let few = NonZeroUsize::new(2).unwrap();
        let limits = ResourceLimits {
            memory: None,
            s3_connections: Some(few),
            http_connections: Some(few),
            file_reads: few,
            threads: few,
            queue: 10,
            queue_timeout: TIMEOUT,
        };
        let retry = RetryPolicy { retries: 2, first_delay: Duration::from_millis(1) };
        Self { resources: Arc::new(ResourceManager::new(&limits)), metrics: Metrics::new().unwrap(), retry }
    }

    fn client(&self) -> HttpClient {
        let tls = ROOTS.client_config().unwrap();
        HttpClient::new(tls, AddressPolicy::default(), TIMEOUT, TIMEOUT)
    }

    fn s3(&self) -> S3Source {
        let settings = S3Settings {
            region: PerStore::new("us-east-1".into()),
            connect_timeout: TIMEOUT,
            read_timeout: TIMEOUT,
            max_clients: NonZeroUsize::MIN,
            addressing: PerStore::new(Addressing::Path),
            own_credentials: Prefixes::default(),
        };
        let clients = S3ClientMap::new(&settings, &ROOTS);
        S3Source::new(Arc::new(clients), self.client(), TIMEOUT)
    }

    fn http(&self) -> HttpSource {
        HttpSource::new(self.client(), TIMEOUT, Policy::default())
    }

    fn file(&self, root: &Path) -> FileSource {
        FileSource::new(root, Arc::clone(&self.resources)).unwrap()
    }

    fn counted<S>(&self, source: S) -> Counted<S> {
        Counted { source, metrics: self.metrics.store("test") }
    }

    fn limited<S>(&self, source: S) -> Limited<S> {
        Limited { source, connection: Connection::Http, resources: Arc::clone(&self.resources) }
    }

    fn retried<S>(&self, source: S) -> Retry<S> {
        Retry { source, policy: self.retry, stores: Arc::<Stores>::default(), metrics: self.metrics.store("test") }
    }

    fn all(&self, root: &Path) -> Sources {
        Sources::new(Setup {
            s3: self.s3(),
            http: self.http(),
            file: Some(self.file(root)),
            retry: self.retry,
            resources: Arc::clone(&self.resources),
            metrics: self.metrics.clone(),
            stores: Arc::default(),
        })
    }

    /// Tries a source with each of the others around it, and with all of them.
    async fn assert_kept<S: Source + Clone>(&self, what: &str, source: S, at: impl Fn(&str) -> S::Location) {
        assert_kept(what, &source, &at).await;
        assert_kept(&format!("suffixes of {what}"), &Suffixes { source: source.clone() }, &at).await;
        assert_kept(&format!("counted {what}"), &self.counted(source.clone()), &at).await;
        assert_kept(&format!("limited {what}"), &self.limited(source.clone()), &at).await;
        assert_kept(&format!("retried {what}"), &self.retried(source.clone()), &at).await;
        let all = self.retried(self.limited(self.counted(Suffixes { source })));
        assert_kept(&format!("all around {what}"), &all, &at).await;
        let free = self.resources.usages().filter(|usage| usage.used > 0).count();
        assert_eq!(free, 0, "{what}: nothing is held");
    }
}

#[tokio::test]
async fn s3_stores_answer_every_range() {
    let s3 = S3::start(0).await;
    objects().into_iter().for_each(|(name, content)| s3.put(name, content));
    let at = |name: &str| S3Location::from_url(&format!("{}/{PRIVATE_BUCKET}/{name}", s3.url())).unwrap();
    let parts = Parts::new();
    parts.assert_kept("S3", Suffixes { source: parts.s3() }, at).await;
    let none = Directory::new("no-files");
    assert_kept("sources of S3", &parts.all(&none.0), |name| Location::S3(at(name))).await;
}

#[tokio::test]
async fn web_servers_answer_every_range() {
    let directory = Directory::new("ranges-web");
    objects().into_iter().for_each(|(name, content)| drop(directory.put(&format!("private/{name}"), content)));
    let web = Web::start(&directory.0).await;
    let parts = Parts::new();
    let at = |path: &str| HttpLocation::from_url(&format!("{}/{path}", web.url())).unwrap();
    parts.assert_kept("HTTP", Suffixes { source: parts.http() }, |name| at(&format!("private/{name}"))).await;
    let moved = |name: &str| Location::Http(at(&format!("moved/private/{name}")));
    assert_kept("sources of HTTP", &parts.all(&directory.0), moved).await;
}

#[tokio::test]
async fn files_answer_every_range() {
    let directory = Directory::new("ranges-files");
    objects().into_iter().for_each(|(name, content)| drop(directory.put(name, content)));
    let at = |name: &str| FileLocation::from_url(&format!("file:///{name}")).unwrap();
    let parts = Parts::new();
    parts.assert_kept("files", parts.file(&directory.0), at).await;
    assert_kept("sources of files", &parts.all(&directory.0), |name| Location::File(at(name))).await;
}

/// Reads a range of an object of 3000 bytes from a web server and from an S3 store that answer as scripted.
async fn read_scripted(
    script: impl Fn(usize, String) -> Reply + Send + Sync + Clone + 'static,
    range: Range,
    max_len: usize,
) -> Result<Vec<u8>, SourceErrorKind> {
    let parts = Parts::new();
    let stores = [FaultyStore::start(script.clone()).await, FaultyStore::start(script).await];
    let [http, s3] = stores.each_ref().map(|store| format!("{}/bucket/key", store.url));
    let (mut left, _) = budget(max_len);
    let (http, s3) = (HttpLocation::from_url(&http).unwrap(), S3Location::from_url(&s3).unwrap());
    let by_http = fetch(&Suffixes { source: parts.http() }, &http, range, max_len, None, &mut left).await;
    let by_http = by_http.map(|fetched| fetched.bytes.to_vec()).map_err(|error| error.kind);
    assert!(by_http.is_ok() || left.allocate(max_len).is_ok(), "{range}: the budget is whole again");
    let (mut left, _) = budget(max_len);
    let by_s3 = fetch(&Suffixes { source: parts.s3() }, &s3, range, max_len, None, &mut left).await;
    assert_eq!(by_http, by_s3.map(|fetched| fetched.bytes.to_vec()).map_err(|error| error.kind), "{range}");
    by_http
}

fn scripted_object() -> Vec<u8> {
    (0..3000_usize).map(|i| (i % 251) as u8).collect()
}

/// The object in pieces of so many bytes, whose number nobody is told.
fn chunked(object: &[u8], piece_len: usize) -> Vec<u8> {
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let pieces = object
        .chunks(piece_len)
        .flat_map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
    head.into_iter().chain(pieces).chain(*b"0\r\n\r\n").collect()
}

#[tokio::test]
async fn the_range_is_cut_out_of_what_servers_send_that_ignore_it() {
    let object = scripted_object();
    let bounded = [(0, 1), (7, 2000), (2999, 1), (0, 3000), (1, 3000)];
    let bounded = bounded.map(|(offset, size)| Range::Bounded { offset, size });
    let from = [0, 1, 2999, 3000, 9000].map(Range::From);
    let last = [1, 99, 2999, 3000, 3001, 1 << 40].map(Range::Last);
    let up_to = [(0, 9), (0, 4000), (7, 2993), (2999, 3), (3000, 1)].map(|(offset, size)| Range::UpTo { offset, size });
    for range in [&bounded[..], &from, &last, &up_to].concat() {
        let whole = response("200 OK", &[], &object);
        let outcome = read_scripted(move |_, _| Reply::Close(whole.clone()), range, 4000).await;
        assert_eq!(outcome.ok().as_deref(), expected(range, &object), "{range}");
        for piece_len in [1, 100, 2999, 3000] {
            let whole = chunked(&object, piece_len);
            let outcome = read_scripted(move |_, _| Reply::Close(whole.clone()), range, 4000).await;
            assert_eq!(outcome.ok().as_deref(), expected(range, &object), "{range} in pieces of {piece_len}");
        }
    }
}

#[tokio::test]
async fn the_end_of_an_object_of_any_length_takes_no_more_memory_than_was_asked_for() {
    let object = scripted_object();
    for (range, max_len) in [(Range::Last(3000), 2999), (Range::Last(1 << 40), 2999), (Range::From(0), 2999)] {
        for whole in [response("200 OK", &[], &object), chunked(&object, 100)] {
            let outcome = read_scripted(move |_, _| Reply::Close(whole.clone()), range, max_len).await;
            assert_eq!(outcome, Err(SourceErrorKind::TooLarge), "{range}");
        }
    }
    // The last bytes of a long body pass through room for them alone.
    let whole = chunked(&object, 64);
    let outcome = read_scripted(move |_, _| Reply::Close(whole.clone()), Range::Last(100), 100).await;
    assert_eq!(outcome.as_deref(), Ok(&object[2900..]));
    // A length that is only announced takes nothing.
    let headers = ["Content-Range: bytes 0-1099511627775/1099511627776", "Content-Length: 1099511627776"];
    let announced = response("206 Partial Content", &headers, b"");
    let outcome = read_scripted(move |_, _| Reply::Close(announced.clone()), Range::Last(1 << 40), 4000).await;
    assert_eq!(outcome, Err(SourceErrorKind::TooLarge));
}

#[tokio::test]
async fn what_a_server_calls_no_suffix_is_the_whole_of_a_short_object_and_nothing_of_a_long_one() {
    let refuses_suffixes = |object: Vec<u8>| {
        move |_: usize, head: String| {
            let is_suffix = head.to_lowercase().contains("range: bytes=-");
            let status = if is_suffix { "416 Range Not Satisfiable" } else { "200 OK" };
            Reply::Close(response(status, &[], if is_suffix { b"" } else { &object }))
        }
    };
    for object in [Vec::new(), vec![1; 9], vec![1; 10]] {
        let outcome = read_scripted(refuses_suffixes(object.clone()), Range::Last(10), 4000).await;
        assert_eq!(outcome, Ok(object));
    }
    for size in [10, 2999] {
        let outcome = read_scripted(refuses_suffixes(scripted_object()), Range::Last(size), 4000).await;
        assert_eq!(outcome, Err(SourceErrorKind::OutsideObject));
    }
    let outcome = read_scripted(refuses_suffixes(scripted_object()), Range::Last(3000), 2999).await;
    assert_eq!(outcome, Err(SourceErrorKind::TooLarge));
    // Nothing else is asked twice.
    let refuses_all = |number: usize, _: String| {
        assert_eq!(number, 0, "one request");
        Reply::Close(response("416 Range Not Satisfiable", &[], b""))
    };
    for range in [Range::From(1), Range::Bounded { offset: 0, size: 1 }] {
        assert_eq!(read_scripted(refuses_all, range, 4000).await, Err(SourceErrorKind::OutsideObject));
    }
}

#[tokio::test]
async fn an_end_that_may_not_be_the_end_is_not_taken_for_it() {
    let object = scripted_object();
    for (content_range, body) in [
        ("Content-Range: bytes 2990-2999/*", &object[2990..]),
        ("Content-Range: bytes 2980-2989/3000", &object[2980..2990]),
        ("Content-Range: bytes 2995-2999/3000", &object[2995..]),
        ("Content-Range: bytes 0-2999/3001", &object[..]),
    ] {
        let answer = response("206 Partial Content", &[content_range], body);
        let outcome = read_scripted(move |_, _| Reply::Close(answer.clone()), Range::Last(10), 4000).await;
        assert_eq!(outcome, Err(SourceErrorKind::Nonsense), "{content_range}");
    }
    let answer = response("206 Partial Content", &["Content-Range: bytes 2980-2999/3000"], &object[2980..]);
    let outcome = read_scripted(move |_, _| Reply::Close(answer.clone()), Range::Last(10), 4000).await;
    assert_eq!(outcome.as_deref(), Ok(&object[2990..]), "more than was asked for");
}
