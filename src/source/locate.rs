//! What every location says of itself.

use std::{borrow::Cow, fmt};

use url::Origin;

/// What names an object. Equal locations certainly name the same object; different ones may do so, too. Locations hold no
/// credentials, and neither `Display` nor `Debug` shows the query of a URL, which may be as good as those.
pub trait Locate: fmt::Display + Send + Sync {
    /// The server that is asked for the object.
    fn store(&self) -> &str;

    /// The origin of the object's URL and its path, with escapes undone. None where servers may take the path for different
    /// ones, and for objects without a server.
    fn path(&self) -> Option<(Origin, Vec<u8>)>;
}

/// A path with its escapes undone. Bytes that are not UTF-8 stay what they are; in a text, they would all become the same
/// character.
pub(super) fn decoded(path: &str) -> Cow<'_, [u8]> {
    percent_encoding::percent_decode_str(path).into()
}

/// The same without the slashes at its end.
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
