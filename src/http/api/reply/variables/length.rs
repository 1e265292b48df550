//! How long an answer is, before there is memory for it.

use std::{convert::Infallible, fmt::Display, io};

use minicbor_serde::Serializer;
use serde::Serialize;

use super::form::AnswerForm;
use crate::error::ActiveStorageError;

/// Counts what is written.
#[derive(Default)]
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl minicbor::encode::Write for Length {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(())
    }
}

/// Bytes that a value takes in this form.
pub(super) fn len_of<T: Serialize>(value: &T, form: AnswerForm) -> Result<usize, ActiveStorageError> {
    let mut length = Length::default();
    if form == AnswerForm::Json {
        serde_json::to_writer(&mut length, value).map_err(|error| reply(&error))?;
        return Ok(length.0);
    }
    let mut serializer = Serializer::new(length);
    value.serialize(&mut serializer).map_err(|error| reply(&error))?;
    Ok(serializer.into_encoder().into_writer().0)
}

/// The value in this form, which takes `len` bytes.
pub(super) fn written<T: Serialize>(value: &T, form: AnswerForm, len: usize) -> Result<Vec<u8>, ActiveStorageError> {
    let mut bytes = Vec::with_capacity(len);
    if form == AnswerForm::Json {
        serde_json::to_writer(&mut bytes, value).map_err(|error| reply(&error))?;
    } else {
        value.serialize(&mut Serializer::new(&mut bytes)).map_err(|error| reply(&error))?;
    }
    Ok(bytes)
}

fn reply(error: &dyn Display) -> ActiveStorageError {
    ActiveStorageError::Reply(error.to_string())
}
