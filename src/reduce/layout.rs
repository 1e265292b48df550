//! From a view with some axes to reduce to rows: which axis they lie along, and in which order they come.

use ndarray::{ArrayViewD, Axis};

/// Rows shorter than this are avoided if those along the other kind of axis are not.
const SHORT: usize = 32;

/// The kind of axis that rows lie along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Along {
    /// A row folds into one result.
    Reduced,
    /// Each element of a row belongs to a result of its own.
    Kept,
}

/// A view of two or more axes, the last of which is that of the rows. Before it come the kept axes in their old order,
/// then the reduced ones, so that all rows of one result (or of one row of results) follow each other.
#[derive(Debug)]
pub(super) struct Layout<'a, T> {
    pub(super) view: ArrayViewD<'a, T>,
    pub(super) along: Along,
    /// Consecutive rows that belong to the same results.
    pub(super) rows_per_result: usize,
}

impl<'a, T> Layout<'a, T> {
    /// Arranges a view that is not empty. `reduced` has one entry per axis.
    pub(super) fn of(view: ArrayViewD<'a, T>, reduced: &[bool]) -> Self {
        let (mut view, kept) = kept_axes_first(view, reduced);
        for axis in kept..view.ndim() {
            // The order of reduced elements means nothing, and forward is faster than backward.
            if view.stride_of(Axis(axis)) < 0 {
                view.invert_axis(Axis(axis));
            }
        }
        let ndim = view.ndim();
        merge_neighbours(&mut view, 0..kept);
        merge_neighbours(&mut view, kept..ndim);
        let all_kept = (0..ndim).map(|axis| axis >= kept).collect::<Vec<_>>();
        let (view, kept) = kept_axes_first(view, &all_kept);
        Self::with_rows(view, kept)
    }

    /// Takes a view of `kept` kept axes followed by reduced ones.
    fn with_rows(mut view: ArrayViewD<'a, T>, kept: usize) -> Self {
        if view.ndim() == 0 {
            view.insert_axis_inplace(Axis(0));
        }
        let ndim = view.ndim();
        let along = choose_rows(&view, kept);
        let (row_axis, end) = match along {
            Along::Reduced => (ndim - 1, ndim - 1),
            Along::Kept => (kept - 1, ndim),
        };
        let rows_per_result = view.shape().iter().take(end).skip(kept).product();
        let order: Vec<_> = (0..ndim).filter(|&axis| axis != row_axis).chain([row_axis]).collect();
        view = view.permuted_axes(order);
        // The last two axes span rows that are folded together, or each into a result of its own: one at a time where
        // there is no axis for that.
        if ndim == 1 || along == Along::Kept && kept == ndim {
            view.insert_axis_inplace(Axis(ndim - 1));
        }
        Self { view, along, rows_per_result }
    }

    /// Elements of a row, at least one.
    pub(super) fn row_len(&self) -> usize {
        self.view.len_of(self.row_axis()).max(1)
    }

    /// The axis that the rows lie along.
    pub(super) fn row_axis(&self) -> Axis {
        Axis(self.view.ndim().saturating_sub(1))
    }
}

/// Moves the reduced axes behind the kept ones and drops those of length one. Returns the number of kept
/// axes that are left.
fn kept_axes_first<'a, T>(view: ArrayViewD<'a, T>, reduced: &[bool]) -> (ArrayViewD<'a, T>, usize) {
    let is_reduced = |axis: &usize| reduced.get(*axis).copied().unwrap_or(false);
    let (units, longer): (Vec<usize>, Vec<usize>) = (0..view.ndim()).partition(|&axis| view.len_of(Axis(axis)) == 1);
    let (reduced, kept): (Vec<usize>, Vec<usize>) = longer.iter().partition(|axis| is_reduced(axis));
    let left = longer.len();
    let order: Vec<usize> = kept.iter().copied().chain(reduced).chain(units).collect();
    let mut view = view.permuted_axes(order);
    while view.ndim() > left {
        view = view.index_axis_move(Axis(left), 0);
    }
    (view, kept.len())
}

/// Makes one axis of neighbours that lie in memory as one; what has been merged is left with length one.
fn merge_neighbours<T>(view: &mut ArrayViewD<'_, T>, axes: std::ops::Range<usize>) {
    let mut into = axes.end.saturating_sub(1);
    for axis in axes.rev().skip(1) {
        if !view.merge_axes(Axis(axis), Axis(into)) {
            into = axis;
        }
    }
}

fn choose_rows<T>(view: &ArrayViewD<'_, T>, kept: usize) -> Along {
    if kept == 0 {
        return Along::Reduced;
    }
    if kept == view.ndim() {
        return Along::Kept;
    }
    let (last_kept, last_reduced) = (Axis(kept - 1), Axis(view.ndim() - 1));
    let is_short = |axis| view.len_of(axis) < SHORT;
    match (is_short(last_kept), is_short(last_reduced)) {
        (true, false) => Along::Reduced,
        (false, true) => Along::Kept,
        _ if view.stride_of(last_kept).abs() < view.stride_of(last_reduced).abs() => Along::Kept,
        _ => Along::Reduced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[usize], reduced: &[bool]) -> (Along, Vec<usize>, usize) {
        let data = vec![0_u8; shape.iter().product()];
        let layout = Layout::of(ArrayViewD::from_shape(shape, &data).unwrap(), reduced);
        (layout.along, layout.view.shape().to_vec(), layout.rows_per_result)
    }

    #[test]
    fn a_whole_array_is_one_row() {
        assert_eq!(layout(&[4, 5, 6], &[true, true, true]), (Along::Reduced, vec![1, 120], 1));
        assert_eq!(layout(&[4, 5, 6], &[false, false, false]), (Along::Kept, vec![1, 120], 1));
        assert_eq!(layout(&[1, 1], &[true, false]), (Along::Reduced, vec![1, 1], 1));
        assert_eq!(layout(&[], &[]), (Along::Reduced, vec![1, 1], 1));
    }

    #[test]
    fn rows_lie_along_the_nearest_axis_unless_it_is_short() {
        assert_eq!(layout(&[40, 50, 60], &[true, false, false]), (Along::Kept, vec![40, 3000], 40));
        assert_eq!(layout(&[40, 50, 60], &[false, true, false]), (Along::Kept, vec![40, 50, 60], 50));
        assert_eq!(layout(&[40, 50, 60], &[false, false, true]), (Along::Reduced, vec![2000, 60], 1));
        assert_eq!(layout(&[40, 50, 60], &[true, false, true]), (Along::Reduced, vec![50, 40, 60], 40));
        assert_eq!(layout(&[1000, 3], &[false, true]), (Along::Kept, vec![3, 1000], 3));
        assert_eq!(layout(&[1000, 3], &[true, false]), (Along::Reduced, vec![3, 1000], 1));
    }
}
