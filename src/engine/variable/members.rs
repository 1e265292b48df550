//! Which elements of a chunk belong to which group, along the dimensions that groups go over.
//!
//! The elements of those dimensions are taken as one axis. Sorted by label, those of one group are a stretch of it: long ones are
//! folded each by itself, over the axis; short ones together, each element into a state of its own, and what belongs together is
//! merged after that.

use super::lines::{Line, Progression, each_row};
use crate::{
    array::MAX_ELEMENTS,
    engine::error::OperationError,
    resources::{Budget, MEMORY_UNIT, STEP},
};

/// Elements of a group in a chunk that are worth being folded by themselves.
const LONG: usize = 1 << 10;

/// Results of short groups that are folded together, where those of one position are not more.
pub(super) const MOST_TOGETHER: usize = 1 << 15;

/// Bytes that what is known here takes for each element of the axis: it is sorted, and put together.
pub(super) const OF_AN_ELEMENT: u64 = (3 * size_of::<Run>() + 3 * size_of::<usize>() + size_of::<i32>()) as u64;

/// Bytes for each element of a chunk that portions take which are kept, beside what is known of them: where each one belongs, and what
/// two buffers are rounded up by. There are at most two portions for as many elements as are long, and few others.
pub(super) const OF_A_PORTION: u64 = (size_of::<usize>() + (2 * 2 + 1) * MEMORY_UNIT / LONG) as u64;

/// Elements next to each other along the last of the dimensions, all of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    label: u32,
    /// Number of the first element, counted in C order.
    first: u32,
    len: u32,
}

/// Elements that are folded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    /// The first of them and how many they are, of all members in their order.
    pub(super) first: usize,
    pub(super) len: usize,
    pub(super) groups: PortionGroups,
    /// Where they are along the dimension, if that is one of several at equal distances.
    even: Option<Progression>,
}

/// The groups of a portion, as numbers among the groups of the chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PortionGroups {
    /// All elements belong to this one.
    One(usize),
    /// Each element belongs to one of these.
    Each(Vec<usize>),
}

/// How elements of a chunk are folded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Folding {
    /// Elements of the chunk for each one of the axis.
    pub(super) elements: usize,
    /// Results of the chunk for each one of the axis.
    pub(super) results: usize,
    /// Whether each element has to have a state of its own.
    pub(super) each: bool,
}

/// The elements that belong to groups: sorted by label, and then in C order.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    runs: Vec<Run>,
    /// Labels of the groups that there are, ascending.
    pub(super) labels: Vec<usize>,
    pub(super) portions: Vec<Portion>,
    len: usize,
    /// Length of the last of the dimensions.
    row_len: usize,
    /// Whether each portion is taken where it is, along the one dimension there is.
    pub(super) in_place: bool,
}

impl Members {
    /// Those that have a label: `lines` say where that of an index of each dimension is.
    ///
    /// # Errors
    /// If a label is not where it should be, there are too many elements, or nobody waits for them.
    pub(super) fn new(
        labels: &[i32],
        lines: &[Line],
        folding: Folding,
        budget: &Budget,
    ) -> Result<Self, OperationError> {
        let row_len = lines.last().map_or(1, Line::len);
        let mut runs = runs(labels, lines, budget)?;
        runs.sort_by_key(|run| run.label);
        budget.cancellation().check()?;
        let mut members = Self { row_len, ..Self::default() };
        for of_group in runs.chunk_by(|one, next| one.label == next.label) {
            members.add(of_group, folding);
        }
        members.in_place = lines.len() == 1 && members.portions.iter().all(|portion| portion.even.is_some());
        Ok(members)
    }

    /// Adds the runs of one group, which come after all others.
    fn add(&mut self, of_group: &[Run], folding: Folding) {
        let Some(&Run { label, .. }) = of_group.first() else { return };
        let number = self.labels.len();
        self.labels.push(label as usize);
        let len = of_group.iter().fold(0_usize, |len, run| len.saturating_add(run.len as usize));
        if !folding.each && len > 1 && len.saturating_mul(folding.elements) >= LONG {
            let portion = Portion { first: self.len, len, groups: PortionGroups::One(number), even: even(of_group) };
            self.portions.push(portion);
            self.runs.extend(of_group);
            self.len = self.len.saturating_add(len);
            return;
        }
        for &run in of_group {
            self.add_each(run, number, folding);
        }
    }

