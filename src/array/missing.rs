//! Which elements are missing, after the CF conventions (section 2.5.1, "Missing data, valid and actual
//! range of data").

#![expect(clippy::needless_bitwise_bool, reason = "loops without branches vectorise")]

use multiversion::multiversion;

use super::element::{Element, Number};

/// Values that one loop compares with.
const FEW: usize = 4;

/// Lists longer than this are searched, shorter ones compared value by value.
const SEARCHED_LIST_LEN: usize = 16;

/// Rules for missing data, in the data's own values. An element is missing if any rule says so; NaN is
/// missing only if `values` holds a NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing<T> {
    /// Equal to one of these.
    pub values: Vec<T>,
    /// Less than this.
    pub min: Option<T>,
    /// Greater than this.
    pub max: Option<T>,
}

/// Nothing is missing.
impl<T> Default for Missing<T> {
    fn default() -> Self {
        Self { values: Vec::new(), min: None, max: None }
    }
}

impl Missing<Number> {
    /// The rules for elements of type `T`; None if a value is not of its kind or outside its range.
    #[must_use]
    pub fn typed<T: Element>(&self) -> Option<Missing<T>> {
        let bound = |bound: Option<Number>| match bound {
            Some(number) => T::from_number(number).map(Some),
            None => Some(None),
        };
        Some(Missing {
            values: self.values.iter().map(|&number| T::from_number(number)).collect::<Option<_>>()?,
            min: bound(self.min)?,
            max: bound(self.max)?,
        })
    }
}

/// [`Missing`], made ready to be applied to piece after piece.
#[derive(Debug)]
pub struct MissingRules<T> {
    rule: Rule<T>,
    /// Elements that these find missing are first overwritten with the value of the rule.
    marks: Vec<Few<T>>,
    /// The same for elements in this list, which is in order.
    searched: Vec<T>,
}

/// A rule that is applied in the same loop that replaces missing elements and counts the others.
#[derive(Clone, Copy, Debug)]
enum Rule<T> {
    /// Nothing is missing.
    None,
    /// What equals this is missing.
    Value(T),
    /// What is below the first or above the second is missing.
    Range(T, T),
    /// What equals one of these is missing.
    Values([T; FEW]),
    /// Values and a range, or NaN.
    Few(Few<T>),
}

/// Up to four values, a range, and perhaps NaN.
#[derive(Clone, Copy, Debug)]
struct Few<T> {
    values: [T; FEW],
    low: T,
    high: T,
    nan: bool,
}

impl<T: Element> Few<T> {
    #[inline(always)]
    fn is_valid(&self, element: T) -> bool {
        let is_outside = (element < self.low) | (element > self.high);
        is_unlisted(&self.values, element) & !(is_outside | (element.is_nan() & self.nan))
    }
}

// All comparisons are made, without branches, so that the loop around them vectorises.
#[inline(always)]
fn is_unlisted<T: Element>(values: &[T; FEW], element: T) -> bool {
    values.iter().fold(true, |is_unlisted, &value| is_unlisted & (element != value))
}

impl<T: Element> From<Missing<T>> for MissingRules<T> {
    fn from(Missing { mut values, min, max }: Missing<T>) -> Self {
        let nan = values.iter().copied().find(|value| value.is_nan());
        values.retain(|value| !value.is_nan());
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        values.dedup_by(|a, b| a == b);
        let has_range = min.is_some() || max.is_some();
        let (low, high) = (min.unwrap_or(T::LOWEST), max.unwrap_or(T::HIGHEST));
        // Nothing equals a NaN: it fills a list of no values.
        let few = |values: &[T]| {
            let filler = values.first().copied().or(nan).unwrap_or(T::NOTHING);
            Few {
                values: std::array::from_fn(|i| values.get(i).copied().unwrap_or(filler)),
                low,
                high,
                nan: nan.is_some(),
            }
        };
        let (rule, marks) = match (values.as_slice(), nan, has_range) {
            ([], None, false) => (Rule::None, Vec::new()),
            (&[value], None, false) => (Rule::Value(value), Vec::new()),
            ([], None, true) => (Rule::Range(low, high), Vec::new()),
            (values, None, false) if values.len() <= FEW => (Rule::Values(few(values).values), Vec::new()),
            (values, ..) if values.len() <= FEW => (Rule::Few(few(values)), Vec::new()),
            (values @ &[value, ..], ..) if values.len() <= SEARCHED_LIST_LEN => {
                (Rule::Value(value), values.chunks(FEW).map(few).collect())
            }
            (values, ..) => (Rule::Value(few(values).values[0]), vec![few(values)]),
        };
        let searched = if values.len() > SEARCHED_LIST_LEN { values } else { Vec::new() };
        Self { rule, marks, searched }
    }
}

