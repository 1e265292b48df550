//! Running sums of floats, side by side.

use crate::reduce::{operation::State, rows::COLUMNS, total::FloatTotal};

/// Running sums of floats: the [`FloatTotal`] of each, in two lists for the loops over columns.
pub(super) struct Totals {
    pub(super) high: Vec<f64>,
    pub(super) low: Vec<f64>,
    /// Room for the same as pairs.
    pairs: Vec<FloatTotal>,
}

impl Totals {
    pub(super) fn new(results: usize) -> Self {
        let results = results.min(COLUMNS);
        Self {
            high: vec![FloatTotal::ZERO.high; results],
            low: vec![FloatTotal::ZERO.low; results],
            pairs: vec![FloatTotal::ZERO; results],
        }
    }

    pub(super) fn clear(&mut self, width: usize) {
        self.high.iter_mut().take(width).for_each(|high| *high = FloatTotal::ZERO.high);
        self.low.iter_mut().take(width).for_each(|low| *low = FloatTotal::ZERO.low);
    }

    /// Merges a total into each, from the `first` on.
    #[inline(always)]
    pub(super) fn merge(&mut self, first: usize, totals: impl Iterator<Item = FloatTotal>) {
        let (high, low) = (self.high.iter_mut().skip(first), self.low.iter_mut().skip(first));
        for ((high, low), total) in high.zip(low).zip(totals) {
            let merged = FloatTotal { high: *high, low: *low }.merged(total);
            (*high, *low) = (merged.high, merged.low);
        }
    }

    /// Pairs up the first `width` of them.
    pub(super) fn settle(&mut self, width: usize) {
        for ((pair, &high), &low) in self.pairs.iter_mut().zip(&self.high).zip(&self.low).take(width) {
            *pair = FloatTotal { high, low };
        }
    }

    /// The first `width` of them, once they are paired up.
    pub(super) fn state(&self, width: usize) -> State<'_> {
        State::Floats(self.pairs.get(..width).unwrap_or(&self.pairs))
    }

    #[cfg(test)]
    pub(super) fn held_len(&self) -> usize {
        (self.high.len() + self.low.len()) * size_of::<f64>() + self.pairs.len() * size_of::<FloatTotal>()
    }
}
