//! Paths as operators write them.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};

/// Where certificate and key are looked for if nobody says where.
const CERTIFICATES: &str = "~/.config/reductionist/certs";

/// A path, of which `~` at the beginning is the home directory of the user that the program runs as.
pub(super) fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| expanded(path, std::env::home_dir()))
}

/// A file of the name where certificates are looked for.
pub(super) fn certificate(name: &str) -> Result<PathBuf, String> {
    expanded([CERTIFICATES, name].iter().collect(), std::env::home_dir())
}

fn expanded(path: PathBuf, home: Option<PathBuf>) -> Result<PathBuf, String> {
    let Ok(below) = path.strip_prefix("~") else { return Ok(path) };
    match home.filter(|home| home.is_absolute()) {
        Some(home) => Ok(home.join(below)),
        None => Err(format!("{}: the user has no home directory (HOME)", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home_directory_only_where_it_stands_for_one() {
        let expanded = |path: &str, home: Option<&str>| {
            super::expanded(path.into(), home.map(PathBuf::from)).map(|path| path.display().to_string())
        };
        assert_eq!(expanded("~/certs/key.pem", Some("/home/me")), Ok("/home/me/certs/key.pem".to_owned()));
        assert_eq!(expanded("~", Some("/home/me")), Ok("/home/me/".to_owned()));
        for other in ["/etc/~/key.pem", "~me/key.pem", "./~/key.pem", "key.pem"] {
            assert_eq!(expanded(other, Some("/home/me")), Ok(other.to_owned()));
            assert_eq!(expanded(other, None), Ok(other.to_owned()));
        }
        for home in [None, Some(""), Some("relative")] {
            assert!(expanded("~/key.pem", home).expect_err("no home").contains("HOME"));
        }
    }
}