impl<T: Element> MissingRules<T> {
    /// True if no element can be missing.
    pub const fn is_empty(&self) -> bool {
        matches!(self.rule, Rule::None)
    }

    /// Whether elements must be [marked](Self::mark) before they are replaced.
    pub fn has_marks(&self) -> bool {
        !self.marks.is_empty()
    }

    /// Makes missing elements recognizable to the loop that replaces them, where there are too many rules for it.
    pub fn mark(&self, elements: &mut [T]) {
        let Rule::Value(value) = self.rule else { return };
        for few in &self.marks {
            mark(elements, value, |element| few.is_valid(element));
        }
        if !self.searched.is_empty() {
            let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Less);
            mark(elements, value, |element| self.searched.binary_search_by(|listed| order(listed, &element)).is_err());
        }
    }

    /// Copies rows of `row_len` elements, `neutral` in place of missing ones, and adds the number of the others in
    /// each row to its count. Elements must have been marked if that is needed.
    pub fn replace_in_rows(&self, rows: &[T], row_len: usize, neutral: T, replaced: &mut [T], counts: &mut [u32]) {
        match self.rule {
            Rule::None => replace_in_rows(rows, row_len, neutral, replaced, counts, |_| true),
            Rule::Value(value) => replace_in_rows(rows, row_len, neutral, replaced, counts, |x| x != value),
            Rule::Range(low, high) => {
                replace_in_rows(rows, row_len, neutral, replaced, counts, |x| !((x < low) | (x > high)));
            }
            Rule::Values(values) => {
                replace_in_rows(rows, row_len, neutral, replaced, counts, |x| is_unlisted(&values, x));
            }
            Rule::Few(few) => replace_in_rows(rows, row_len, neutral, replaced, counts, |x| few.is_valid(x)),
        }
    }

    /// The same for rows of `width` elements, each of which counts for its column.
    pub fn replace_in_columns(&self, rows: &[T], width: usize, neutral: T, replaced: &mut [T], counts: &mut [u32]) {
        match self.rule {
            Rule::None => replace_in_columns(rows, width, neutral, replaced, counts, |_| true),
            Rule::Value(value) => replace_in_columns(rows, width, neutral, replaced, counts, |x| x != value),
            Rule::Range(low, high) => {
                replace_in_columns(rows, width, neutral, replaced, counts, |x| !((x < low) | (x > high)));
            }
            Rule::Values(values) => {
                replace_in_columns(rows, width, neutral, replaced, counts, |x| is_unlisted(&values, x));
            }
            Rule::Few(few) => replace_in_columns(rows, width, neutral, replaced, counts, |x| few.is_valid(x)),
        }
    }
}

#[multiversion(targets = "simd")]
fn mark<T: Element, P: Fn(T) -> bool>(elements: &mut [T], value: T, is_valid: P) {
    for element in elements {
        *element = if is_valid(*element) { *element } else { value };
    }
}

