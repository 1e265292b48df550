//! What elements weigh: `weights`.

use serde::Deserialize;

use super::{
    axes::Axis,
    nested::Nested,
    path::path,
    question::{WeightVariable, Weights},
    varying::Listed,
};
use crate::{
    array::{MAX_DIMENSIONS, Pick},
    codec::UpTo,
    index::Variable,
    request::{
        NotAnObject,
        fields::Fields,
        location::{InterfaceType, check_url, location_of},
        problem::{Noted, Problems},
    },
    source::Location,
};

/// The fields of `weights` that names a variable.
#[derive(Debug, Deserialize)]
struct VariableData {
    variable: Option<String>,
    interface_type: Option<InterfaceType>,
    url: Option<String>,
}

/// The fields of `weights` along dimensions that it lists.
#[derive(Debug, Deserialize)]
struct ListedData {
    dims: Option<UpTo<MAX_DIMENSIONS, Axis>>,
    values: Option<Nested<f64>>,
}

/// Weights, before the dimensions are known.
#[derive(Clone, Debug)]
pub struct WeightsRequest(WeightedBy);

#[derive(Clone, Debug)]
enum WeightedBy {
    /// Numbers that the request lists, to be multiplied.
    Listed(Vec<Listed<f64>>),
    /// The elements of a variable.
    Variable(WeightVariable),
}

/// The weights that the field asks for; None if it is not there.
pub(super) fn weights(fields: &mut Fields<'_>) -> Result<Option<Result<WeightsRequest, Noted>>, NotAnObject> {
    let Some(mut nested) = fields.nested("weights", &["values"]) else {
        return Ok(fields.problems().concern("weights").then_some(Err(Noted)));
    };
    let weights = if nested.has("variable") {
        let data: VariableData = nested.take()?;
        data.weights(nested.problems()).map(WeightedBy::Variable)
    } else if nested.has("dims") && nested.has("values") {
        let data: ListedData = nested.take()?;
        data.weights(nested.problems()).map(|listed| WeightedBy::Listed(vec![listed]))
    } else {
        let each = nested.take_rest();
        by_dimension(each, nested.problems()).map(WeightedBy::Listed)
    };
    fields.absorb("weights", nested);
    Ok(Some(weights.map(WeightsRequest)))
}

impl VariableData {
    fn weights(self, problems: &mut Problems) -> Result<WeightVariable, Noted> {
        let variable = problems.needed_field("variable", self.variable).and_then(|variable| path(variable, problems));
        let location = match (self.interface_type, self.url) {
            _ if problems.concern("interface_type") || problems.concern("url") => Err(Noted),
            (None, None) => Ok(None),
            (Some(interface_type), Some(url)) => place(interface_type, &url, problems).map(Some),
            (Some(_), None) => problems.checked("url", Err("is required with interface_type")),
            (None, Some(_)) => problems.checked("interface_type", Err("is required with url")),
        };
        Ok(WeightVariable { path: variable?, location: location? })
    }
}

/// Where another object is.
fn place(interface_type: InterfaceType, url: &str, problems: &mut Problems) -> Result<Location, Noted> {
    let checked = check_url(url).map_err(|error| error.message.unwrap_or_default().into_owned());
    problems.checked("url", checked.and_then(|()| location_of(interface_type, url)))
}

impl ListedData {
    fn weights(self, problems: &mut Problems) -> Result<Listed<f64>, Noted> {
        let dims = problems.needed_field("dims", self.dims).map(|UpTo(dims)| dims);
        let values = problems.needed_field("values", self.values);
        let values = values.and_then(|values| problems.checked("values", checked(values)));
        Ok(Listed { dims: dims?, values: values? })
    }
}

fn by_dimension(each: Vec<(String, Option<Nested<f64>>)>, problems: &mut Problems) -> Result<Vec<Listed<f64>>, Noted> {
    let listed = each.into_iter().map(|(name, values)| {
        let values = problems.checked(&name, checked(values.ok_or(Noted)?));
        Ok(Listed { values: values?, dims: vec![Axis::Name(name)] })
    });
    // All that is wrong with each of them is told.
    listed.collect::<Vec<_>>().into_iter().collect()
}

/// The numbers, if all of them are weights.
fn checked(values: Nested<f64>) -> Result<Nested<f64>, String> {
    match values.values.iter().position(|weight| !is_weight(*weight)) {
        None => Ok(values),
        Some(entry) => {
            let weight = values.values.get(entry).copied().unwrap_or(f64::NAN);
            Err(format!("entry {entry} is {weight:?}: weights are finite and not negative"))
        }
    }
}

/// Whether a number can be a weight.
const fn is_weight(number: f64) -> bool {
    number.is_finite() && number >= 0.0
}

impl WeightsRequest {
    /// The location that they name beside that of the request, if they do.
    pub(super) fn location(&self) -> Option<&Location> {
        match &self.0 {
            WeightedBy::Variable(variable) => variable.location.as_ref(),
            WeightedBy::Listed(_) => None,
        }
    }

    /// What they are for a selection of an array.
    ///
    /// # Errors
    /// If the dimensions are none of the array's, or weights are not as many as positions.
    pub(super) fn resolve(&self, array: &Variable, picks: &[Pick]) -> Result<Weights, String> {
        let listed = match &self.0 {
            WeightedBy::Variable(variable) => return Ok(Weights::Variable(variable.clone())),
            WeightedBy::Listed(listed) if listed.is_empty() => return Err("name no dimension".to_owned()),
            WeightedBy::Listed(listed) => listed,
        };
        let factors = listed.iter().map(|listed| listed.varying(array, picks).map(|(factor, _)| factor));
        factors.collect::<Result<_, _>>().map(Weights::Given)
    }
}
