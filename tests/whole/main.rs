//! Whole variables against an oracle that walks indices one by one: any dtype, chunking, selection, axes and missing values.
#![allow(
    missing_docs,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod arrays;
mod beside;
mod by;
mod files;
mod oracle;
mod split;
mod stores;

use std::{sync::LazyLock, time::Duration};

use clap::Parser;
use proptest::prelude::*;
use reductionist::{
    app::App,
    array::{DType, Pick},
    config::{Args, Config},
    credentials::{Caller, Payer},
    engine::{
        Asking,
        variable::{Progress, VariableAnswer},
    },
    error::ActiveStorageError,
    index::Stored,
    reduce::{Asked, Bins, Parameters, Question, Statistic},
    request::variable::{ListedArray, ObjectRequest, Target, VariableQuestion, Weights},
    resources::ClientId,
    source::{FileLocation, Location},
};
use support::Directory;
use tokio::{runtime::Runtime, time::Instant};

use arrays::{Array, cases, large_cases};
use oracle::By;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static FILES: LazyLock<Directory> = LazyLock::new(|| Directory::new("variables"));

/// An app with as much memory as this.
fn app(memory: &str) -> App {
    app_of(FILES.text(), memory)
}

/// The same, for files of another directory.
fn app_of(root: &str, memory: &str) -> App {
    app_with(root, &["--memory-limit", memory, "--thread-limit", "2"])
}

fn app_with(root: &str, flags: &[&str]) -> App {
    let args = [&["reductionist", "--file-root", root], flags].concat();
    let config = Config::from_args(Args::parse_from(args)).unwrap();
    App::new(&config).unwrap()
}

fn asking() -> Asking {
    let caller = Caller { client: ClientId(1), authorization: None, payer: Payer::Owner };
    Asking { caller, deadline: Instant::now() + Duration::from_secs(60), body: None, most_numbers: None }
}

fn object(location: Location) -> ObjectRequest {
    ObjectRequest { location, format: None, version: None, endpoints: Default::default() }
}

/// The file that holds the chunks of an array, and the list of them.
fn stored(array: &Array) -> (ObjectRequest, Target) {
    // Each test has a thread of its own, which asks one question after the other.
    let name = format!("{:?}.chunks", std::thread::current().id()).replace(['(', ')'], "");
    let (bytes, variable, chunks) = array.stored();
    FILES.put(&name, &bytes);
    let location = Location::File(FileLocation::from_url(&format!("file:///{name}")).unwrap());
    let listed = ListedArray { variable, codecs: None, chunks, objects: None };
    (object(location), Target::Listed(Box::new(listed)))
}

fn reduced(
    app: &App,
    array: &Array,
    picks: &[Pick],
    question: &Question,
) -> Result<VariableAnswer, ActiveStorageError> {
    reduced_by(app, array, picks, question, By::default())
}

fn reduced_by(
    app: &App,
    array: &Array,
    picks: &[Pick],
    question: &Question,
    by: By,
) -> Result<VariableAnswer, ActiveStorageError> {
    let (object, target) = stored(array);
    let (picks, question) = (picks.to_vec(), question.clone());
    let names = question.statistics.iter().map(|asked| asked.statistic.name().to_owned()).collect();
    let By { groups, weights } = by;
    let weights = if weights.is_empty() { Weights::None } else { Weights::Given(weights) };
    let asked = VariableQuestion { dtype: array.dtype, picks, question, names, dims: Vec::new(), groups, weights };
    let progress = Progress::default();
    RUNTIME.block_on(app.engine.reduce_of(object, target, |_| Ok(asked), asking(), &progress))
}

