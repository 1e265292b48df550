//! Web pages whose scripts may use the service.

use url::{Origin, Url};

/// Origins as browsers name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Every one.
    Any,
    /// These: scheme and host in lower case, and the port unless it is the scheme's own.
    Listed(Vec<String>),
}

/// What an operator wrote; None if that is nothing.
pub(super) fn origins(written: &[String]) -> Result<Option<Origins>, String> {
    match written {
        [] => Ok(None),
        [any] if any == "*" => Ok(Some(Origins::Any)),
        listed => listed.iter().map(|origin| parse(origin)).collect::<Result<_, _>>().map(Origins::Listed).map(Some),
    }
}

fn parse(written: &str) -> Result<String, String> {
    if written == "*" {
        return Err("* stands for every origin; give it alone".to_owned());
    }
    let url = Url::parse(written).ok();
    let origin = url.as_ref().filter(|url| matches!(url.scheme(), "http" | "https")).map(Url::origin);
    match (url, origin) {
        (Some(url), Some(origin @ Origin::Tuple(..)))
            if url.as_str() == format!("{}/", origin.ascii_serialization()) =>
        {
            Ok(origin.ascii_serialization())
        }
        _ => Err(format!("{written:?} is no origin such as https://pages.example, without a path")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &[&str]) -> Result<Option<Origins>, String> {
        origins(&written.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(Some(Origins::Any)));
        let written = ["https://Pages.Example/", "https://pages.example:443", "http://localhost:8888", "http://[::1]"];
        let expected = ["https://pages.example", "https://pages.example", "http://localhost:8888", "http://[::1]"];
        assert_eq!(read(&written), Ok(Some(Origins::Listed(expected.map(str::to_owned).to_vec()))));
    }

    #[test]
    fn what_no_browser_would_send_is_refused() {
        for written in ["", "null", "pages.example", "https://pages.example/path", "https://a@pages.example"] {
            assert!(read(&[written]).expect_err("it is none").contains("no origin"), "{written}");
        }
        for written in ["https://pages.example?a", "https://*.example/x", "file:///index.html", "https://"] {
            assert!(read(&[written]).is_err(), "{written}");
        }
        assert!(read(&["https://pages.example", "*"]).expect_err("one makes the other useless").contains("alone"));
    }
}
