//! Indexes say of files what the libraries say that wrote them (`checks/suites/index/make.py`), and lead to the same values; what is
//! made of the files by chance does no harm.
//!
//! `HDF5_FILES` names another directory of such files, to be compared as well; `HDF5_MUTANTS` says how many are made of each.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod assembled;
mod fetched;
mod mutated;
mod scattered;
mod told;

use std::{collections::BTreeMap, path::PathBuf, slice};

use reductionist::index::{BLOCK_LEN, Blocks, Description, IndexError, Limits, Stored, hdf5};
use serde_json::Value;

use assembled::values;
use fetched::{Object, finish};
use mutated::{Mutations, sealed};
use told::{dimensions, dims, variable};

/// The files of a directory, and what is expected of them.
fn expected(directory: PathBuf) -> Vec<(String, Vec<u8>, Value)> {
    let read = |name: &str| std::fs::read(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let expected: BTreeMap<String, Value> = serde_json::from_slice(&read("expected.json")).unwrap();
    expected.into_iter().map(|(name, expected)| (name.clone(), read(&name), expected)).collect()
}

fn files() -> Vec<(String, Vec<u8>, Value)> {
    expected(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/hdf5"))
}

fn all_files() -> Vec<(String, Vec<u8>, Value)> {
    files()
        .into_iter()
        .chain(std::env::var_os("HDF5_FILES").into_iter().flat_map(|more| expected(more.into())))
        .collect()
}

fn file(name: &str) -> Vec<u8> {
    files().into_iter().find(|(known, ..)| known == name).unwrap().1
}

fn described(file: &[u8]) -> Description {
    finish(&Object(file), &mut Blocks::new(Limits::default()), hdf5::describe).unwrap()
}

#[test]
fn what_a_file_holds_is_what_its_library_says() {
    for (name, file, expected) in all_files() {
        let described = described(&file);
        if let Some(expected) = expected.get("dimensions") {
            assert_eq!(&dimensions(&described), expected, "{name}");
        }
        for (path, attributes) in expected["groups"].as_object().unwrap() {
            let of_group = described.group_attributes.get(path).map_or(&[][..], Vec::as_slice);
            let found = if path.is_empty() { &described.attributes[..] } else { of_group };
            assert_eq!(told::attributes(found), told::sorted(attributes), "{name} {path}");
        }
        let paths: Vec<_> = described.variables.keys().collect();
        let expected_paths: Vec<_> = expected["variables"].as_object().unwrap().keys().collect();
        assert_eq!(paths, expected_paths, "{name}");
        for (path, found) in &described.variables {
            let mut wanted = expected["variables"][path].clone();
            wanted.as_object_mut().unwrap().remove("crc32");
            wanted["attributes"] = told::sorted(&wanted["attributes"]);
            assert_eq!(variable(found), wanted, "{name} {path}");
            if let Some(names) = expected.get("dims") {
                assert_eq!(dims(found), names[path], "{name} {path}");
            }
        }
    }
}

#[test]
fn attributes_are_in_the_order_in_which_they_were_made_where_the_file_keeps_it() {
    let (_, file, expected) = files().into_iter().find(|(name, ..)| name == "attributes.h5").unwrap();
    let described = described(&file);
    let names: Vec<_> = described.group_attributes["latest"].iter().map(|attribute| attribute.name.as_str()).collect();
    let made: Vec<_> =
        expected["groups"]["latest"].as_array().unwrap().iter().map(|made| made["name"].as_str().unwrap()).collect();
    assert_eq!(names, made);
    assert!(!made.is_sorted(), "by name it would be the same");
}

#[test]
fn dimensions_are_those_of_scales_wherever_they_are_and_others_have_their_position_for_a_name() {
    let described = described(&file("scales.h5"));
    assert_eq!(described.variables["data"].dims, ["dim_0", "x", "dim_2"]);
    assert_eq!(described.variables["axes/x"].dims, ["x"]);
    assert_eq!(dimensions(&described), serde_json::json!({"axes/x": 3}));
}

#[test]
fn a_variable_that_is_opened_is_as_it_is_described_and_its_values_are_those_that_were_written() {
    let mut compared = 0;
    for (name, file, expected) in all_files() {
        for (path, described) in described(&file).variables {
            let mut blocks = Blocks::new(Limits::default());
            let opened = finish(&Object(&file), &mut blocks, |blocks| hdf5::open(blocks, &path));
            let opened = match opened {
                Ok(opened) => opened,
                Err(error) if described.stored == Stored::Elsewhere => {
                    assert!(matches!(error, IndexError::Unsupported { .. }), "{name} {path}: {error}");
                    continue;
                }
                Err(error) => panic!("{name} {path}: {error}"),
            };
            assert_eq!(opened.variable(), &described, "{name} {path}");
            let crc32 = expected["variables"][&path].get("crc32");
            if described.obstacle.is_some() {
                continue;
            }
            let values = values(&Object(&file), &mut blocks, &opened);
            let found = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32IsoHdlc, &values);
            assert_eq!(crc32.and_then(Value::as_u64), Some(found), "{name} {path}");
            compared += 1;
        }
    }
    println!("values of {compared} variables compared");
    assert!(compared > 90, "{compared}");
}

#[test]
fn a_part_of_the_grid_has_those_chunks_of_the_whole_that_lie_in_it() {
    for (name, file, _) in all_files() {
        for path in described(&file).variables.keys() {
            let mut blocks = Blocks::new(Limits::default());
            let Ok(opened) = finish(&Object(&file), &mut blocks, |blocks| hdf5::open(blocks, path)) else { continue };
            let Some(grid) = opened.grid() else { continue };
            let whole = finish(&Object(&file), &mut blocks, |blocks| opened.chunks(blocks, None)).unwrap();
            for third in 0..3 {
                let cut = |&count: &u64| count * third / 3..(count * (third + 1)).div_ceil(3);
                let part: Vec<_> = grid.counts().iter().map(cut).collect();
                let is_inside = |number: &&u64| {
                    grid.position(**number).unwrap().iter().zip(&part).all(|(at, range)| range.contains(at))
                };
                let expected: Vec<_> =
                    whole.numbers().iter().filter(is_inside).map(|&number| whole.find(number)).collect();
                let found = finish(&Object(&file), &mut blocks, |blocks| opened.chunks(blocks, Some(&part))).unwrap();
                let found: Vec<_> = found.numbers().iter().map(|&number| found.find(number)).collect();
                assert_eq!(found, expected, "{name} {path} {part:?}");
            }
        }
    }
}

#[test]
fn an_index_of_thousands_of_chunks_takes_as_many_rounds_as_it_has_levels() {
    let file = scattered::written(&file("unwritten-chunks.h5"));
    let mut blocks = Blocks::new(Limits::default());
    let opened = finish(&Object(&file), &mut blocks, |blocks| hdf5::open(blocks, "data")).unwrap();
    assert_eq!(blocks.rounds(), 1, "all that tells of the variable is at the beginning");
    let whole = finish(&Object(&file), &mut blocks, |blocks| opened.chunks(blocks, None)).unwrap();
    assert_eq!(whole.numbers(), (0..scattered::CHUNKS).collect::<Vec<_>>());
    assert_eq!((blocks.rounds(), blocks.held_bytes() > 50 * BLOCK_LEN), (3, true));
    let mut blocks = Blocks::new(Limits::default());
    let wanted = 1000..1010;
    let part =
        finish(&Object(&file), &mut blocks, |blocks| opened.chunks(blocks, Some(slice::from_ref(&wanted)))).unwrap();
    assert_eq!(part.numbers(), (1000..1010).collect::<Vec<_>>());
    assert!(blocks.held_bytes() <= 7 * BLOCK_LEN, "no more of it is read than is needed: {}", blocks.held_bytes());
}

#[test]
fn chunks_left_over_from_when_an_array_was_larger_are_left_out() {
    // The index knows of 3400 chunks of one element, the array has 3000.
    let mut file = scattered::written(&file("unwritten-chunks.h5"));
    let (large, small) = (3400_u64.to_le_bytes(), 3000_u64.to_le_bytes());
    let at = file.windows(16).position(|bytes| bytes == [large, large].concat()).expect("length and largest length");
    file[at..at + 8].copy_from_slice(&small);
    let mut blocks = Blocks::new(Limits::default());
    let opened = finish(&Object(&file), &mut blocks, |blocks| hdf5::open(blocks, "data")).unwrap();
    let found = finish(&Object(&file), &mut blocks, |blocks| opened.chunks(blocks, None)).unwrap();
    assert_eq!((opened.variable().shape.clone(), found.len()), (vec![3000], 3000));
}

#[test]
fn indexes_that_contradict_themselves_are_refused() {
    let file = scattered::written(&file("unwritten-chunks.h5"));
    let places = file.windows(4).enumerate().filter(|(_, bytes)| bytes == b"TREE").map(|(at, _)| at);
    // The first one is that of the group.
    let nodes: Vec<_> = places.skip(1).collect();
    let (root, leaf) = (*nodes.last().unwrap(), nodes[0]);
    // Behind 24 bytes, keys of 24 bytes and addresses of eight take turns.
    let (child, next, level, key) = (24 + 24, 24 + 24 + 32, 5, 24 + 8);
    let copied = |from: usize| file[from..from + 8].to_vec();
    for (at, bytes, told) in [
        (root + child, (root as u64).to_le_bytes().to_vec(), "two nodes of its tree are one"),
        (root + child, copied(root + next), "two nodes of its tree are one"),
        (leaf + level, vec![7], "levels of its tree are in disorder"),
        (leaf + child, copied(leaf + next), "overlaps another chunk"),
        (leaf + child, (file.len() as u64 - 3).to_le_bytes().to_vec(), "not in the object"),
        (leaf + child, u64::MAX.wrapping_sub(1).to_le_bytes().to_vec(), "not in the object"),
        (leaf + key, copied(leaf + key + 32), "it is there twice"),
        (leaf + key - 8, vec![9], "has 9 bytes, not 4"),
        (leaf, b"TREF".to_vec(), "invalid HDF5 signature"),
    ] {
        let mut file = file.clone();
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        let mut blocks = Blocks::new(Limits::default());
        let opened = finish(&Object(&file), &mut blocks, |blocks| hdf5::open(blocks, "data")).unwrap();
        let found = finish(&Object(&file), &mut blocks, |blocks| opened.chunks(blocks, None));
        assert!(found.as_ref().is_err_and(|error| error.to_string().contains(told)), "{told}: {found:?}");
    }
}

#[test]
fn limits_of_what_is_read_are_kept() {
    let file = scattered::written(&file("unwritten-chunks.h5"));
    let opened =
        finish(&Object(&file), &mut Blocks::new(Limits::default()), |blocks| hdf5::open(blocks, "data")).unwrap();
    let usual = Limits::default();
    for limits in [Limits { rounds: 2, ..usual }, Limits { bytes: 1 << 19, ..usual }, Limits { chunks: 3399, ..usual }]
    {
        let found = finish(&Object(&file), &mut Blocks::new(limits), |blocks| opened.chunks(blocks, None));
        assert!(matches!(found, Err(IndexError::TooLarge { .. })), "{limits:?}");
    }
    let objects = Limits { objects: 1, ..usual };
    assert!(matches!(
        finish(&Object(&file), &mut Blocks::new(objects), hdf5::describe),
        Err(IndexError::TooLarge { limit: 1, .. })
    ));
}

#[test]
fn variables_that_cannot_be_reduced_say_why() {
    let file = file("what-cannot-be-reduced.h5");
    let described = described(&file);
    for (path, told) in [
        ("text", "string"),
        ("fixed", "string"),
        ("compound", "compound"),
        ("enum", "enum"),
        ("array", "opaque"),
        ("null", "null"),
        ("long-double", "float of 16 bytes"),
        ("ragged", "variable-length sequence"),
        ("virtual", "virtual"),
        ("external", "external"),
        ("filter", "unsupported codec 40000"),
    ] {
        let obstacle = described.variables[path].obstacle.as_deref().unwrap_or_default();
        assert!(obstacle.contains(told), "{path}: {obstacle}");
    }
    assert_eq!(described.variables["never-filled"].fill_value, None);
}

#[test]
fn links_by_path_are_followed_within_a_file_and_names_are_suggested() {
    let file = file("links.h5");
    let open = |path: &str| {
        finish(&Object(&file), &mut Blocks::new(Limits::default()), |blocks| hdf5::open(blocks, path))
            .map(|opened| opened.variable().shape.clone())
    };
    for path in ["a/b/data", "/a/b/data", "a/again", "soft", "relative/data", "a/b/up/b/up/again"] {
        assert_eq!(open(path), Ok(vec![2, 2]), "{path}");
    }
    for (path, told) in [
        ("a/b/dta", r#"there is no variable "a/b/dta"; did you mean "a/b/data"?"#),
        ("dense/3", r#"no variable "dense/3""#),
        ("a", "no variable \"a\"; did you mean"),
        ("a/b/data/more", "no variable"),
        ("", "no variable"),
        ("circle", "no variable"),
        ("external", "in another file, cannot be read"),
    ] {
        let error = open(path).unwrap_err().to_string();
        assert!(error.contains(told), "{path}: {error}");
    }
}

#[test]
fn what_is_no_hdf5_file_or_cut_off_is_told() {
    let tell = |file: &[u8]| finish(&Object(file), &mut Blocks::new(Limits::default()), hdf5::describe).unwrap_err();
    for file in [&b""[..], b"CDF\x01", &[0; 3 << 20]] {
        assert!(matches!(tell(file), IndexError::NotThisFormat { format: "HDF5", .. }), "{} bytes", file.len());
        assert!(!hdf5::is_hdf5(file), "{} bytes", file.len());
    }
    assert!(files().iter().all(|(_, file, _)| hdf5::is_hdf5(file)), "with a user block or without");
    let file = file("superblock-3.h5");
    for len in (8..file.len()).step_by(97) {
        // What of it is not at the end may still be whole.
        let cut = finish(&Object(&file[..len]), &mut Blocks::new(Limits::default()), hdf5::describe);
        assert!(!matches!(cut, Err(IndexError::Unanswered { .. })), "{len}: {cut:?}");
    }
}

#[test]
fn files_that_were_changed_by_chance_do_no_harm() {
    let count = std::env::var("HDF5_MUTANTS").map_or(60, |count| count.parse().unwrap());
    let mut steps = 0_u32;
    for (name, file, _) in files() {
        let seals = sealed(&file);
        for mutant in Mutations::of(&file, &seals, count) {
            let limits = Limits { rounds: 40, bytes: 1 << 20, chunks: 10_000, objects: 1000 };
            let Ok(described) = finish(&Object(&mutant), &mut Blocks::new(limits), hdf5::describe) else { continue };
            for path in described.variables.keys().take(12) {
                let mut blocks = Blocks::new(limits);
                let Ok(opened) = finish(&Object(&mutant), &mut blocks, |blocks| hdf5::open(blocks, path)) else {
                    continue;
                };
                if let Ok(table) = finish(&Object(&mutant), &mut blocks, |blocks| opened.chunks(blocks, None)) {
                    assert!(table.len() <= 10_000 && table.offsets().len() == table.sizes().len(), "{name} {path}");
                    steps += 1;
                }
            }
        }
    }
    assert!(steps > 1000, "{steps} indexes were read");
}
