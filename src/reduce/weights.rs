//! Weights of elements.

/// What a weight varies with: a number for each index of some axes of a chunk. An element's weight is the product of those of all
/// factors, multiplied in their order as `float64`.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a> {
    /// Finite numbers that are not negative.
    pub values: &'a [f64],
    /// For each axis of the [positions](super::Chunk::positions) of the chunk, how far apart the values of neighbouring indices are: 0
    /// where the weight does not vary along it. The value for all indices 0 is the first.
    pub steps: &'a [usize],
}

impl Factor<'_> {
    /// Whether there is a value for each element of an array of this shape, which has some.
    pub(super) fn fits(&self, mut shape: impl ExactSizeIterator<Item = usize>) -> bool {
        let is_of_one_rank = shape.len() == self.steps.len();
        let last = shape
            .by_ref()
            .zip(self.steps)
            .try_fold(0_usize, |last, (len, step)| last.checked_add(len.saturating_sub(1).checked_mul(*step)?));
        is_of_one_rank && last.is_some_and(|last| last < self.values.len())
    }
}
