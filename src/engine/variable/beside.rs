//! Variables that are read beside the array: the labels of groups, and weights.

use super::{
    axes::Axes,
    layout::Layout,
    lookup::Opened,
    reading::Reading,
    select::Selecting,
    task::ByPosition,
    weights::{Along, Numbers},
};
use crate::{
    engine::{Engine, error::OperationError},
    error::ActiveStorageError,
    index::Variable,
    request::{
        Problem, RequestError,
        variable::{Beside, Labels, VariableQuestion, WeightVariable, Weights},
    },
    resources::{Budget, Buffer, Effort, STEP, memory_units},
};

/// Values that are looked through so fast that nobody notices, in bytes.
const SHORT_LEN: usize = 64 << 10;

/// A variable beside the array, found and not yet read.
#[derive(Debug)]
pub(super) struct Companion<'a> {
    what: What,
    path: String,
    selecting: Selecting,
    /// For each dimension of the array, how far apart the elements of neighbouring positions are.
    steps: Vec<usize>,
    /// What it is read through, if it lies in another object.
    elsewhere: Option<Reading<'a>>,
}

/// What its elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Labels of this many groups.
    Labels(usize),
    Weights,
}

impl Companion<'_> {
    /// Memory units that reading it takes, beside what it keeps.
    const fn own_units(&self) -> usize {
        self.selecting.units()
    }

    /// Memory units of its elements.
    const fn kept_units(&self) -> usize {
        memory_units(self.selecting.len)
    }
}

