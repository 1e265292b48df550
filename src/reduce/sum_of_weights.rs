//! What elements weigh.

use super::{
    component::{pair, write_pairs},
    moments::{AllMoments, MOMENT, write},
    rule::{Component, Own, Rule},
};

/// The sum of the weights of the elements: their number, where they have none.
pub(super) const RULE: Rule = Rule {
    summary: "Sum of the weights of the elements",
    unpacks: false,
    accumulators: |_, elements| elements.weights().into_iter().collect(),
    finish: |known, spec, results| {
        write(known, spec, results, |moments, _| if moments.count == 0 { 0.0 } else { moments.weight.rounded() });
        Ok(())
    },
    components: |_, _| &[SUM_OF_WEIGHTS],
    ..MOMENT
};

/// The sum of the squares of the weights of the elements: their number, where they have none.
pub(super) const OF_SQUARES: Rule = Rule {
    summary: "Sum of the squares of the weights of the elements",
    accumulators: |_, elements| elements.squared_weights().into_iter().collect(),
    finish: |known, spec, results| {
        write(
            known,
            spec,
            results,
            |moments, _| if moments.count == 0 { 0.0 } else { moments.squared_weights.rounded() },
        );
        Ok(())
    },
    components: |_, _| &[SUM_OF_SQUARED_WEIGHTS],
    ..RULE
};

/// The sum of the weights as a [`pair`].
pub(super) const SUM_OF_WEIGHTS: Component = Component {
    name: Some("sum_of_weights"),
    own: Some(Own {
        form: |_, _, _| pair(),
        write: |known, _, results| {
            let all = AllMoments::new(&known);
            write_pairs(known.counts, results, |at, count| Some(all.at(at, count).weight));
            Ok(())
        },
    }),
};

/// The sum of their squares as a [`pair`].
pub(super) const SUM_OF_SQUARED_WEIGHTS: Component = Component {
    name: Some("sum_of_squared_weights"),
    own: Some(Own {
        form: |_, _, _| pair(),
        write: |known, _, results| {
            let all = AllMoments::new(&known);
            write_pairs(known.counts, results, |at, count| Some(all.at(at, count).squared_weights));
            Ok(())
        },
    }),
};
