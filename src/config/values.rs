//! Text → what a setting holds. The error says what it must be.

use std::{str::FromStr, sync::Arc, time::Duration};

use bytesize::ByteSize;

use crate::{source::Addressing, telemetry::LogFormat};

/// Longest duration: clocks can add it to any time.
const LONGEST: Duration = Duration::from_hours(366 * 24);

pub(super) fn region(text: &str) -> Result<Arc<str>, String> {
    let is_name = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_name { Ok(text.into()) } else { Err("must be a name such as us-east-1".to_owned()) }
}

pub(super) fn addressing(text: &str) -> Result<Addressing, String> {
    match text {
        "path" => Ok(Addressing::Path),
        "virtual" => Ok(Addressing::Virtual),
        _ => Err("must be path or virtual".to_owned()),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be auto, text or json".to_owned()),
    }
}

pub(super) fn size(text: &str) -> Result<usize, String> {
    let ByteSize(bytes) = ByteSize::from_str(text).map_err(|_| format!("{text:?} is no size such as 256MiB"))?;
    match usize::try_from(bytes) {
        Ok(0) | Err(_) => Err(format!("{text:?} is not a possible size")),
        Ok(bytes) => Ok(bytes),
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = delay(text)?;
    if duration.is_zero() { Err("a duration must be longer than 0".to_owned()) } else { Ok(duration) }
}

/// A duration that may be 0.
pub(super) fn delay(text: &str) -> Result<Duration, String> {
    let duration = match text.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(text).map_err(|_| format!("{text:?} is no duration such as 30s"))?,
    };
    if duration > LONGEST { Err(format!("{text:?} is longer than a year")) } else { Ok(duration) }
}