/// Memory units of labels and weights, of which so many bytes are listed, and of the work that comes after they are read.
pub(super) fn units(listed_len: usize, beside: &[Companion<'_>], of_work: usize) -> usize {
    let kept = beside.iter().map(Companion::kept_units).fold(memory_units(listed_len), usize::saturating_add);
    beside.iter().map(Companion::own_units).fold(of_work, usize::max).saturating_add(kept)
}

/// Labels and weights: those that a request lists, and room for those that are still to be read.
pub(super) fn by_position(asked: &mut VariableQuestion, beside: &[Companion<'_>]) -> ByPosition {
    let mut by_position = ByPosition::default();
    if let Some(Labels::Given(labels)) = asked.groups.as_ref().map(|groups| &groups.labels) {
        by_position.labels = Some(labels.clone().into());
    }
    if let Weights::Given(weights) = std::mem::take(&mut asked.weights) {
        by_position.weights = weights.into_iter().map(Along::from).collect();
    }
    for Companion { what, steps, .. } in beside {
        match what {
            What::Labels(_) => by_position.labels = Some(Along::unread(steps.clone())),
            What::Weights => by_position.weights = vec![Along::unread(steps.clone())],
        }
    }
    by_position
}

impl Engine {
    /// Finds the variables that are read beside the array, and says what is asked of it now that their dimensions are known.
    ///
    /// # Errors
    /// If there are no such variables, or they do not suit the array.
    pub(super) async fn beside<'a>(
        &self,
        mut asked: VariableQuestion,
        array: &Variable,
        reading: &Reading<'a>,
    ) -> Result<(VariableQuestion, Vec<Companion<'a>>), ActiveStorageError> {
        let mut companions = Vec::new();
        if let Some((Labels::Variable(path), size)) = asked.groups.as_ref().map(|groups| (&groups.labels, groups.size))
        {
            let (path, opened) = (path.clone(), self.open_variable(reading, path).await?);
            let beside;
            (asked, beside) = asked.labelled_by(&opened.variable, array)?;
            let selecting = self.selecting_beside(opened, beside.question, reading)?;
            companions.push(Companion {
                what: What::Labels(size),
                path,
                selecting,
                steps: beside.steps,
                elsewhere: None,
            });
        }
        if let Weights::Variable(WeightVariable { path, location }) = &asked.weights {
            let elsewhere = location.as_ref().filter(|location| *location != reading.home());
            let elsewhere = elsewhere.map(|location| reading.elsewhere(location.clone()));
            let there = elsewhere.as_ref().unwrap_or(reading);
            let opened = self.open_variable(there, path).await?;
            let Beside { question, steps } = asked.weighed_by(&opened.variable, array)?;
            let selecting = self.selecting_beside(opened, question, there)?;
            companions.push(Companion { what: What::Weights, path: path.clone(), selecting, steps, elsewhere });
        }
        Ok((asked, companions))
    }

    /// Plans to read a part of a variable that was found there.
    fn selecting_beside(
        &self,
        opened: Opened,
        question: VariableQuestion,
        there: &Reading<'_>,
    ) -> Result<Selecting, ActiveStorageError> {
        let Opened { variable, table, .. } = opened;
        let mut layout = Layout::new(variable, table, None, vec![there.home().clone()])?;
        layout.dtype = question.dtype;
        self.selecting(layout, question)
    }

    /// Reads the elements of all variables beside the array, which come to stand where they are used.
    ///
    /// # Errors
    /// If they cannot be read, or are no labels or weights.
    pub(super) async fn read_beside(
        &self,
        beside: Vec<Companion<'_>>,
        axes: &mut Axes,
        budget: &mut Budget,
        reading: &Reading<'_>,
    ) -> Result<(), ActiveStorageError> {
        for companion in beside {
            let own = budget.split(companion.own_units());
            let own = own.ok_or(OperationError::Defect("a variable beside the array was not planned for"))?;
            let own = self.read_companion(companion, axes, budget, own, reading).await?;
            budget.merge(own);
        }
        Ok(())
    }

    async fn read_companion(
        &self,
        companion: Companion<'_>,
        axes: &mut Axes,
        budget: &mut Budget,
        own: Budget,
        reading: &Reading<'_>,
    ) -> Result<Budget, ActiveStorageError> {
        let Companion { what, path, selecting, steps, elsewhere } = companion;
        let values = budget.allocate(selecting.len).map_err(OperationError::from)?;
        let (values, mut own, _) = self.selected(selecting, values, own, elsewhere.as_ref().unwrap_or(reading)).await?;
        if let Some(elsewhere) = &elsewhere {
            reading.count(elsewhere);
        }
        let effort = if values.bytes().len() <= SHORT_LEN { Effort::Short } else { Effort::Long };
        let check = move || {
            let values = match what {
                What::Labels(size) => labels(values, size, &path, &mut own),
                What::Weights => weights(values, &path, &own),
            };
            values.map(|values| (values, own))
        };
        let (values, own) = self.cpu.run(reading.caller().client, effort, check).await??;
        match (what, &mut axes.groups) {
            (What::Labels(_), Some(groups)) => groups.labels = Along { numbers: Numbers::Read(values.into()), steps },
            (What::Labels(_), None) => return Err(OperationError::Defect("labels are of no groups").into()),
            (What::Weights, _) => axes.weights = vec![Along { numbers: Numbers::Read(values.into()), steps }],
        }
        Ok(own)
    }
}

/// The weights, if all of them are.
fn weights(values: Buffer, path: &str, budget: &Budget) -> Result<Buffer, ActiveStorageError> {
    for (block, weights) in values.elements::<f64>().chunks(STEP).enumerate() {
        budget.cancellation().check().map_err(OperationError::from)?;
        if let Some(at) = weights.iter().position(|weight| !(weight.is_finite() && *weight >= 0.0)) {
            let weight = weights.get(at).copied().unwrap_or(f64::NAN);
            let what = if weight.is_nan() { "missing or no number".to_owned() } else { format!("{weight:?}") };
            let number = block.saturating_mul(STEP).saturating_add(at);
            return Err(unfit("weights", path, number, &what, "weights are finite and not negative"));
        }
    }
    Ok(values)
}

/// Labels of these values, each in half the room: −1 where one is missing.
fn labels(mut values: Buffer, size: usize, path: &str, budget: &mut Budget) -> Result<Buffer, ActiveStorageError> {
    let elements = values.elements::<f64>().len();
    for number in 0..elements {
        if number.is_multiple_of(STEP) {
            budget.cancellation().check().map_err(OperationError::from)?;
        }
        let value = values.elements::<f64>().get(number).copied().unwrap_or(f64::NAN);
        let label = if value.is_nan() { Some(-1) } else { label(value, size) };
        let Some(label) = label else {
            let groups = format!("there are {size} groups, from 0 on, and -1 is none");
            return Err(unfit("groups", path, number, &value.to_string(), &groups));
        };
        if let Some(slot) = values.elements_mut::<i32>().get_mut(number) {
            *slot = label;
        }
    }
    values.truncate(elements.saturating_mul(size_of::<i32>()));
    Ok(values)
}

/// The label that a whole number is, if there are so many groups.
#[expect(clippy::cast_possible_truncation, reason = "it is no smaller than -1 and below a number of 32 bits")]
fn label(value: f64, size: usize) -> Option<i32> {
    (value >= -1.0 && value < size as f64).then_some(value as i32)
}

/// The error of an element that is not what it should be.
fn unfit(field: &str, path: &str, number: usize, what: &str, rule: &str) -> ActiveStorageError {
    let problem = format!("element {number} of what the selection leaves of {path:?} is {what}: {rule}");
    RequestError::Invalid(vec![Problem::new(field, problem)]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Pool;

    fn read(values: &[f64]) -> (Buffer, Budget) {
        let mut budget = Budget::unshared(10, Pool::new(1, 0).into());
        let mut buffer = budget.allocate(size_of_val(values)).expect("there is room");
        buffer.elements_mut().copy_from_slice(values);
        (buffer, budget)
    }

    fn told<T: std::fmt::Debug>(found: Result<T, ActiveStorageError>) -> String {
        match found.expect_err("it is refused") {
            ActiveStorageError::Request(RequestError::Invalid(problems)) => problems[0].to_string(),
            other => other.to_string(),
        }
    }

    #[test]
    fn missing_labels_are_of_no_group_and_others_are_below_their_number() {
        let labelled = |values: &[f64]| {
            let (values, mut budget) = read(values);
            labels(values, 3, "/basin", &mut budget).map(|labels| labels.elements::<i32>().to_vec())
        };
        assert_eq!(labelled(&[2.0, f64::NAN, -1.0, 0.0, 1.0]).expect("labels"), [2, -1, -1, 0, 1]);
        assert!(labelled(&[]).expect("labels").is_empty());
        for (wrong, shown) in [(3.0, "3"), (-2.0, "-2"), (1e300, "1000000"), (-1e300, "-1000000")] {
            let told = told(labelled(&[0.0, wrong]));
            let start = format!(r#"groups: element 1 of what the selection leaves of "/basin" is {shown}"#);
            assert!(told.starts_with(&start), "{told}");
        }
    }

    #[test]
    fn weights_are_finite_and_not_negative() {
        let weighed = |values: &[f64]| {
            let (values, budget) = read(values);
            weights(values, "area", &budget).map(|weights| weights.elements::<f64>().to_vec())
        };
        assert_eq!(weighed(&[0.0, -0.0, 1e308]).expect("weights"), [0.0, -0.0, 1e308]);
        for (wrong, shown) in [(f64::NAN, "missing or no number"), (-0.5, "-0.5"), (f64::INFINITY, "inf")] {
            let told = told(weighed(&[1.0, 2.0, wrong]));
            let start = format!(r#"weights: element 2 of what the selection leaves of "area" is {shown}: weights are"#);
            assert!(told.starts_with(&start), "{told}");
        }
    }
}
