//! Bins of histograms, as ranks of elements.

use std::sync::Arc;

use crate::array::{DType, Element, Packing, Rank, dtype::with_dtype, partition};

/// Bins of elements of one dtype, as sets of their [ranks](Element::rank): comparing ranks is exact where comparing numbers of two
/// dtypes is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Bin number `i` holds the ranks from bound `i` to the one before bound `i + 1`. One more than there are bins, in order.
    pub(super) bounds: Arc<[i128]>,
    /// Whether the last bin holds the lowest ranks, as where packed values stand for others in the reverse order.
    is_reversed: bool,
}

impl Bins {
    /// No bin at all.
    pub(super) fn none() -> Self {
        Self { bounds: Arc::new([]), is_reversed: false }
    }

    /// Bins between neighbouring edges, of the values that elements of this dtype stand for: each holds its lower edge and not its
    /// upper one, but for the last bin, which holds both (as NumPy's `histogram`). NaN is in none. The edges are in order, and none
    /// is NaN.
    #[must_use]
    pub fn between(edges: &[f64], elements: DType, packing: Option<Packing>) -> Self {
        with_dtype!(elements, T => Self::of::<T>(edges, packing))
    }

    /// The one bin of elements that stand for 0.
    #[must_use]
    pub fn zeros(elements: DType, packing: Option<Packing>) -> Self {
        Self::between(&[0.0, 0.0], elements, packing)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bin of the element of this rank.
    pub(super) fn bin(&self, rank: i64) -> Option<usize> {
        let bin = self.bounds.partition_point(|&bound| bound <= i128::from(rank)).checked_sub(1)?;
        (bin < self.len()).then_some(bin)
    }

    /// Bytes that are kept to find the bins of elements of this dtype.
    pub(super) fn scratch_len(&self, elements: DType) -> usize {
        let table = if elements.size() <= 2 { 2 << (8 * elements.size()) } else { 0 };
        size_of_val(&*self.bounds).saturating_add(table)
    }

    /// Whether the last bin holds the lowest ranks.
    pub(super) const fn is_reversed(&self) -> bool {
        self.is_reversed
    }

    fn of<T: Element>(edges: &[f64], packing: Option<Packing>) -> Self {
        let value = |rank: i64| {
            let element = T::of_rank(T::Rank::narrowed(rank)).to_f64();
            packing.map_or(element, |packing| packing.unpack(element))
        };
        let (lowest, highest) = (T::LOWEST.rank().widened(), T::HIGHEST.rank().widened());
        let is_reversed = packing.is_some_and(Packing::reverses);
        let last = edges.len().saturating_sub(1);
        let bound = |(number, &edge): (usize, &f64)| match (is_reversed, number == last) {
            (false, false) => partition(lowest, highest, |rank| value(rank) >= edge),
            (false, true) => partition(lowest, highest, |rank| value(rank) > edge),
            (true, false) => partition(lowest, highest, |rank| value(rank) < edge),
            (true, true) => partition(lowest, highest, |rank| value(rank) <= edge),
        };
        let mut bounds: Vec<i128> = edges.iter().enumerate().map(bound).collect();
        if is_reversed {
            bounds.reverse();
        }
        Self { bounds: bounds.into(), is_reversed }
    }
}