/// Partial results that are so large that they are merged on a CPU thread, of which there is one, while others wait for it.
#[test]
fn groups_and_merges_do_not_wait_for_each_other() {
    let (rows, len) = (24, 40_000);
    let array = Array::of_rows(rows, len);
    let app = {
        let _runtime = RUNTIME.enter();
        app_with(FILES.text(), &["--memory-limit", "256MiB", "--thread-limit", "1", "--queue-timeout", "300ms"])
    };
    let picks = [Pick::all(rows), Pick::all(len)];
    let statistics =
        [Statistic::Count, Statistic::Sum, Statistic::Min, Statistic::Max, Statistic::Var].map(Asked::from);
    let question =
        Question { reduced: Some(vec![true, false]), statistics: statistics.to_vec(), ..Question::default() };
    let answer = reduced(&app, &array, &picks, &question).unwrap();
    let sum = answer.results.iter().find(|result| result.name == "sum").unwrap();
    let expected = |at: usize| (rows * (rows - 1) / 2 + rows * (at % 7)) as f32;
    assert!(sum.values.elements::<f32>().iter().enumerate().all(|(at, &sum)| sum == expected(at)));
    // Groups of one row each: several on their way at a time.
    assert_eq!(answer.read.chunks, rows as u64);
}

#[test]
fn questions_about_too_many_chunks_are_refused_at_once_with_their_number() {
    let app = {
        let _runtime = RUNTIME.enter();
        app("64MiB")
    };
    let shape = [3_999_999, 3_999_999, 100_000];
    let (_, mut variable, chunks) = Array::of_rows(1, 1).stored();
    variable.shape = shape.iter().map(|&len| len as u64).collect();
    variable.stored = Stored::Chunks { shape: vec![1, 1, 1] };
    let variable_dtype = variable.dtype().unwrap();
    let listed = ListedArray { variable, codecs: None, chunks, objects: None };
    let location = Location::File(FileLocation::from_url("file:///none").unwrap());
    let question = VariableQuestion {
        dtype: variable_dtype,
        picks: shape.iter().map(|&len| Pick::all(len)).collect(),
        question: Question { statistics: vec![Statistic::Max.into(), Statistic::Var.into()], ..Question::default() },
        names: Vec::new(),
        dims: Vec::new(),
        groups: None,
        weights: Weights::None,
    };
    let (start, progress) = (std::time::Instant::now(), Progress::default());
    let target = Target::Listed(Box::new(listed));
    let refused = app.engine.reduce_of(object(location), target, |_| Ok(question), asking(), &progress);
    let refused = RUNTIME.block_on(refused).unwrap_err();
    let ActiveStorageError::TooMuch { setting: "--max-chunks", chunks, memory, .. } = refused else {
        panic!("{refused}")
    };
    assert_eq!(chunks, shape.iter().product::<usize>() as u64);
    assert!(memory > 0);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn what_needs_more_memory_than_there_is_is_refused_with_an_estimate_of_it_all() {
    let app = {
        let _runtime = RUNTIME.enter();
        app("1MiB")
    };
    let (rows, len) = (3, 12_000);
    let array = Array::of_rows(rows, len);
    let picks = [Pick::all(rows), Pick::all(len)];
    let statistics =
        [Statistic::Count, Statistic::Sum, Statistic::Min, Statistic::Max, Statistic::Var].map(Asked::from);
    let question =
        Question { reduced: Some(vec![true, false]), statistics: statistics.to_vec(), ..Question::default() };
    let refused = reduced(&app, &array, &picks, &question).unwrap_err();
    let ActiveStorageError::TooMuch { setting: "--memory-limit", chunks, stored, decoded, memory, limit, .. } = refused
    else {
        panic!("{refused}")
    };
    let bytes = (rows * len * 4) as u64;
    assert_eq!((chunks, stored, decoded, limit), (rows as u64, bytes, bytes, 1 << 20));
    assert!(memory > limit);
}

/// How many results of each statistic there are.
fn results_of(question: &Question, picks: &[Pick]) -> usize {
    let lens = picks.iter().filter_map(Pick::kept_len).enumerate();
    let is_kept = |number: usize| question.reduced.as_ref().is_some_and(|reduced| !reduced[number]);
    lens.filter(|(number, _)| is_kept(*number)).map(|(_, len)| len).product()
}

/// Those of them that one pass tells.
fn statistics_of_one_pass(dtype: DType, question: &Question, picks: &[Pick]) -> Vec<Asked> {
    let all = every_statistic(dtype, question, picks).into_iter();
    all.filter(|asked| asked.statistic.is_of_one_pass()).collect()
}

/// Every statistic of a question about elements of this dtype, where the dimensions that are reduced have these lengths.
fn every_statistic(dtype: DType, question: &Question, picks: &[Pick]) -> Vec<Asked> {
    let lens = picks.iter().filter_map(Pick::kept_len).enumerate();
    let is_reduced = |number: usize| question.reduced.as_ref().is_none_or(|reduced| reduced[number]);
    let reduced: Vec<usize> = lens.filter(|(number, _)| is_reduced(*number)).map(|(_, len)| len).collect();
    let asked = |&statistic: &Statistic| {
        let parameters = match statistic {
            Statistic::Any | Statistic::All => Parameters::Zeros(Bins::zeros(dtype, question.packing)),
            Statistic::Histogram => Parameters::Bins(Bins::between(&oracle::EDGES, dtype, question.packing)),
            Statistic::Quantile => Parameters::Quantiles(oracle::QUANTILES.into()),
            Statistic::Argmax | Statistic::Argmin => Parameters::Reduced(reduced.as_slice().into()),
            _ => Asked::from(statistic).parameters,
        };
        Asked { statistic, parameters }
    };
    Statistic::ALL.iter().map(asked).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_is_computed_of_a_variable_is_what_is_computed_of_its_elements(case in cases()) {
        static APP: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("64MiB") });
        let statistics = every_statistic(case.array.dtype, &case.question, &case.picks);
        let question = Question { statistics, ..case.question.clone() };
        let answer = reduced(&APP, &case.array, &case.picks, &question).unwrap();
        let expected = oracle::results(&case.array, &case.picks, &question);
        for (result, (statistic, expected)) in answer.results.iter().zip(expected.statistics) {
            prop_assert_eq!(&result.name, statistic.name());
            prop_assert_eq!(&result.shape, &expected.shape, "{}", result.name);
            let found = oracle::numbers(result.dtype, result.values.bytes());
            oracle::assert_alike(statistic, &found, &expected.values)?;
        }
        prop_assert_eq!(answer.read.chunks + answer.read.unwritten, expected.chunks);
        prop_assert_eq!(answer.read.decoded, answer.read.passes * answer.read.chunks * case.array.chunk_bytes() as u64);
        prop_assert_eq!(answer.read.passes, 2, "one for quantiles, and one for all others");
    }

    #[test]
    fn elements_of_a_variable_are_those_that_are_picked(case in cases()) {
        static APP: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("64MiB") });
        let (object, target) = stored(&case.array);
        let question = VariableQuestion {
            dtype: case.array.dtype,
            picks: case.picks.clone(),
            question: case.question.clone(),
            names: Vec::new(),
            dims: Vec::new(),
            groups: None,
            weights: Weights::None,
        };
        let progress = Progress::default();
        let asked = APP.engine.select_of(object, target, |_| Ok(question), asking(), &progress);
        let answer = RUNTIME.block_on(asked).unwrap();
        let values = oracle::numbers(answer.results[0].dtype, answer.results[0].values.bytes());
        let expected = oracle::picked(&case.array, &case.picks, &case.question);
        prop_assert_eq!(answer.shape, expected.shape);
        prop_assert!(oracle::are_the_same(&values, &expected.values), "{values:?} {:?}", expected.values);
    }

    #[test]
    fn the_bits_do_not_depend_on_memory_and_little_of_it_is_enough(case in cases()) {
        static LARGE: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("1GiB") });
        static SMALL: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("1MiB") });
        let statistics = every_statistic(case.array.dtype, &case.question, &case.picks);
        let question = Question { statistics, ..case.question.clone() };
        // Results themselves have to fit.
        prop_assume!(results_of(&case.question, &case.picks) <= 600);
        let [large, small] = [&*LARGE, &*SMALL].map(|app| reduced(app, &case.array, &case.picks, &question).unwrap());
        for (large, small) in large.results.iter().zip(&small.results) {
            prop_assert_eq!(large.values.bytes(), small.values.bytes(), "{}", large.name);
        }
        let held = |app: &App| app.engine.resources.usages().find(|usage| usage.resource == "memory").unwrap().used;
        drop((large, small));
        prop_assert_eq!((held(&LARGE), held(&SMALL)), (0, 0), "all memory comes back");
    }
}

