//! The checked form of a request.

use validator::Validate;

use super::{
    api_version::{ApiVersion, ReplyForm},
    chunk::Chunk,
    data::RequestData,
    elements::Elements,
    encoding::{CodecList, Encoding},
    fields::{Fields, NotAnObject},
    location::LocationData,
    problem::Problem,
    question::{Defaults, Question},
};
use crate::{
    array::{Number, Order, Storage},
    codec::FilterPipeline,
    operation::{Task, Traits},
    source::{ByteRange, Location, Version},
};

/// A request with no rule left to check, no option that has a default, no text that is a choice.
#[derive(Debug)]
pub struct Request {
    /// The object that holds the chunk.
    pub location: Location,
    /// The version that it must have; any if None.
    pub version: Option<Version>,
    /// The part of the object that is the chunk.
    pub range: ByteRange,
    /// What its elements are, if it was never written: then there is nothing to read.
    pub fill_value: Option<Number>,
    /// How to decode it.
    pub pipeline: FilterPipeline,
    /// What to do with it.
    pub task: Task,
    /// How to write the result.
    pub reply: ReplyForm,
}

/// Why a body is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not JSON, or JSON but no object.
    #[error("the request body is not a JSON object")]
    NotAnObject(#[from] NotAnObject),
    /// Every rule that it breaks.
    #[error("the request data is not valid")]
    Invalid(Vec<Problem>),
}

impl Request {
    /// Checks a body in this version of the API for an operation of these traits.
    ///
    /// # Errors
    /// Every rule that the body breaks, at once: first the fields that cannot be read, then the rules in the order of the
    /// fields' names, and last what the values of fields lead to.
    pub fn from_json(
        body: &[u8],
        api: ApiVersion,
        operation: Traits,
        defaults: Defaults,
    ) -> Result<Self, RequestError> {
        let mut fields = Fields::new(body)?;
        let location = LocationData::take(api, &mut fields)?;
        let data: RequestData = fields.take()?;
        let mut problems = fields.into_problems();
        let reply = location.reply_form();
        let (elements, codecs, question, chunk) = problems.by_field(|problems| {
            problems.note_broken(location.validate());
            problems.note_broken(data.validate());
            let elements = Elements::of(data.dtype, data.unsigned, problems);
            let codecs = CodecList::of(&data, problems);
            let question = Question::of(&data, elements, operation, defaults, problems);
            (elements, codecs, question, Chunk::of(&data, elements, problems))
        });
        let location = location.location(&mut problems);
        let version = problems.checked("etag", data.etag.as_deref().map(Version::parse).transpose());
        let encoding = Encoding::of(&data, codecs, elements, &mut problems);
        let assembled = || Ok(Self::assembled(location?, version?, chunk?, encoding?, question?, reply));
        let mut request = problems.into_result(assembled()).map_err(RequestError::Invalid)?;
        request.spare_passes(operation);
        Ok(request)
    }

    fn assembled(
        location: Location,
        version: Option<Version>,
        chunk: Chunk,
        encoding: Encoding,
        question: Question,
        reply: ReplyForm,
    ) -> Self {
        let Chunk { range, fill_value, selection } = chunk;
        let Encoding { dtype, shape, order, byte_order, pipeline } = encoding;
        let Question { reduced, missing, packing, result_dtype, keepdims } = question;
        let storage = Storage { byte_order, shuffled: false };
        let task = Task { dtype, storage, shape, order, selection, missing, packing, reduced, result_dtype, keepdims };
        Self { location, version, range, fill_value, pipeline, task, reply }
    }

    /// Memory in bytes that it keeps until its chunk is reduced, where that has no bound of its own, and what is made of it
    /// then.
    #[must_use]
    pub fn held_len(&self) -> usize {
        // Beside each missing value there is one of the dtype, and room to sort those.
        const OF_A_VALUE: usize = size_of::<Number>() + 2 * size_of::<u64>();
        self.task.missing.values.len().saturating_mul(OF_A_VALUE)
    }

    /// Leaves out of decoding what reading the elements does in passing, for an operation of these traits: reversed axes make
    /// no difference to a single result, and the bytes of long rows of elements are joined as they are loaded. Nothing is
    /// decoded of a chunk that was never written.
    pub fn spare_passes(&mut self, operation: Traits) {
        let is_one_result = operation.uses_axis && self.task.reduced.is_none();
        if is_one_result && self.pipeline.leave_reversed() {
            self.task.order = Order::F;
        }
        if self.fill_value.is_some() {
            self.pipeline = FilterPipeline::default();
            self.task.storage = Storage::NATIVE;
        }
        let joins_rows = operation.takes_shuffled && self.task.has_long_rows();
        if joins_rows && self.pipeline.leave_shuffled(self.task.dtype.size()) {
            self.task.storage.shuffled = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        operation::{Operation, Select},
        reduce::Sum,
    };

    fn read(fields: &str, operation: Traits) -> Result<Request, RequestError> {
        let body = format!(r#"{{"bucket": "b", "object": "o", {fields}}}"#);
        Request::from_json(body.as_bytes(), ApiVersion::V1, operation, Defaults { keepdims: false })
    }

    #[test]
    fn what_cannot_be_read_comes_before_rules_and_those_before_what_they_lead_to() {
        let fields =
            r#""source": "ftp://s", "size": 0, "other": 1, "dtype": 2, "axis": 3, "filters": [{"id": "lzma"}]"#;
        let Err(RequestError::Invalid(problems)) = read(fields, Sum::TRAITS) else { panic!("it is refused") };
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

    #[test]
    fn decoding_is_spared_what_reading_does_in_passing() {
        let chain = r#"{"name": "transpose", "configuration": {"order": [1, 0]}}, {"name": "bytes", "configuration": {"endian": "big"}}, "shuffle""#;
        let fields = format!(r#""source": "http://s", "dtype": "int32", "shape": [64, 64], "codecs": [{chain}]"#);
        let sum = read(&fields, Sum::TRAITS).expect("a request");
        assert_eq!((sum.pipeline.is_empty(), sum.task.order, sum.task.storage.shuffled), (true, Order::F, true));
        let select = read(&fields, Select::TRAITS).expect("a request");
        assert_eq!((select.pipeline.compression(), select.task.order), ("shuffle", Order::C));
        let unwritten = format!(r#"{fields}, "size": 0, "fill_value": 1"#);
        let unwritten = read(&unwritten, Select::TRAITS).expect("a request");
        assert!(unwritten.pipeline.is_empty() && unwritten.task.storage == Storage::NATIVE);
    }
}
