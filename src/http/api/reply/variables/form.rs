//! The form that a client wants.

use axum::http::{HeaderMap, header};

use super::MAX_JSON_NUMBERS;

/// The forms of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::api) enum AnswerForm {
    /// A CBOR map.
    Cbor,
    /// The same map in JSON, with lists in place of byte strings.
    Json,
    /// Items of CBOR: how far the work is, and last the map, or an error.
    Sequence,
}

impl AnswerForm {
    /// Every form, those that are preferred where a client does not care first.
    pub(in crate::http::api) const ALL: [Self; 3] = [Self::Cbor, Self::Json, Self::Sequence];

    /// The content type of answers in this form.
    pub(in crate::http::api) const fn content_type(self) -> &'static str {
        match self {
            Self::Cbor => "application/cbor",
            Self::Json => "application/json",
            Self::Sequence => "application/cbor-seq",
        }
    }

    /// Most numbers of an answer in this form; None where there may be any number.
    pub(in crate::http::api) fn most_numbers(self) -> Option<usize> {
        (self == Self::Json).then_some(MAX_JSON_NUMBERS)
    }

    /// The form that the header `Accept` asks for (RFC 9110, section 12.5.1): of those that it names, the one that it prefers.
    /// CBOR if it names none.
    pub(in crate::http::api) fn accepted(headers: &HeaderMap) -> Self {
        let lists = headers.get_all(header::ACCEPT).iter().filter_map(|list| list.to_str().ok());
        let named = lists.flat_map(|list| list.split(',')).filter_map(named);
        // Of two with the same weight, the first.
        named.reduce(|best, other| if other.1 > best.1 { other } else { best }).map_or(Self::Cbor, |(form, _)| form)
    }
}

/// The form that one entry names, and its weight, which is above 0.
fn named(entry: &str) -> Option<(AnswerForm, f32)> {
    let (name, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let form = AnswerForm::ALL.into_iter().find(|form| form.content_type().eq_ignore_ascii_case(name.trim()))?;
    let weight = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
    let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
    (weight > 0.0).then_some((form, weight))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_form_is_the_one_that_a_client_likes_best() {
        for (accept, form) in [
            ("", AnswerForm::Cbor),
            ("*/*", AnswerForm::Cbor),
            ("text/html, application/xml;q=0.9, */*;q=0.8", AnswerForm::Cbor),
            ("application/json", AnswerForm::Json),
            ("Application/JSON; charset=utf-8", AnswerForm::Json),
            ("application/cbor-seq, application/cbor", AnswerForm::Sequence),
            ("application/cbor-seq;q=0.5, application/json;q=0.7", AnswerForm::Json),
            ("application/json;q=0, application/cbor-seq;q=0.1", AnswerForm::Sequence),
            ("application/json;q=x", AnswerForm::Cbor),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_str(accept).expect("a header"));
            assert_eq!(AnswerForm::accepted(&headers), form, "{accept}");
        }
        assert_eq!(AnswerForm::accepted(&HeaderMap::new()), AnswerForm::Cbor);
    }
}
