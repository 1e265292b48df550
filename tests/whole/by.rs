//! Groups and weights, against the same oracle.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use reductionist::{
    app::App,
    array::Pick,
    error::ActiveStorageError,
    reduce::{Asked, Question, Statistic},
    request::variable::{Groups, Labels, Varying},
};

use super::{
    RUNTIME, app,
    arrays::{Array, Case, cases, large_cases, long_cases},
    every_statistic,
    oracle::{self, By},
    ordered, reduced_by, statistics_of_one_pass,
};

/// How labels follow each other.
#[derive(Clone, Copy, Debug)]
enum Pattern {
    Runs(usize),
    Cycle,
    Anyhow,
}

fn patterns() -> impl Strategy<Value = Pattern> {
    prop_oneof![(1..5_usize).prop_map(Pattern::Runs), Just(Pattern::Cycle), Just(Pattern::Anyhow)]
}

/// How far apart the values of neighbours are along dimensions that come in this order, 0 for those that are not among them.
fn steps(order: &[usize], lens: &[usize]) -> (Vec<usize>, usize) {
    let (mut steps, mut next) = (vec![0; lens.len()], 1);
    for &dim in order.iter().rev() {
        steps[dim] = next;
        next *= lens[dim];
    }
    (steps, next)
}

/// Some of the dimensions that are left, in any order.
fn dims(picks: &[Pick]) -> impl Strategy<Value = Vec<usize>> + use<> {
    let left: Vec<usize> = (0..picks.len()).filter(|&dim| picks[dim].kept_len().is_some()).collect();
    let most = left.len();
    prop::sample::subsequence(left, most.min(1)..=most).prop_shuffle()
}

fn lens(picks: &[Pick]) -> Vec<usize> {
    picks.iter().map(|pick| pick.kept_len().unwrap_or(1)).collect()
}

fn groups(picks: &[Pick]) -> impl Strategy<Value = Groups> + use<> {
    let lens = lens(picks);
    (dims(picks), patterns(), 0..6_usize).prop_flat_map(move |(dims, pattern, size)| {
        let (steps, len) = steps(&dims, &lens);
        let grouped = (0..lens.len()).map(|dim| dims.contains(&dim)).collect::<Vec<_>>();
        prop::collection::vec(-1..size as i32, len).prop_map(move |anyhow| {
            let label = |(at, label): (usize, i32)| match pattern {
                _ if size == 0 => -1,
                Pattern::Runs(len) => (at / len % size) as i32,
                Pattern::Cycle => (at % size) as i32,
                Pattern::Anyhow => label,
            };
            let values = Arc::new(anyhow.into_iter().enumerate().map(label).collect());
            let labels = Labels::Given(Varying { values, steps: steps.clone() });
            Groups { grouped: grouped.clone(), size, labels, name: "group".to_owned() }
        })
    })
}

fn weights(picks: &[Pick]) -> impl Strategy<Value = Vec<Varying<f64>>> + use<> {
    let lens = lens(picks);
    let one = dims(picks).prop_flat_map(move |dims| {
        let (steps, len) = steps(&dims, &lens);
        let quarters = prop::collection::vec((0..9_u8).prop_map(|quarters| f64::from(quarters) / 4.0), len);
        quarters.prop_map(move |values| Varying { values: Arc::new(values), steps: steps.clone() })
    });
    prop::collection::vec(one, 1..3)
}

/// A case of some dimensions, with groups over some of them.
fn grouped(cases: impl Strategy<Value = Case>) -> impl Strategy<Value = (Case, Groups)> {
    let some = cases.prop_filter("a dimension", |case| case.picks.iter().any(|pick| pick.kept_len().is_some()));
    some.prop_flat_map(|case| {
        let groups = groups(&case.picks);
        (Just(case), groups).prop_map(|(mut case, groups)| {
            case.question.reduced = Some(with_grouped(&case, &groups));
            (case, groups)
        })
    })
}

