//! What is read of other variables: the labels of groups, and weights.

use super::{
    attributes,
    question::{Groups, VariableQuestion, Weights},
    selection::position,
    varying::steps,
};
use crate::{
    array::{Kind, Packing, Pick},
    index::Variable,
    reduce::Question,
    request::{RequestError, elements::Elements, problem::Problem},
};

/// A part of another variable: the positions of a selection of an array, along dimensions of the same names.
#[derive(Clone, Debug)]
pub struct Beside {
    /// The part, and that its elements are unpacked: NaN where they are missing.
    pub question: VariableQuestion,
    /// For each dimension of the array, how far apart the elements of neighbouring positions are: 0 where they do not vary along it.
    pub steps: Vec<usize>,
}

/// Elements as they are.
const AS_THEY_ARE: Packing = Packing { scale_factor: 1.0, add_offset: 0.0 };

impl VariableQuestion {
    /// What is read of the variable whose elements are the labels of the groups; and the question, now that their dimensions are
    /// known.
    ///
    /// # Errors
    /// If it has other dimensions than the array, or is no variable of integers.
    pub fn labelled_by(self, labels: &Variable, array: &Variable) -> Result<(Self, Beside), RequestError> {
        let beside = self.beside(labels, array).and_then(|beside| {
            if beside.question.dtype.kind() == Kind::Float || beside.question.question.packing != Some(AS_THEY_ARE) {
                return Err("has elements that are no integers, as labels are".to_owned());
            }
            Ok(beside)
        });
        let beside = beside.map_err(|problem| invalid("groups", problem))?;
        let grouped: Vec<bool> =
            self.picks.iter().zip(&beside.steps).map(|(pick, &step)| is_along(pick, step)).collect();
        if !grouped.contains(&true) {
            return Err(invalid("groups", "the variable has no dimension that selection leaves".to_owned()));
        }
        let groups = self.groups.clone().map(|groups| Groups { grouped, ..groups });
        Ok((Self { groups, ..self }.arranged(&array.dims), beside))
    }

    /// What is read of the variable whose elements are the weights.
    ///
    /// # Errors
    /// If it has other dimensions than the array, or is no variable of numbers.
    pub fn weighed_by(&self, weights: &Variable, array: &Variable) -> Result<Beside, RequestError> {
        self.beside(weights, array).map_err(|problem| invalid("weights", problem))
    }

    fn beside(&self, other: &Variable, array: &Variable) -> Result<Beside, String> {
        if let Some(obstacle) = &other.obstacle {
            return Err(format!("the variable cannot be read: {obstacle}"));
        }
        let stored = other.dtype().ok_or("the variable holds no numbers")?;
        let elements: Elements = attributes::elements(other, stored);
        let packed_as = attributes::packed_as(other)?;
        let missing = attributes::missing(other, elements, packed_as)?;
        let dims = dims_of(other, array)?;
        let picks: Vec<Pick> = dims.iter().filter_map(|&dim| self.picks.get(dim).cloned()).collect();
        let left = dims.iter().zip(&picks).filter_map(|(&dim, pick)| Some((dim, pick.kept_len()?)));
        let (left, lens): (Vec<_>, Vec<_>) = left.unzip();
        let packing = Some(packed_as.map_or(AS_THEY_ARE, |packed| packed.packing));
        let question = Self {
            dtype: elements.read,
            picks,
            question: Question { missing, packing, ..Question::default() },
            names: Vec::new(),
            dims: Vec::new(),
            groups: None,
            weights: Weights::None,
        };
        Ok(Beside { question, steps: steps(&left, &lens, array.dims.len()) })
    }
}

/// Whether elements vary along a dimension that is left.
fn is_along(pick: &Pick, step: usize) -> bool {
    pick.kept_len().is_some() && step > 0
}

/// For each dimension of a variable, the number of the one of the array that has its name and its length.
fn dims_of(other: &Variable, array: &Variable) -> Result<Vec<usize>, String> {
    let mut dims = Vec::with_capacity(other.dims.len());
    for (name, &len) in other.dims.iter().zip(&other.shape) {
        let dim = position(name, &array.dims).map_err(|problem| format!("of the variable: {problem}"))?;
        match array.shape.get(dim) {
            Some(&of_array) if of_array != len => {
                return Err(format!("the variable has length {len} along {name:?}, but the array has {of_array}"));
            }
            _ if dims.contains(&dim) => return Err(format!("the variable has the dimension {name:?} twice")),
            _ => dims.push(dim),
        }
    }
    Ok(dims)
}

fn invalid(field: &str, problem: String) -> RequestError {
    RequestError::Invalid(vec![Problem::new(field, problem)])
}
