//! A setting that may differ from store to store.

use super::{locate::Locate, policy::Prefix};

/// A value for all stores, and others for those below certain URLs.
#[derive(Clone, Debug)]
pub struct PerStore<T> {
    default: T,
    others: Vec<(Prefix, T)>,
}

impl<T> PerStore<T> {
    /// One value for all.
    pub const fn new(default: T) -> Self {
        Self { default, others: Vec::new() }
    }

    /// Reads what an operator wrote, in any order: `VALUE` is the default, `URL=VALUE` is for what is below a URL.
    ///
    /// # Errors
    /// If a value is wrong, a URL is no prefix of sources, or two defaults are given.
    pub fn parse(texts: &[String], default: T, parse: impl Fn(&str) -> Result<T, String>) -> Result<Self, String> {
        let mut settings = Self::new(default);
        let mut has_default = false;
        for text in texts {
            match text.rsplit_once('=') {
                Some((url, value)) if url.contains("://") => {
                    settings.others.push((Prefix::parse(url)?, parse(value)?));
                }
                _ if std::mem::replace(&mut has_default, true) => {
                    return Err(format!("{text:?} is a second value for all stores; write URL=VALUE for one of them"));
                }
                _ => settings.default = parse(text)?,
            }
        }
        // The longest prefix that covers an object counts.
        settings.others.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(settings)
    }

    /// The value for this location, if it has one of its own.
    pub fn of(&self, location: &dyn Locate) -> Option<&T> {
        self.others.iter().find_map(|(prefix, value)| prefix.covers_location(location).then_some(value))
    }

    /// The value for all others.
    pub const fn default(&self) -> &T {
        &self.default
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::s3::location::S3Location;

    fn settings(texts: &[&str]) -> Result<PerStore<String>, String> {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        PerStore::parse(&texts, "default".to_owned(), |text| {
            if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
        })
    }

    #[test]
    fn the_longest_prefix_counts() {
        let settings = settings(&["here", "https://store=there", "https://store/data=elsewhere"]).expect("settings");
        let of = |url| settings.of(&S3Location::from_url(url).expect("a URL")).map(String::as_str);
        assert_eq!(of("https://store/data/key"), Some("elsewhere"));
        assert_eq!(of("https://store/data-2/key"), Some("there"));
        assert_eq!(of("https://other/data/key"), None);
        assert_eq!(settings.default(), "here");
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for texts in [&["a", "b"][..], &["https://store="], &["ftp://store=a"], &[""]] {
            assert!(settings(texts).is_err(), "{texts:?}");
        }
        assert_eq!(settings(&[]).expect("nothing is wrong").default(), "default");
    }
}
