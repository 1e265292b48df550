//! Where the chunks of an array lie, as the columns of `chunks` and the list `urls` say.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};

use crate::{
    codec::UpTo,
    index::{ChunkTable, Grid, StoredChunk},
    request::{
        location::{InterfaceType, check_url, location_of},
        problem::{Noted, Problems},
    },
    source::Location,
};

/// Most objects that chunks can lie in.
pub(super) const MAX_URLS: usize = 1 << 16;

/// The URLs that chunks lie in.
pub(super) type Urls = UpTo<MAX_URLS, String>;

/// Entries at fault that one problem names.
const MAX_TOLD: usize = 3;

/// The columns of `chunks`.
#[derive(Debug, Deserialize)]
pub(super) struct ChunkColumns {
    index: Option<Rows>,
    offset: Option<Vec<u64>>,
    size: Option<Vec<u64>>,
    filter_mask: Option<Vec<u32>>,
    url: Option<Vec<u32>>,
}

/// Rows of as many numbers each, one after the other.
#[derive(Debug, Default)]
struct Rows {
    width: usize,
    len: usize,
    numbers: Vec<u64>,
}

/// Chunks in the order of the grid, and which of the objects each lies in.
type Chunks = (ChunkTable, Option<Vec<u32>>);

/// The locations that URLs name.
pub(super) fn locations(
    urls: Option<Urls>,
    interface_type: Option<InterfaceType>,
    problems: &mut Problems,
) -> Result<Option<Vec<Location>>, Noted> {
    let Some(UpTo(urls)) = urls else { return Ok(None) };
    let interface_type = interface_type.ok_or(Noted)?;
    let locations = urls.iter().enumerate().map(|(number, url)| {
        let checked = check_url(url).map_err(|error| error.message.unwrap_or_default().into_owned());
        checked.and_then(|()| location_of(interface_type, url)).map_err(|problem| format!("entry {number} {problem}"))
    });
    problems.checked("urls", locations.collect::<Result<_, _>>()).map(Some)
}

impl ChunkColumns {
    /// The chunks of an array that is cut like this, in so many objects, or None in one.
    pub(super) fn chunks(self, grid: &Grid, urls: Option<usize>, problems: &mut Problems) -> Result<Chunks, Noted> {
        let index = problems.needed_field("index", self.index);
        let offset = problems.needed_field("offset", self.offset);
        let size = problems.needed_field("size", self.size);
        let index = index?;
        let (offset, size) =
            (of_len("offset", offset?, index.len, problems), of_len("size", size?, index.len, problems));
        let filter_mask = self.filter_mask.map(|masks| of_len("filter_mask", masks, index.len, problems)).transpose();
        let url = url(self.url.map(|url| of_len("url", url, index.len, problems)).transpose(), urls, problems);
        let numbers = numbers(&index, grid, problems);
        drop(index);
        let (offset, size, filter_mask) = (offset?, size?, filter_mask?);
        check_bytes(&offset, &size, problems)?;
        let (numbers, url) = (numbers?, url?);
        let chunk = |&(number, entry): &(u64, usize)| {
            let filter_mask = filter_mask.as_ref().map_or(Some(0), |masks| masks.get(entry).copied());
            Some(StoredChunk {
                number,
                offset: *offset.get(entry)?,
                size: *size.get(entry)?,
                filter_mask: filter_mask?,
            })
        };
        let chunks = numbers.iter().filter_map(chunk).collect();
        let table = ChunkTable::listed(chunks, grid).map_err(|error| error.to_string());
        let sorted = |url: Vec<u32>| numbers.iter().filter_map(|&(_, entry)| url.get(entry).copied()).collect();
        Ok((problems.checked("index", table)?, url.map(sorted)))
    }
}

/// The column, if it has as many entries as there are chunks.
fn of_len<T>(field: &str, column: Vec<T>, len: usize, problems: &mut Problems) -> Result<Vec<T>, Noted> {
    if column.len() == len {
        return Ok(column);
    }
    problems.note(field, format!("has {} entries, but index has {len}", column.len()));
    Err(Noted)
}

