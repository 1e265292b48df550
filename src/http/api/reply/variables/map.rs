//! Answers as a CBOR map whose values are not copied: what stands before, between and behind them is encoded, and the body is
//! sent in parts.

use std::convert::Infallible;

use axum::body::Bytes;
use minicbor::{Encoder, encode::Error};
use minicbor_serde::Serializer;
use serde::Serialize;

use super::Shape;
use crate::{
    array::ByteOrder,
    engine::variable::{NamedResult, ReadSummary, VariableAnswer},
    error::ActiveStorageError,
    source::Version,
};

/// What was done for an answer, as it is told.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Read {
    chunks: u64,
    unwritten: u64,
    requests: u64,
    bytes: u64,
    decoded: u64,
    cached: u64,
    passes: u64,
}

impl From<ReadSummary> for Read {
    fn from(read: ReadSummary) -> Self {
        let ReadSummary { chunks, unwritten, requests, bytes, decoded, cached, passes } = read;
        Self { chunks, unwritten, requests, bytes, decoded, cached, passes }
    }
}

/// Writes heads and texts, and takes values as they are.
struct Map {
    parts: Vec<Bytes>,
    encoder: Encoder<Vec<u8>>,
}

type Encoded = Result<(), Error<Infallible>>;

/// The whole answer in parts.
pub(super) fn answer(
    answer: VariableAnswer,
    version: Option<&Version>,
    shape: Shape,
) -> Result<Vec<Bytes>, ActiveStorageError> {
    let mut map = Map { parts: Vec::new(), encoder: Encoder::new(Vec::new()) };
    map.answer(answer, version, shape).map_err(|error| ActiveStorageError::Reply(error.to_string()))?;
    map.cut();
    Ok(map.parts)
}

impl Map {
    fn answer(&mut self, answer: VariableAnswer, version: Option<&Version>, shape: Shape) -> Encoded {
        let VariableAnswer { dims, shape: lens, results, read, .. } = answer;
        let entries = match shape {
            Shape::Results => 5,
            // Those of the array stand beside the others.
            Shape::Elements => 7,
        };
        self.encoder.map(entries)?.str("dims")?.array(dims.len() as u64)?;
        for dim in &dims {
            self.encoder.str(dim)?;
        }
        self.shape(&lens)?;
        self.encoder.str("etag")?;
        match version {
            Some(version) => self.encoder.str(&version.to_string())?,
            None => self.encoder.null()?,
        };
        match shape {
            Shape::Results => self.results(results)?,
            Shape::Elements => match <[_; 1]>::try_from(results) {
                Ok([elements]) => self.values(elements)?,
                Err(_) => return Err(Error::message("defect: a selection is one array")),
            },
        }
        self.encoder.str("read")?;
        let read = Read::from(read).serialize(&mut Serializer::new(self.encoder.writer_mut()));
        read.map_err(Error::message)
    }

    fn results(&mut self, results: Vec<NamedResult>) -> Encoded {
        let groups = by_name(results);
        self.encoder.str("results")?.map(groups.len() as u64)?;
        for group in groups {
            if let Some(first) = group.first() {
                self.encoder.str(&first.name)?;
                if first.component.is_some() {
                    self.encoder.map(group.len() as u64)?;
                }
            }
            for result in group {
                if let Some(component) = result.component {
                    self.encoder.str(component)?;
                }
                self.encoder.map(4)?;
                self.shape(&result.shape)?;
                self.values(result)?;
            }
        }
        Ok(())
    }

    fn shape(&mut self, shape: &[usize]) -> Encoded {
        self.encoder.str("shape")?.array(shape.len() as u64)?;
        for &len in shape {
            self.encoder.u64(len as u64)?;
        }
        Ok(())
    }

    /// Three entries, the last one the bytes.
    fn values(&mut self, NamedResult { dtype, values, .. }: NamedResult) -> Encoded {
        self.encoder.str("dtype")?.str(dtype.name())?.str("byte_order")?.str(ByteOrder::NATIVE.name())?;
        self.encoder.str("bytes")?.bytes_len(values.bytes().len() as u64)?;
        self.cut();
        // The buffer's memory permit goes with it, to the last byte sent.
        self.parts.push(Bytes::from_owner(values));
        Ok(())
    }

    /// Makes a part of what has been encoded.
    fn cut(&mut self) {
        self.parts.push(std::mem::take(self.encoder.writer_mut()).into());
    }
}

/// Results one by one, with all components of one together.
fn by_name(results: Vec<NamedResult>) -> Vec<Vec<NamedResult>> {
    let mut groups: Vec<Vec<NamedResult>> = Vec::new();
    for result in results {
        match groups.last_mut() {
            Some(group) if group.first().is_some_and(|first| first.name == result.name) => group.push(result),
            _ => groups.push(vec![result]),
        }
    }
    groups
}