    /// Adds elements that have a state each, to portions that are no larger than they should be.
    fn add_each(&mut self, run: Run, number: usize, folding: Folding) {
        let most = (MOST_TOGETHER / folding.results.max(1)).max(1);
        let mut rest = run;
        while rest.len > 0 {
            let is_open = |portion: &Portion| portion.len < most && matches!(portion.groups, PortionGroups::Each(_));
            if !self.portions.last().is_some_and(is_open) {
                let groups = PortionGroups::Each(Vec::new());
                self.portions.push(Portion { first: self.len, len: 0, groups, even: None });
            }
            let Some(Portion { len, groups: PortionGroups::Each(groups), even, .. }) = self.portions.last_mut() else {
                return;
            };
            let room = u32::try_from(most.saturating_sub(*len)).unwrap_or(u32::MAX);
            let taken = Run { len: rest.len.min(room), ..rest };
            *even = if *len == 0 { self::even(&[taken]) } else { even.and_then(|even| followed(even, taken)) };
            groups.extend(std::iter::repeat_n(number, taken.len as usize));
            *len = len.saturating_add(taken.len as usize);
            self.len = self.len.saturating_add(taken.len as usize);
            self.runs.push(taken);
            rest = Run { first: rest.first.saturating_add(taken.len), len: rest.len.saturating_sub(taken.len), ..rest };
        }
    }

    /// Where the axis of all members lies, of which the indices of each dimension lie on these lines: that of the one dimension if
    /// portions are taken where they are.
    pub(super) fn line(&self, lines: &[Line]) -> Line {
        let Some((last, outer)) = lines.split_last() else { return Line::still(self.len) };
        if self.in_place {
            return last.clone();
        }
        if lines.iter().all(|line| matches!(line, Line::Even { step: 0, .. })) {
            return Line::still(self.len);
        }
        let mut places = Vec::with_capacity(self.len);
        for run in &self.runs {
            let (mut rest, from) =
                ((run.first as usize) / self.row_len.max(1), run.first as usize % self.row_len.max(1));
            let mut row = 0_usize;
            for line in outer.iter().rev() {
                row = row.saturating_add(line.at(rest % line.len().max(1)));
                rest /= line.len().max(1);
            }
            last.put(row, from, run.len as usize, &mut places);
        }
        Line::Uneven(places)
    }

    /// Where a portion is along the axis of all members.
    pub(super) fn along(&self, portion: &Portion) -> Progression {
        let sorted = Progression { first: portion.first, step: 1, len: portion.len };
        portion.even.filter(|_| self.in_place).unwrap_or(sorted)
    }
}

/// The runs of elements in C order.
fn runs(labels: &[i32], lines: &[Line], budget: &Budget) -> Result<Vec<Run>, OperationError> {
    let elements = lines.iter().fold(1_usize, |elements, line| elements.saturating_mul(line.len()));
    if elements > MAX_ELEMENTS {
        return Err(OperationError::TooManyElements(elements));
    }
    let (last, outer) = lines.split_last().ok_or(NO_LABEL)?;
    let (mut runs, mut element, mut scratch) = (Vec::new(), 0_u32, Vec::new());
    each_row(outer, |row| {
        for part in row_of(labels, row, last, &mut scratch)?.chunks(STEP) {
            budget.cancellation().check()?;
            for run in part.chunk_by(|one, next| one == next) {
                // No run is longer than all elements are.
                let len = u32::try_from(run.len()).unwrap_or(u32::MAX);
                let label = run.first().and_then(|&label| u32::try_from(label).ok());
                runs.extend(label.map(|label| Run { label, first: element, len }));
                element = element.saturating_add(len);
            }
        }
        Ok(())
    })?;
    Ok(runs)
}

