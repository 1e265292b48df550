//! Which statistics are asked for, and what their results are called.

use std::{collections::BTreeSet, sync::Arc};

use serde::Deserialize;

use super::{
    bins::{self, BinsData, MAX_BINS},
    quantiles::{self, QuantilesData},
};
use crate::{
    array::{DType, Number, Packing},
    reduce::{Asked, Bins, Parameters, Statistic},
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
    bins: Option<BinsData>,
    range: Option<[Number; 2]>,
    q: Option<QuantilesData>,
}

/// A statistic, and the name of its result.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedStatistic {
    /// What is computed.
    pub statistic: Statistic,
    /// What else is said of it.
    pub detail: Detail,
    /// The name of the result.
    pub name: String,
}

/// What is said of a statistic beside its name, before the elements are known.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Nothing.
    None,
    /// What is taken off the number of elements before it divides.
    Ddof(u32),
    /// Edges of bins: two at least, in order, and none is NaN.
    Edges(Arc<[f64]>),
    /// Which quantiles: one at least, each from 0 to 1.
    Quantiles(Arc<[f64]>),
}

impl NamedStatistic {
    /// What is computed of elements of this dtype. Which dimensions are reduced is said [later](super::VariableQuestion::arranged).
    pub(super) fn asked(&self, elements: DType, packing: Option<Packing>) -> Asked {
        let parameters = match (self.statistic, &self.detail) {
            (Statistic::Any | Statistic::All, _) => Parameters::Zeros(Bins::zeros(elements, packing)),
            (Statistic::Median, _) => Parameters::Half,
            (Statistic::Argmax | Statistic::Argmin, _) => Parameters::Reduced([].into()),
            (_, Detail::Edges(edges)) => Parameters::Bins(Bins::between(edges, elements, packing)),
            (_, Detail::Quantiles(quantiles)) => Parameters::Quantiles(Arc::clone(quantiles)),
            (_, &Detail::Ddof(ddof)) => Parameters::Ddof(ddof),
            (_, Detail::None) => Parameters::None,
        };
        Asked { statistic: self.statistic, parameters }
    }
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
    let bins = |named: &Result<NamedStatistic, Noted>| match named {
        Ok(NamedStatistic { detail: Detail::Edges(edges), .. }) => edges.len().saturating_sub(1),
        _ => 0,
    };
    if named.iter().map(bins).sum::<usize>() > MAX_BINS {
        return Ok(fields
            .problems()
            .checked(FIELD, Err(format!("all histograms together have more than {MAX_BINS} bins"))));
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
    let (statistic, detail) = meant(written, problems)?;
    Ok(NamedStatistic { statistic, detail, name })
}

/// What is computed: the one place where a name and its parameters become a statistic.
fn meant(written: &Written, problems: &mut Problems) -> Result<(Statistic, Detail), Noted> {
    let name = written.name.as_deref().unwrap_or_default();
    let statistic = Statistic::ALL.iter().copied().find(|statistic| statistic.name() == name);
    let statistic = statistic.ok_or_else(|| format!("{name:?} is not available; there are {}", names()));
    let statistic = problems.checked(FIELD, statistic)?;
    for (parameter, is_given) in [
        ("ddof", written.ddof.is_some() && !matches!(statistic, Statistic::Var | Statistic::Std)),
        ("bins", written.bins.is_some() && statistic != Statistic::Histogram),
        ("range", written.range.is_some() && statistic != Statistic::Histogram),
        ("q", written.q.is_some() && statistic != Statistic::Quantile),
    ] {
        if is_given {
            problems.note(FIELD, format!("{name} takes no {parameter}"));
        }
    }
    let detail = match (statistic, written.ddof) {
        (Statistic::Histogram, _) => {
            bins::edges(written.bins.as_ref(), written.range).map(|edges| Detail::Edges(edges.into()))
        }
        (Statistic::Quantile, _) => {
            quantiles::of(written.q.as_ref()).map(|quantiles| Detail::Quantiles(quantiles.into()))
        }
        (_, Some(ddof)) => u32::try_from(ddof).map(Detail::Ddof).map_err(|_| "ddof is too large".to_owned()),
        (_, None) => Ok(Detail::None),
    };
    Ok((statistic, problems.checked(FIELD, detail.map_err(|problem| format!("{name}: {problem}")))?))
}

fn names() -> String {
    Statistic::ALL.iter().map(|statistic| statistic.name()).collect::<Vec<_>>().join(", ")
}
