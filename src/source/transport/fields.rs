//! Header fields of answers, as far as they can be read.

use hyper::{
    HeaderMap,
    header::{self, HeaderName},
};

/// The value of a header, if it is text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Which part of the object the body is. A header that is there twice, or cannot be read, becomes an empty text, which fits no
/// range; None would mean that the body is the whole object.
pub(crate) fn content_range(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::CONTENT_RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().unwrap_or_default()),
        (Some(_), Some(_)) => Some(""),
    }
}
