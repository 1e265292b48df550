//! A walk through all groups of a file, level by level.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    attribute,
    dataset::{self, Dataset},
    dimensions::{self, ScaleNames, Scaling, base_name, named},
    file::File,
    group::{self, Target},
    object_header::ObjectHeader,
};
use crate::{
    array::Order,
    index::{
        blocks::{Halt, Parsed},
        error::IndexError,
        variable::{Attribute, Description, ElementType, Stored, Variable},
    },
};

/// The most levels of groups.
const MAX_DEPTH: usize = 64;

/// All that a file holds.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Attributes of groups by path; that of the root is empty.
    groups: BTreeMap<String, Vec<Attribute>>,
    /// Datasets by path.
    datasets: BTreeMap<String, Found>,
    /// Datasets that cannot be read, and why.
    unreadable: BTreeMap<String, String>,
}

/// A dataset, with what its attributes say.
#[derive(Debug)]
pub(super) struct Found {
    address: u64,
    pub(super) dataset: Dataset,
    pub(super) scaling: Scaling,
}

/// The names of all dimension scales of a file.
#[derive(Debug, Default)]
pub(super) struct AllScaleNames {
    by_address: BTreeMap<u64, String>,
    by_number: BTreeMap<i128, String>,
}

impl ScaleNames for AllScaleNames {
    fn of_scale(&self, address: u64) -> Option<String> {
        self.by_address.get(&address).cloned()
    }

    fn of_number(&self, number: i128) -> Option<String> {
        self.by_number.get(&number).cloned()
    }
}

impl Found {
    /// Reads a dataset with its attributes.
    pub(super) fn read(file: &File<'_>, header: &ObjectHeader) -> Parsed<Self> {
        let mut dataset = Dataset::read(file, header)?;
        let attributes = dimensions::shown(file, dataset.attributes.iter());
        let scaling = Scaling::read(file, &dataset.attributes)?;
        dataset.variable.attributes = attributes?;
        Ok(Self { address: header.address, dataset, scaling })
    }
}

/// An object that is to be looked at.
struct Next {
    path: String,
    address: u64,
}

/// The walk so far. It goes on where something is missing, so that as much as possible is asked for at once.
struct Walk<'a> {
    file: &'a File<'a>,
    tree: Tree,
    seen: BTreeSet<u64>,
    is_missing: bool,
}

impl Tree {
    /// Walks through the whole file.
    pub(super) fn read(file: &File<'_>) -> Parsed<Self> {
        let mut walk = Walk { file, tree: Self::default(), seen: BTreeSet::new(), is_missing: false };
        let mut level = vec![Next { path: String::new(), address: file.root }];
        let mut objects = 0_usize;
        for _ in 0..MAX_DEPTH {
            objects = objects.saturating_add(level.len());
            let limit = file.view.limits().objects;
            if objects > limit {
                let limit = u64::try_from(limit).unwrap_or(u64::MAX);
                return Err(IndexError::TooLarge { what: "the number of objects".to_owned(), limit }.into());
            }
            let mut below = Vec::new();
            for next in level {
                below.extend(walk.visit(next)?);
            }
            level = below;
            if level.is_empty() {
                return if walk.is_missing { Err(Halt::Missing) } else { Ok(walk.tree) };
            }
        }
        Err(IndexError::malformed("the file", None, format!("its groups are nested more than {MAX_DEPTH} deep")).into())
    }

    /// The file as others see it.
    pub(super) fn describe(mut self) -> Description {
        let names = self.scale_names();
        let mut description = Description { dimensions: self.dimensions(), ..Description::default() };
        description.attributes = self.groups.remove("").unwrap_or_default();
        self.groups.retain(|_, attributes| !attributes.is_empty());
        description.group_attributes = self.groups;
        for (path, found) in self.datasets.into_iter().filter(|(_, found)| !found.scaling.is_no_variable) {
            let mut variable = found.dataset.variable;
            variable.dims = named(found.scaling.names(&path, variable.shape.len(), &names));
            description.variables.insert(shown_path(&path), variable);
        }
        for (path, reason) in self.unreadable {
            description.variables.insert(shown_path(&path), unreadable(&reason));
        }
        description
    }

