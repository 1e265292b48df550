//! Where the elements of a part of an array lie, apart from what they are.

use ndarray::{ArrayViewD, Axis, IxDyn, ShapeBuilder};

use super::{
    order::Order,
    selection::{Indices, Slice},
};

/// One axis: how many indices it has, and how far apart in memory their elements are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    /// Number of indices.
    pub len: usize,
    /// Elements from one index to the next; negative for a way backwards.
    pub step: isize,
}

/// The positions of elements in the memory of a chunk: index `i, j, …` is at `first + i × step + j × step + …`. Nothing is
/// said of the bytes there, which may be swapped or shuffled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions {
    /// Position of the element whose indices are all 0.
    pub first: usize,
    /// The axes.
    pub axes: Vec<Stride>,
}

impl Positions {
    /// Of all elements of an array of this shape. None if it has more than memory can.
    #[must_use]
    pub fn new(shape: &[usize], order: Order) -> Option<Self> {
        let mut axes: Vec<_> = shape.iter().map(|&len| Stride { len, step: 1 }).collect();
        let mut next = 1_isize;
        let mut place = |axis: &mut Stride| {
            axis.step = next;
            next = next.checked_mul(isize::try_from(axis.len.max(1)).ok()?)?;
            Some(())
        };
        match order {
            Order::C => axes.iter_mut().rev().try_for_each(&mut place)?,
            Order::F => axes.iter_mut().try_for_each(&mut place)?,
        }
        Some(Self { first: 0, axes })
    }

    /// Those that the slices pick, one per axis.
    #[must_use]
    pub fn select(mut self, selection: &[Slice]) -> Self {
        for (axis, slice) in self.axes.iter_mut().zip(selection) {
            let Indices { first, len, step } = slice.indices(axis.len);
            // Products of an index below a length and its step, for which memory has room.
            if len > 0 {
                self.first = self.first.saturating_add_signed(axis.step.saturating_mul(first.cast_signed()));
            }
            *axis = Stride { len, step: axis.step.saturating_mul(step) };
        }
        self
    }

    /// The axes the other way round: an array in F order is one in C order then.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.axes.reverse();
        self
    }

    /// Length of each axis.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.axes.iter().fold(1, |len, axis| len.saturating_mul(axis.len))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.axes.iter().any(|axis| axis.len == 0)
    }

    /// Whether these are the first elements of the memory in C order, one after the other.
    #[must_use]
    pub fn are_in_order(&self) -> bool {
        let mut next = 1;
        let mut is_next = |axis: &Stride| {
            let is_next = axis.len == 1 || usize::try_from(axis.step) == Ok(next);
            next *= axis.len;
            is_next
        };
        self.is_empty() || self.first == 0 && self.axes.iter().rev().all(&mut is_next)
    }

    /// The elements, where they lie as the machine wants them. None if some lie outside of `elements`.
    #[must_use]
    pub fn view<'a, T>(&self, elements: &'a [T]) -> Option<ArrayViewD<'a, T>> {
        let mut first = self.first;
        for axis in self.axes.iter().filter(|axis| axis.step < 0 && axis.len > 0) {
            first = first.checked_sub((axis.len - 1).checked_mul(axis.step.unsigned_abs())?)?;
        }
        if self.is_empty() {
            return ArrayViewD::from_shape(IxDyn(&self.shape()), &[]).ok();
        }
        let steps: Vec<usize> = self.axes.iter().map(|axis| axis.step.unsigned_abs()).collect();
        let elements = elements.get(first..)?;
        let mut view = ArrayViewD::from_shape(IxDyn(&self.shape()).strides(IxDyn(&steps)), elements).ok()?;
        for (number, axis) in self.axes.iter().enumerate() {
            if axis.step < 0 {
                view.invert_axis(Axis(number));
            }
        }
        Some(view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(start: i128, end: i128, stride: i128) -> Slice {
        Slice { start: Some(start), end: Some(end), stride: Some(stride) }
    }

    #[test]
    fn positions_follow_slices() {
        let data: Vec<i32> = (0..20).collect();
        let all = Positions::new(&[4, 5], Order::C).unwrap();
        let picked = all.clone().select(&[slice(3, -10, -2), slice(1, 5, 3)]);
        assert_eq!(picked.view(&data).unwrap().iter().copied().collect::<Vec<_>>(), [16, 19, 6, 9]);
        assert_eq!((picked.len(), picked.are_in_order()), (4, false));
        assert!(all.are_in_order() && all.clone().select(&[slice(0, 2, 1)]).are_in_order());
        assert!(!all.clone().select(&[slice(1, 4, 1)]).are_in_order());
        let none = all.select(&[slice(2, 2, 1), slice(0, 9, 1)]);
        assert!(none.is_empty() && none.view(&data).unwrap().is_empty() && none.view::<u8>(&[]).unwrap().is_empty());
    }

    #[test]
    fn an_array_in_f_order_is_one_in_c_order_with_its_axes_reversed() {
        let all = Positions::new(&[2, 3], Order::F).unwrap();
        assert_eq!(all.view(&[0, 1, 2, 3, 4, 5]).unwrap().iter().copied().collect::<Vec<_>>(), [0, 2, 4, 1, 3, 5]);
        assert!(!all.are_in_order() && all.reversed().are_in_order());
        assert!(Positions::new(&[usize::MAX, 2], Order::C).is_none());
        assert!(Positions::new(&[], Order::C).unwrap().are_in_order());
    }

    #[test]
    fn no_position_is_outside_of_the_memory() {
        assert!(Positions::new(&[3, 3], Order::C).unwrap().view(&[0; 8]).is_none());
        assert!(Positions { first: 9, axes: vec![] }.view(&[0; 9]).is_none());
        assert!(Positions { first: 1, axes: vec![Stride { len: 3, step: -1 }] }.view(&[0; 9]).is_none());
    }
}
