//! Which elements are missing, after the CF conventions (section 2.5.1, "Missing data, valid and actual
//! range of data").

use super::element::{Element, Number};

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

/// [`Missing`], made ready to be applied to block after block.
pub struct MissingRules<T> {
    values: Vec<T>,
    nan: bool,
    min: Option<T>,
    max: Option<T>,
}

impl<T: Element> From<Missing<T>> for MissingRules<T> {
    fn from(Missing { mut values, min, max }: Missing<T>) -> Self {
        let len = values.len();
        values.retain(|value| !value.is_nan());
        let nan = values.len() < len;
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        values.dedup_by(|a, b| a == b);
        Self { values, nan, min, max }
    }
}

impl<T: Element> MissingRules<T> {
    /// True if no element can be missing.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && !self.nan && self.min.is_none() && self.max.is_none()
    }

    /// Sets `valid[i]` to whether `block[i]` is not missing. One pass per rule, each of which vectorises:
    /// faster than a choice of rules per element.
    pub fn validity(&self, block: &[T], valid: &mut [bool]) {
        valid.fill(true);
        let mut keep = |is_valid: &dyn Rule<T>| is_valid.apply(block, valid);
        if self.values.len() > SEARCHED_LIST_LEN {
            keep(&|x: T| {
                self.values.binary_search_by(|v| v.partial_cmp(&x).unwrap_or(std::cmp::Ordering::Less)).is_err()
            });
        } else {
            for &value in &self.values {
                keep(&move |x: T| x != value);
            }
        }
        if self.nan {
            keep(&|x: T| !x.is_nan());
        }
        if let Some(min) = self.min {
            keep(&move |x: T| x >= min || x.is_nan());
        }
        if let Some(max) = self.max {
            keep(&move |x: T| x <= max || x.is_nan());
        }
    }
}

/// A predicate compiled into its own loop over a block.
trait Rule<T> {
    fn apply(&self, block: &[T], valid: &mut [bool]);
}

impl<T: Element, F: Fn(T) -> bool> Rule<T> for F {
    fn apply(&self, block: &[T], valid: &mut [bool]) {
        for (valid, &element) in valid.iter_mut().zip(block) {
            *valid &= self(element);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validity<T: Element>(missing: Missing<T>, block: &[T]) -> Vec<bool> {
        let mut valid = vec![false; block.len()];
        MissingRules::from(missing).validity(block, &mut valid);
        valid
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
    fn a_value_that_the_dtype_cannot_hold_gives_no_rules() {
        let missing = Missing { values: vec![Number::Integer(300)], ..Missing::default() };
        assert_eq!(missing.typed::<u8>(), None);
        assert_eq!(missing.typed::<u16>().map(|missing| missing.values), Some(vec![300]));
    }
}
