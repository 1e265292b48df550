//! Quantiles, as on the wire.

use serde::{Deserialize, Deserializer};

use crate::{array::Number, codec::UpTo};

/// Most quantiles of one statistic.
pub(super) const MAX_QUANTILES: usize = 1024;

/// Which quantiles, before it is known that they are some.
#[derive(Debug)]
pub(super) struct QuantilesData(Vec<Number>);

impl<'de> Deserialize<'de> for QuantilesData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        UpTo::<MAX_QUANTILES, _>::deserialize(deserializer).map(|UpTo(quantiles)| Self(quantiles))
    }
}

/// The quantiles that are meant.
///
/// # Errors
/// If there are none, or one is not from 0 to 1.
pub(super) fn of(quantiles: Option<&QuantilesData>) -> Result<Vec<f64>, String> {
    let problem = || format!("needs q: a list of 1 to {MAX_QUANTILES} numbers from 0 to 1");
    let QuantilesData(quantiles) =
        quantiles.filter(|QuantilesData(quantiles)| !quantiles.is_empty()).ok_or_else(problem)?;
    let float = |&number: &Number| match number {
        Number::Integer(integer) => integer as f64,
        Number::Float(float) => float,
    };
    let floats: Vec<f64> = quantiles.iter().map(float).collect();
    // NaN is not from 0 to 1, either.
    if floats.iter().all(|quantile| (0.0..=1.0).contains(quantile)) { Ok(floats) } else { Err(problem()) }
}
