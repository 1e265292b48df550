//! Which statistics are asked for, and what their results are called.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::reduce::{Asked, Statistic};

/// Most statistics of one request.
pub(super) const MAX_STATISTICS: usize = 64;

/// Longest name of a result, in bytes.
const MAX_NAME: usize = 256;

/// A statistic as on the wire: its name, or a map with what else it takes.
#[derive(Debug)]
pub(super) struct StatisticData(Written);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default, rename = "as")]
    result: Option<String>,
    #[serde(default)]
    ddof: Option<u64>,
    #[serde(default)]
    bins: Option<IgnoredAny>,
    #[serde(default)]
    range: Option<IgnoredAny>,
    #[serde(default)]
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

/// The statistics that are meant.
///
/// # Errors
/// All that is wrong with them; none at all are wrong, too.
pub(super) fn named(statistics: &[StatisticData]) -> Result<Vec<NamedStatistic>, String> {
    if statistics.is_empty() {
        return Err(format!("must name one at least: {}", names()));
    }
    let (mut named, mut problems, mut results) = (Vec::new(), Vec::new(), BTreeSet::new());
    for StatisticData(written) in statistics {
        let result = written.result.as_deref().unwrap_or(&written.name);
        if !results.insert(result) {
            problems.push(format!("two results have the name {result:?}: give one of them another with \"as\""));
        }
        if result.is_empty() || result.len() > MAX_NAME {
            problems.push(format!("the name of a result has 1 to {MAX_NAME} bytes"));
        }
        match asked(written) {
            Ok(asked) => named.push(NamedStatistic { asked, name: result.to_owned() }),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(named) } else { Err(problems.join("; ")) }
}

/// What is computed: the one place where a name and its parameters become a statistic.
fn asked(written: &Written) -> Result<Asked, String> {
    let name = &written.name;
    let statistic = Statistic::ALL.iter().find(|statistic| statistic.name() == name);
    let statistic = statistic.ok_or_else(|| format!("{name:?} is not available; there are {}", names()))?;
    let parameters = [
        ("ddof", written.ddof.is_some() && !matches!(statistic, Statistic::Var | Statistic::Std)),
        ("bins", written.bins.is_some()),
        ("range", written.range.is_some()),
        ("q", written.q.is_some()),
    ];
    if let Some((parameter, _)) = parameters.iter().find(|(_, is_given)| *is_given) {
        return Err(format!("{name} takes no {parameter}"));
    }
    let ddof = u32::try_from(written.ddof.unwrap_or(0)).map_err(|_| format!("{name}: ddof is too large"))?;
    Ok(Asked { statistic: *statistic, ddof })
}

fn names() -> String {
    Statistic::ALL.iter().map(|statistic| statistic.name()).collect::<Vec<_>>().join(", ")
}

impl<'de> Deserialize<'de> for StatisticData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StatisticVisitor;

        impl<'de> Visitor<'de> for StatisticVisitor {
            type Value = StatisticData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a statistic, or a map with its name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<StatisticData, E> {
                let name = name.to_owned();
                Ok(StatisticData(Written { name, result: None, ddof: None, bins: None, range: None, q: None }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<StatisticData, A::Error> {
                Written::deserialize(MapAccessDeserializer::new(map)).map(StatisticData)
            }
        }

        deserializer.deserialize_any(StatisticVisitor)
    }
}
