//! Which statistics are asked for, and what their results are called.

use std::collections::BTreeSet;

use serde::{Deserialize, de::IgnoredAny};

use crate::{
    reduce::{Asked, Statistic},
    request::{
        NotAnObject,
        fields::{Entry, Fields},
        problem::{Noted, Problems},
    },
};

/// The field that lists them.
const FIELD: &str = "statistics";

/// Most statistics of one request.
pub(super) const MAX_STATISTICS: usize = 64;

/// Longest name of a result, in bytes.
const MAX_NAME: usize = 256;

/// A statistic as on the wire: its name alone, or a map with what else it takes.
#[derive(Debug, Default, Deserialize)]
struct Written {
    name: Option<String>,
    #[serde(rename = "as")]
    result: Option<String>,
    ddof: Option<u64>,
    bins: Option<IgnoredAny>,
    range: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
}

/// A statistic, and the name of its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStatistic {
    /// What is computed.
    pub asked: Asked,
    /// The name of the result.
    pub name: String,
}

/// The statistics that the fields of a request ask for. All that is wrong with them is noted; none at all are wrong, too.
pub(super) fn statistics(fields: &mut Fields<'_>) -> Result<Result<Vec<NamedStatistic>, Noted>, NotAnObject> {
    let entries = fields.entries::<MAX_STATISTICS>(FIELD);
    let Ok(entries) = fields.problems().needed_field(FIELD, entries) else { return Ok(Err(Noted)) };
    if entries.is_empty() {
        return Ok(fields.problems().checked(FIELD, Err(format!("must name one at least: {}", names()))));
    }
    let (mut named, mut results) = (Vec::new(), BTreeSet::new());
    for (number, entry) in entries.into_iter().enumerate() {
        let written = written(entry, number, fields)?;
        named.push(written.and_then(|written| checked(&written, &mut results, fields.problems())));
    }
    Ok(named.into_iter().collect())
}

/// What stands in one entry of the list.
fn written<'a>(
    entry: Entry<'a>,
    number: usize,
    fields: &mut Fields<'a>,
) -> Result<Result<Written, Noted>, NotAnObject> {
    let field = format!("{FIELD}[{number}]");
    if let Some(name) = entry.text() {
        return Ok(Ok(Written { name: Some(name), ..Written::default() }));
    }
    let Some(mut parts) = entry.fields() else {
        let problem = "must be the name of a statistic, or a map with its name";
        return Ok(fields.problems().checked(&field, Err(problem)));
    };
    let written: Written = parts.take()?;
    let name = parts.problems().needed_field("name", written.name);
    fields.absorb(&field, parts);
    Ok(name.map(|name| Written { name: Some(name), ..written }))
}

/// The statistic that is meant, whose result has a name that no other has.
fn checked(
    written: &Written,
    results: &mut BTreeSet<String>,
    problems: &mut Problems,
) -> Result<NamedStatistic, Noted> {
    let name = written.result.as_ref().or(written.name.as_ref()).cloned().unwrap_or_default();
    if !results.insert(name.clone()) {
        problems.note(FIELD, format!("two results have the name {name:?}: give one of them another with \"as\""));
    }
    if name.is_empty() || name.len() > MAX_NAME {
        problems.note(FIELD, format!("the name of a result has 1 to {MAX_NAME} bytes"));
    }
    Ok(NamedStatistic { asked: asked(written, problems)?, name })
}

/// What is computed: the one place where a name and its parameters become a statistic.
fn asked(written: &Written, problems: &mut Problems) -> Result<Asked, Noted> {
    let name = written.name.as_deref().unwrap_or_default();
    let statistic = Statistic::ALL.iter().copied().find(|statistic| statistic.name() == name);
    let statistic = statistic.ok_or_else(|| format!("{name:?} is not available; there are {}", names()));
    let statistic = problems.checked(FIELD, statistic)?;
    for (parameter, is_given) in [
        ("ddof", written.ddof.is_some() && !matches!(statistic, Statistic::Var | Statistic::Std)),
        ("bins", written.bins.is_some()),
        ("range", written.range.is_some()),
        ("q", written.q.is_some()),
    ] {
        if is_given {
            problems.note(FIELD, format!("{name} takes no {parameter}"));
        }
    }
    let ddof = u32::try_from(written.ddof.unwrap_or(0)).map_err(|_| format!("{name}: ddof is too large"));
    Ok(Asked { statistic, ddof: problems.checked(FIELD, ddof)? })
}

fn names() -> String {
    Statistic::ALL.iter().map(|statistic| statistic.name()).collect::<Vec<_>>().join(", ")
}
