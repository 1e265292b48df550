//! Files that libraries wrote, through the whole engine: found, described, read.

use std::{fs::File, path::Path};

use reductionist::{
    array::{ByteOrder, Pick},
    engine::variable::Progress,
    index::{ElementType, Variable},
    reduce::{Question, Statistic},
    request::variable::{DescribeRequest, ObjectRequest, Target, ValuesOf, VariableQuestion, Weights},
    source::{FileLocation, Location},
};
use serde_json::Value;

use super::{RUNTIME, app_of, asking};

fn object(name: &str) -> ObjectRequest {
    let location = Location::File(FileLocation::from_url(&format!("file:///{name}")).unwrap());
    super::object(location)
}

fn description(name: &str, values: ValuesOf) -> DescribeRequest {
    DescribeRequest { object: object(name), variable: None, chunks: false, values }
}

fn everything(variable: &Variable, statistics: &[Statistic]) -> VariableQuestion {
    let all = |&len: &u64| Pick::Slice { first: 0, step: 1, len: len as usize };
    VariableQuestion {
        dtype: variable.dtype().unwrap(),
        picks: variable.shape.iter().map(all).collect(),
        question: Question {
            statistics: statistics.iter().map(|&statistic| statistic.into()).collect(),
            ..Question::default()
        },
        names: statistics.iter().map(|statistic| statistic.name().to_owned()).collect(),
        dims: Vec::new(),
        groups: None,
        weights: Weights::None,
    }
}

#[test]
fn values_of_files_are_those_that_their_libraries_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hdf5");
    let expected: Value = serde_json::from_reader(File::open(directory.join("expected.json")).unwrap()).unwrap();
    let _runtime = RUNTIME.enter();
    let app = app_of(directory.to_str().unwrap(), "64MiB");
    let mut compared = 0;
    for (file, expected) in expected.as_object().unwrap() {
        let progress = Progress::default();
        let described = app.engine.description(description(file, ValuesOf::Nothing), asking(), &progress);
        let described = RUNTIME.block_on(described).unwrap();
        for (path, variable) in &described.description.variables {
            let Some(crc32) = expected["variables"][path].get("crc32") else { continue };
            if variable.obstacle.is_some() {
                continue;
            }
            let progress = Progress::default();
            let resolve = |variable: &Variable| Ok(everything(variable, &[]));
            let target = Target::Variable(path.clone());
            let answer = app.engine.select_of(object(file), target, resolve, asking(), &progress);
            let answer = RUNTIME.block_on(answer);
            if let (None, Err(error)) = (&variable.fill_value, &answer) {
                let told = error.to_string();
                let expected = "was never written, and there is no fill value that says what its elements would be";
                assert!(told.starts_with("chunk [") && told.contains(expected), "{told}");
                continue;
            }
            let answer = answer.unwrap_or_else(|error| panic!("{file} {path}: {error}"));
            let mut values = answer.results[0].values.bytes().to_vec();
            if matches!(variable.elements, ElementType::Number { byte_order: ByteOrder::Big, .. }) {
                values.chunks_mut(answer.results[0].dtype.size()).for_each(<[u8]>::reverse);
            }
            let found = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &values);
            assert_eq!(crc32.as_u64(), Some(found), "{file} {path}");
            let resolve = |variable: &Variable| Ok(everything(variable, &[Statistic::Count]));
            let answer =
                app.engine.reduce_of(object(file), Target::Variable(path.clone()), resolve, asking(), &progress);
            let answer = RUNTIME.block_on(answer).unwrap_or_else(|error| panic!("{file} {path}: {error}"));
            let count = answer.results[0].values.elements::<i64>()[0];
            assert_eq!(count as u64, variable.shape.iter().product::<u64>(), "{file} {path}");
            compared += 1;
        }
    }
    assert!(compared > 90, "{compared}");
}

#[test]
fn an_index_that_is_known_is_asked_for_again_and_not_read() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hdf5");
    let _runtime = RUNTIME.enter();
    let app = app_of(directory.to_str().unwrap(), "64MiB");
    let progress = Progress::default();
    let describe = || {
        let request = description("netcdf-dimensions.h5", ValuesOf::Coordinates);
        RUNTIME.block_on(app.engine.description(request, asking(), &progress)).unwrap()
    };
    let first = describe();
    let kept = app.engine.variables.known.len();
    let again = describe();
    assert_eq!((&first.description, &first.coordinates), (&again.description, &again.coordinates));
    assert!(std::sync::Arc::ptr_eq(&first.description, &again.description));
    assert!(!first.coordinates.is_empty() && kept > 0 && kept == app.engine.variables.known.len());
}
