//! Requests for descriptions.

use super::{
    checked::{fields_of, refused},
    path::path,
    place::PlaceData,
    target::ObjectRequest,
    wire::DescriptionData,
};
use crate::request::{BodyForm, RequestError};

/// What is to be described of an object.
#[derive(Clone, Debug)]
pub struct DescribeRequest {
    /// The object.
    pub object: ObjectRequest,
    /// The variable; all of them if None.
    pub variable: Option<String>,
    /// Whether to list where the chunks of the variable lie.
    pub chunks: bool,
    /// Which values to put into the answer.
    pub values: ValuesOf,
}

/// Variables whose values stand in a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValuesOf {
    /// None of them.
    Nothing,
    /// Those of one dimension, which is named as they are, if they are short.
    Coordinates,
}

impl DescribeRequest {
    /// Checks a body.
    ///
    /// # Errors
    /// Every rule that the body breaks, at once.
    pub fn parse(body: &[u8], form: BodyForm) -> Result<Self, RequestError> {
        let mut fields = fields_of(body, form, &[])?;
        let place: PlaceData = fields.take()?;
        let data: DescriptionData = fields.take()?;
        let mut problems = fields.into_problems();
        let object = place.object(&mut problems);
        let variable = data.variable.map(|variable| path(variable, &mut problems)).transpose();
        let chunks = data.chunks.unwrap_or(false);
        if chunks && matches!(variable, Ok(None)) && !problems.concern("variable") {
            problems.note("chunks", "needs variable: the chunks of one are listed");
        }
        let values = match data.values.as_deref() {
            None => Ok(ValuesOf::Nothing),
            Some("coordinates") => Ok(ValuesOf::Coordinates),
            Some(other) => Err(format!("must be \"coordinates\", not {other:?}")),
        };
        let values = problems.checked("values", values);
        let assembled = || Ok(Self { object: object?, variable: variable?, chunks, values: values? });
        problems.into_result(assembled()).map_err(refused)
    }
}
