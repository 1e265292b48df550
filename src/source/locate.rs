//! What every location says of itself.

use std::{borrow::Cow, fmt};

use url::Origin;

/// What names an object. Locations that are equal certainly name the same one; of those that differ nobody knows. They hold
/// no credentials, and neither `Display` nor `Debug` shows the query of a URL, which may be as good as some.
pub trait Locate: fmt::Display + Send + Sync {
    /// The server that is asked for the object.
    fn store(&self) -> &str;

    /// Where the object lies as an operator would write it: its origin, and its path with escapes undone. None where nobody
    /// can be certain of the path, and for objects without a server.
    fn path(&self) -> Option<(Origin, Vec<u8>)>;
}

/// A path as it is meant: what URLs write as `%20` is a space. Bytes that are not UTF-8 stay what they are: as text, one
/// would be like another.
pub(super) fn decoded(path: &str) -> Cow<'_, [u8]> {
    percent_encoding::percent_decode_str(path).into()
}

/// The same without slashes at its end.
pub(super) fn directory(path: &str) -> Vec<u8> {
    let mut path = decoded(path).into_owned();
    while path.last() == Some(&b'/') {
        path.pop();
    }
    path
}

/// Text of a URL with its escapes undone.
pub(super) fn decoded_text(text: &str) -> Result<String, String> {
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| "must be UTF-8 once its escapes are undone".to_owned())
}
