//! One slice per axis, with the meaning that NumPy gives to `start:end:stride`.

/// `start:end:stride` along one axis. Absent parts, negative indices and indices outside the axis mean
/// what they mean in NumPy. A stride of 0 has no meaning and is refused where requests are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// First index; negative counts from the end.
    pub start: Option<i128>,
    /// Index before which to stop; negative counts from the end.
    pub end: Option<i128>,
    /// Step, 1 if absent.
    pub stride: Option<i128>,
}

/// The indices that a slice picks from an axis: `first`, `first + step`, … `len` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Indices {
    pub(super) first: usize,
    pub(super) len: usize,
    pub(super) step: isize,
}

impl Slice {
    /// Number of indices picked from an axis of length `axis_len`.
    #[must_use]
    pub fn len_of(&self, axis_len: usize) -> usize {
        self.indices(axis_len).len
    }

    /// The same as Python's `slice.indices`, and then the length of that range. Everything is clamped to
    /// the axis before it is subtracted, so that no part can overflow.
    pub(super) fn indices(&self, axis_len: usize) -> Indices {
        const NONE: Indices = Indices { first: 0, len: 0, step: 1 };
        let len = axis_len as i128;
        let step = self.stride.unwrap_or(1).clamp(-len.max(1), len.max(1));
        let (lowest, highest) = if step < 0 { (-1, len - 1) } else { (0, len) };
        let resolve = |index: i128| {
            let from_start = if index < 0 { index.saturating_add(len) } else { index };
            from_start.clamp(lowest, highest)
        };
        let start = self.start.map_or(if step < 0 { highest } else { lowest }, resolve);
        let end = self.end.map_or(if step < 0 { lowest } else { highest }, resolve);
        let span = if step < 0 { start - end } else { end - start };
        if span <= 0 || step == 0 {
            return NONE;
        }
        let picked = (span + step.abs() - 1) / step.abs();
        match (usize::try_from(start), usize::try_from(picked), isize::try_from(step)) {
            (Ok(first), Ok(len), Ok(step)) => Indices { first, len, step },
            _ => NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(slice: Slice, axis_len: usize) -> Vec<usize> {
        let Indices { first, len, step } = slice.indices(axis_len);
        (0..len).map(|i| first.strict_add_signed(i.cast_signed() * step)).collect()
    }

    fn slice(start: i128, end: i128, stride: i128) -> Slice {
        Slice { start: Some(start), end: Some(end), stride: Some(stride) }
    }

    #[test]
    fn slices_pick_what_python_picks() {
        assert_eq!(picked(slice(0, 5, 2), 5), [0, 2, 4]);
        assert_eq!(picked(slice(-3, -1, 1), 5), [2, 3]);
        assert_eq!(picked(slice(4, -6, -2), 5), [4, 2, 0]);
        assert_eq!(picked(slice(4, -1, -1), 5), [0; 0]);
        assert_eq!(picked(slice(10, 2, -3), 5), [4]);
        assert_eq!(picked(Slice { stride: Some(-1), ..Slice::default() }, 3), [2, 1, 0]);
        assert_eq!(picked(Slice::default(), 3), [0, 1, 2]);
        assert_eq!(picked(slice(3, 1, 1), 5), [0; 0]);
    }

    #[test]
    fn extreme_slices_are_clamped() {
        let (low, high) = (i128::from(i64::MIN), i128::from(u64::MAX));
        assert_eq!(picked(slice(low, high, 1), 3), [0, 1, 2]);
        assert_eq!(picked(slice(high, low, low), 3), [2]);
        assert_eq!(picked(slice(low, high, high), 3), [0]);
        assert_eq!(picked(slice(high, high, high), 3), [0; 0]);
        assert_eq!(picked(slice(i128::MIN, i128::MAX, i128::MIN), 3), [0; 0]);
    }
}
