//! Which elements belong together: `groups`.

use serde::Deserialize;

use super::{
    axes::Axis,
    nested::Nested,
    path::path,
    question::{Groups, Labels},
    varying::Listed,
};
use crate::{
    array::{MAX_DIMENSIONS, Pick},
    codec::UpTo,
    index::Variable,
    request::{
        NotAnObject,
        fields::Fields,
        problem::{Noted, Problems},
    },
};

/// The fields of `groups`.
#[derive(Debug, Deserialize)]
struct GroupsData {
    axis: Option<Axis>,
    dims: Option<UpTo<MAX_DIMENSIONS, Axis>>,
    labels: Option<Nested<i32>>,
    variable: Option<String>,
    size: Option<u64>,
}

/// Groups of positions, before the dimensions are known.
#[derive(Clone, Debug)]
pub struct GroupsRequest {
    size: usize,
    by: GroupedBy,
}

#[derive(Clone, Debug)]
enum GroupedBy {
    /// Labels that the request lists.
    Listed(Listed<i32>),
    /// The elements of the variable of this path.
    Variable(String),
}

/// The groups that the field asks for; None if it is not there.
pub(super) fn groups(fields: &mut Fields<'_>) -> Result<Option<Result<GroupsRequest, Noted>>, NotAnObject> {
    let Some(mut nested) = fields.nested("groups", &["labels"]) else {
        return Ok(fields.problems().concern("groups").then_some(Err(Noted)));
    };
    let data: GroupsData = nested.take()?;
    let groups = data.groups(nested.problems());
    fields.absorb("groups", nested);
    Ok(Some(groups))
}

impl GroupsData {
    fn groups(self, problems: &mut Problems) -> Result<GroupsRequest, Noted> {
        let size = problems.needed_field("size", self.size).and_then(|size| {
            // Labels have 32 bits.
            let size = i32::try_from(size).ok().and_then(|size| usize::try_from(size).ok());
            problems.checked("size", size.ok_or_else(|| format!("must be at most {}", i32::MAX)))
        });
        let by = self.by(size, problems);
        Ok(GroupsRequest { size: size?, by: by? })
    }

    fn by(self, size: Result<usize, Noted>, problems: &mut Problems) -> Result<GroupedBy, Noted> {
        let is_over = [self.axis.is_some(), self.dims.is_some()].iter().any(|is_given| *is_given);
        if let Some(variable) = self.variable {
            if is_over || self.labels.is_some() {
                return problems.checked("variable", Err("has its own dimensions and labels; give it or labels"));
            }
            return path(variable, problems).map(GroupedBy::Variable);
        }
        let dims = match (self.axis, self.dims) {
            (Some(axis), None) => Ok(vec![axis]),
            (None, Some(UpTo(dims))) if !dims.is_empty() => Ok(dims),
            (None, Some(_)) => problems.checked("dims", Err("must name one dimension at least")),
            (Some(_), Some(_)) => problems.checked("axis", Err("is for one dimension; give it or dims")),
            (None, None) if problems.concern("axis") || problems.concern("dims") || problems.concern("variable") => {
                Err(Noted)
            }
            (None, None) => problems.checked("axis", Err("is required, or dims or variable instead of it")),
        };
        let labels = problems.needed_field("labels", self.labels)?;
        if let (Some((entry, label)), Ok(size)) = (outside(&labels.values, size), size) {
            problems.note("labels", format!("entry {entry} is {label}, outside of {}", range(size)));
            return Err(Noted);
        }
        Ok(GroupedBy::Listed(Listed { dims: dims?, values: labels }))
    }
}

/// The first label that is neither that of a group nor −1, and its number.
fn outside(labels: &[i32], size: Result<usize, Noted>) -> Option<(usize, i32)> {
    let size = size.ok()?;
    let is_outside = |label: i32| label != -1 && usize::try_from(label).map_or(true, |label| label >= size);
    labels.iter().copied().enumerate().find(|&(_, label)| is_outside(label))
}

/// The labels that there are, in words.
fn range(size: usize) -> String {
    match size.checked_sub(1) {
        None => "-1, which is all that size 0 leaves".to_owned(),
        Some(last) => format!("-1 … {last}"),
    }
}

impl GroupsRequest {
    /// What they are for a selection of an array.
    ///
    /// # Errors
    /// If the dimensions are none of the array's, or labels are not as many as positions.
    pub(super) fn resolve(&self, array: &Variable, picks: &[Pick]) -> Result<Groups, String> {
        let mut grouped = vec![false; array.dims.len()];
        let (labels, name) = match &self.by {
            GroupedBy::Variable(path) => {
                (Labels::Variable(path.clone()), path.rsplit('/').next().unwrap_or(path).to_owned())
            }
            GroupedBy::Listed(listed) => {
                let (labels, dims) = listed.varying(array, picks)?;
                let is_grouped = |(dim, slot): (usize, &mut bool)| *slot = dims.contains(&dim);
                grouped.iter_mut().enumerate().for_each(is_grouped);
                (Labels::Given(labels), "group".to_owned())
            }
        };
        Ok(Groups { grouped, size: self.size, labels, name })
    }
}