    /// The names of all dimension scales.
    pub(super) fn scale_names(&self) -> AllScaleNames {
        let mut names = AllScaleNames::default();
        // Of several paths to an object, the first counts.
        for (path, found) in self.datasets.iter().rev() {
            let name = base_name(path);
            names.by_address.insert(found.address, name.to_owned());
            if let Some(number) = found.scaling.number.filter(|_| found.scaling.is_scale) {
                names.by_number.insert(number, name.to_owned());
            }
        }
        names
    }

    /// Dimensions that have a scale, and their lengths. A scale without values may be shorter than what it is the scale of.
    fn dimensions(&self) -> BTreeMap<String, u64> {
        let mut longest = BTreeMap::<u64, u64>::new();
        for found in self.datasets.values() {
            for (axis, scale) in found.scaling.scales() {
                let len = found.dataset.variable.shape.get(axis).copied().unwrap_or(0);
                let longest = longest.entry(scale).or_default();
                *longest = len.max(*longest);
            }
        }
        let scales = self.datasets.iter().filter(|(_, found)| found.scaling.is_scale);
        scales
            .map(|(path, found)| {
                let own = found.dataset.variable.shape.first().copied().unwrap_or(1);
                let is_unlimited = found.dataset.are_unlimited.first() == Some(&true);
                let used = longest.get(&found.address).copied().filter(|_| is_unlimited).unwrap_or(0);
                (shown_path(path), own.max(used))
            })
            .collect()
    }
}

impl Walk<'_> {
    /// Looks at an object; returns what is below it.
    fn visit(&mut self, next: Next) -> Parsed<Vec<Next>> {
        let path = next.path.clone();
        match self.read(next) {
            Err(Halt::Missing) => {
                self.is_missing = true;
                Ok(Vec::new())
            }
            Err(Halt::Failed(error)) => Err(error.of_object(&path).into()),
            Ok(below) => Ok(below),
        }
    }

    fn read(&mut self, Next { path, address }: Next) -> Parsed<Vec<Next>> {
        // Paths may be much longer than what leads to them.
        self.file.view.spend(u64::try_from(path.len()).unwrap_or(u64::MAX))?;
        let header = ObjectHeader::read(self.file, address)?;
        if dataset::is_dataset(&header) {
            match Found::read(self.file, &header) {
                Err(Halt::Failed(IndexError::Unsupported { what })) => {
                    self.tree.unreadable.insert(path, what).map(|_| ())
                }
                found => self.tree.datasets.insert(path, found?).map(|_| ()),
            };
            return Ok(Vec::new());
        }
        if !group::is_group(&header) || !self.seen.insert(address) {
            return Ok(Vec::new());
        }
        let links = group::links(self.file, &header);
        let attributes = attribute::attributes(self.file, &header)
            .and_then(|attributes| dimensions::shown(self.file, attributes.iter()));
        match attributes {
            Err(Halt::Missing) => self.is_missing = true,
            attributes => drop(self.tree.groups.insert(path.clone(), attributes?)),
        }
        let object = |link: group::Link| match link.target {
            Target::Object(address) => Some(Next { path: joined(&path, &link.name), address }),
            Target::Path(_) | Target::Elsewhere => None,
        };
        Ok(links?.into_iter().filter_map(object).collect())
    }
}

/// The path of what is in a group.
pub(super) fn joined(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

/// The path as netCDF-4 means it.
fn shown_path(path: &str) -> String {
    path.rsplit_once('/').map_or_else(|| base_name(path).to_owned(), |(group, name)| joined(group, base_name(name)))
}

/// A variable of which no more is known than that it cannot be read.
fn unreadable(reason: &str) -> Variable {
    Variable {
        dims: Vec::new(),
        shape: Vec::new(),
        elements: ElementType::Other(reason.to_owned()),
        order: Order::C,
        stored: Stored::Elsewhere,
        filters: Vec::new(),
        fill_value: None,
        attributes: Vec::new(),
        obstacle: Some(format!("{reason} cannot be read")),
    }
}