/// The column of URLs, if it is there exactly where there are some, and names those.
fn url(
    url: Result<Option<Vec<u32>>, Noted>,
    urls: Option<usize>,
    problems: &mut Problems,
) -> Result<Option<Vec<u32>>, Noted> {
    let problem = match (url?, urls) {
        (None, None) => return Ok(None),
        (None, Some(_)) => "is needed, to say which of urls each chunk lies in".to_owned(),
        (Some(_), None) => "is for requests with a list of urls".to_owned(),
        (Some(url), Some(urls)) => {
            let is_beyond = |number: &u32| usize::try_from(*number).map_or(true, |number| number >= urls);
            match url.iter().enumerate().find(|(_, number)| is_beyond(number)) {
                None => return Ok(Some(url)),
                Some((entry, number)) => format!("entry {entry} is {number}, but urls has {urls} entries from 0 on"),
            }
        }
    };
    problems.checked("url", Err(problem))
}

/// The number of each chunk in the grid, ascending, and its entry.
fn numbers(index: &Rows, grid: &Grid, problems: &mut Problems) -> Result<Vec<(u64, usize)>, Noted> {
    let dimensions = grid.counts().len();
    if index.len > 0 && index.width != dimensions {
        problems
            .note("index", format!("has entries of {} numbers, but shape has {dimensions} dimensions", index.width));
        return Err(Noted);
    }
    let row = |entry: usize| index.numbers.get(entry.saturating_mul(dimensions)..)?.get(..dimensions);
    let numbered: Vec<_> = (0..index.len).map(|entry| (row(entry).and_then(|row| grid.number(row)), entry)).collect();
    let outside = numbered.iter().filter(|(number, _)| number.is_none()).map(|&(_, entry)| {
        let row = row(entry).unwrap_or_default();
        format!("entry {entry}, {row:?}, is outside the grid of {:?} chunks", grid.counts())
    });
    note_some("index", outside, problems)?;
    let mut numbers: Vec<_> = numbered.into_iter().filter_map(|(number, entry)| Some((number?, entry))).collect();
    numbers.sort_unstable();
    let twice = numbers.array_windows().filter(|[(one, _), (next, _)]| one == next).map(|[(_, first), (_, second)]| {
        format!("entry {second}, {:?}, is the chunk of entry {first} again", row(*second).unwrap_or_default())
    });
    note_some("index", twice, problems)?;
    Ok(numbers)
}

/// Whether every chunk has bytes, at a place that an object can have.
fn check_bytes(offset: &[u64], size: &[u64], problems: &mut Problems) -> Result<(), Noted> {
    let empty = size.iter().enumerate().filter(|(_, size)| **size == 0);
    let empty = empty.map(|(entry, _)| format!("entry {entry} is 0: leave out chunks that were never written"));
    let is_possible = |offset: u64, size: u64| offset.checked_add(size).is_some_and(|end| i64::try_from(end).is_ok());
    let beyond = offset.iter().zip(size).enumerate().filter(|(_, (offset, size))| !is_possible(**offset, **size));
    let beyond = beyond.map(|(entry, _)| format!("entry {entry}, with its size, is more than any object can have"));
    let sizes = note_some("size", empty, problems);
    note_some("offset", beyond, problems).and(sizes)
}

/// Notes the first of some problems with a field, and how many more there are.
fn note_some(field: &str, found: impl Iterator<Item = String>, problems: &mut Problems) -> Result<(), Noted> {
    let mut found = found;
    let mut told: Vec<_> = found.by_ref().take(MAX_TOLD).collect();
    match found.count() {
        0 => {}
        more => told.push(format!("and {more} more")),
    }
    if told.is_empty() { Ok(()) } else { problems.checked(field, Err(told.join("; "))) }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowsVisitor;

        impl<'de> Visitor<'de> for RowsVisitor {
            type Value = Rows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of lists of integers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
                let mut rows = Rows::default();
                while let Some(width) = list.next_element_seed(Row(&mut rows.numbers))? {
                    if rows.len > 0 && width != rows.width {
                        let (entry, before) = (rows.len, rows.width);
                        let problem = format_args!("entry {entry} has {width} numbers, and those before it {before}");
                        return Err(A::Error::custom(problem));
                    }
                    (rows.width, rows.len) = (width, rows.len.saturating_add(1));
                }
                Ok(rows)
            }
        }

        deserializer.deserialize_seq(RowsVisitor)
    }
}

/// Appends one row; how many numbers it has.
struct Row<'a>(&'a mut Vec<u64>);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of integers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut row: A) -> Result<usize, A::Error> {
        let mut width = 0_usize;
        while let Some(number) = row.next_element()? {
            self.0.push(number);
            width = width.saturating_add(1);
        }
        Ok(width)
    }
}
