//! Numbers that vary with the position within a selection.

use std::sync::Arc;

use super::{axes::Axis, nested::Nested};
use crate::{array::Pick, index::Variable};

/// Numbers that vary with the position within a selection, along some dimensions of the array.
#[derive(Clone, Debug)]
pub struct Varying<T> {
    /// All of them; the one of all positions 0 is the first.
    pub values: Arc<Vec<T>>,
    /// For each dimension of the array, how far apart the values of neighbouring positions are: 0 where they do not vary along it.
    pub steps: Vec<usize>,
}

/// Numbers as a request lists them, along dimensions that it names.
#[derive(Clone, Debug)]
pub(super) struct Listed<T> {
    pub(super) dims: Vec<Axis>,
    pub(super) values: Nested<T>,
}

impl<T> Listed<T> {
    /// The numbers of a selection of an array, and the numbers of the dimensions along which they vary.
    ///
    /// # Errors
    /// If there are no such dimensions, one is there twice or goes, or the numbers are not as many as positions.
    pub(super) fn varying(&self, array: &Variable, picks: &[Pick]) -> Result<(Varying<T>, Vec<usize>), String> {
        let (mut dims, mut lens) = (Vec::new(), Vec::new());
        for axis in &self.dims {
            let dim = axis.position(&array.dims)?;
            if dims.contains(&dim) {
                return Err(format!("{axis} is there more than once"));
            }
            let len = picks.get(dim).and_then(Pick::kept_len);
            lens.push(len.ok_or_else(|| format!("{axis} is gone: selection picks one index of it"))?);
            dims.push(dim);
        }
        self.values.check(&lens)?;
        let steps = steps(&dims, &lens, array.dims.len());
        Ok((Varying { values: Arc::clone(&self.values.values), steps }, dims))
    }
}

/// How far apart the values of neighbours are along each of `rank` dimensions, where values of these dimensions and lengths are in C
/// order.
pub(super) fn steps(dims: &[usize], lens: &[usize], rank: usize) -> Vec<usize> {
    let (mut steps, mut next) = (vec![0; rank], 1_usize);
    for (&dim, &len) in dims.iter().zip(lens).rev() {
        if let Some(step) = steps.get_mut(dim) {
            *step = next;
        }
        // Values vary along a dimension whatever the lengths of others, of which one may be 0.
        next = next.saturating_mul(len.max(1));
    }
    steps
}