/// The median, quantiles and the mean of all elements, in that order.
fn ordered(question: &Question) -> Question {
    let quantiles = Parameters::Quantiles(oracle::QUANTILES.into());
    let quantile = Asked { statistic: Statistic::Quantile, parameters: quantiles };
    Question { statistics: vec![Statistic::Median.into(), quantile, Statistic::Mean.into()], ..question.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn quantiles_are_the_same_whether_all_elements_fit_memory_or_not(case in large_cases()) {
        static LARGE: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("1GiB") });
        static SMALL: LazyLock<App> = LazyLock::new(|| { let _runtime = RUNTIME.enter(); app("1MiB") });
        let question = ordered(&case.question);
        let [large, small] = [&*LARGE, &*SMALL].map(|app| reduced(app, &case.array, &case.picks, &question).unwrap());
        prop_assert_eq!(large.read.passes, 2);
        let expected = oracle::results(&case.array, &case.picks, &question).statistics;
        for ((large, small), (statistic, expected)) in large.results.iter().zip(&small.results).zip(expected) {
            prop_assert_eq!(&large.name, statistic.name());
            prop_assert_eq!((&large.shape, &small.shape), (&expected.shape, &expected.shape));
            prop_assert_eq!(large.values.bytes(), small.values.bytes(), "{}", statistic.name());
            oracle::assert_alike(statistic, &oracle::numbers(large.dtype, large.values.bytes()), &expected.values)?;
        }
        prop_assert_eq!((large.read.chunks, large.read.unwritten), (small.read.chunks, small.read.unwritten));
        let held = |app: &App| app.engine.resources.usages().find(|usage| usage.resource == "memory").unwrap().used;
        drop((large, small));
        prop_assert_eq!((held(&LARGE), held(&SMALL)), (0, 0), "all memory comes back");
    }
}

