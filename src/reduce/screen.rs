//! Which elements of a piece are missing: the one place where the rules of [`Missing`] meet elements.

#![expect(clippy::needless_bitwise_bool, reason = "loops without branches vectorise")]

use std::cmp::Ordering;

use multiversion::multiversion;

use super::rows::Rows;
use crate::array::{Element, Missing, Word};

/// Values that one loop compares with.
const FEW: usize = 4;

/// Lists longer than this are searched, shorter ones compared value by value.
const SEARCHED_LIST_LEN: usize = 16;

/// Finds the missing elements of pieces, by the bits of the elements.
pub(super) trait Screen<W: Word>: Send {
    /// Sets the masks of elements that are not missing, one after the other. There is room for those of all rows.
    fn screen(&self, rows: Rows<'_, W>, masks: &mut [W]);
}

/// Whether an element is valid, asked in the loop over the elements of a piece.
trait IsValid<T>: Copy {
    fn is_valid(self, element: T) -> bool;
}

/// Elements that equal this one are missing.
#[derive(Clone, Copy)]
struct Unequal<T>(T);

/// Elements that equal one of a few are missing.
#[derive(Clone, Copy)]
struct Unlisted<T>([T; FEW]);

/// Elements below the first or above the second are missing. NaN is neither.
#[derive(Clone, Copy)]
struct NotOutside<T>(T, T);

/// All but elements from the first to the second are missing, and so is NaN.
#[derive(Clone, Copy)]
struct Inside<T>(T, T);

impl<T: Copy + PartialEq> IsValid<T> for Unequal<T> {
    #[inline(always)]
    fn is_valid(self, element: T) -> bool {
        element != self.0
    }
}

impl<T: Copy + PartialEq> IsValid<T> for Unlisted<T> {
    #[inline(always)]
    fn is_valid(self, element: T) -> bool {
        let [a, b, c, d] = self.0;
        (element != a) & (element != b) & (element != c) & (element != d)
    }
}

impl<T: Copy + PartialOrd> IsValid<T> for NotOutside<T> {
    #[inline(always)]
    fn is_valid(self, element: T) -> bool {
        !((element < self.0) | (element > self.1))
    }
}

impl<T: Copy + PartialOrd> IsValid<T> for Inside<T> {
    #[inline(always)]
    fn is_valid(self, element: T) -> bool {
        (element >= self.0) & (element <= self.1)
    }
}

/// The bounds of what is valid.
#[derive(Clone, Copy)]
enum Range<T> {
    /// Beside which NaN is valid.
    NotOutside(NotOutside<T>),
    /// Beside which it is not.
    Inside(Inside<T>),
}

/// All values that are missing, but for NaN.
enum Values<T> {
    None,
    One(Unequal<T>),
    /// To be compared with, so many in one loop.
    Few(Vec<Unlisted<T>>),
    /// To be searched, in order.
    Searched(Vec<T>),
}

/// The rules for elements of type `T`.
struct Rules<T> {
    range: Option<Range<T>>,
    values: Values<T>,
}

/// A screen for these rules; None if nothing is missing by them.
pub(super) fn screen<T: Element>(missing: Missing<T>) -> Option<Box<dyn Screen<T::Word>>> {
    if missing.is_nothing() { None } else { Some(Box::new(Rules::from(missing))) }
}

impl<T: Element> From<Missing<T>> for Rules<T> {
    fn from(Missing { mut values, min, max }: Missing<T>) -> Self {
        let nan = values.iter().any(|value| value.is_nan());
        values.retain(|value| !value.is_nan());
        values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        values.dedup_by(|a, b| a == b);
        let (low, high) = (min.unwrap_or(T::LOWEST), max.unwrap_or(T::HIGHEST));
        let range = match (nan, min.is_some() || max.is_some()) {
            (true, _) => Some(Range::Inside(Inside(low, high))),
            (false, true) => Some(Range::NotOutside(NotOutside(low, high))),
            (false, false) => None,
        };
        let few = |values: &[T], first: T| Unlisted(std::array::from_fn(|i| values.get(i).copied().unwrap_or(first)));
        let values = match values.as_slice() {
            [] => Values::None,
            &[value] => Values::One(Unequal(value)),
            [first, ..] if values.len() <= SEARCHED_LIST_LEN => {
                Values::Few(values.chunks(FEW).map(|values| few(values, *first)).collect())
            }
            _ => Values::Searched(values),
        };
        Self { range, values }
    }
}

impl<T: Element> Screen<T::Word> for Rules<T> {
    fn screen(&self, rows: Rows<'_, T::Word>, masks: &mut [T::Word]) {
        let rows = rows.cast::<T>();
        match self.range {
            Some(Range::NotOutside(range)) => set(rows, masks, range),
            Some(Range::Inside(range)) => set(rows, masks, range),
            None => {}
        }
        let mut is_set = self.range.is_some();
        let mut next = |unlisted: Unlisted<T>| {
            if std::mem::replace(&mut is_set, true) { clear(rows, masks, unlisted) } else { set(rows, masks, unlisted) }
        };
        match &self.values {
            Values::None => {}
            &Values::One(value) if self.range.is_none() => set(rows, masks, value),
            &Values::One(Unequal(value)) => next(Unlisted([value; FEW])),
            Values::Few(few) => few.iter().copied().for_each(next),
            Values::Searched(values) => search(rows, masks, values, is_set),
        }
    }
}

/// Sets the masks of all valid elements.
#[multiversion(targets = "simd")]
fn set<T: Element, V: IsValid<T>>(rows: Rows<'_, T>, masks: &mut [T::Word], valid: V) {
    for (row, masks) in rows.iter().zip(masks.chunks_exact_mut(rows.row_len())) {
        for (mask, &element) in masks.iter_mut().zip(row) {
            *mask = T::Word::mask(valid.is_valid(element));
        }
    }
}

/// Clears the masks of all other elements.
#[multiversion(targets = "simd")]
fn clear<T: Element, V: IsValid<T>>(rows: Rows<'_, T>, masks: &mut [T::Word], valid: V) {
    for (row, masks) in rows.iter().zip(masks.chunks_exact_mut(rows.row_len())) {
        for (mask, &element) in masks.iter_mut().zip(row) {
            *mask = *mask & T::Word::mask(valid.is_valid(element));
        }
    }
}

/// Looks each element up in a list.
fn search<T: Element>(rows: Rows<'_, T>, masks: &mut [T::Word], listed: &[T], is_set: bool) {
    let order = |a: &T, b: &T| a.partial_cmp(b).unwrap_or(Ordering::Less);
    for (mask, element) in masks.iter_mut().zip(rows.iter().flatten()) {
        let is_listed = listed.binary_search_by(|listed| order(listed, element)).is_ok();
        let was_valid = if is_set { *mask } else { T::Word::mask(true) };
        *mask = was_valid & T::Word::mask(!is_listed);
    }
}

/// Writes the elements of rows whose masks are set, and `neutral` in the place of others, one after the other.
#[multiversion(targets = "simd")]
pub(super) fn fill<W: Word>(rows: Rows<'_, W>, masks: &[W], neutral: W, filled: &mut [W]) {
    let row_len = rows.row_len();
    for ((row, masks), filled) in rows.iter().zip(masks.chunks_exact(row_len)).zip(filled.chunks_exact_mut(row_len)) {
        for ((filled, &element), &mask) in filled.iter_mut().zip(row).zip(masks) {
            *filled = element & mask | neutral & !mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn validity<T: Element>(missing: Missing<T>, block: &[T]) -> Vec<bool> {
        let mut masks = vec![T::Word::NONE; block.len()];
        let words = bytemuck::cast_slice(block);
        screen(missing).expect("rules").screen(Rows::dense(words, block.len()), &mut masks);
        masks.iter().map(|&mask| mask == T::Word::mask(true)).collect()
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
    fn what_is_missing_is_replaced() {
        let (elements, masks) = ([1_u16, 2, 0, 3, 4, 0], [u16::MAX, 0, 0, u16::MAX]);
        let mut filled = [9; 4];
        fill(Rows::new(&elements, 3, 2), &masks, 7, &mut filled);
        assert_eq!(filled, [1, 7, 7, 4]);
    }
}