/// The labels of a row: where they are if they are neighbours, else copied.
fn row_of<'a>(
    labels: &'a [i32],
    row: usize,
    last: &Line,
    scratch: &'a mut Vec<i32>,
) -> Result<&'a [i32], OperationError> {
    if let Line::Even { first, step: 1, len } = *last {
        let rest = labels.get(row.saturating_add(first)..);
        return rest.and_then(|rest| rest.get(..len)).ok_or(NO_LABEL);
    }
    scratch.clear();
    for index in 0..last.len() {
        scratch.push(*labels.get(row.saturating_add(last.at(index))).ok_or(NO_LABEL)?);
    }
    Ok(scratch)
}

/// Where the elements of runs are, if they are at equal distances.
fn even(runs: &[Run]) -> Option<Progression> {
    let (&first, rest) = runs.split_first()?;
    let start = Progression { first: first.first as usize, step: 1, len: first.len as usize };
    rest.iter().try_fold(start, |even, &run| followed(even, run))
}

/// The elements and those of a run after them, if all are at equal distances.
fn followed(even: Progression, run: Run) -> Option<Progression> {
    let (first, len) = (run.first as usize, run.len as usize);
    let last = even.first.saturating_add(even.step.saturating_mul(even.len.saturating_sub(1)));
    let step = first.checked_sub(last).filter(|&step| step > 0)?;
    let is_regular = (even.len == 1 || step == even.step) && (len == 1 || step == 1);
    is_regular.then(|| Progression { step, len: even.len.saturating_add(len), ..even })
}

const NO_LABEL: OperationError = OperationError::Defect("an element has no label where it should be");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::resources::{Budget, Pool};

    fn budget() -> Budget {
        Budget::unshared(0, Pool::new(1, 0).into())
    }

    fn line(len: usize, step: isize) -> Line {
        Line::Even { first: 0, step, len }
    }

    fn members(labels: &[i32], lines: &[Line], folding: Folding) -> Members {
        Members::new(labels, lines, folding, &budget()).expect("labels")
    }

    const LONG_ONES: Folding = Folding { elements: LONG, results: 1, each: false };

    #[test]
    fn months_and_runs_are_taken_where_they_are_and_others_are_brought_together() {
        let along = |labels: &[i32]| {
            let members = members(labels, &[line(labels.len(), 1)], LONG_ONES);
            let along = members.portions.iter().map(|portion| members.along(portion)).collect::<Vec<_>>();
            (members.in_place, along)
        };
        let cycle = along(&[0, 1, 2, 0, 1, 2]);
        let every_third = |first| Progression { first, step: 3, len: 2 };
        assert_eq!(cycle, (true, vec![every_third(0), every_third(1), every_third(2)]));
        let run = |first, len| Progression { first, step: 1, len };
        assert_eq!(along(&[5, 5, 5, -1, 2, 2]), (true, vec![run(4, 2), run(0, 3)]));
        assert!(!along(&[1, 1, 0, 0, 1, 1]).0);
    }

    proptest! {
        #[test]
        fn each_element_with_a_label_is_in_one_portion_of_its_group(
            labels in prop::collection::vec(-1..5_i32, 24),
            each: bool,
            (elements, results) in (1..2000_usize, 1..40_000_usize),
        ) {
            let lines = [line(4, 6), line(6, 1)];
            let members = members(&labels, &lines, Folding { elements, results, each });
            let Line::Uneven(order) = members.line(&lines) else { return Err(TestCaseError::fail("it is a list")) };
            let mut expected: Vec<usize> = (0..24).filter(|&at| labels[at] >= 0).collect();
            expected.sort_by_key(|&at| labels[at]);
            prop_assert_eq!((&order, members.len), (&expected, expected.len()));
            let mut seen = 0;
            for Portion { first, len, groups, .. } in &members.portions {
                prop_assert_eq!(*first, seen);
                for number in 0..*len {
                    let group = match groups {
                        PortionGroups::One(group) => *group,
                        PortionGroups::Each(groups) => groups[number],
                    };
                    prop_assert_eq!(members.labels[group], usize::try_from(labels[order[first + number]]).unwrap());
                }
                prop_assert!(matches!(groups, PortionGroups::One(_)) || len * results <= MOST_TOGETHER.max(results));
                seen += len;
            }
            prop_assert_eq!(seen, expected.len());
            prop_assert!(members.labels.is_sorted_by(|one, next| one < next));
        }
    }
}
