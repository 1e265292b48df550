//! Where chunks are: URLs, the operator's prefixes, and what a server says of the place of its answer.
//!
//! An input is text: a line with a URL, one with prefixes, and one with offset, size, `Content-Length` and
//! `Content-Range`. A number that is none is absent; without an offset, the size is that of the end of the object.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::{Corpus, fuzz_target};
use percent_encoding::percent_decode_str;
use reductionist::source::{
    FileLocation, HttpLocation, Location, Part, Policy, Prefixes, Range, S3Location, SourceErrorKind,
};
use url::Url;

fuzz_target!(|input: &str| -> Corpus {
    let mut lines = input.split('\n');
    let (Some(url), Some(prefixes)) = (lines.next(), lines.next()) else { return Corpus::Reject };
    let locations = [http(url), s3(url), file(url)];
    let prefixes: Vec<String> = prefixes.split(' ').map(str::to_owned).collect();
    for location in locations.into_iter().flatten() {
        check_open(&location);
        check_policy(&location, &prefixes);
    }
    if let Some(answer) = lines.next() {
        check_answer(answer);
    }
    Corpus::Keep
});

fn http(url: &str) -> Option<Location> {
    let location = HttpLocation::from_url(url).ok()?;
    check_url(&location.url);
    assert_eq!(location.url.fragment(), None);
    let again = HttpLocation::from_url(location.url.as_str()).expect("it was right before");
    assert_eq!(again.url, location.url);
    Some(Location::Http(location))
}

fn s3(url: &str) -> Option<Location> {
    let location = S3Location::from_url(url).ok()?;
    check_url(&location.endpoint);
    assert_eq!(location.endpoint.path(), "/", "the path of the URL is bucket and key");
    let again = S3Location::endpoint(location.endpoint.as_str()).expect("it was right before");
    assert_eq!(again, location.endpoint);
    assert!(location.bucket.as_ref().is_none_or(|bucket| !bucket.is_empty()), "extra slashes before the bucket mean nothing");
    Some(Location::S3(location))
}

fn file(url: &str) -> Option<Location> {
    let location = FileLocation::from_url(url).ok()?;
    assert!(location.path.starts_with('/') && !location.path.contains('\0'), "{location:?}");
    Some(Location::File(location))
}

/// A server can be asked for it, without credentials.
fn check_url(url: &Url) {
    assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    assert!(url.host_str().is_some_and(|host| !host.is_empty()), "{url} has no host");
    assert!(url.username().is_empty() && url.password().is_none(), "{url} holds credentials");
}

fn check_open(location: &Location) {
    assert!(Policy::default().check(location).is_ok(), "nothing forbids it");
    assert!(!Prefixes::default().cover(location), "there is nothing that covers it");
}

/// A location is allowed only if one of the prefixes allows it, for a reason that can be seen.
fn check_policy(location: &Location, prefixes: &[String]) {
    let Ok(parsed) = Prefixes::parse(prefixes) else { return };
    let policy = Policy { allowed: parsed.clone() };
    assert!(!policy.is_open(), "prefixes are there");
    match policy.check(location) {
        Ok(()) if matches!(location, Location::File(_)) => assert!(!parsed.cover(location), "prefixes are for servers"),
        Ok(()) => {
            assert!(parsed.cover(location));
            assert!(
                prefixes.iter().any(|prefix| begins_with(location, prefix)),
                "{location:?} is not below {prefixes:?}"
            );
        }
        Err(error) => {
            assert!(!parsed.cover(location));
            let has_query = matches!(location, Location::Http(_)) && error.to_string().contains('?');
            assert!(!has_query, "{error} repeats the query");
        }
    }
}

/// Whether the location is below the prefix, however a server reads its path: as it is, or with its escapes undone,
/// and with steps up taken.
fn begins_with(location: &Location, prefix: &str) -> bool {
    let prefix = Url::parse(prefix).expect("it was right before");
    let (url, path): (&Url, Vec<u8>) = match location {
        Location::S3(S3Location { endpoint, bucket, key }) => (
            endpoint,
            [unescaped(endpoint.path().trim_end_matches('/')).into_owned()]
                .into_iter()
                .chain(bucket.iter().map(|bucket| bucket.as_bytes().to_vec()))
                .chain([key.as_bytes().to_vec()])
                .collect::<Vec<_>>()
                .join(&b'/'),
        ),
        Location::Http(HttpLocation { url }) => (url, unescaped(url.path()).into_owned()),
        Location::File(_) => return false,
    };
    let start = unescaped(prefix.path());
    let start = &start[..start.len() - start.iter().rev().take_while(|&&byte| byte == b'/').count()];
    url.origin() == prefix.origin() && is_below(start, &path) && is_below(&climbed(start), &climbed(&path))
}

/// Whether a path begins with another, which ends where a segment ends.
fn is_below(start: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(start).is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}

fn unescaped(path: &str) -> Cow<'_, [u8]> {
    percent_decode_str(path).into()
}

/// The path after its steps up, for a server that knows backslashes and parameters of segments.
fn climbed(path: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment.split(|&byte| byte == b';').next() {
            Some(b"..") => drop(segments.pop()),
            Some(b".") => {}
            _ => segments.push(segment),
        }
    }
    segments.join(&b'/')
}

/// What is found in an answer lies inside its body, and is what was asked for.
fn check_answer(answer: &str) {
    let mut words = answer.splitn(4, ' ');
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
    let (offset, size, content_length) = (number(), number(), number());
    let content_range = words.next();
    let range = match (offset, size) {
        (None, Some(size)) => Range::Last(size),
        (offset, size) => Range::new(offset.unwrap_or(0), size),
    };
    let _ = (range.header(), range.to_string());
    match Part::of(range, content_range, content_length) {
        Ok(Part::Exactly { skip, len }) => {
            assert!(range.size().is_none_or(|size| size == len), "{len} bytes are not what {range} asks for");
            assert!(!matches!(range, Range::Last(size) if size < len), "{len} bytes are more than {range}");
            if let Some(body_len) = content_length {
                let end = skip.checked_add(len);
                assert!(end.is_some_and(|end| end <= body_len), "{skip} + {len} is outside a body of {body_len} bytes");
            }
            if let (Some(content_range), Range::Bounded { offset, .. } | Range::From(offset)) = (content_range, range) {
                let first = first_byte(content_range).expect("it says where it begins");
                assert_eq!(first + skip, offset, "{content_range} does not lead to {range}");
            }
        }
        Ok(part) => assert!(content_range.is_none() && range.size().is_none(), "{part:?} has no length"),
        Err(error) => {
            assert!(matches!(error.kind, SourceErrorKind::Nonsense | SourceErrorKind::OutsideObject), "{error}");
        }
    }
}

/// The first number of a `Content-Range`.
fn first_byte(content_range: &str) -> Option<u64> {
    let rest = &content_range[content_range.find(|c: char| c.is_ascii_digit())?..];
    rest[..rest.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}
