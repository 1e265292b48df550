//! Which elements are missing, after the CF conventions (section 2.5.1, "Missing data, valid and actual
//! range of data").

use super::element::{Element, Number};

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

impl<T> Missing<T> {
    /// Whether nothing is missing.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.values.is_empty() && self.min.is_none() && self.max.is_none()
    }
}

impl<T: Element> Missing<T> {
    /// Whether an element is missing.
    #[must_use]
    pub fn contains(&self, element: T) -> bool {
        let is = |value: T| value == element || value.is_nan() && element.is_nan();
        self.values.iter().any(|&value| is(value))
            || self.min.is_some_and(|min| element < min)
            || self.max.is_some_and(|max| element > max)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_the_dtype_cannot_hold_gives_no_rules() {
        let missing = Missing { values: vec![Number::Integer(300)], ..Missing::default() };
        assert_eq!(missing.typed::<u8>(), None);
        assert_eq!(missing.typed::<u16>().map(|missing| missing.values), Some(vec![300]));
    }
}
