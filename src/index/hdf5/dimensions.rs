//! Names of dimensions, by the dimension scales of HDF5 and what netCDF-4 adds to them.

use super::{attribute::RawAttribute, file::File};
use crate::{
    array::Number,
    index::{
        blocks::Parsed,
        variable::{Attribute, AttributeValue},
    },
};

/// What the name of a variable begins with in the file, if it is that of a dimension that it is no coordinate of.
pub(super) const NO_COORDINATE: &str = "_nc4_non_coord_";

/// Attributes that tell of dimensions, or of the library that wrote the file: no reader shows them.
const HIDDEN: [&str; 8] = [
    "CLASS",
    "DIMENSION_LIST",
    "NAME",
    "REFERENCE_LIST",
    "_NCProperties",
    "_Netcdf4Coordinates",
    "_Netcdf4Dimid",
    "_nc3_strict",
];

/// The name of a dimension scale that is no variable begins with this.
const NO_VARIABLE: &str = "This is a netCDF dimension but not a netCDF variable";

/// The names of the dimension scales that are known.
pub(super) trait ScaleNames {
    /// That of the scale whose object header is at this address.
    fn of_scale(&self, address: u64) -> Option<String>;

    /// That of the dimension of this number in a netCDF-4 file.
    fn of_number(&self, number: i128) -> Option<String>;
}

/// What the attributes of a dataset say of dimensions ("HDF5 Dimension Scale Specification").
#[derive(Debug, Default)]
pub(super) struct Scaling {
    /// Whether it is a dimension scale: its name is that of a dimension.
    pub(super) is_scale: bool,
    /// Whether it is a dimension without being a variable.
    pub(super) is_no_variable: bool,
    /// The number of the dimension in a netCDF-4 file.
    pub(super) number: Option<i128>,
    /// For each dimension, the address of its first scale; empty if there are none.
    scales: Vec<Option<u64>>,
    /// For each dimension, its number in a netCDF-4 file; empty if there are none.
    numbers: Vec<i128>,
}

impl Scaling {
    pub(super) fn read(file: &File<'_>, attributes: &[RawAttribute]) -> Parsed<Self> {
        let mut scaling = Self::default();
        for attribute in attributes {
            match attribute.name.as_str() {
                "CLASS" => scaling.is_scale = is_text(&attribute.value(file)?, |text| text == "DIMENSION_SCALE"),
                "NAME" => {
                    scaling.is_no_variable = is_text(&attribute.value(file)?, |text| text.starts_with(NO_VARIABLE));
                }
                "DIMENSION_LIST" => scaling.scales = attribute.first_references(file)?,
                "_Netcdf4Dimid" => scaling.number = integers(&attribute.value(file)?).first().copied(),
                "_Netcdf4Coordinates" => scaling.numbers = integers(&attribute.value(file)?),
                _ => {}
            }
        }
        scaling.is_no_variable &= scaling.is_scale;
        Ok(scaling)
    }

    /// A name for each of so many dimensions of the dataset of this name; None where the scale that has it is not known.
    pub(super) fn names(&self, name: &str, rank: usize, known: &impl ScaleNames) -> Vec<Option<String>> {
        let numbers = Some(&self.numbers).filter(|numbers| numbers.len() == rank);
        let name_of = |axis: usize| {
            if let Some(scale) = self.scales.get(axis).copied().flatten() {
                return known.of_scale(scale);
            }
            if let (Some(&number), true) = (numbers.and_then(|numbers| numbers.get(axis)), self.is_scale) {
                return known.of_number(number);
            }
            let is_own = self.is_scale && axis == 0;
            Some(if is_own { base_name(name).to_owned() } else { nameless(axis) })
        };
        (0..rank).map(name_of).collect()
    }

    /// The addresses of the scales of its dimensions.
    pub(super) fn scales(&self) -> impl Iterator<Item = (usize, u64)> {
        self.scales.iter().enumerate().filter_map(|(axis, scale)| Some((axis, (*scale)?)))
    }
}

/// The names, in place of those that are not known the position of the dimension.
pub(super) fn named(names: Vec<Option<String>>) -> Vec<String> {
    names.into_iter().enumerate().map(|(axis, name)| name.unwrap_or_else(|| nameless(axis))).collect()
}

/// What a dimension is called that has no name.
fn nameless(axis: usize) -> String {
    format!("dim_{axis}")
}

/// The last part of a path, as netCDF-4 means it.
pub(super) fn base_name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_prefix(NO_COORDINATE).unwrap_or(name)
}

/// The attributes that people want to see.
pub(super) fn shown<'a>(file: &File<'_>, attributes: impl Iterator<Item = &'a RawAttribute>) -> Parsed<Vec<Attribute>> {
    crate::index::blocks::all(
        attributes
            .filter(|attribute| !HIDDEN.contains(&attribute.name.as_str()))
            .map(|attribute| attribute.value(file)),
    )
}

fn is_text(attribute: &Attribute, is_it: impl Fn(&str) -> bool) -> bool {
    matches!(&attribute.value, AttributeValue::Text(texts) if texts.first().is_some_and(|text| is_it(text)))
}

fn integers(attribute: &Attribute) -> Vec<i128> {
    let AttributeValue::Numbers { values, .. } = &attribute.value else { return Vec::new() };
    let integer = |value: &Number| match value {
        Number::Integer(integer) => Some(*integer),
        Number::Float(_) => None,
    };
    values.iter().filter_map(integer).collect()
}
