//! The checked form of requests about variables, as far as it can be checked without the variable.

use super::{
    axes::Axes,
    groups::{GroupsRequest, groups},
    listed::listed,
    path::path,
    place::PlaceData,
    selection::Selection,
    statistics::{NamedStatistic, statistics},
    target::{ObjectRequest, Target},
    weights::{WeightsRequest, weights},
    wire::{LONG_FIELDS, PartData, ReductionData},
};
use crate::{
    array::DType,
    request::{
        BodyForm, NotAnObject, RequestError,
        fields::Fields,
        missing::MissingData,
        problem::{Noted, Problem, Problems},
    },
    source::Location,
};

/// A part of an array, and what is asked of it.
#[derive(Clone, Debug)]
pub struct VariableRequest {
    /// The object.
    pub object: ObjectRequest,
    /// The array.
    pub target: Target,
    /// The part of it; all if None.
    pub selection: Option<Selection>,
    /// Whether values stand for others by the attributes `scale_factor`, `add_offset` and `_Unsigned`.
    pub unpack: bool,
    /// What is asked.
    pub purpose: Purpose,
}

/// What is asked of a part of an array.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// The elements themselves.
    Select,
    /// Statistics of them.
    Reduce(Box<Reduction>),
}

/// Which statistics, over which dimensions, and what is missing.
#[derive(Clone, Debug)]
pub struct Reduction {
    /// The dimensions to reduce; all that are left if None.
    pub axes: Option<Axes>,
    /// Whether they stay, with length one.
    pub keepdims: bool,
    /// What is missing; what the attributes of the variable say if None.
    pub missing: Option<MissingData>,
    /// Whether NaN is missing, too.
    pub skipna: bool,
    /// The statistics.
    pub statistics: Vec<NamedStatistic>,
    /// dtype of sums.
    pub result_dtype: Option<DType>,
    /// Whether what merges is wanted, and not what is final.
    pub is_partial: bool,
    /// What elements weigh, if they do.
    pub weights: Option<WeightsRequest>,
    /// Which elements belong together, if not all that are reduced.
    pub groups: Option<GroupsRequest>,
}

impl VariableRequest {
    /// Checks a body that asks for statistics.
    ///
    /// # Errors
    /// Every rule that the body breaks, at once.
    pub fn parse_reduce(body: &[u8], form: BodyForm) -> Result<Self, RequestError> {
        Self::parse(body, form, |fields| Ok(reduction(fields)?.map(|reduction| Purpose::Reduce(Box::new(reduction)))))
    }

    /// Checks a body that asks for elements.
    ///
    /// # Errors
    /// Every rule that the body breaks, at once.
    pub fn parse_select(body: &[u8], form: BodyForm) -> Result<Self, RequestError> {
        Self::parse(body, form, |_| Ok(Ok(Purpose::Select)))
    }

    fn parse(
        body: &[u8],
        form: BodyForm,
        purpose: impl FnOnce(&mut Fields<'_>) -> Result<Result<Purpose, Noted>, RequestError>,
    ) -> Result<Self, RequestError> {
        let mut fields = fields_of(body, form, LONG_FIELDS)?;
        let place: PlaceData = fields.take()?;
        let mut part: PartData = fields.take()?;
        let target = target(&mut part, &place, &mut fields)?;
        let purpose = purpose(&mut fields)?;
        let mut problems = fields.into_problems();
        let object = place.object(&mut problems);
        let (selection, unpack) = (part.selection, part.unpack.unwrap_or(true));
        let assembled = || Ok(Self { object: object?, target: target?, selection, unpack, purpose: purpose? });
        problems.into_result(assembled()).map_err(refused)
    }

    /// Every location that the request names: those that an operator's policy has to allow.
    pub fn locations(&self) -> impl Iterator<Item = &Location> {
        let listed = match &self.target {
            Target::Listed(array) => array.objects.as_ref().map(|(locations, _)| locations.as_slice()),
            Target::Variable(_) => None,
        };
        let weights = match &self.purpose {
            Purpose::Reduce(reduction) => reduction.weights.as_ref().and_then(WeightsRequest::location),
            Purpose::Select => None,
        };
        std::iter::once(&self.object.location).chain(listed.unwrap_or_default()).chain(weights)
    }
}

/// The fields of a body.
pub(super) fn fields_of<'a>(
    body: &'a [u8],
    form: BodyForm,
    long: &'static [&'static str],
) -> Result<Fields<'a>, RequestError> {
    Fields::new(body, form, long).map_err(|error| match form {
        BodyForm::Json => RequestError::NotAnObject(error),
        BodyForm::Cbor => RequestError::NotAMap(error),
    })
}

pub(super) fn refused(problems: Vec<Problem>) -> RequestError {
    RequestError::Invalid(problems)
}

/// What is asked about: `variable`, or `array`, `chunks` and `urls`.
fn target(
    part: &mut PartData,
    place: &PlaceData,
    fields: &mut Fields<'_>,
) -> Result<Result<Target, Noted>, RequestError> {
    let urls = part.urls.take();
    let variable = part.variable.take();
    let listed = listed(urls, place.interface_type(), fields)?;
    let problems = fields.problems();
    Ok(match (variable, listed) {
        (Some(variable), None) => path(variable, problems).map(Target::Variable),
        (None, Some(array)) => array.map(|array| Target::Listed(Box::new(array))),
        (Some(_), Some(_)) => {
            problems.checked("variable", Err("is for objects that say where chunks lie; give it or array and chunks"))
        }
        (None, None) if problems.concern("variable") => Err(Noted),
        (None, None) => problems.checked("variable", Err("is required, or array and chunks instead of it")),
    })
}

fn reduction(fields: &mut Fields<'_>) -> Result<Result<Reduction, Noted>, NotAnObject> {
    let data: ReductionData = fields.take()?;
    let (weights, groups) = (weights(fields)?.transpose(), groups(fields)?.transpose());
    let statistics = statistics(fields)?;
    let is_partial = data.partial.unwrap_or(false);
    if let Ok(statistics) = &statistics {
        for (field, is_given) in [("weights", matches!(weights, Ok(Some(_)))), ("partial", is_partial)] {
            if is_given {
                check_of_one_pass(field, statistics, fields.problems());
            }
        }
    }
    if is_partial && data.result_dtype.is_some() {
        let problem = "is of sums that are final, and those of partial answers are not; leave it out";
        fields.problems().note("result_dtype", problem);
    }
    let (Ok(statistics), Ok(weights), Ok(groups)) = (statistics, weights, groups) else { return Ok(Err(Noted)) };
    Ok(Ok(Reduction {
        axes: data.axis,
        keepdims: data.keepdims.unwrap_or(false),
        missing: data.missing,
        skipna: data.skipna.unwrap_or(false),
        statistics,
        result_dtype: data.result_dtype,
        is_partial,
        weights,
        groups,
    }))
}

/// Refuses a field that has no meaning for statistics that need all elements in order.
fn check_of_one_pass(field: &str, statistics: &[NamedStatistic], problems: &mut Problems) {
    for NamedStatistic { statistic, .. } in statistics.iter().filter(|named| !named.statistic.is_of_one_pass()) {
        problems.note(field, format!("is not available for {}", statistic.name()));
    }
}
