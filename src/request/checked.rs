//! The checked form of a request.

use validator::Validate;

use super::{
    api_version::{ApiVersion, ReplyForm},
    chunk::Chunk,
    data::RequestData,
    elements::Elements,
    encoding::{CodecList, encoding},
    fields::{BodyForm, Fields, NotAnObject},
    location::LocationData,
    problem::Problem,
    question::{Defaults, question},
};
use crate::{index::ChunkRef, operation::Operation, reduce::Question, source::Version};

/// A request with no rule left to check, no option that has a default, no text that is a choice.
#[derive(Debug)]
pub struct Request {
    /// What to do with the chunk.
    pub operation: Operation,
    /// What is asked of it; of [`Operation::Select`], how many elements are not missing, and how to unpack them.
    pub question: Question,
    /// The chunk.
    pub chunk: ChunkRef,
    /// How to write the result.
    pub reply: ReplyForm,
}

/// Fields that list values, as many as a client likes.
const LONG_FIELDS: &[&str] = &["missing"];

/// Why a body is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or JSON but no object.
    #[error("the request body is not a JSON object")]
    NotAnObject(#[from] NotAnObject),
    /// Not CBOR, or CBOR but no map.
    #[error("the request body is not a CBOR map")]
    NotAMap(NotAnObject),
    /// Every rule that it breaks.
    #[error("the request data is not valid")]
    Invalid(Vec<Problem>),
}

impl Request {
    /// Checks a body in this version of the API for an operation.
    ///
    /// # Errors
    /// Every rule that the body breaks, at once: first the fields that cannot be read, then the rules in the order of the
    /// fields' names, and last what the values of fields lead to.
    pub fn from_json(
        body: &[u8],
        api: ApiVersion,
        operation: Operation,
        defaults: Defaults,
    ) -> Result<Self, RequestError> {
        let mut fields = Fields::new(body, BodyForm::Json, LONG_FIELDS)?;
        let location = LocationData::take(api, &mut fields)?;
        let data: RequestData = fields.take()?;
        let mut problems = fields.into_problems();
        let reply = location.reply_form();
        let (elements, codecs, question, chunk) = problems.by_field(|problems| {
            problems.note_broken(location.validate());
            problems.note_broken(data.validate());
            let elements = Elements::of(data.dtype, data.unsigned, problems);
            let codecs = CodecList::of(&data, problems);
            let question = question(&data, elements, operation, defaults, problems);
            (elements, codecs, question, Chunk::of(&data, elements, problems))
        });
        let location = location.location(&mut problems);
        let version = problems.checked("etag", data.etag.as_deref().map(Version::parse).transpose());
        let encoding = encoding(&data, codecs, elements, &mut problems);
        let assembled = || {
            let Chunk { range, fill_value, selection } = chunk?;
            let chunk =
                ChunkRef { location: location?, version: version?, range, fill_value, encoding: encoding?, selection };
            Ok(Self { operation, question: question?, chunk, reply })
        };
        problems.into_result(assembled()).map_err(RequestError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::Statistic;

    #[test]
    fn what_cannot_be_read_comes_before_rules_and_those_before_what_they_lead_to() {
        let body = r#"{"bucket": "b", "object": "o", "source": "ftp://s", "size": 0, "other": 1, "dtype": 2, "axis": 3, "filters": [{"id": "lzma"}]}"#;
        let operation = Operation::Reduce(Statistic::Sum);
        let read = Request::from_json(body.as_bytes(), ApiVersion::V1, operation, Defaults { keepdims: false });
        let Err(RequestError::Invalid(problems)) = read else { panic!("it is refused") };
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let told = [
            "dtype: invalid",
            "other: unknown",
            "the fields: are",
            "axis: needs",
            "size: must",
            "source: must",
            "filters: unsupported",
        ];
        assert_eq!(texts.len(), told.len(), "{texts:?}");
        assert!(texts.iter().zip(told).all(|(text, told)| text.starts_with(told)), "{texts:?}");
    }
}
