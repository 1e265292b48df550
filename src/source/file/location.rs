//! Where a file is.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use url::Origin;

use crate::source::locate::{Locate, decoded_text};

/// A file below the operator's root.
#[derive(Clone, Debug)]
pub struct FileLocation {
    /// Its path: from the operator's root, or from the root of the file system if it begins with the operator's.
    pub path: String,
}

impl FileLocation {
    /// The file that a URL of the form `file:///path` names.
    ///
    /// # Errors
    /// If it has another form.
    pub fn from_url(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("file://").ok_or("must be file:///path")?;
        let path = rest.strip_prefix("localhost").unwrap_or(rest);
        if !path.starts_with('/') {
            return Err("must be file:///path, without a host".to_owned());
        }
        if path.contains(['?', '#']) {
            return Err("must be file:///path; write ? as %3F and # as %23 in a name".to_owned());
        }
        let path = decoded_text(path)?;
        if path.contains('\0') {
            return Err("must not have NUL in it".to_owned());
        }
        Ok(Self { path })
    }

    /// The names along the path. One that is empty or `.` means nothing, except at the end, where it asks for a directory. `..`
    /// stays, since after a link it does not undo the name before it.
    fn names(&self) -> impl Iterator<Item = &str> {
        let means_nothing = |name: &str| name.is_empty() || name == ".";
        let ends_in_directory = self.path.rsplit('/').next().is_some_and(means_nothing);
        let names = self.path.split('/').filter(move |name| !means_nothing(name));
        names.chain(ends_in_directory.then_some("."))
    }
}

impl PartialEq for FileLocation {
    fn eq(&self, other: &Self) -> bool {
        self.names().eq(other.names())
    }
}

impl Eq for FileLocation {}

impl Hash for FileLocation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.names().for_each(|name| name.hash(state));
    }
}

impl Locate for FileLocation {
    fn store(&self) -> &'static str {
        "this machine"
    }

    fn path(&self) -> Option<(Origin, Vec<u8>)> {
        None
    }
}

impl fmt::Display for FileLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_equal_if_they_lead_to_one_file_whatever_the_links_on_the_way() {
        let location = |path: &str| FileLocation::from_url(&format!("file://{path}")).expect("a path");
        for (one, other) in [("/a/b", "//a///b"), ("/a/b", "/a/./b"), ("/a/b", "localhost/%61/b"), ("/a/", "/a//.")] {
            assert_eq!(location(one), location(other));
        }
        for (one, other) in
            [("/a", "/A"), ("/a", "/b/../a"), ("/a", "/a/"), ("/a", "/a/."), ("/a/b", "/ab"), ("/", "/a")]
        {
            assert_ne!(location(one), location(other));
        }
    }
}