/// Either of them, of no more elements and results than a very small service has memory for.
fn grouped_or_weighted() -> impl Strategy<Value = (Case, By)> {
    let only_grouped = grouped(cases()).prop_map(|(case, groups)| {
        let by = By { groups: Some(groups), weights: Vec::new() };
        (case, by)
    });
    let is_small = |(case, by): &(Case, By)| {
        let groups = by.groups.as_ref().map_or(1, |groups| groups.size);
        let left = case.picks.iter().filter_map(Pick::kept_len);
        let kept = left.clone().zip(case.question.reduced.iter().flatten()).filter(|(_, reduced)| !**reduced);
        left.product::<usize>() <= 1500 && kept.map(|(len, _)| len).product::<usize>() * groups <= 600
    };
    prop_oneof![only_grouped, weighted(cases())].prop_filter("few elements and results", is_small)
}

/// Which of the dimensions that are left are reduced, those of the groups among them.
fn with_grouped(case: &Case, groups: &Groups) -> Vec<bool> {
    let left = (0..case.picks.len()).filter(|&dim| case.picks[dim].kept_len().is_some());
    let reduced = |(number, dim): (usize, usize)| {
        groups.grouped[dim] || case.question.reduced.as_ref().is_none_or(|reduced| reduced[number])
    };
    left.enumerate().map(reduced).collect()
}

/// The same, with weights of the elements, and groups or none.
fn weighted(cases: impl Strategy<Value = Case>) -> impl Strategy<Value = (Case, By)> {
    grouped(cases).prop_flat_map(|(case, groups)| {
        let weights = weights(&case.picks);
        (Just(case), Just(groups), any::<bool>(), weights).prop_map(|(case, groups, has_groups, weights)| {
            (case, By { groups: has_groups.then_some(groups), weights })
        })
    })
}

/// Every statistic, but for those that have no weights where there are some.
fn statistics(case: &Case, by: &By) -> Vec<Asked> {
    let all = if by.weights.is_empty() { every_statistic } else { statistics_of_one_pass };
    all(case.array.dtype, &case.question, &case.picks)
}

/// Groups along the first of two dimensions.
fn along_rows(labels: Vec<i32>, size: usize) -> By {
    let labels = Labels::Given(Varying { values: Arc::new(labels), steps: vec![1, 0] });
    let groups = Groups { grouped: vec![true, false], size, labels, name: "group".to_owned() };
    By { groups: Some(groups), weights: Vec::new() }
}

/// Of four groups of as many rows, more than fits the memory of a small service at one time.
#[test]
fn quantiles_of_groups_take_as_many_passes_as_the_memory_makes_them() {
    let (rows, len) = (64, 8000);
    let array = Array::of_rows(rows, len);
    let [large, small] = ["1GiB", "1MiB"].map(|memory| {
        let _runtime = RUNTIME.enter();
        app(memory)
    });
    let by = along_rows((0..64).map(|row| row % 4).collect(), 4);
    let passes = |app: &App, reduced: [bool; 2]| {
        let (reduced, statistics) = (Some(reduced.to_vec()), vec![Statistic::Median.into()]);
        let question = Question { reduced, statistics, ..Question::default() };
        let answer = reduced_by(app, &array, &[Pick::all(rows), Pick::all(len)], &question, by.clone()).unwrap();
        assert_eq!(answer.read.decoded, answer.read.passes * 64 * 32_000);
        (answer.read.passes, answer.results[0].values.elements::<f64>().to_vec())
    };
    let passes = [[true, true], [true, false]].map(|reduced| {
        let [(of_large, expected), (of_small, found)] = [&large, &small].map(|app| passes(app, reduced));
        assert_eq!(found, expected);
        (of_large, of_small)
    });
    // Shorter digits than of one result; batches of parts of rows, each of which has all chunks read.
    assert_eq!(passes, [(1, 4), (1, 11)]);
}

#[test]
fn quantiles_of_more_groups_than_memory_holds_are_refused_before_a_chunk_is_read() {
    let app = {
        let _runtime = RUNTIME.enter();
        app("1MiB")
    };
    let (array, by) = (Array::of_rows(3, 10), along_rows(vec![0, 5, 9999], 10_000));
    let question = Question { statistics: vec![Statistic::Median.into()], ..Question::default() };
    let refused = reduced_by(&app, &array, &[Pick::all(3), Pick::all(10)], &question, by).unwrap_err();
    let ActiveStorageError::TooMuch { what, setting, .. } = refused else { panic!("{refused}") };
    assert_eq!(
        (what, setting),
        ("the memory for one result of each group, of all quantiles", "a quarter of --memory-limit")
    );
}

