//! Bins of histograms, as on the wire.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use crate::{array::Number, codec::UpTo};

/// Most bins of all histograms of a request.
pub(super) const MAX_BINS: usize = 1 << 16;

/// Edges of bins, or how many there are between two.
#[derive(Debug)]
pub(super) enum BinsData {
    /// So many of equal width.
    Number(u64),
    /// These.
    Edges(Vec<Number>),
}

/// The edges that are meant, as NumPy's `histogram` has them: those of bins of equal width are as those of its `linspace`.
///
/// # Errors
/// If they are no edges.
pub(super) fn edges(bins: Option<&BinsData>, range: Option<[Number; 2]>) -> Result<Vec<f64>, String> {
    match (bins, range) {
        (None, _) => Err("needs bins: a list of edges, or a number beside \"range\": [lowest, highest]".to_owned()),
        (Some(BinsData::Number(_)), None) => Err("a number of bins needs \"range\": [lowest, highest]".to_owned()),
        (Some(BinsData::Edges(_)), Some(_)) => Err("range is for a number of bins, not for edges".to_owned()),
        (Some(BinsData::Edges(edges)), None) => in_order(edges.iter().map(|&edge| float(edge)).collect()),
        (Some(&BinsData::Number(bins)), Some([low, high])) => equal(bins, float(low), float(high)),
    }
}

fn in_order(edges: Vec<f64>) -> Result<Vec<f64>, String> {
    if edges.len() < 2 {
        return Err("bins lie between two edges at least".to_owned());
    }
    if !edges.is_sorted() || edges.iter().any(|edge| edge.is_nan()) {
        return Err("edges must go from lower to higher numbers".to_owned());
    }
    Ok(edges)
}

fn equal(bins: u64, low: f64, high: f64) -> Result<Vec<f64>, String> {
    let bins = usize::try_from(bins).ok().filter(|bins| (1..=MAX_BINS).contains(bins));
    let bins = bins.ok_or_else(|| format!("bins must be 1 to {MAX_BINS}"))?;
    if !low.is_finite() || !high.is_finite() || low > high {
        return Err("range must go from a lower to a higher finite number; edges may be infinite".to_owned());
    }
    // One value has bins around it.
    let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
    let step = (high - low) / bins as f64;
    let edges: Vec<f64> = (0..bins).map(|bin| bin as f64 * step + low).chain([high]).collect();
    if step.is_finite() && edges.is_sorted() {
        Ok(edges)
    } else {
        Err("range is too wide, or has too many bins".to_owned())
    }
}

fn float(number: Number) -> f64 {
    match number {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    }
}

impl<'de> Deserialize<'de> for BinsData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BinsVisitor;

        impl<'de> Visitor<'de> for BinsVisitor {
            type Value = BinsData;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of bins, or a list of their edges")
            }

            fn visit_u64<E>(self, bins: u64) -> Result<BinsData, E> {
                Ok(BinsData::Number(bins))
            }

            fn visit_i64<E: Error>(self, bins: i64) -> Result<BinsData, E> {
                // None at all is refused later.
                Ok(BinsData::Number(u64::try_from(bins).unwrap_or(0)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<BinsData, A::Error> {
                UpTo::<{ MAX_BINS + 1 }, _>::of(list).map(|UpTo(edges)| BinsData::Edges(edges))
            }
        }

        deserializer.deserialize_any(BinsVisitor)
    }
}
