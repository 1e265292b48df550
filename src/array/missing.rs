//! Which elements are missing, after the CF conventions (section 2.5.1, "Missing data, valid and actual
//! range of data").

#![expect(clippy::needless_bitwise_bool, reason = "loops without branches vectorise")]

use std::cmp::Ordering;

use multiversion::multiversion;

use super::{
    element::{Element, Number},
    rows::{All, Inside, IsValid, NotOutside, Unequal, Validity, with_validity},
};

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
    validity: Validity<T>,
    marks: Option<Marks<T>>,
}

/// What is missing by rules that are too many for one loop is first overwritten with a value that is missing.
#[derive(Debug)]
struct Marks<T> {
    value: T,
    /// A range, and NaN.
    range: Option<Validity<T>>,
    /// Values to compare with, in a loop each.
    few: Vec<Unlisted<T>>,
    /// Values to search, in order.
    searched: Vec<T>,
}

/// Elements that equal one of a few are missing.
#[derive(Clone, Copy, Debug)]
struct Unlisted<T>([T; FEW]);

impl<T: Copy + PartialEq> IsValid<T> for Unlisted<T> {
    // All comparisons are made, without branches, so that the loop around them vectorises.
    #[inline(always)]
    fn is_valid(self, element: T) -> bool {
        let [a, b, c, d] = self.0;
        (element != a) & (element != b) & (element != c) & (element != d)
    }
}

impl<T: Element> From<Missing<T>> for MissingRules<T> {
    fn from(Missing { mut values, min, max }: Missing<T>) -> Self {
        let nan = values.iter().any(|value| value.is_nan());
        values.retain(|value| !value.is_nan());
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        values.dedup_by(|a, b| a == b);
        let (low, high) = (min.unwrap_or(T::LOWEST), max.unwrap_or(T::HIGHEST));
        let range = match (nan, min.is_some() || max.is_some()) {
            (true, _) => Some(Validity::Inside(Inside(low, high))),
            (false, true) => Some(Validity::NotOutside(NotOutside(low, high))),
            (false, false) => None,
        };
        let Some(&value) = values.first() else {
            return Self { validity: range.unwrap_or(Validity::All(All)), marks: None };
        };
        let validity = Validity::Unequal(Unequal(value));
        if values.len() == 1 && range.is_none() {
            return Self { validity, marks: None };
        }
        let is_short = values.len() <= SEARCHED_LIST_LEN;
        let (compared, searched) = if is_short { (values, Vec::new()) } else { (Vec::new(), values) };
        let few = |values: &[T]| Unlisted(std::array::from_fn(|i| values.get(i).copied().unwrap_or(value)));
        Self { validity, marks: Some(Marks { value, range, few: compared.chunks(FEW).map(few).collect(), searched }) }
    }
}

impl<T: Element> MissingRules<T> {
    /// Which elements are missing, once they have been [marked](Self::mark).
    pub const fn validity(&self) -> Validity<T> {
        self.validity
    }

    /// Whether elements must be [marked](Self::mark).
    pub const fn has_marks(&self) -> bool {
        self.marks.is_some()
    }

    /// Overwrites missing elements with one that [`validity`](Self::validity) finds missing, where it would not find
    /// them itself.
    pub fn mark(&self, elements: &mut [T]) {
        let Some(Marks { value, range, few, searched }) = &self.marks else { return };
        if let Some(range) = *range {
            with_validity!(range, range => mark(elements, *value, range));
        }
        for &few in few {
            mark(elements, *value, few);
        }
        if !searched.is_empty() {
            let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(Ordering::Less);
            for element in elements {
                let is_listed = searched.binary_search_by(|listed| order(listed, element)).is_ok();
                *element = if is_listed { *value } else { *element };
            }
        }
    }

    /// The same for a copy of elements; both slices have the same length.
    pub fn mark_copy(&self, elements: &[T], copy: &mut [T]) {
        if let Some(Marks { value, range: None, few, searched }) = &self.marks
            && let ([few], []) = (few.as_slice(), searched.as_slice())
        {
            // The common case, in one loop.
            return copy_marked(elements, copy, *value, *few);
        }
        copy.copy_from_slice(elements);
        self.mark(copy);
    }
}

#[multiversion(targets = "simd")]
fn copy_marked<T: Element, V: IsValid<T>>(elements: &[T], copy: &mut [T], value: T, valid: V) {
    for (copy, &element) in copy.iter_mut().zip(elements) {
        *copy = if valid.is_valid(element) { element } else { value };
    }
}

/// Elements of which a copy is marked and written at one time. In place, the compiler would write nothing but what changes,
/// which takes many times as long.
const AT_A_TIME: usize = 256;

fn mark<T: Element, V: IsValid<T>>(elements: &mut [T], value: T, valid: V) {
    let mut copy = [value; AT_A_TIME];
    for elements in elements.chunks_mut(AT_A_TIME) {
        let copy = copy.split_at_mut(elements.len()).0;
        copy.copy_from_slice(elements);
        copy_marked(copy, elements, value, valid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validity<T: Element>(missing: Missing<T>, block: &[T]) -> Vec<bool> {
        let rules = MissingRules::from(missing);
        let mut marked = block.to_vec();
        rules.mark(&mut marked);
        let mut copy = block.to_vec();
        rules.mark_copy(block, &mut copy);
        assert_eq!(bytemuck::cast_slice::<T, u8>(&copy), bytemuck::cast_slice::<T, u8>(&marked));
        with_validity!(rules.validity(), valid => marked.iter().map(|&element| valid.is_valid(element)).collect())
    }

    #[test]
    fn an_element_is_missing_if_any_rule_says_so() {
        let missing = Missing { values: vec![5.0, f32::NAN], min: Some(0.0), max: Some(10.0) };
        let block = [-1.0, 0.0, 5.0, 7.0, 10.0, 11.0, f32::NAN, f32::INFINITY];
        assert_eq!(validity(missing, &block), [false, true, false, true, true, false, false, false]);
    }

    #[test]
    fn nan_is_data_unless_it_is_named() {
        let block = [f64::NAN, -1.0, 2.0, f64::INFINITY];
        assert_eq!(
            validity(Missing { values: vec![1.0], min: Some(0.0), max: None }, &block),
            [true, false, true, true]
        );
        assert_eq!(validity(Missing { min: Some(0.0), ..Missing::default() }, &block), [true, false, true, true]);
        let nan = Missing { values: vec![f64::NAN], ..Missing::default() };
        assert_eq!(validity(nan.clone(), &block), [false, true, true, true]);
        assert_eq!(validity(Missing { max: Some(2.0), ..nan }, &block), [false, true, true, false]);
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