/// Rows of so many bytes that no more than some of them fit the memory of a small service at one time.
#[test]
fn quantiles_take_as_many_passes_as_the_memory_makes_them() {
    let (rows, len) = (64, 8000);
    let array = Array::of_rows(rows, len);
    let [large, small] = ["1GiB", "1MiB"].map(|memory| {
        let _runtime = RUNTIME.enter();
        app(memory)
    });
    let picks = [Pick::all(rows), Pick::all(len)];
    let passes = |app: &App, reduced: [bool; 2]| {
        let question = Question {
            reduced: Some(reduced.to_vec()),
            statistics: vec![Statistic::Median.into()],
            ..Question::default()
        };
        let answer = crate::reduced(app, &array, &picks, &question).unwrap();
        assert_eq!((answer.read.chunks, answer.read.unwritten), (64, 0));
        assert_eq!(answer.read.decoded, answer.read.passes * 64 * 32_000);
        (answer.read.passes, answer.results[0].values.bytes().to_vec())
    };
    let passes = [[true, true], [false, true], [true, false]].map(|reduced| {
        let [(of_large, expected), (of_small, found)] = [&large, &small].map(|app| passes(app, reduced));
        assert_eq!(found, expected);
        (of_large, of_small)
    });
    // Digits, and the few elements that are left; batches of rows; batches of parts of rows, each of which has all chunks read.
    assert_eq!(passes, [(1, 2), (1, 1), (1, 9)]);
}

#[test]
fn chunks_that_would_be_read_too_often_are_refused_before_one_is() {
    let (rows, len) = (64, 8000);
    let array = Array::of_rows(rows, len);
    let flags = ["--memory-limit", "1MiB", "--thread-limit", "2", "--max-chunks", "100"];
    let app = {
        let _runtime = RUNTIME.enter();
        app_with(FILES.text(), &flags)
    };
    let statistics = vec![Statistic::Median.into()];
    let question = Question { reduced: Some(vec![true, false]), statistics, ..Question::default() };
    let refused = reduced(&app, &array, &[Pick::all(rows), Pick::all(len)], &question).unwrap_err();
    assert!(matches!(refused, ActiveStorageError::TooMuch { chunks: 576, limit: 100, .. }), "{refused}");
}