#[multiversion(targets = "simd")]
fn replace_in_rows<T: Element, P: Fn(T) -> bool>(
    rows: &[T],
    row_len: usize,
    neutral: T,
    replaced: &mut [T],
    counts: &mut [u32],
    is_valid: P,
) {
    let row_len = row_len.max(1);
    let rows = rows.chunks_exact(row_len).zip(replaced.chunks_exact_mut(row_len));
    for ((row, replaced), count) in rows.zip(counts) {
        let mut valid = 0;
        for (&element, replaced) in row.iter().zip(replaced) {
            let is_valid = is_valid(element);
            *replaced = if is_valid { element } else { neutral };
            valid += u32::from(is_valid);
        }
        *count += valid;
    }
}

#[multiversion(targets = "simd")]
fn replace_in_columns<T: Element, P: Fn(T) -> bool>(
    rows: &[T],
    width: usize,
    neutral: T,
    replaced: &mut [T],
    counts: &mut [u32],
    is_valid: P,
) {
    let width = width.max(1);
    for (row, replaced) in rows.chunks_exact(width).zip(replaced.chunks_exact_mut(width)) {
        for ((&element, replaced), count) in row.iter().zip(replaced).zip(&mut *counts) {
            let is_valid = is_valid(element);
            *replaced = if is_valid { element } else { neutral };
            *count += u32::from(is_valid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validity<T: Element>(missing: Missing<T>, block: &[T]) -> Vec<bool> {
        let rules = MissingRules::from(missing);
        let mut marked = block.to_vec();
        rules.mark(&mut marked);
        let (mut replaced, mut counts, mut count) = (block.to_vec(), vec![0; block.len()], [0]);
        rules.replace_in_rows(&marked, block.len(), T::NOTHING, &mut replaced, &mut count);
        rules.replace_in_columns(&marked, block.len(), T::NOTHING, &mut replaced, &mut counts);
        assert_eq!(count[0], counts.iter().sum::<u32>());
        counts.into_iter().map(|count| count == 1).collect()
    }

    #[test]
    fn an_element_is_missing_if_any_rule_says_so() {
        let missing = Missing { values: vec![5.0, f32::NAN], min: Some(0.0), max: Some(10.0) };
        let block = [-1.0, 0.0, 5.0, 7.0, 10.0, 11.0, f32::NAN, f32::INFINITY];
        assert_eq!(validity(missing, &block), [false, true, false, true, true, false, false, false]);
    }

    #[test]
    fn nan_is_data_unless_it_is_named() {
        assert_eq!(validity(Missing { values: vec![1.0], min: Some(0.0), max: None }, &[f64::NAN]), [true]);
    }

    #[test]
    fn zeros_of_either_sign_are_equal() {
        assert_eq!(validity(Missing { values: vec![0.0], ..Missing::default() }, &[-0.0_f32]), [false]);
    }

    #[test]
    fn a_long_list_means_the_same_as_a_short_one() {
        let values: Vec<f32> = (0..100).rev().map(|i| i as f32).chain([f32::NAN, f32::INFINITY]).collect();
        let block = [0.0, 50.0, 99.0, 100.0, -1.0, 0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let valid = validity(Missing { values, ..Missing::default() }, &block);
        assert_eq!(valid, [false, false, false, true, true, true, false, false, true]);
    }

    #[test]
    fn a_long_list_goes_with_a_range() {
        let values: Vec<i32> = (0..100).step_by(2).collect();
        for len in [2, 4, 5, 16, 17, 50] {
            let missing = Missing { values: values[..len].to_vec(), min: Some(-5), max: Some(150) };
            let valid = validity(missing, &[-6, -5, 0, 1, 2, 3, 150, 151]);
            assert_eq!(valid, [false, true, false, true, false, true, true, false], "{len}");
        }
    }

    #[test]
    fn a_value_that_the_dtype_cannot_hold_gives_no_rules() {
        let missing = Missing { values: vec![Number::Integer(300)], ..Missing::default() };
        assert_eq!(missing.typed::<u8>(), None);
        assert_eq!(missing.typed::<u16>().map(|missing| missing.values), Some(vec![300]));
    }
}