fn check(app: &App, case: &Case, by: By) -> Result<(), TestCaseError> {
    let (statistics, is_weighted) = (statistics(case, &by), !by.weights.is_empty());
    let question = Question { statistics, is_weighted, ..case.question.clone() };
    let answer = reduced_by(app, &case.array, &case.picks, &question, by.clone()).unwrap();
    let expected = oracle::results_by(&case.array, &case.picks, &question, &by);
    prop_assert_eq!(answer.results.len(), expected.statistics.len());
    for (result, (statistic, expected)) in answer.results.iter().zip(expected.statistics) {
        prop_assert_eq!(&result.name, statistic.name());
        prop_assert_eq!(&result.shape, &expected.shape, "{}", result.name);
        let found = oracle::numbers(result.dtype, result.values.bytes());
        oracle::assert_alike(statistic, &found, &expected.values)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_is_computed_of_groups_is_what_is_computed_of_their_elements((case, groups) in grouped(cases())) {
        static APP: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("64MiB") });
        check(&APP, &case, By { groups: Some(groups), weights: Vec::new() })?;
    }

    #[test]
    fn what_is_computed_with_weights_is_what_they_make_of_the_elements((case, by) in weighted(cases())) {
        static APP: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("64MiB") });
        check(&APP, &case, by)?;
    }

    #[test]
    fn the_bits_of_groups_and_weights_do_not_depend_on_memory((case, by) in grouped_or_weighted()) {
        static LARGE: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("1GiB") });
        static SMALL: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("1MiB") });
        let (statistics, is_weighted) = (statistics(&case, &by), !by.weights.is_empty());
        let question = Question { statistics, is_weighted, ..case.question.clone() };
        let [large, small] = [&*LARGE, &*SMALL].map(|app| reduced_by(app, &case.array, &case.picks, &question, by.clone()).unwrap());
        for (large, small) in large.results.iter().zip(&small.results) {
            prop_assert_eq!(large.values.bytes(), small.values.bytes(), "{}", large.name);
        }
        let held = |app: &App| app.engine.resources.usages().find(|usage| usage.resource == "memory").unwrap().used;
        drop((large, small));
        prop_assert_eq!((held(&LARGE), held(&SMALL)), (0, 0), "all memory comes back");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn groups_of_many_elements_are_folded_by_themselves_and_come_to_the_same((case, groups) in grouped(long_cases())) {
        static APP: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("64MiB") });
        check(&APP, &case, By { groups: Some(groups), weights: Vec::new() })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, ..ProptestConfig::default() })]

    #[test]
    fn groups_of_many_elements_with_weights_come_to_the_same((case, by) in weighted(long_cases())) {
        static APP: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("64MiB") });
        check(&APP, &case, by)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn quantiles_of_groups_are_the_same_whether_all_elements_fit_memory_or_not((case, groups) in grouped(large_cases())) {
        static LARGE: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("1GiB") });
        static SMALL: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("2MiB") });
        let (by, question) = (By { groups: Some(groups), weights: Vec::new() }, ordered(&case.question));
        let [large, small] = [&*LARGE, &*SMALL].map(|app| reduced_by(app, &case.array, &case.picks, &question, by.clone()).unwrap());
        let expected = oracle::results_by(&case.array, &case.picks, &question, &by).statistics;
        for ((large, small), (statistic, expected)) in large.results.iter().zip(&small.results).zip(expected) {
            prop_assert_eq!((&large.shape, &small.shape), (&expected.shape, &expected.shape));
            prop_assert_eq!(large.values.bytes(), small.values.bytes(), "{}", statistic.name());
            oracle::assert_alike(statistic, &oracle::numbers(large.dtype, large.values.bytes()), &expected.values)?;
        }
        let held = |app: &App| app.engine.resources.usages().find(|usage| usage.resource == "memory").unwrap().used;
        drop((large, small));
        prop_assert_eq!((held(&LARGE), held(&SMALL)), (0, 0), "all memory comes back");
    }
}
