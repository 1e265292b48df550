//! Answers to questions about variables → the wire: a CBOR map (RFC 8949), the same in JSON, or as the last item of a sequence
//! (RFC 8742).

mod attributes;
mod columns;
mod description;
mod filters;
mod form;
mod json;
mod length;
mod map;
mod sequence;
mod shown;

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::Response,
};

pub(in crate::http::api) use description::{Listing, describe};
pub(in crate::http::api) use form::AnswerForm;
pub(in crate::http::api) use sequence::sequence;

use super::{VERSION, parts::Parts};
use crate::{
    engine::variable::VariableAnswer, error::ActiveStorageError, http::server::held::Held, resources::AnswerPermit,
    source::Version,
};

/// Most numbers of an answer in JSON.
const MAX_JSON_NUMBERS: usize = 100_000;

/// An answer that is ready to be sent.
#[derive(Debug)]
pub(in crate::http::api) struct Written {
    parts: Vec<Bytes>,
    version: Option<Version>,
    permit: Option<AnswerPermit>,
}

/// Which map an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http::api) enum Shape {
    /// Results by name.
    Results,
    /// One array.
    Elements,
}

impl Written {
    /// One whole text or map, of an object of this version.
    pub(in crate::http::api) fn whole(bytes: Vec<u8>, version: Option<Version>) -> Self {
        Self { parts: vec![bytes.into()], version, permit: None }
    }

    /// The answer in this form.
    ///
    /// # Errors
    /// If it is too long for JSON.
    pub(in crate::http::api) fn answer(
        mut answer: VariableAnswer,
        shape: Shape,
        form: AnswerForm,
    ) -> Result<Self, ActiveStorageError> {
        let version = answer.version.take();
        let parts = match form {
            AnswerForm::Json => vec![json::answer(&answer, version.as_ref(), shape)?.into()],
            AnswerForm::Cbor | AnswerForm::Sequence => map::answer(answer, version.as_ref(), shape)?,
        };
        Ok(Self { parts, version, permit: None })
    }

    /// Length of the body in bytes.
    pub(in crate::http::api) fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// The same, whose bytes hold the permit until the client has read them.
    pub(in crate::http::api) fn held(self, mut permit: AnswerPermit) -> Self {
        permit.shrink(self.len());
        Self { permit: Some(permit).filter(AnswerPermit::is_for_long_answer), ..self }
    }

    fn into_body(self) -> Body {
        let body = Body::new(Parts::new(self.parts));
        match self.permit {
            Some(permit) => Body::new(Held::new(body, permit)),
            None => body,
        }
    }

    /// The answer of a request that wants it in this form.
    pub(in crate::http::api) fn into_response(mut self, form: AnswerForm) -> Response {
        let version = self.version.take();
        let mut response = Response::new(self.into_body());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
        if let Some(version) = version.and_then(|version| version.header()) {
            headers.insert(VERSION, version);
        }
        response
    }
}
