//! The way to one variable.

use super::{
    dataset,
    dimensions::{NO_COORDINATE, ScaleNames, base_name, named},
    file::File,
    group::{self, Link, Target},
    object_header::ObjectHeader,
    walk::{Found, Tree, joined},
};
use crate::index::{blocks::Parsed, error::IndexError, near::near};

/// The most links by path on one way: they may lead in a circle.
const MAX_HOPS: usize = 16;

/// The dataset at this path, with names for its dimensions. No more of the file is looked at than the way there, unless scales
/// of its dimensions lie elsewhere.
pub(super) fn find(file: &File<'_>, path: &str) -> Parsed<Found> {
    let mut way = Way { file, path, listings: Vec::new(), hops: 0 };
    let header = way.follow(path.split('/').map(str::to_owned).collect())?;
    let mut found = Found::read(file, &header)?;
    if found.scaling.is_no_variable {
        return Err(way.missing(""));
    }
    let rank = found.dataset.variable.shape.len();
    let name = base_name(path);
    let mut names = found.scaling.names(name, rank, &way);
    if names.contains(&None) {
        names = found.scaling.names(name, rank, &Tree::read(file)?.scale_names());
    }
    found.dataset.variable.dims = named(names);
    Ok(found)
}

/// The way that has been gone so far.
struct Way<'a> {
    file: &'a File<'a>,
    path: &'a str,
    /// The groups on it, with what they hold.
    listings: Vec<(String, Vec<Link>)>,
    hops: usize,
}

impl Way<'_> {
    fn follow(&mut self, mut names: Vec<String>) -> Parsed<ObjectHeader> {
        names.retain(|name| !name.is_empty() && name != ".");
        let mut header = ObjectHeader::read(self.file, self.file.root)?;
        let mut group = String::new();
        self.listings.clear();
        while !names.is_empty() {
            if !group::is_group(&header) {
                return Err(self.missing(&group));
            }
            let name = names.remove(0);
            let links = group::links(self.file, &header)?;
            let target = target(&links, &name, names.is_empty());
            self.listings.push((group.clone(), links));
            match target {
                Some(Target::Object(address)) => header = ObjectHeader::read(self.file, address)?,
                Some(Target::Path(path)) if self.hops < MAX_HOPS => {
                    self.hops = self.hops.saturating_add(1);
                    let path = if path.starts_with('/') { path } else { joined(&group, &path) };
                    return self.follow(path.split('/').map(str::to_owned).chain(names).collect());
                }
                Some(Target::Elsewhere) => {
                    return Err(IndexError::unsupported(format!("{:?}, which is in another file,", self.path)).into());
                }
                Some(Target::Path(_)) | None => return Err(self.missing(&name)),
            }
            group = joined(&group, &name);
        }
        if dataset::is_dataset(&header) {
            return Ok(header);
        }
        if group::is_group(&header) {
            self.listings.push((group, group::links(self.file, &header)?));
        }
        Err(self.missing(""))
    }

    /// That there is nothing of this name in the last group of the way.
    fn missing(&self, name: &str) -> crate::index::blocks::Halt {
        let (group, links) = self.listings.last().map_or(("", &[][..]), |(group, links)| (group, links));
        let names = links.iter().map(|link| base_name(&link.name));
        let near = if name.is_empty() { names.take(3).map(str::to_owned).collect() } else { near(name, names) };
        let near = near.iter().map(|name| joined(group, name)).collect();
        IndexError::NoSuchVariable { path: self.path.to_owned(), near }.into()
    }
}

impl ScaleNames for Way<'_> {
    /// In the nearest group of the way that has it.
    fn of_scale(&self, address: u64) -> Option<String> {
        let links = self.listings.iter().rev().flat_map(|(_, links)| links);
        let mut here = links.filter(|link| link.target == Target::Object(address));
        here.next().map(|link| base_name(&link.name).to_owned())
    }

    /// That is in the scales themselves, which are not on the way.
    fn of_number(&self, _: i128) -> Option<String> {
        None
    }
}

/// What a name leads to. That of a variable may have been changed, as it is that of a dimension as well.
fn target(links: &[Link], name: &str, is_last: bool) -> Option<Target> {
    let find = |name: &str| links.iter().find(|link| link.name == name).map(|link| link.target.clone());
    let changed = is_last.then(|| find(&format!("{NO_COORDINATE}{name}"))).flatten();
    changed.or_else(|| find(name))
}
