//! The requests of a file, and what each may be answered.

use std::{collections::BTreeMap, fs, path::Path, str::FromStr, time::Duration};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, StatusCode, Uri,
    header::{self, HeaderName, HeaderValue},
};
use serde::Deserialize;

use crate::Outcome;

/// A request as the file has it.
#[derive(Deserialize)]
struct Written {
    name: String,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
    /// How often it is sent, compared with the others.
    weight: usize,
    /// Status, headers and body of the right answer; the body in hexadecimal digits, or None if it does not matter.
    status: u16,
    answer_headers: BTreeMap<String, String>,
    answer: Option<String>,
    /// How the body begins, where the rest of it may differ from time to time.
    answer_begin: Option<String>,
    /// Statuses of errors that will do as well.
    or: Vec<u16>,
    deadline_seconds: f64,
}

/// A request that can be sent again and again, and its right answer.
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) path: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    weight: usize,
    status: u16,
    answer_headers: HeaderMap,
    answer: Option<Bytes>,
    answer_begin: Option<Bytes>,
    or: Vec<u16>,
    pub(crate) deadline: Duration,
}

/// Reads a file of requests, each as often as its weight says.
pub(crate) fn read(path: &Path) -> Outcome<(Vec<Asked>, Vec<usize>)> {
    let written: Vec<Written> = serde_json::from_slice(&fs::read(path)?)?;
    let asked = written.into_iter().map(Asked::of).collect::<Outcome<Vec<_>>>()?;
    let repeated = asked.iter().enumerate().flat_map(|(index, asked)| std::iter::repeat_n(index, asked.weight));
    let order = repeated.collect();
    Ok((asked, order))
}

impl Asked {
    fn of(written: Written) -> Outcome<Self> {
        Ok(Self {
            method: written.method.parse()?,
            path: written.path.parse()?,
            headers: headers(&written.headers)?,
            body: written.body.into(),
            weight: written.weight,
            status: written.status,
            answer_headers: headers(&written.answer_headers)?,
            answer: written.answer.as_deref().map(unhex).transpose()?,
            answer_begin: written.answer_begin.as_deref().map(unhex).transpose()?,
            or: written.or,
            deadline: Duration::from_secs_f64(written.deadline_seconds),
            name: written.name,
        })
    }

    /// What is wrong with an answer.
    ///
    /// # Errors
    /// If something is.
    pub(crate) fn check(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
        if status.as_u16() != self.status {
            return self.check_error(status, headers, body);
        }
        for (name, value) in &self.answer_headers {
            if headers.get(name) != Some(value) {
                return Err(format!("{name} is {:?}, not {value:?}", headers.get(name)));
            }
        }
        let is_right = self.answer.as_ref().is_none_or(|answer| answer == body)
            && self.answer_begin.as_ref().is_none_or(|begin| body.starts_with(begin));
        if is_right { Ok(()) } else { Err(format!("another body: {}", start_of(body))) }
    }

    fn check_error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
        if !self.or.contains(&status.as_u16()) {
            return Err(format!("{status}, not {}: {}", self.status, start_of(body)));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE && !headers.contains_key(header::RETRY_AFTER) {
            return Err("503 without Retry-After".to_owned());
        }
        let error: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let says_why = error["error"]["message"].as_str().is_some_and(|message| !message.is_empty());
        if says_why { Ok(()) } else { Err(format!("{status} without a message: {}", start_of(body))) }
    }
}

fn headers(written: &BTreeMap<String, String>) -> Outcome<HeaderMap> {
    let pair = |(name, value): (&String, &String)| Ok((HeaderName::from_str(name)?, HeaderValue::from_str(value)?));
    written.iter().map(pair).collect()
}

fn unhex(digits: &str) -> Outcome<Bytes> {
    let byte = |at| Ok(u8::from_str_radix(digits.get(at..at + 2).ok_or("half a byte")?, 16)?);
    (0..digits.len()).step_by(2).map(byte).collect::<Outcome<Vec<u8>>>().map(Bytes::from)
}

/// Enough of a body to see what it is.
fn start_of(body: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&body[..body.len().min(200)]))
}
