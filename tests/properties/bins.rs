//! Which elements are first, 0, or between two edges: what NumPy's `argmax`, `argmin`, `any`, `all` and `histogram` say.

use proptest::{
    prelude::*,
    sample::{Index, select},
};

use crate::{
    oracle::{
        Bound,
        Number::{self, Float, Integer},
    },
    packed::packed_as_float,
};

/// Which is the first of the largest or the smallest: a NaN if there is one. Zeros of either sign are equal.
pub(crate) fn first(elements: &[Number], is_max: bool) -> Option<usize> {
    let is_further = |best: Number, element: Number| if is_max { best.less(element) } else { element.less(best) };
    let mut elements = elements.iter().copied().enumerate();
    let first = elements.next()?;
    let (at, _) = elements.fold(first, |(best_at, best), (at, element)| {
        let is_better = !best.is_nan() && (element.is_nan() || is_further(best, element));
        if is_better { (at, element) } else { (best_at, best) }
    });
    Some(at)
}

fn is_zero(element: &Number) -> bool {
    matches!(element, Integer(0)) || matches!(element, Float(float) if *float == 0.0)
}

pub(crate) fn is_any(elements: &[Number]) -> Number {
    Integer(elements.iter().any(|element| !is_zero(element)).into())
}

pub(crate) fn are_all(elements: &[Number]) -> Number {
    Integer((!elements.iter().any(is_zero)).into())
}

/// How many elements are between each two edges, as `float64`s: from the lower to below the upper one, which the last bin holds.
pub(crate) fn histogram(elements: &[Number], edges: &[f64]) -> Vec<Bound> {
    let mut counts = vec![0; edges.len() - 1];
    let (lowest, highest) = (edges[0], edges[edges.len() - 1]);
    for value in elements.iter().copied().map(packed_as_float) {
        if lowest <= value && value <= highest {
            let below = edges.iter().take_while(|edge| **edge <= value).count();
            counts[below.min(edges.len() - 1) - 1] += 1;
        }
    }
    counts.into_iter().map(|count| Bound::Exactly(Integer(count))).collect()
}

fn index() -> impl Strategy<Value = Index> {
    any::<Index>()
}

/// How bins lie.
#[derive(Clone, Debug)]
enum Lie {
    /// So many of one width between two values.
    Regular(Index, Index, usize),
    /// Between these values.
    Anywhere(Vec<Index>),
}

/// Edges of at most `most` bins, mostly at or about one of the values that elements stand for.
pub(crate) fn edges(values: Vec<f64>, most: usize) -> impl Strategy<Value = Vec<f64>> {
    let special = [f64::NEG_INFINITY, f64::INFINITY, -0.0, 0.0, 1.0, -3.5, 9_007_199_254_740_993.0, 1.8e19, 1e-300];
    let edges = values.into_iter().filter(|value| !value.is_nan()).chain(special).collect::<Vec<_>>();
    let finite: Vec<f64> = edges.iter().copied().filter(|edge| edge.is_finite()).collect();
    let number = prop_oneof![3 => Just(1), 3 => 2..60_usize, 1 => 1000..4000_usize];
    let regular = (index(), index(), number).prop_map(|(low, high, len)| Lie::Regular(low, high, len));
    let lens = select(&[2..=2_usize, 2..=9, 10..=80][..]);
    let anywhere = lens.prop_flat_map(|len| prop::collection::vec(index(), len)).prop_map(Lie::Anywhere);
    let nudges = prop::collection::vec(-2..3_i8, 81);
    (prop_oneof![regular, anywhere], nudges).prop_map(move |(lie, nudges)| match lie {
        Lie::Regular(low, high, len) => {
            let (low, high) = (finite[low.index(finite.len())], finite[high.index(finite.len())]);
            let (low, high, len) = (low.min(high), low.max(high), len.min(most.max(1)));
            // As NumPy's linspace has them.
            let step = (high - low) / len as f64;
            let mut edges: Vec<f64> = (0..len).map(|number| number as f64 * step + low).chain([high]).collect();
            edges.retain(|edge| edge.is_finite());
            edges.sort_by(f64::total_cmp);
            if edges.len() < 2 { vec![low, high] } else { edges }
        }
        Lie::Anywhere(indices) => {
            let nudged = |edge: f64, nudge: i8| match nudge {
                1 => edge.next_up(),
                -1 => edge.next_down(),
                _ => edge,
            };
            let picked = indices.iter().zip(nudges).map(|(at, nudge)| nudged(edges[at.index(edges.len())], nudge));
            let mut edges: Vec<f64> = picked.take(most.max(1) + 1).collect();
            edges.sort_by(f64::total_cmp);
            edges
        }
    })
}
